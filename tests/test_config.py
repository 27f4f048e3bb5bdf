"""Configs: which fields are leaves, how text becomes settings, how grids are stacked."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

import jax
import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.config import (
    Count,
    Fact,
    Fixed,
    NotNegative,
    Range,
    Share,
    Widths,
    as_axis,
    as_text,
    check_ranges,
    coerce,
    config,
    facts,
    field_types,
    from_dict,
    grid,
    parse_axes,
    setting,
    stack,
    structure,
    to_dict,
)
from pars.errors import UsageError


@config
class Toy:
    widths: tuple[int, ...] = (8, 8)
    rate: float = 0.5
    steps: int = 3
    wide: bool = False
    kind: Literal["sum", "mean"] = "sum"
    weight: float = 2.0


@config
class Stated:
    widths: Widths = setting((8, 8), "layers")
    wide: bool = setting(False, "twice as wide")
    rate: NotNegative = setting(0.5, "of learning", "alpha, eq. (1)", unit="per step", on="wide", phase="online")
    share: Annotated[float, Range(0, below=1)] = 0.5
    free: float = -1.0


@config
class Further(Stated):
    """New defaults keep what is known; what is stated again is as it stands here."""

    widths: tuple[int, ...] = (4,)
    rate: Share = setting(0.25, symbol="beta")
    own: Count = setting(3, "of this class")


def test_facts_stand_on_settings_and_are_inherited() -> None:
    assert facts(Stated)["rate"] == Fact(
        Stated, Range(0), "of learning", "alpha, eq. (1)", "per step", "wide", "online"
    )
    assert facts(Stated)["free"] == Fact(Stated)
    found = facts(Further)
    assert list(found) == ["widths", "wide", "rate", "share", "free", "own"]
    assert found["widths"] == facts(Stated)["widths"] and Further().widths == (4,)
    assert found["rate"] == Fact(Stated, Range(0, 1), "of learning", "beta", "per step", "wide", "online")
    assert found["own"] == Fact(Further, Range(1), "of this class")
    assert jax.tree.leaves(Further()) == [0.25, 0.5, -1.0]  # seen through their ranges


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"widths": (8, 0)}, "setting widths=8x0 must be at least 1"),
        ({"own": 0}, "setting own=0 must be at least 1"),
        ({"rate": 1.5}, "setting rate=1.5 must be from 0 to 1"),
        ({"share": 1.0}, "setting share=1 must be from 0 to below 1"),
        ({"share": float("nan")}, "setting share=nan must be from 0 to below 1"),
    ],
)
def test_ranges_are_checked(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as error:
        check_ranges(Further(**settings))
    assert str(error.value) == line
    check_ranges(Further(free=-1e9))


def test_a_switch_must_be_a_setting_that_is_true_or_false() -> None:
    with pytest.raises(TypeError, match=r"Lost\.rate is said to depend on on, which is no bool setting of it"):

        @config
        class Lost:
            rate: float = setting(1.0, on="on")


def test_one_value_stands_for_itself_and_a_list_for_several() -> None:
    assert [as_axis(Stated, "rate", given) for given in (0.1, "0.1", [0.1], (0.1, 0.2), np.array([1, 2]))] == [
        [0.1], ["0.1"], [0.1], [0.1, 0.2], [1, 2]
    ]  # fmt: skip
    assert as_axis(Stated, "widths", (8, 4)) == as_axis(Stated, "widths", [8, 4]) == [(8, 4)]
    assert as_axis(Stated, "widths", ["8x4", (2,)]) == ["8x4", (2,)] and as_axis(Stated, "widths", "8x4") == ["8x4"]
    assert as_axis(Stated, "rate", range(2)) == [0, 1] and as_axis(Stated, "rate", None) == [None]


def test_values_are_written_as_the_command_takes_them() -> None:
    values = (256, 128), True, 0.001, 1e-05, 10000.0, 1.00000001, "mean", 7
    words = "256x128", "true", "0.001", "1e-05", "10000", "1.00000001", "mean", "7"
    assert tuple(map(as_text, values)) == words


def test_float_fields_are_the_leaves_and_all_else_is_structure() -> None:
    assert jax.tree.leaves(Toy()) == [0.5, 2.0]
    assert structure(Toy(rate=9.0, weight=-1.0)) == structure(Toy())
    for other in (Toy(widths=(8,)), Toy(steps=4), Toy(wide=True), Toy(kind="mean")):
        assert structure(other) != structure(Toy())
    assert len({structure(Toy()), structure(Toy(rate=3.0))}) == 1  # usable as the key of a group


def test_a_fixed_number_is_structure() -> None:
    @config
    class Cut:
        share: Annotated[Fixed, Range(0, below=1)] = Fixed(0.5)
        rate: float = 1.0

    cfg = from_dict(Cut, {"share": "0.25"})
    assert (
        jax.tree.leaves(cfg) == [1.0] and to_dict(cfg) == {"share": 0.25, "rate": 1.0} and as_text(cfg.share) == "0.25"
    )
    assert structure(cfg) == structure(Cut(share=Fixed(0.25))) != structure(Cut())
    with pytest.raises(UsageError, match=r"^setting share=1 must be from 0 to below 1$"):
        check_ranges(from_dict(Cut, {"share": 1}))
    with pytest.raises(UsageError, match=r"^setting share='half' is not a finite number$"):
        from_dict(Cut, {"share": "half"})


@pytest.mark.parametrize("name", ALGORITHMS)
def test_leaves_of_every_algorithm_are_its_float_fields_in_order(name: str) -> None:
    cls = ALGORITHMS[name].config
    numbered = cls(**{field: float(i) for i, (field, kind) in enumerate(field_types(cls).items()) if kind is float})
    assert jax.tree.leaves(numbered) == [float(i) for i, kind in enumerate(field_types(cls).values()) if kind is float]


def test_a_config_is_frozen_and_keeps_its_type_through_a_tree_map() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Toy().rate = 1.0  # type: ignore[misc]
    assert jax.tree.map(lambda x: 2 * x, Toy()) == Toy(rate=1.0, weight=4.0)


def test_a_traced_float_does_not_compile_again() -> None:
    traces = []

    @jax.jit
    def double(cfg: Toy) -> Any:
        traces.append(cfg.steps)
        return 2 * cfg.rate

    assert [float(double(Toy(rate=rate))) for rate in (1.0, 2.0, 3.0)] == [2.0, 4.0, 6.0]
    assert traces == [3]
    double(Toy(steps=4))
    assert traces == [3, 4]


def test_stack_puts_the_members_on_axis_0() -> None:
    both = stack([Toy(rate=1.0), Toy(rate=3.0, weight=5.0)])
    assert both.steps == 3 and both.kind == "sum"
    np.testing.assert_array_equal(both.rate, np.array([1.0, 3.0], np.float32))
    np.testing.assert_array_equal(both.weight, np.array([2.0, 5.0], np.float32))
    assert both.rate.dtype == np.float32


def test_stack_refuses_unlike_structures() -> None:
    with pytest.raises(ValueError, match=r"^configs of unlike structure cannot be stacked; put them into groups"):
        stack([Toy(), Toy(steps=4)])


def test_grid_varies_the_last_axis_fastest() -> None:
    configs = grid(Toy(), {"rate": ["1", "2"], "kind": ["sum", "mean"]})
    assert [(c.rate, c.kind) for c in configs] == [(1.0, "sum"), (1.0, "mean"), (2.0, "sum"), (2.0, "mean")]
    assert grid(Toy(steps=7), {}) == [Toy(steps=7)]
    with pytest.raises(UsageError, match=r"^setting rate=0\.1,0\.1 names a value twice$"):
        grid(Toy(), {"rate": ["0.1", 1e-1]})


def test_parse_axes_reads_lists_and_ranges() -> None:
    assert parse_axes(["rate=0.001,0.01", "seed=0..2,7", "widths=256x256"]) == {
        "rate": ["0.001", "0.01"],
        "seed": ["0", "1", "2", "7"],
        "widths": ["256x256"],
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rate"], "setting 'rate' is not of the form name=value[,value...]"),
        (["=1"], "setting '=1' is not of the form name=value[,value...]"),
        (["rate="], "setting 'rate=' is not of the form name=value[,value...]"),
        (["rate=1", "rate=2"], "setting 'rate' is given twice; write rate=value,value"),
        (["seed=4..0"], "range '4..0' in 'seed=4..0' is not of the form 0..4"),
        (["seed=a..b"], "range 'a..b' in 'seed=a..b' is not of the form 0..4"),
    ],
)
def test_parse_axes_names_what_it_cannot_read(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_axes(words)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("rate", "1e-3", 0.001),
        ("rate", 2, 2.0),
        ("steps", "12", 12),
        ("steps", 4.0, 4),
        ("wide", "True", True),
        ("wide", "0", False),
        ("wide", True, True),
        ("kind", "mean", "mean"),
        ("widths", "256x128", (256, 128)),
        ("widths", "64", (64,)),
        ("widths", [32, 16], (32, 16)),
    ],
)
def test_coerce_reads_text_and_plain_values(name: str, text: Any, value: Any) -> None:
    result = coerce(Toy, name, text)
    assert result == value and type(result) is type(value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rate", "fast", "setting rate='fast' is not a finite number"),
        ("rate", "nan", "setting rate='nan' is not a finite number"),
        ("rate", "inf", "setting rate='inf' is not a finite number"),
        ("rate", True, "setting rate=True is not a finite number"),
        ("rate", None, "setting rate=None is not a finite number"),
        ("rate", [1.0], "setting rate=[1.0] is not a finite number"),
        ("steps", np.float32(2.5), f"setting steps={np.float32(2.5)!r} is not a whole number"),
        ("widths", (8.5, 4), "setting widths=(8.5, 4) is not a list of widths such as 256x256"),
        ("steps", "2.5", "setting steps='2.5' is not a whole number"),
        ("steps", 2.5, "setting steps=2.5 is not a whole number"),
        ("steps", True, "setting steps=True is not a whole number"),
        ("wide", "maybe", "setting wide='maybe' is not true or false"),
        ("kind", "median", "setting kind='median' is not one of sum, mean"),
        ("widths", "256,256", "setting widths='256,256' is not a list of widths such as 256x256"),
        ("widths", 256, "setting widths=256 is not a list of widths such as 256x256"),
        ("stesp", "1", "unknown setting 'stesp'; did you mean steps?"),
    ],
)
def test_coerce_names_the_setting_and_what_it_takes(name: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError) as error:
        coerce(Toy, name, value)
    assert str(error.value) == message


@pytest.mark.parametrize("name", ALGORITHMS)
def test_settings_survive_a_round_trip_through_plain_values(name: str) -> None:
    cls = ALGORITHMS[name].config
    plain = to_dict(cls())
    assert all(isinstance(value, bool | int | float | str | list) for value in plain.values())
    assert from_dict(cls, plain) == cls()


def test_field_types_keep_the_order_of_definition() -> None:
    assert list(field_types(Toy)) == ["widths", "rate", "steps", "wide", "kind", "weight"]
    assert field_types(Toy)["rate"] is float
