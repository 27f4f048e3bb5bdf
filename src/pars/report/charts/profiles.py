"""Performance profiles as a picture: which share of its runs an algorithm gets above each score."""

from collections.abc import Mapping, Sequence

import numpy as np

from pars.report.charts.plot import HALF, Picture, as_series, blank, figure, legend, line_style, picture, style, to_csv
from pars.report.stats.aggregate import profile, profile_band

POINTS = 201


def profile_picture(
    name: str,
    title: str,
    scores: Mapping[str, np.ndarray],
    *,
    taus: Sequence[float] | np.ndarray | None = None,
    caption: str = "",
) -> Picture:
    """Share of runs over all tasks above a score tau, one curve per algorithm (Agarwal et al. 2021, figure 1 b).

    Args:
        scores: [runs, tasks] by algorithm; the same tasks in the same order for all, numbers of runs may differ.
        taus: increasing scores at which the curves are drawn; None: from the lowest or 0 to the highest.
        caption: said before what the signs mean.
    """
    if not scores:
        raise ValueError("nothing to draw: no algorithm")
    tasks = {label: np.asarray(matrix).shape[-1] for label, matrix in scores.items()}
    if len(set(tasks.values())) > 1:
        raise ValueError(f"all algorithms need the same tasks, got different numbers of them: {tasks}")
    if taus is None:
        everything = np.concatenate([np.ravel(matrix) for matrix in scores.values()])
        taus = np.linspace(min(0.0, float(everything.min())), max(float(everything.max()), 1.0), POINTS)
    at = np.asarray(taus, float)
    rows = []
    with style():
        fig = figure(HALF)
        ax = fig.subplots()
        for index, (label, matrix) in enumerate(scores.items()):
            look, share, runs = line_style(index), profile(matrix, at), len(matrix)
            low, high = profile_band(matrix, at) if runs > 1 else (np.full(at.size, np.nan),) * 2
            with as_series(ax, index):
                ax.plot(at, share, label=label, zorder=3, **look)
                ax.fill_between(at, low, high, color=look["color"], alpha=0.13, linewidth=0, zorder=1)
            rows += [(label, runs, *(blank(one) for one in row)) for row in zip(at, share, low, high, strict=True)]
        ax.set(xlabel="Score τ", ylabel="Share of runs above τ", ylim=(-0.02, 1.02), xlim=(at[0], at[-1]))
        legend(fig, ax)
        counts = ", ".join(f"{label} {len(matrix)}" for label, matrix in scores.items())
        count = next(iter(tasks.values()))
        text = (
            f"{caption} Line: share of runs over {count} task{'s' * (count > 1)} with a score above τ; higher is "
            f"better. Band: 95 % stratified bootstrap interval (n ≥ 2). Runs of each task: {counts}."
        ).strip()
        alt = f"Performance profiles, the share of runs above each score, of {', '.join(scores)}."
        return picture(fig, name, title, text, alt, to_csv(("algorithm", "runs", "tau", "share", "low", "high"), rows))
