"""What `benchmarks.scores` found, as lines, as CSV, and as learning curves."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

COLUMNS = ("task", "data", "whose", "algorithm", "seed", "step", "score", "seconds", "updates")


@dataclass(frozen=True)
class Point:
    """One evaluation, and the training since the one before."""

    algorithm: str
    whose: str
    seed: int
    step: int  # gradient steps; online those of the environment
    score: float  # normalised
    seconds: float  # of training, not of evaluation
    updates: int  # gradient steps in these seconds

    def line(self) -> str:
        rate = f"{self.updates / self.seconds:.1f} gradient steps/s" if self.updates and self.seconds else "no updates"
        return (
            f"{self.algorithm:8} {self.whose:8} seed {self.seed} step {self.step:>8,} score {self.score:6.1f}  {rate}"
        )


def groups(points: Sequence[Point]) -> dict[tuple[str, str], list[Point]]:
    """By algorithm and whose, in the order in which they came."""
    found: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        found.setdefault((point.algorithm, point.whose), []).append(point)
    return found


def finals(points: Sequence[Point]) -> list[float]:
    """The score of each seed at the last step that any of them reached; a seed that was left out earlier is not in."""
    last = max(point.step for point in points)
    return [point.score for point in points if point.step == last]


def rate(points: Sequence[Point]) -> float:
    """Gradient steps per second: the median over the turns in which there were any."""
    return statistics.median([p.updates / p.seconds for p in points if p.updates and p.seconds] or [float("nan")])


def report(points: Sequence[Point], task: str, data: str, episodes: int) -> list[str]:
    """One line for each side of each pair."""
    lines = [
        f"{task} (data: {data}); score: mean of {episodes} episodes at the end, +- standard deviation over n seeds",
        f"{'algorithm':10} {'whose':8} {'score':>15} {'n':>3} {'steps':>9} {'gradient steps/s':>17}",
    ]
    for (algorithm, whose), own in groups(points).items():
        scores = finals(own)
        spread = statistics.stdev(scores) if len(scores) > 1 else float("nan")
        score, steps = f"{statistics.mean(scores):.1f} +- {spread:.1f}", max(point.step for point in own)
        lines.append(f"{algorithm:10} {whose:8} {score:>15} {len(scores):>3} {steps:>9,} {rate(own):>17.1f}")
    return lines


def write_csv(path: Path, points: Sequence[Point], task: str, data: str) -> None:
    """One line for each evaluation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for p in points:
            figures = (f"{p.score:.2f}", f"{p.seconds:.3f}", p.updates)
            writer.writerow((task, data, p.whose, p.algorithm, p.seed, p.step, *figures))


def draw(path: Path, points: Sequence[Point], task: str) -> None:
    """One panel for each algorithm: ours and the peer's, mean over seeds, band from the least to the most."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from pars.report.charts.plot import COLORS, DASHES, STYLE

    found = groups(points)
    titles = list(dict.fromkeys(algorithm for algorithm, _ in found))
    columns = min(4, len(titles))
    rows = -(-len(titles) // columns)
    with rc_context(STYLE):
        figure = Figure((3.2 * columns, 2.6 * rows), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax, title in zip(axes, titles):
            sides = [(whose, own) for (algorithm, whose), own in found.items() if algorithm == title]
            for (whose, own), color, dash in zip(sides, COLORS, DASHES):
                steps = sorted({point.step for point in own})
                scores = [[point.score for point in own if point.step == step] for step in steps]
                ax.plot(steps, [np.mean(seeds) for seeds in scores], color=color, linestyle=dash, label=whose)
                ax.fill_between(steps, *zip(*((min(s), max(s)) for s in scores)), color=color, alpha=0.2, linewidth=0)
            ax.set_title(title)
            ax.legend()
        for ax in axes[len(titles) :]:
            ax.set_visible(False)
        figure.supxlabel("steps", fontsize=10)
        figure.supylabel("score", fontsize=10)
        figure.suptitle(task, fontsize=10)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
