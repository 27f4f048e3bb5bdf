"""Figure 14 of PARS: two separate regions of data; layer norm interpolates between them, PA lowers what lies beyond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from pars.report.charts.plot import Picture
from pars.reproduce.base import Arrays, Finding, Part, Study
from pars.reproduce.paper.toy import BASE, GRID, NEAR, TWO, Cones, Fit, Measures, maps, measure, plane, scaled
from pars.reproduce.paper.toy_figures import box_and_wide, compare_all, heat_maps
from pars.reproduce.say import basis, change, outcome, said, trend

SCALES = (1.0, 100.0)
NAMES = {"before": "LN", "before-penalty": "LN and PA"}


def programs(base: Fit = BASE) -> dict[str, list[Fit]]:
    plain = replace(base, cones=TWO)
    return {"before": scaled(plain, SCALES), "before-penalty": scaled(replace(plain, penalized=True), SCALES)}


def parts(base: Fit = BASE, grid: int = GRID) -> dict[str, Part]:
    return {name: partial(maps, cfgs, grid=grid) for name, cfgs in programs(base).items()}


def show(parts: Mapping[str, Arrays]) -> Finding:
    found = {name: measure(part["near"], part["wide"], TWO) for name, part in parts.items()}
    comparisons = compare_all(programs(), found)
    return Finding(comparisons, [_picture(parts)], _reading(found["before"], found["before-penalty"]))


def _reading(plain: Measures, far: Measures) -> list[str]:
    gap = beyond(TWO)
    lowered = all(trend(plain.outside[:, i], far.outside[:, i]) == "falls" for i in range(len(SCALES)))
    interpolated = max(float(one.between[:, -1].mean()) for one in (plain, far)) < gap
    inside = [
        f"{'yes' if one.between[:, i].mean() < gap else 'no'} at c = {scale:g} with {text} ({said(one.between[:, i])})"
        for one, text in zip((plain, far), NAMES.values(), strict=True)
        for i, scale in enumerate(SCALES)
    ]
    return [
        f"{outcome(lowered and interpolated)}with PA on top of LN the mean in the box outside the cones and the gap "
        f"between them, in units of c, at c = 1 {change(plain.outside[:, 0], far.outside[:, 0])} and at c = 100 "
        f"{change(plain.outside[:, 1], far.outside[:, 1])}; {basis(len(plain.outside))}; the largest target is "
        f"{TWO.radius:g}.",
        f"Does the prediction between the cones stay below cones that went on (there {gap:.2f} on average)? "
        + ", ".join(inside)
        + ".",
    ]


def beyond(cones: Cones) -> float:
    """Mean distance to the nearest centre over the gap between two cones."""
    box = plane(NEAR, GRID)
    target = np.asarray(cones.distance(box))
    return float(target[cones.in_hull(box) & (target > cones.radius)].mean())


def _picture(parts: Mapping[str, Arrays]) -> Picture:
    n = len(parts["before"]["near"])
    columns = [f"{text}\nc = {scale:g}" for text in NAMES.values() for scale in SCALES]
    about = {
        "name": "figure14",
        "title": "Prediction around two separate regions of data",
        "caption": (
            f"Prediction / c, mean of {n} seeds; 2 layers, LN before ReLU, PA at 100 with weight 0.001. Dashed: the "
            "discs of the data and, on the wide range, the feasible box. Orange line: the largest target, "
            f"{TWO.radius:g}."
        ),
        "alt": "Heat maps of the prediction around two cones with layer norm, without and with the penalty.",
    }
    return heat_maps(box_and_wide([parts[name] for name in NAMES]), columns, TWO, about)


FIGURE14 = Study(
    id="figure14",
    title="Toy regression on two separate regions, with and without PA",
    claim=(
        "With layer norm and a large c the network interpolates between two regions of data; with PA the prediction "
        "beyond them falls further."
    ),
    parts=parts(),
    show=show,
    seconds=70.0,
    notes=(
        "The paper does not define its two cones. Here they stand on discs of radius 0.3 around (-0.5, 0) and "
        "(0.5, 0); the target is c times the distance to the nearer centre. Between them means their convex hull "
        "without the discs.",
    ),
)
