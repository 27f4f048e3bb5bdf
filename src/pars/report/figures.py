"""Curves over training: scores, Q against the largest possible return, losses and probes."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pars.report.load import PHASES, Curve
from pars.report.plot import (
    HALF,
    INK,
    SMALL,
    Picture,
    figure,
    line_style,
    style,
    thousands,
    to_csv,
    to_svg,
)
from pars.report.series import STEP_NAMES, Series
from pars.report.statistics import bootstrap_band, number

MOST = 12  # series in one figure
TITLES = {
    "action_norm": "Action norm of the policy",
    "zero_share": "Share of zero activations",
    "dormant_share": "Share of dormant units",
    "critic_loss": "Critic loss",
    "penalty_loss": "Penalty at infeasible actions",
    "actor_loss": "Actor loss",
    "bc_loss": "BC loss",
    "q_mean": "Mean Q (raw reward)",
    "target_mean": "Mean target (raw reward)",
    "q_infeasible": "Q at infeasible actions (raw reward)",
    "return_mean": "Raw return",
    "length_mean": "Episode length (actions)",
}
FIRST = tuple(TITLES)
SHOWN_ABOVE = ("score", "q_max", "return_std")  # have a figure of their own, or belong to one


def score_curve(series: list[Series]) -> Picture | None:
    """Score against training, offline then online; None without a score."""
    caption = (
        "Line: mean over seeds. Band: 95 % percentile bootstrap interval over seeds (n ≥ 2). Thin lines: single seeds. "
        "Dots: evaluations. The vertical line is the switch from the dataset to the environment."
    )
    return _training_curve(series, "score", "Score", "score", caption, seeds=True)


def q_curve(series: list[Series]) -> Picture | None:
    """Max Q against training beside the largest possible return; None if it was never logged."""
    bounds = {one.group.max_return for one in series if one.curve("offline", "q_max") or one.curve("online", "q_max")}
    bound = bounds.pop() if len(bounds) == 1 else None
    caption = "Largest Q in the training batches divided by reward_scale, so in units of the raw reward; mean of seeds"
    caption += ", thin lines single seeds."
    if bound is not None:
        caption += f" Above the black line ({number(bound)}) no policy can earn what Q promises: overestimation."

    def mark(axes: Axes) -> None:
        if bound is not None:
            axes.axhline(bound, color="black", linewidth=1.4, linestyle="-", zorder=1.5)

    return _training_curve(series, "q_max", "Max Q", "max Q (raw reward)", caption, seeds=True, mark=mark, bound=bound)


def small_curves(series: list[Series]) -> list[Picture]:
    """One small figure for every other metric that was logged, probes and losses first."""
    logged = {name for one in series for phase in PHASES for name in one.group.metrics.get(phase, {})}
    names = [name for name in FIRST if name in logged] + sorted(logged - set(FIRST))
    out = []
    for name in names:
        if name not in SHOWN_ABOVE:
            title = TITLES.get(name, name.replace("_", " "))
            picture = _training_curve(series, name, title, "", "", size=SMALL)
            out += [picture] if picture else []
    return out


def _training_curve(
    series: list[Series],
    name: str,
    title: str,
    ylabel: str,
    caption: str,
    size: tuple[float, float] = HALF,
    seeds: bool = False,
    mark: Callable[[Axes], None] | None = None,
    bound: float | None = None,
) -> Picture | None:
    found = [(i, one) for i, one in enumerate(series) if any(one.curve(phase, name) for phase in PHASES)]
    if not found:
        return None
    if len(found) > MOST:
        caption += f" Shown: the first {MOST} of {len(found)} settings; the CSV has all."
    phases = [phase for phase in PHASES if any(one.curve(phase, name) for _, one in found)]
    with style():
        fig = figure(size)
        axes = _phase_axes(fig, phases, small=size is SMALL)
        for index, one in found[:MOST]:
            _draw_series(axes, phases, one, index, name, band=seeds)
        for ax in axes:
            if mark:
                mark(ax)
            _log_if_needed(ax, [one for _, one in found[:MOST]], name, bound)
        axes[0].set_ylabel(ylabel)
        if size is SMALL:
            fig.suptitle(title, fontsize=10, x=0.02, ha="left", color=INK)
        elif len(found) > 1 or bound is not None:
            _legend(fig, axes[0], bound)
        svg = to_svg(fig)
    labels = ", ".join(one.label for _, one in found[:MOST])
    alt = f"Line chart of {title.lower()} over training ({' then '.join(phases)}) for {labels}."
    return Picture(name, title, caption, alt, svg, _csv(found, name), "small" if size is SMALL else "half")


def _phase_axes(fig: Figure, phases: list[str], small: bool) -> list[Axes]:
    """One axes per phase side by side without a gap: offline gradient steps, then online environment steps."""
    ratios = [3, 2][: len(phases)] if len(phases) > 1 else [1]
    axes = list(fig.subplots(1, len(phases), sharey=True, squeeze=False, width_ratios=ratios)[0])
    fig.get_layout_engine().set(wspace=0, w_pad=0.02)  # type: ignore[union-attr]
    for ax, phase in zip(axes, phases, strict=True):
        thousands(ax)
        ax.set_xlabel(phase if small else f"{phase}: {STEP_NAMES[phase]}")
    for ax in axes[1:]:
        ax.spines["left"].set(color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
        ax.tick_params(axis="y", length=0, labelleft=False)
    return axes


def _draw_series(axes: list[Axes], phases: list[str], one: Series, index: int, name: str, band: bool) -> None:
    before: np.ndarray | None = None
    for ax, phase in zip(axes, phases, strict=True):
        curve = one.curve(phase, name)
        if curve is None:
            continue
        drawn = curve
        if before is not None and phase == "online" and name == "score" and curve.steps[0] > 0:
            # the policy that ends offline training starts the online phase
            drawn = Curve(np.r_[0, curve.steps], np.c_[before, curve.values])
        elif before is None:
            before = curve.values[:, -1]
        mean = np.array([np.mean(column[np.isfinite(column)]) if np.isfinite(column).any() else np.nan
                         for column in drawn.values.T])  # fmt: skip
        look = line_style(index)
        marker = {"marker": "o", "markersize": 3} if len(curve.steps) < 40 and band else {}
        ax.plot(drawn.steps, mean, label=one.label, zorder=3, **marker, **look)
        if band and len(one.members) > 1:
            ax.plot(drawn.steps, drawn.values.T, color=look["color"], linewidth=0.6, alpha=0.55, zorder=2)
            if name == "score":
                low, high = bootstrap_band(drawn.values)
                ax.fill_between(drawn.steps, low, high, color=look["color"], alpha=0.16, linewidth=0, zorder=1)
        ax.margins(x=0.03)


def _log_if_needed(ax: Axes, series: list[Series], name: str, bound: float | None) -> None:
    """A log axis when all values are positive and span more than a factor of thirty. Scores stay linear."""
    if name == "score":
        return
    parts = [curve.values.ravel() for one in series for phase in PHASES if (curve := one.curve(phase, name))]
    values = np.concatenate([*parts, [bound] if bound is not None else []]).astype(float)
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() / values.min() > 30:
        ax.set_yscale("log")
    elif values.size and values.min() <= 0 and np.abs(values).max() > 1e4:
        ax.set_yscale("symlog", linthresh=1.0)


def _legend(fig: Figure, ax: Axes, bound: float | None) -> None:
    handles, labels = ax.get_legend_handles_labels()
    if bound is not None:
        handles.append(ax.plot([], [], color="black", linewidth=1.4)[0])
        labels.append("largest possible return")
    columns = 1 if max(map(len, labels)) > 24 else 2
    fig.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=2.6, borderaxespad=0.1)


def _csv(found: list[tuple[int, Series]], name: str) -> str:
    header = ("series", "seed", "phase", "step", name)
    rows = []
    for _, one in found:
        for phase in PHASES:
            curve = one.curve(phase, name)
            if curve is not None:
                for seed, values in zip(one.seeds, curve.values, strict=True):
                    rows += [(one.label, seed, phase, int(s), v) for s, v in zip(curve.steps, values, strict=True)]
    return to_csv(header, rows)


