"""Figure 1, drawn from what the paper prints and not re-run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pars.presets.sets import SETS
from pars.report.charts.bars import bar_chart
from pars.report.charts.plot import Picture
from pars.reproduce import paper
from pars.reproduce.base import Arrays, Finding, Study

CAPTION = "Printed numbers of the paper; nothing was trained for this picture."
PARS = "PARS"


def relative(table: str) -> dict[str, tuple[float, float]]:
    """Dataset -> (best other method, PARS), each over the larger of the two, from printed scores."""
    found: dict[str, tuple[float, float]] = {}
    rows = [one for one in paper.load(table) if not one.is_average]
    for dataset in dict.fromkeys(one.dataset for one in rows):
        scores = {one.method: one.mean for one in rows if one.dataset == dataset}
        ours, best = scores.pop(PARS), max(scores.values(), default=0.0)
        largest = max(ours, best, 1e-9)
        found[dataset] = best / largest, ours / largest
    return found


def _figure1(parts: Mapping[str, Arrays]) -> Finding:
    pictures, reading = [], []
    for table, phase in (("table2", "offline"), ("table3", "after fine-tuning")):
        found = relative(table)
        shares = np.array(list(found.values()))
        pictures += [
            _beside(table, phase, family, [d for d in sets if d in found], found) for family, sets in SETS.items()
        ]
        count = int((shares[:, 1] >= 1.0).sum())
        reading.append(f"By the printed numbers PARS is best on {count} of {len(shares)} datasets {phase}.")
    return Finding(pictures=pictures, reading=reading)


def _beside(
    table: str, phase: str, family: str, datasets: Sequence[str], found: Mapping[str, tuple[float, float]]
) -> Picture:
    """Both shares of a family's datasets."""
    names = [_short(dataset).removeprefix(f"{family}-") for dataset in datasets]
    scores = [[[found[dataset][method]] for dataset in datasets] for method in range(2)]
    title = f"PARS beside the best other method, {phase}: {family}"
    return bar_chart(
        f"figure1-{table}-{family}", title, names, ["best other", PARS], scores,
        xlabel="dataset", ylabel="share of the better one", caption=CAPTION,
    )  # fmt: skip


def _short(dataset: str) -> str:
    """Without its version."""
    return dataset.rpartition("-")[0]


FIGURE1 = Study(
    "figure1",
    "PARS against the best other method on every dataset",
    "PARS is at or near the top everywhere, offline and after fine-tuning",
    parts={},
    show=_figure1,
    seconds=0.0,
    notes=(
        "Drawn from the numbers printed in Tables 2 and 3, each over the larger of the two; what the paper's figure "
        "shows cannot be read from its text. For numbers of this library run table2 and table3.",
    ),
)
