"""What holds for every algorithm: the contract of pars.testing, and what is ours alone. Equations have other tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest

from pars import testing
from pars.algos import ALGORITHMS
from pars.probes.flops import update
from pars.testing import tiny
from tests.algos.kinds import KINDS, longer

NAMES = list(ALGORITHMS)
PROGRAMS = [name for name in NAMES if not ALGORITHMS[name].settings]  # a variant differs in its settings alone
AT_ONCE = {"pars", "spot", "off2on", "ppo"}  # of what the frame does: with delays, phases, priorities, turns on policy
IN_RUNS = AT_ONCE | {"iql", "rlpd", "pex", "gc_iql", "uni_o4"}
SHARING = [name for name in PROGRAMS if any(phase.depends_on for phase in ALGORITHMS[name].before)]


@pytest.mark.parametrize("check", [testing.check_settings, testing.check_state, testing.check_update])
@pytest.mark.parametrize("name", NAMES)
def test_settings_state_and_update(name: str, check: testing.Check) -> None:
    check(ALGORITHMS[name])


@pytest.mark.parametrize("name", SHARING)
def test_a_shared_model_depends_on_what_it_says(name: str) -> None:
    testing.check_phases(ALGORITHMS[name])


@pytest.mark.parametrize("name", longer(PROGRAMS, KINDS | {"hiql", "gcpc"}))
def test_a_population_is_its_members(name: str) -> None:
    testing.check_members(ALGORITHMS[name])


@pytest.mark.parametrize("name", longer(PROGRAMS, AT_ONCE))
def test_all_at_once_as_on_a_gpu_it_ends_where_it_ends_in_turn(name: str) -> None:
    testing.check_placement(ALGORITHMS[name])


def products(jaxpr: Any) -> Iterator[Any]:
    """The equations of all matrix products inside."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield equation
        for value in jax.tree.leaves(tuple(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")):
            yield from products(getattr(value, "jaxpr", value)) if hasattr(value, "eqns") else ()


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_product_says_how_precise_it_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU takes TF32 for float32 where nothing is said."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    algo, kinds = ALGORITHMS[name], {}
    for precision in ("float32", "tf32", "bfloat16") if name in KINDS else ("tf32",):
        function, args, *_ = update(algo, testing.tiny_config(algo, {"precision": precision}), 4, 2)
        found = list(products(jax.make_jaxpr(function)(np.int32(1), *args).jaxpr))
        assert all(x.params["preferred_element_type"] == np.float32 for x in found)
        said = [x.params["precision"] for x in found]
        kinds[precision] = Counter(x.invars[0].aval.dtype.name if p is None else p[0].name for x, p in zip(found, said))
    exact, hidden = kinds["tf32"]["HIGHEST"], kinds["tf32"]["HIGH"]
    assert exact > 0 and hidden > 0
    assert kinds["tf32"] == {"HIGHEST": exact, "HIGH": hidden}
    if name in KINDS:
        assert kinds["float32"] == {"HIGHEST": exact + hidden}
        assert kinds["bfloat16"] == {"HIGHEST": exact, "bfloat16": hidden}


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_in_the_box_and_still_without_exploration(name: str) -> None:
    algo = ALGORITHMS[name]
    testing.check_actions(algo)
    learner = testing.tiny_learner(algo, testing.tiny_members(algo))
    obs = tiny.observations(algo)
    calm, noisy = (np.asarray(learner.act(obs, 0, explore)) for explore in (0.0, 1.0))
    still = getattr(algo.configure(), "exploration_noise", 1.0) == 0.0
    assert algo.sees.chance or not algo.online or np.array_equal(calm, noisy) == still


@pytest.mark.parametrize("name", longer(NAMES, IN_RUNS))
def test_a_run_goes_through_its_phases_and_a_stopped_one_ends_alike(name: str) -> None:
    testing.check_run(ALGORITHMS[name])
