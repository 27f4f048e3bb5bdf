"""Figure 15 of PARS: which activation lets a large c lower the prediction beyond the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import jax.numpy as jnp
import numpy as np

from pars.nn.nets import ACTIVATIONS, Activation
from pars.report.charts.plot import Picture, figure, legend, line_style, picture, style, to_csv
from pars.report.stats.statistics import difference
from pars.reproduce.base import Arrays, Finding, Part, Study
from pars.reproduce.paper.toy import BASE, GRID, ONE, Fit, Measures, maps, measure
from pars.reproduce.paper.toy_figures import box_and_wide, compare, heat_maps
from pars.reproduce.say import change, outcome, said, trend

NAMES: dict[Activation, str] = {
    "relu": "ReLU",
    "gelu": "GELU",
    "silu": "SiLU",
    "sigmoid": "sigmoid",
    "identity": "linear",
}
SCALE = 100.0
REACH = 4.0  # of the inputs in figure 15b


def programs(base: Fit = BASE) -> dict[Activation, list[Fit]]:
    return {name: [replace(base, activation=name, scale=SCALE)] for name in NAMES}


def parts(base: Fit = BASE, grid: int = GRID) -> dict[str, Part]:
    return {name: partial(maps, cfgs, grid=grid) for name, cfgs in programs(base).items()}


def show(parts: Mapping[str, Arrays]) -> Finding:
    found = {name: measure(parts[name]["near"], parts[name]["wide"]) for name in NAMES}
    comparisons = [
        replace(one, row=NAMES[name]) for name, (cfg,) in programs().items() for one in compare(cfg, found[name], 0)
    ]
    return Finding(comparisons, [_picture(parts), _activations()], _reading(found))


def _reading(found: Mapping[Activation, Measures]) -> list[str]:
    outside = {name: found[name].outside[:, 0] for name in NAMES}
    order = sorted(NAMES, key=lambda name: float(outside[name].mean()))
    relu, gelu, sigmoid = (found[name] for name in ("relu", "gelu", "sigmoid"))
    spread = trend(sigmoid.corner[:, 0], sigmoid.far[:, 0])
    lower = difference(outside["gelu"], outside["relu"], paired=True)
    claim = lower.clear and lower.value < 0 and spread != "rises" and level(outside["sigmoid"]) != "below"
    claim &= level(outside["relu"]) == "below" and level(outside["identity"]) == "above"
    return [
        f"Mean in the box outside the data at c = {SCALE:g}, in units of c (n = {len(outside['relu'])}, mean ± sample "
        "standard deviation), from the lowest, and whether its 95 % interval lies below or above the largest target, "
        f"{ONE.radius:g}: "
        + ", ".join(f"{NAMES[name]} {said(outside[name])} ({level(outside[name])})" for name in order)
        + ".",
        f"{outcome(claim)}from the corners of the box to radius > 2 the prediction of sigmoid "
        f"{change(sigmoid.corner[:, 0], sigmoid.far[:, 0])}; GELU differs from ReLU by {lower.text()} in the box "
        f"outside the data and by {difference(gelu.far[:, 0], relu.far[:, 0], paired=True).text()} at radius > 2.",
        f"The lowest of all, in the box and at radius > 2 ({said(found[order[0]].far[:, 0])}), is {NAMES[order[0]]}."
        if order[0] == min(NAMES, key=lambda name: float(found[name].far.mean()))
        else f"The lowest in the box is {NAMES[order[0]]}.",
    ]


def level(values: np.ndarray) -> str:
    """Where the mean over seeds [n] lies by its t interval: below, at, or above the largest target."""
    gap = difference(values, np.full(len(values), ONE.radius), paired=True)
    return "at" if not gap.clear else "above" if gap.value > 0 else "below"


def _picture(parts: Mapping[str, Arrays]) -> Picture:
    n = len(parts["relu"]["near"])
    about = {
        "name": "figure15",
        "title": "Prediction beyond the data by activation",
        "caption": (
            f"Prediction / c at c = {SCALE:g}, mean of {n} seeds; 2 layers, LN before the activation. Dashed: the disc "
            f"of the data and, on the wide range, the feasible box. Orange line: the largest target, {ONE.radius:g}."
        ),
        "alt": "Heat maps of the prediction for five activations, over the feasible box and a wide range.",
    }
    return heat_maps(box_and_wide([parts[name] for name in NAMES]), list(NAMES.values()), ONE, about)


def _activations() -> Picture:
    """Figure 15b: the activations themselves."""
    x = np.linspace(-REACH, REACH, 121)
    values = {text: np.asarray(ACTIVATIONS[name](jnp.asarray(x))) for name, text in NAMES.items()}
    with style():
        fig = figure((4.2, 3.2))
        ax = fig.subplots()
        for i, (text, y) in enumerate(values.items()):
            ax.plot(x, y, label=text, zorder=3 - 0.1 * i, **line_style(i))  # where two agree the first is seen
        ax.set(xlabel="x", ylabel="activation", xlim=(-REACH, REACH), ylim=(-1.5, REACH))
        legend(fig, ax)
        return picture(
            fig,
            "figure15b",
            "The activations",
            "What each of the five gives. Sigmoid alone is bounded; GELU and SiLU fall below 0 before they rise.",
            "Five curves over the activation's input.",
            to_csv(("x", *values), list(zip(x, *values.values(), strict=True))),
        )


FIGURE15 = Study(
    id="figure15",
    title="Toy regression by activation",
    claim=(
        "With layer norm ReLU lowers the prediction outside the data; sigmoid bounds it but does not lower it, GELU "
        "lowers it too much, and a linear network stays high."
    ),
    parts=parts(),
    show=show,
    seconds=95.0,
    notes=("c is 100, layer norm stands before the activation, and linear means no activation: layer norm remains.",),
)
