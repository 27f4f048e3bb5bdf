"""Figure 6 of PARS: with layer norm and a large c, a gradient step in the data moves little of what lies beyond it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.nn.nets import apply
from pars.probes.ntk import similarity
from pars.report.charts.plot import Picture, figure, picture, style, to_csv
from pars.report.stats.comparison import Comparison
from pars.reproduce.base import Arrays, Finding, Part, Study
from pars.reproduce.paper.figure5 import SCALES
from pars.reproduce.paper.toy import BASE, NEAR, ONE, Fit, by_seed, over_members, plane, scaled, train
from pars.reproduce.paper.toy_figures import label, panel, thinned
from pars.reproduce.say import basis, change, outcome, said, trend

POINT = (0.32, -0.38)  # p of the paper, inside the disc near its edge
ALIKE = 0.5  # a similarity above this is counted
POINTS = 61  # along each side of the map


def parts(base: Fit = BASE, grid: int = POINTS) -> dict[str, Part]:
    """The networks of figure 5, trained anew where that has not just been run."""
    return {"before": partial(similarities, scaled(base, SCALES), grid=grid)}


def similarities(cfgs: Sequence[Fit], seeds: Sequence[int], grid: int) -> Arrays:
    """`similarity` [S, C, G, G] of POINT to the points of the box, of networks trained from every seed."""

    def one(cfg: Fit, params: Any) -> Array:
        points = jnp.asarray(plane(NEAR, grid).reshape(-1, 2))
        found = similarity(lambda p, x: apply(cfg.network, p, x), params, jnp.asarray(POINT), points)
        return found.reshape(grid, grid)

    return {"similarity": by_seed(over_members(one, cfgs, seeds)(train(tuple(cfgs), tuple(seeds))), seeds)}


def measure(found: np.ndarray) -> dict[str, np.ndarray]:
    """Of maps [.., G, G], by name [..]: the mean outside the disc, and the share of the box above `ALIKE`."""
    outside = ~ONE.in_hull(plane(NEAR, found.shape[-1]))
    return {
        "mean similarity outside the data": found[..., outside].mean(-1),
        f"share of the box above {ALIKE:g}": (found > ALIKE).mean((-2, -1)),
    }


def show(parts: Mapping[str, Arrays]) -> Finding:
    found = parts["before"]["similarity"]
    measures = measure(found)
    comparisons = [
        Comparison(label(cfg), name, values[:, i])
        for i, cfg in enumerate(scaled(BASE, SCALES))
        for name, values in measures.items()
    ]
    return Finding(comparisons, [_picture(found)], _reading(measures, len(found)))


def _reading(measures: Mapping[str, np.ndarray], n: int) -> list[str]:
    outside, share = measures.values()
    claim = trend(outside[:, 0], outside[:, -1]) == "falls" and trend(share[:, 0], share[:, -1]) == "falls"
    return [
        f"{outcome(claim)}from c = {SCALES[0]:g} to c = {SCALES[-1]:g} the mean similarity to p outside the data "
        f"{change(outside[:, 0], outside[:, -1])}, and the share of the box above {ALIKE:g} "
        f"{change(share[:, 0], share[:, -1])}; {basis(n)}.",
        f"At c = {SCALES[1]:g} the mean is {said(outside[:, 1])} and the share {said(share[:, 1])}.",
    ]


def _picture(found: np.ndarray) -> Picture:
    n, mean = len(found), found.mean(0)
    with style():
        fig = figure((5.6, 1.95))
        axes = fig.subplots(1, len(SCALES))
        line = np.linspace(-NEAR, NEAR, mean.shape[-1])
        for ax, scale, values in zip(axes, SCALES, mean, strict=True):
            image = panel(ax, values, NEAR, (-0.25, 1.0), ONE, ALIKE)
            ax.plot(*POINT, marker="*", markersize=11, color="white", markeredgecolor="black", markeredgewidth=0.8)
            ax.set_title(f"c = {scale:g}")
            ax.tick_params(labelleft=ax is axes[0])
        bar = fig.colorbar(image, ax=axes, shrink=0.75, pad=0.02, aspect=22, extend="min", ticks=(0, 0.5, 1))
        bar.outline.set_visible(False)
        bar.set_label("similarity")
        rows = [
            (f"{scale:g}", *row) for scale, values in zip(SCALES, mean, strict=True) for row in thinned(line, values)
        ]
        return picture(
            fig,
            "figure6",
            "Neural tangent kernel of a point in the data with the feasible box",
            f"K(p, x) / √(K(p, p) K(x, x)) at p = {POINT} (star), mean of {n} seeds; 2 layers, LN before ReLU. Dashed: "
            f"the disc of the data. Orange line: {ALIKE:g}.",
            "Heat maps of the kernel's similarity to a point of the data for c of 1, 10 and 100.",
            to_csv(("c", "x1", "x2", "similarity"), rows),
        )


FIGURE6 = Study(
    id="figure6",
    title="Neural tangent kernel of the toy regression by reward scale",
    claim=(
        "With layer norm, raising c makes the kernel of a point of the data more local, so that updates in the data "
        "carry the prediction outside along less."
    ),
    parts=parts(),
    show=show,
    seconds=55.0,
    notes=(
        "The networks are those of figure 5 with layer norm before ReLU, by c and seed; run after it they are shared.",
        "The kernel is over all parameters of the trained network.",
    ),
)
