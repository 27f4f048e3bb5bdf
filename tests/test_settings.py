"""The facts that stand on the settings of every algorithm: ranges, meanings, switches."""

from __future__ import annotations

from typing import Any

import pytest

from pars.algos import ALGORITHMS
from pars.config import Fixed, facts, field_types
from pars.core import LoopSettings
from pars.errors import UsageError

NUMBERS = (-1.0, -1e-9, 0.0, 0.5, 1.0, 2.0)
TRIED = {float: NUMBERS, Fixed: NUMBERS, int: (-1, 0, 1, 2), tuple: ((-1,), (0, 8), (8, 0), (8, 8))}
SHARES = {"discount", "polyak", "expectile", "best_fraction", "dropout_rate", "bc_weight_end", "offline_share"}


def refused(name: str, value: Any) -> bool:
    """What must not pass, told by names: numbers of things below 1, negative rates, noises and weights, shares beyond
    [0, 1]."""
    if isinstance(value, int | tuple):
        least = 0 if name in ("random_steps", "learning_starts", "clone_steps", "goal_columns", "q_functions") else 1
        return any(number < least for number in (value if isinstance(value, tuple) else [value]))
    if name in SHARES:
        return not 0.0 <= value <= 1.0 or (name in ("dropout_rate", "offline_share") and value == 1.0)
    return name.endswith(("_lr", "_noise", "_clip", "_scale", "_weight")) and value < 0.0


def passes(algo: Any, name: str, value: Any) -> bool:
    try:
        algo.config(**{name: value}).check()
    except UsageError as error:
        assert str(error).startswith(f"setting {name}=") and "\n" not in str(error)
        return False
    return True


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_setting_refuses_what_makes_no_sense(name: str) -> None:
    algo = ALGORITHMS[name]
    algo.configure().check()
    for field, kind in field_types(algo.config).items():
        for value in TRIED.get(getattr(kind, "__origin__", kind), ()):
            if refused(field, value):
                assert not passes(algo, field, value), (field, value)


def test_a_negative_value_passes_where_it_may() -> None:
    """Rewards, values and logarithms may be negative; their settings say so by saying nothing."""
    free = {
        name for algo in ALGORITHMS.values() for name, kind in field_types(algo.config).items()
        if kind is float and facts(algo.config)[name].range is None
    }  # fmt: skip
    assert free == {
        "reward_shift", "q_min", "target_entropy", "log_std_min", "target_gap", "gap_min", "failure_reward",
        "pseudo_floor", "regulariser_min", "least_value",
    }  # fmt: skip
    assert passes(ALGORITHMS["cql"], "gap_min", -1.0)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_setting_has_a_meaning_and_every_switch_is_one(name: str) -> None:
    algo = ALGORITHMS[name]
    assert issubclass(algo.config, LoopSettings)
    for field, fact in facts(algo.config).items():
        assert fact.meaning and len(fact.meaning) <= 80 and not fact.meaning.endswith("."), field
        assert fact.phase in ("", "offline", "online"), field
        assert not fact.on or field_types(algo.config)[fact.on] is bool, field
