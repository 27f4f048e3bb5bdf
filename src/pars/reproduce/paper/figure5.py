"""Figure 5 of PARS: scaling the target lowers what a network with layer norm says beyond its data, and only there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from pars.report.charts.plot import Picture
from pars.reproduce.base import Arrays, Finding, Part, Study
from pars.reproduce.paper.toy import BASE, GRID, NEAR, ONE, WIDE, Fit, Measures, maps, measure, scaled
from pars.reproduce.paper.toy_figures import Row, ScaleCurve, agreement, box_and_wide, compare_all, curves, heat_maps
from pars.reproduce.say import basis, change, outcome, said, trend

SCALES = (1.0, 10.0, 100.0)
ENDS = (1.0, 100.0)
LEGEND = (
    "Dashed: the disc of the data and, on the wide range, the feasible box. Orange line: the largest target, "
    f"{ONE.radius:g}."
)
NAMES = {
    "none": "no LN",
    "before": "LN before ReLU",
    "after": "LN after ReLU",
    "before-3": "LN before, 3 layers",
    "after-3": "LN after, 3 layers",
    "before-penalty": "LN before and PA",
    "none-penalty": "no LN, PA",
}


def programs(base: Fit = BASE) -> dict[str, list[Fit]]:
    """What is trained together: configs of one structure, by name of the part."""
    deep = (base.hidden[0],) * 3
    none, after = replace(base, layer_norm="none"), replace(base, layer_norm="after")
    far = replace(base, penalized=True)
    return {
        "none": scaled(none, SCALES),
        "before": scaled(base, SCALES),
        "after": scaled(after, SCALES),
        "before-3": scaled(replace(base, hidden=deep), ENDS),
        "after-3": scaled(replace(after, hidden=deep), ENDS),
        "before-penalty": [
            *scaled(far, ENDS),
            replace(far, scale=100.0, distance=1000.0),
            replace(far, scale=100.0, distance=1.0),
        ],
        "none-penalty": scaled(replace(none, penalized=True, far_points=base.batch_size), ENDS),
    }


def parts(base: Fit = BASE, grid: int = GRID) -> dict[str, Part]:
    return {name: partial(maps, cfgs, grid=grid) for name, cfgs in programs(base).items()}


def show(parts: Mapping[str, Arrays]) -> Finding:
    found = {name: measure(part["near"], part["wide"]) for name, part in parts.items()}
    comparisons = compare_all(programs(), found)
    pictures = [_maps(parts), _penalty_maps(parts), _curves(found)]
    return Finding(comparisons, pictures, [*_reading(found), agreement(comparisons)])


def _maps(parts: Mapping[str, Arrays]) -> Picture:
    none, before = parts["none"], parts["before"]
    rows = [
        Row("no LN", NEAR, none["near"].mean(0)),
        Row("LN", NEAR, before["near"].mean(0)),
        Row("LN, wide range", WIDE, before["wide"].mean(0)),
    ]
    about = {
        "name": "figure5-maps",
        "title": "Prediction beyond the data, by layer norm and c",
        "caption": f"Prediction / c, mean of {len(none['near'])} seeds; 2 layers, LN before ReLU. {LEGEND}",
        "alt": "Heat maps of the prediction without and with layer norm for c of 1, 10 and 100.",
    }
    return heat_maps(rows, [f"c = {scale:g}" for scale in SCALES], ONE, about)


def _penalty_maps(parts: Mapping[str, Arrays]) -> Picture:
    before, none = parts["before-penalty"], parts["none-penalty"]
    shown = {name: values[:, [0, 1, 3]] for name, values in before.items()}  # PA at 1000 looks as at 100
    columns = [f"{name}\nc = {c}, L = {far}" for name, c, far in (("LN", 1, 100), ("LN", 100, 100), ("LN", 100, 1))]
    columns += [f"no LN\nc = {c}, L = 100" for c in (1, 100)]
    about = {
        "name": "figure5-penalty",
        "title": "Prediction beyond the data with PA",
        "caption": (
            f"Prediction / c, mean of {len(none['near'])} seeds; points with coordinates of size L to 2 L are pulled "
            f"to zero with weight 0.001. {LEGEND}"
        ),
        "alt": "Heat maps of the prediction with PA, with and without layer norm.",
    }
    return heat_maps(box_and_wide([shown, none]), columns, ONE, about)


def _curves(found: Mapping[str, Measures]) -> Picture:
    scales = {name: SCALES if name in ("none", "before", "after") else ENDS for name in NAMES}
    series = [
        ScaleCurve(text, scales[name], np.asarray(found[name].outside)[:, : len(scales[name])])
        for name, text in NAMES.items()
    ]
    seeds = len(series[0].values)
    about = {
        "name": "figure5-outside",
        "title": "Prediction in the box outside the data, by c",
        "caption": f"Mean ± sample standard deviation of {seeds} seeds; PA at 100 with weight 0.001.",
        "alt": "Line plot of the mean prediction outside the data against c for seven networks.",
    }
    return curves(series, ONE.radius, about)


def _reading(found: Mapping[str, Measures]) -> list[str]:
    none, before, after = (found[name].outside for name in ("none", "before", "after"))
    share, far, bare = found["before"].share, found["before-penalty"].outside, found["none-penalty"].outside
    lowered = [trend(x[:, 0], x[:, 2]) == "falls" for x in (before, after)]
    claim = trend(none[:, 0], none[:, 2]) == "stays" and all(lowered)
    return [
        f"{outcome(claim)}from c = 1 to c = 100 the mean in the box outside the data, in units of c, without LN "
        f"{change(none[:, 0], none[:, 2])}, with LN before ReLU it {change(before[:, 0], before[:, 2])}, and with LN "
        f"after ReLU it {change(after[:, 0], after[:, 2])}; {basis(len(none))}; the largest target is {ONE.radius:g}.",
        f"c = 10 is {'enough' if trend(before[:, 0], before[:, 1]) == 'falls' else 'not enough'}: with LN before ReLU "
        f"the mean is {said(before[:, 1])} there, and the share of the region above the largest target is "
        f"{said(share[:, 1])}, against {said(share[:, 2])} at c = 100.",
        f"PA at L = 100 on top of LN: at c = 1 the mean {change(before[:, 0], far[:, 0])}, at c = 100 it "
        f"{change(before[:, 2], far[:, 1])}; from L = 100 to 1000 it {change(far[:, 1], far[:, 2])}, to L = 1, without "
        f"a guard interval, it {change(far[:, 1], far[:, 3])}.",
        f"PA without LN: at c = 1 the mean {change(none[:, 0], bare[:, 0])}, at c = 100 it "
        f"{change(none[:, 2], bare[:, 1])}.",
    ]


FIGURE5 = Study(
    id="figure5",
    title="Extrapolation of a toy regression by layer norm and reward scale",
    claim=(
        "Scaling the target up lowers the prediction outside the data where the network has layer norm, and changes "
        "nothing where it has none."
    ),
    parts=parts(),
    show=show,
    seconds=400.0,
    notes=(
        "The paper does not state points, batch, steps or learning rate: 2000, 256, 10,000 and 3e-4 of Adam.",
        "The reference numbers are those of an independent small JAX run, not of the paper, which prints none.",
        "Without LN the prediction far out depends on how many points are penalised in a batch, which the reference "
        "run does not say: at c = 100 and radius > 2 it was 0.60 with 64 of them and is 0.64 with 256.",
        "A number agrees if it lies within 0.05, or where our seeds spread further, where another seed would lie.",
    ),
)
