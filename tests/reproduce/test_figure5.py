"""Figures 5, 14 and 15 from maps that are made up: what is compared, drawn and said follows from the numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from pars.report.stats.comparison import verdict
from pars.reproduce.paper import figure5, figure14, figure15
from pars.reproduce.paper.toy import Fit, measure
from pars.reproduce.paper.toy_figures import TABLED, compare_all, references

pytestmark = pytest.mark.usefixtures("no_png")

SEEDS, GRID = 3, 21


def constant(cfgs: list[Fit], values: list[float]) -> dict[str, np.ndarray]:
    """Maps of one value for each config, a little apart from seed to seed."""
    near = np.array(values) + 0.001 * np.arange(SEEDS)[:, None]
    near = np.broadcast_to(near[..., None, None], (SEEDS, len(cfgs), GRID, GRID))
    ramp = np.linspace(0.0, 1e-3, GRID)  # a contour needs a slope
    return {"near": near + ramp, "wide": near + ramp}


def test_every_reference_number_is_held_against_one_of_ours() -> None:
    programs = figure5.programs()
    found = {name: measure(**constant(cfgs, [1.0] * len(cfgs))) for name, cfgs in programs.items()}
    held = [one for one in compare_all(programs, found) if one.reference is not None]
    assert len(held) == len({(one.row, one.column) for one in held}) == len(TABLED) * len(references()) == 4 * 19


def fabricated(lowered: float) -> dict[str, dict[str, np.ndarray]]:
    """Predictions of 0.88 without LN, with it 0.66 at c = 1 and 10 and `lowered` at c = 100; PA at 0.3."""
    values = {"none": [0.88] * 3, "before": [0.66, 0.66, lowered], "after": [0.66, 0.66, lowered]}
    return {name: constant(cfgs, values.get(name, [0.3] * len(cfgs))) for name, cfgs in figure5.programs().items()}


def test_figure_5_says_whether_the_claim_holds() -> None:
    found = figure5.show(fabricated(0.47))
    assert found.reading[0].startswith("The claim holds here: from c = 1 to c = 100")
    assert "without LN stays (0.88 ± 0.00 to 0.88 ± 0.00" in found.reading[0]
    assert "with LN before ReLU it falls (0.66 ± 0.00 to 0.47 ± 0.00, by −0.19" in found.reading[0]
    assert found.reading[1].startswith("c = 10 is not enough")
    assert [one.name for one in found.pictures] == ["figure5-maps", "figure5-penalty", "figure5-outside"]
    verdicts = {(one.row, one.column): verdict(one) for one in found.comparisons}
    assert verdicts["2 layers, LN before, c = 100", "mean in the box outside the data"] == "inside"
    assert verdicts["2 layers, LN before, c = 100", "mean at radius > 2"] == "above"


def test_figure_5_says_so_where_the_claim_fails() -> None:
    reading = figure5.show(fabricated(0.66)).reading
    assert reading[0].startswith("The claim does not hold here")
    assert (
        "2 layers, LN before, c = 100, mean in the box outside the data: 0.66 ± 0.00 (n = 3), there 0.47" in reading[-1]
    )


def test_figure_14_says_whether_the_claim_holds() -> None:
    programs = figure14.programs()
    good = {
        "before": constant(programs["before"], [0.5, 0.35]),
        "before-penalty": constant(programs["before-penalty"], [0.3, 0.2]),
    }
    found = figure14.show(good)
    assert found.reading[0].startswith("The claim holds here: ")
    assert "no at c = 1 with LN (0.50 ± 0.00), yes at c = 100 with LN" in found.reading[1]
    swapped: Mapping[str, dict[str, np.ndarray]] = {"before": good["before-penalty"], "before-penalty": good["before"]}
    assert figure14.show(swapped).reading[0].startswith("The claim does not hold here")


def test_figure_15_orders_the_activations() -> None:
    values = {"relu": 0.46, "gelu": 0.3, "silu": 0.6, "sigmoid": 0.499, "identity": 0.8}
    parts = {name: constant(cfgs, [values[name]]) for name, cfgs in figure15.programs().items()}
    found = figure15.show(parts)
    assert "GELU 0.30 ± 0.00 (below), ReLU 0.46 ± 0.00 (below), sigmoid 0.50 ± 0.00 (at), SiLU" in found.reading[0]
    assert found.reading[1].startswith("The claim holds here: ")
    assert "The lowest of all" in found.reading[2] and "is GELU." in found.reading[2]
    parts["identity"] = parts["relu"]
    assert figure15.show(parts).reading[1].startswith("The claim does not hold here")
