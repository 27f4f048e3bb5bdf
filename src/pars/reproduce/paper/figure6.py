"""Figure 6 of PARS: with layer norm and a large c, a gradient step in the data moves little of what lies beyond it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.nn.nets import apply
from pars.probes.ntk import normalized
from pars.report.charts.plot import Picture, figure, picture, style, to_csv
from pars.report.stats.comparison import Comparison
from pars.reproduce.base import Arrays, Finding, Part, Study
from pars.reproduce.paper.figure5 import SCALES
from pars.reproduce.paper.toy import BASE, NEAR, ONE, Fit, by_seed, over_members, plane, scaled, train
from pars.reproduce.paper.toy_figures import label, panel, thinned
from pars.reproduce.say import basis, change, outcome, said, trend

POINT = (0.32, -0.38)  # p of the paper, inside the disc near its edge
ALIKE = 0.5  # values above this are counted
POINTS = 61  # along each side of the map
WAYS = {  # of normalising the kernel -> how it is written, and the colours' range
    "relative": ("K(p, x) / K(p, p)", (-0.25, 1.25)),
    "cosine": ("cosine", (-0.25, 1.0)),
}


def parts(base: Fit = BASE, grid: int = POINTS) -> dict[str, Part]:
    """The networks of figure 5, trained anew where that has not just been run."""
    return {"kernel": partial(kernels, scaled(base, SCALES), grid=grid)}


def kernels(cfgs: Sequence[Fit], seeds: Sequence[int], grid: int) -> Arrays:
    """Maps [S, C, G, G] by the name of each of WAYS: the kernel between POINT and the points of the box, of networks
    trained from every seed."""

    def one(cfg: Fit, params: Any) -> dict[str, Array]:
        points = jnp.asarray(plane(NEAR, grid).reshape(-1, 2))
        found = normalized(lambda p, x: apply(cfg.network, p, x), params, jnp.asarray(POINT), points)
        return {way: values.reshape(grid, grid) for way, values in found._asdict().items()}

    found = over_members(one, cfgs, seeds)(train(tuple(cfgs), tuple(seeds)))
    return {way: by_seed(values, seeds) for way, values in found.items()}


def measure(found: np.ndarray) -> dict[str, np.ndarray]:
    """Of maps [.., G, G], by name [..]: the mean outside the disc, and the share of the box above `ALIKE`."""
    outside = ~ONE.in_hull(plane(NEAR, found.shape[-1]))
    return {
        "mean outside the data": found[..., outside].mean(-1),
        f"share of the box above {ALIKE:g}": (found > ALIKE).mean((-2, -1)),
    }


def show(parts: Mapping[str, Arrays]) -> Finding:
    found = parts["kernel"]
    measures = {way: measure(found[way]) for way in WAYS}
    comparisons = [
        Comparison(label(cfg), f"{text}: {name}", values[:, i])
        for way, (text, _) in WAYS.items()
        for i, cfg in enumerate(scaled(BASE, SCALES))
        for name, values in measures[way].items()
    ]
    reading = [_reading(WAYS[way][0], own) for way, own in measures.items()]
    return Finding(comparisons, [_picture(found)], reading)


def _reading(text: str, measures: Mapping[str, np.ndarray]) -> str:
    outside, share = measures.values()
    claim = trend(outside[:, 0], outside[:, -1]) == "falls" and trend(share[:, 0], share[:, -1]) == "falls"
    return (
        f"{text}: {outcome(claim)}from c = {SCALES[0]:g} to c = {SCALES[-1]:g} the mean outside the data "
        f"{change(outside[:, 0], outside[:, -1])}, and the share of the box above {ALIKE:g} "
        f"{change(share[:, 0], share[:, -1])}; at c = {SCALES[1]:g} they are {said(outside[:, 1])} and "
        f"{said(share[:, 1])}; {basis(len(outside))}."
    )


def _picture(found: Mapping[str, np.ndarray]) -> Picture:
    n, mean = len(found["cosine"]), {way: found[way].mean(0) for way in WAYS}
    with style():
        fig = figure((5.6, 3.7))
        axes = fig.subplots(len(WAYS), len(SCALES))
        for row, (way, (text, limits)) in zip(axes, WAYS.items(), strict=True):
            for ax, values in zip(row, mean[way], strict=True):
                image = panel(ax, values, NEAR, limits, ONE, ALIKE)
                ax.plot(*POINT, marker="*", markersize=11, color="white", markeredgecolor="black", markeredgewidth=0.8)
                ax.tick_params(labelleft=ax is row[0], labelbottom=row is axes[-1])
            bar = fig.colorbar(image, ax=row, shrink=0.85, pad=0.02, aspect=18, extend="both", ticks=(0, 0.5, 1))
            bar.outline.set_visible(False)
            bar.set_label(text)
        for ax, scale in zip(axes[0], SCALES, strict=True):
            ax.set_title(f"c = {scale:g}")
        return picture(
            fig,
            "figure6",
            "Neural tangent kernel of a point in the data with the feasible box",
            f"The kernel between p = {POINT} (star) and the box, mean of {n} seeds; 2 layers, LN before ReLU. Above "
            "K(p, x) / K(p, p), as the paper most probably has it: how far the prediction at x moves while a step at p "
            "moves that at p by one. Below the cosine K(p, x) / √(K(p, p) K(x, x)). Dashed: the disc of the data. "
            f"Orange line: {ALIKE:g}.",
            "Heat maps of the kernel with a point of the data, normalised in two ways, for c of 1, 10 and 100.",
            to_csv(("c", "x1", "x2", *WAYS), _rows(mean)),
        )


def _rows(mean: Mapping[str, np.ndarray]) -> list[tuple[Any, ...]]:
    """c, place, and the value of each way."""
    line = np.linspace(-NEAR, NEAR, mean["cosine"].shape[-1])
    rows = []
    for i, scale in enumerate(SCALES):
        ways = [thinned(line, mean[way][i]) for way in WAYS]
        rows += [(f"{scale:g}", *first, *(own[-1] for own in rest)) for first, *rest in zip(*ways, strict=True)]
    return rows


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
        "The paper does not say how its map is normalised. Its words, a normalised kernel map, are those of Yue et al. "
        "2024, whose map exceeds 1, as K(p, x) / K(p, p) can and a cosine cannot; so both are shown, that one first.",
    ),
)
