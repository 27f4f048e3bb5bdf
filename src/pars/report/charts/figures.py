"""Curves over training: scores, Q against the largest possible return, losses and probes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from pars.report.charts.plot import (
    HALF,
    MOST,
    SMALL,
    Picture,
    Track,
    as_series,
    figure,
    legend,
    line_style,
    picture,
    plain_log,
    plain_symlog,
    shares,
    style,
    to_csv,
)
from pars.report.metrics import METRICS
from pars.report.records import PHASES
from pars.report.series import STEP_NAMES, Series
from pars.report.stats.statistics import bootstrap_band, finite_mean, number

BANDS = 8  # series up to which bands can still be told apart
CLEAR = 3  # and single seeds
READ = 600  # values that can be read off a figure
SHOWN_ABOVE = ("score", "q_max", "return_std")  # have a figure of their own, or belong to one


def score_curve(series: list[Series]) -> Picture | None:
    """Score against training, offline then online; None without a score."""
    caption = (
        "Line: mean over seeds. Dots: evaluations. The vertical line is the switch from the dataset to the environment."
    )
    return _training_curve(series, "score", "Score", "score", caption, seeds=True)


def q_curve(series: list[Series]) -> Picture | None:
    """Max Q against training beside the largest possible return; None if it was never logged."""
    shown = [one for one in series if one.curve("offline", "q_max") or one.curve("online", "q_max")]
    bounds = {one.max_return for one in shown} - {None}
    bound = bounds.pop() if len(bounds) == 1 else None
    caption = "Largest Q in the training batches divided by reward_scale, so in units of the raw reward; mean of seeds."
    if others := [one.label for one in shown if one.max_return != one.group.max_return]:
        caption += f" Of {', '.join(others)} it is that of shifted or normalised rewards and no matter for the line."
    if bound is not None:
        caption += f" Above the black line ({number(bound)}) no policy can earn what Q promises: overestimation."

    return _training_curve(series, "q_max", "Max Q", "max Q (raw reward)", caption, seeds=True, bound=bound)


def small_curves(series: list[Series]) -> list[Picture]:
    """One small figure for every other metric that was logged, probes and losses first, with what it means; at the end
    those of models that were trained before the policy."""
    models = dict.fromkeys(phase for one in series for phase in one.group.before)
    out = []
    for phases in (PHASES, *((phase,) for phase in models)):
        for name in _logged(series, phases):
            title, text = METRICS.get(name, (name[:1].upper() + name[1:].replace("_", " "), ""))
            title = title if phases == PHASES else f"{title}, {phases[0]}"
            curve = _training_curve(series, name, title, "", text, size=SMALL, phases=phases)
            out += [curve] if curve else []
    return out


def _logged(series: list[Series], phases: Sequence[str]) -> list[str]:
    """Metrics without a figure of their own: known ones in the order of METRICS, then the others."""
    found = {name for one in series for phase in phases for name in one.group.metrics.get(phase, {})}
    found -= {*SHOWN_ABOVE} if phases == PHASES else set()
    return [name for name in METRICS if name in found] + sorted(found - METRICS.keys())


def _training_curve(
    series: list[Series],
    name: str,
    title: str,
    ylabel: str,
    caption: str,
    size: tuple[float, float] = HALF,
    seeds: bool = False,
    bound: float | None = None,
    phases: Sequence[str] = PHASES,
) -> Picture | None:
    found = [(i, one) for i, one in enumerate(series) if any(one.curve(phase, name) for phase in phases)]
    if not found:
        return None
    if seeds and name == "score" and len(found) <= BANDS:
        caption += " Band: 95 % percentile bootstrap interval over seeds (n ≥ 2)."
    if seeds and len(found) <= CLEAR:
        caption += " Thin lines: single seeds."
    if len(found) > MOST:
        caption += f" Shown: the first {MOST} of {len(found)} settings; the CSV has all."
    track = Track(_ends([one for _, one in found], name, phases))
    with style():
        fig = figure(size)
        ax = fig.subplots()
        for index, one in found[:MOST]:
            with as_series(ax, index):
                _draw_series(ax, track, one, index, name, len(found) if seeds else MOST + 1)
        if bound is not None:
            ax.axhline(bound, color="black", linewidth=1.4, zorder=1.5, label="largest possible return")
        track.draw(ax, STEP_NAMES if size is HALF else None)
        _log_if_needed(ax, [one for _, one in found[:MOST]], name, bound, phases)
        ax.set_ylabel(ylabel)
        if size is HALF and (len(found) > 1 or bound is not None):
            legend(fig, ax)
    labels = ", ".join(one.label for _, one in found[:MOST])
    alt = f"Line chart of {title.lower()} over training ({' then '.join(track.ends)}) for {labels}."
    file = name if phases == PHASES else f"{name}-{phases[0]}"
    drawn = picture(fig, file, title, caption, alt, _csv(found, name, phases), png=False)
    return replace(drawn, points=_points(ax, track, [one for _, one in found[:MOST]], name)) if size is HALF else drawn


def _points(ax: Axes, track: Track, series: list[Series], name: str) -> tuple[tuple[float, float, str, str], ...]:
    """Where the means over seeds stand in the figure, once it is drawn, and what they are."""
    known = [
        (track.at(phase, step), mean, f"{one.label}, {phase} {int(step):,}: {number(float(mean))}", one.label)
        for one in series
        for phase in track.ends
        if (curve := one.curve(phase, name)) is not None
        for step, mean in zip(curve.steps, finite_mean(curve.values), strict=True)
        if np.isfinite(mean)
    ]
    known = known[:: 1 + len(known) // READ]
    return tuple(
        (round(float(x), 4), round(float(y), 4), text, label)
        for (x, y), (*_, text, label) in zip(shares(ax, [(x, y) for x, y, *_ in known]), known, strict=True)
        if np.isfinite([x, y]).all()
    )


def _ends(series: list[Series], name: str, phases: Sequence[str]) -> dict[str, int]:
    """The last logged step of each phase."""
    curves = [(phase, curve) for phase in phases for one in series if (curve := one.curve(phase, name))]
    return {phase: max(int(c.steps[-1]) for p, c in curves if p == phase) for phase, _ in curves}


def _draw_series(ax: Axes, track: Track, one: Series, index: int, name: str, crowd: int) -> None:
    """Mean over seeds; among few others also the single seeds, dots at the logged steps and, for scores, the interval.

    crowd: how many series there are in the figure.
    """
    look, label = line_style(index), one.label
    before: np.ndarray | None = None
    for phase in track.ends:
        curve = one.curve(phase, name)
        if curve is None:
            continue
        steps, values = curve.steps, curve.values
        if name == "score" and before is not None and steps[0] > 0:
            # the policy that ends offline training is the one that starts online
            steps, values = np.r_[0, steps], np.c_[before, values]
        before = curve.values[:, -1]
        x = track.at(phase, steps)
        ax.plot(x, finite_mean(values), label=label, zorder=3, **look)
        label = "_nolegend_"
        if crowd > BANDS:
            continue
        if len(curve.steps) < 40:
            at, means = track.at(phase, curve.steps), finite_mean(curve.values)
            ax.plot(at, means, "o", markersize=3, color=look["color"], zorder=3)
        if len(one.members) > 1:
            if crowd <= CLEAR:
                ax.plot(x, values.T, color=look["color"], linewidth=0.6, alpha=0.55, zorder=2)
            if name == "score":
                low, high = bootstrap_band(values)
                alpha = 0.16 if crowd <= CLEAR else 0.1
                ax.fill_between(x, low, high, color=look["color"], alpha=alpha, linewidth=0, zorder=1)


def _log_if_needed(ax: Axes, series: list[Series], name: str, bound: float | None, phases: Sequence[str]) -> None:
    """A log axis when all values are positive and span more than a factor of thirty. Scores stay linear."""
    if name == "score":
        return
    parts = [curve.values.ravel() for one in series for phase in phases if (curve := one.curve(phase, name))]
    values = np.concatenate([*parts, [bound] if bound is not None else []]).astype(float)
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() / values.min() > 30:
        ax.set_yscale("log")
        plain_log(ax.yaxis)
    elif values.size and values.min() <= 0 and np.abs(values).max() > 1e4:
        ax.set_yscale("symlog", linthresh=1.0)
        plain_symlog(ax.yaxis)


def _csv(found: list[tuple[int, Series]], name: str, phases: Sequence[str]) -> str:
    header = ("series", "seed", "phase", "step", name)
    rows = []
    for _, one in found:
        for phase in phases:
            curve = one.curve(phase, name)
            if curve is not None:
                for seed, values in zip(one.seeds, curve.values, strict=True):
                    rows += [(one.label, seed, phase, int(s), v) for s, v in zip(curve.steps, values, strict=True)]
    return to_csv(header, rows)
