"""The idea of PARS as a film: Q along an action slice far beyond the data, while policies train (Kim et al. 2025).

Runs have it to show that were trained with the probe `landscape`; of others there are the ends of the phases alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pars.errors import UsageError
from pars.report.charts import moving
from pars.report.charts.landscape import far_axes
from pars.report.charts.plot import COLORS, INK, figure, plain_symlog, style
from pars.report.comparison import together
from pars.report.load import history, read_run
from pars.report.records import PHASES, ProbeRecord
from pars.report.series import STEP_NAMES, Series, all_series
from pars.report.stats.statistics import finite_mean

PANELS = 6  # in one film
FRAMES = 80
IMPOSSIBLE, HIGH = "#fbe3d6", 1e30  # what no return can be, up to beyond every scale
WORTH = 3.0  # of the largest possible return: up to there the scale is linear


class Panel(NamedTuple):
    """What one series has to show, oldest first."""

    title: str
    series: Series
    looks: list[ProbeRecord]

    def at(self, moment: tuple[int, int]) -> ProbeRecord:
        """The newest look that is not after `moment`, a phase's number and a step; or else the first."""
        return next((look for look in reversed(self.looks) if _place(look) <= moment), self.looks[0])


def write(runs: Sequence[Path | str], target: Path, names: Sequence[str] = ()) -> Path:
    """Write the film of all series of all runs to `target`, .gif or .mp4, and return its path.

    Args:
        names: titles of the panels, in the order of the series; by default the series' own.

    Raises UsageError where there is nothing to show, and as `moving.write` and `comparison.together`.
    """
    moving.check(target)
    panels = _panels(runs, names)
    moments = sorted({_place(look) for panel in panels for look in panel.looks})
    moments = [moments[i] for i in np.unique(np.linspace(0, len(moments) - 1, FRAMES).astype(int))]
    with style():
        frames = [moving.drawn(_draw(panels, moment)) for moment in moments]
    return moving.write(frames, target, moving.FRAME_MS if len(frames) < 30 else 120)


def possible_return(one: Series) -> float | None:
    """The largest possible return in units of raw reward: the task's, or else r_max / (1 - discount) of the data."""
    if one.group.max_return is not None:
        return one.max_return
    most, discount = (one.group.card.get("reward") or {}).get("max"), one.settings.get("discount")
    known = isinstance(most, int | float) and isinstance(discount, int | float) and most > 0 and discount < 1
    return float(most) / (1.0 - float(discount)) if known else None  # type: ignore[arg-type]


def _panels(runs: Sequence[Path | str], names: Sequence[str]) -> list[Panel]:
    run = together(runs) if len(runs) > 1 else read_run(runs[0])
    looks = {id(group): history(group) for group in run.groups}
    series = [one for one in all_series(run) if looks[id(one.group)]]
    where = " + ".join(map(str, runs))
    if not series:
        raise UsageError(f"{where}: nothing to show; train with --probes landscape a method that has critics")
    if names and len(names) != len(series):
        raise UsageError(f"--names has {len(names)} and {where} has {len(series)} settings: {_listed(series)}")
    if len(series) > PANELS:
        raise UsageError(f"{where} has {len(series)} settings and a film at most {PANELS}; name a group's folder each")
    titles = names or [one.label for one in series]
    return [Panel(title, one, looks[id(one.group)]) for title, one in zip(titles, series, strict=True)]


def _listed(series: Sequence[Series]) -> str:
    return "; ".join(one.label for one in series)


def _place(look: ProbeRecord) -> tuple[int, int]:
    return PHASES.index(look.phase), look.step


def _draw(panels: Sequence[Panel], moment: tuple[int, int]) -> Figure:
    columns = 1 if len(panels) == 1 else 2 if len(panels) in (2, 4) else 3
    rows = -(-len(panels) // columns)
    fig = figure((3.0 * columns + 0.6, 2.0 * rows + 0.8))
    axes = fig.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for i, (ax, panel) in enumerate(zip(axes, panels, strict=False)):
        _draw_panel(ax, panel, moment, COLORS[i % len(COLORS)])
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    line = np.concatenate([panel.looks[-1].arrays["line"].ravel() for panel in panels])
    far_axes(axes[0], line)
    axes[0].set_xticks([sign * tick for sign in (-1, 1) for tick in (1, 30, 1000) if tick <= np.abs(line).max()])
    _scale(axes[0], panels)
    for ax in axes[: len(panels)][-columns:]:  # the lowest of each column, also above an empty place
        ax.set_xlabel("action, far beyond the feasible −1 to 1")
        ax.tick_params(labelbottom=True)
    for ax in axes[::columns]:
        ax.set_ylabel("Q / reward scale")
    phase, step = PHASES[moment[0]], moment[1]
    said = "" if not any(possible_return(panel.series) for panel in panels) else "\nblack: the largest possible return"
    fig.suptitle(f"{phase}, {STEP_NAMES[phase].removesuffix('s')} {step:,}{said}", fontsize=10, color=INK)
    return fig


def _draw_panel(ax: Axes, panel: Panel, moment: tuple[int, int], color: str) -> None:
    look, members = panel.at(moment), panel.series.members
    line, q = np.asarray(look.arrays["line"], float), np.asarray(look.arrays["q_line"], float)[members]
    data = np.asarray(look.arrays["data_action"], float)[:, 0]
    ax.axvspan(-1, 1, color="#eeeeee", zorder=0)
    ax.plot(line, q.T, color=color, linewidth=0.6, alpha=0.5, zorder=2)
    ax.plot(line, finite_mean(q), color=color, zorder=3)
    ax.plot(data, np.zeros(len(data)), "|", color=INK, alpha=0.35, transform=ax.get_xaxis_transform(), markersize=9)
    policy = np.asarray(look.arrays["policy_action"], float)[members, 0]
    at = [np.interp(action, line, own) for action, own in zip(policy, q, strict=True)]
    ax.plot(policy, at, "*", color=color, markeredgecolor="black", markersize=10, zorder=4)
    if (bound := possible_return(panel.series)) is not None:
        ax.axhline(bound, color="black", linewidth=1.2, zorder=1.5)
        ax.axhspan(bound, HIGH, color=IMPOSSIBLE, zorder=0.5)
    ax.set_title(panel.title)


def _scale(ax: Axes, panels: Sequence[Panel]) -> None:
    """One scale for all panels and all moments: linear up to a few times the possible return, logarithmic beyond."""
    q = np.concatenate([np.ravel(look.arrays["q_line"]) for panel in panels for look in panel.looks])
    q = q[np.isfinite(q)]
    bounds = [bound for panel in panels if (bound := possible_return(panel.series)) is not None]
    low, high = (float(q.min()), float(q.max())) if q.size else (0.0, 1.0)
    low, high = min([low, 0.0, *bounds]), max([high, *bounds])
    linear = WORTH * max(map(abs, bounds), default=float(np.median(np.abs(q))) if q.size else 1.0)
    if linear > 0 and max(high, -low) > 3.0 * linear:
        ax.set_yscale("symlog", linthresh=linear, linscale=1.5)
        plain_symlog(ax.yaxis)
        ax.set_ylim(low * 1.4 if low < 0 else -0.1 * linear, high * 1.4)
    else:
        pad = 0.06 * (high - low or 1.0)
        ax.set_ylim(low - pad, high + pad)
