"""Configs: which fields are leaves, how text becomes settings, how grids are stacked."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import jax
import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.config import coerce, config, field_types, from_dict, grid, parse_axes, stack, structure, to_dict
from pars.errors import UsageError


@config
class Toy:
    widths: tuple[int, ...] = (8, 8)
    rate: float = 0.5
    steps: int = 3
    wide: bool = False
    kind: Literal["sum", "mean"] = "sum"
    weight: float = 2.0


def test_float_fields_are_the_leaves_and_all_else_is_structure() -> None:
    assert jax.tree.leaves(Toy()) == [0.5, 2.0]
    assert structure(Toy(rate=9.0, weight=-1.0)) == structure(Toy())
    for other in (Toy(widths=(8,)), Toy(steps=4), Toy(wide=True), Toy(kind="mean")):
        assert structure(other) != structure(Toy())
    assert len({structure(Toy()), structure(Toy(rate=3.0))}) == 1  # usable as the key of a group


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
