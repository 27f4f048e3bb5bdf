"""The numbers printed in the paper's Tables 1 to 7 and 12 to 14, as data (Kim et al. 2025, arXiv 2507.08761).

One CSV per table, in long form: `dataset,method,mean,std`. Datasets have their D4RL ids; a printed average over a
family is the row `average:antmaze`, `average:adroit` or `average:mujoco`. Methods are named as the paper prints them.

What the numbers are:
1. Table 1: mean action norm over the largest possible norm, of the data and of a policy that maximises Q.
2. Tables 2 and 4: D4RL scores after offline training; of Table 2's averages those of PARS are here, and of Table 4's
   PARS only its average (its rows are Table 2's). Tables 6 and 7: Table 2's reruns, with their spread.
3. Table 3: D4RL scores after 300,000 online steps. Table 5: offline, IQL's best discount and temperature.
4. Table 12: zero activations in percent. Tables 13 and 14: offline scores of PARS on AntMaze with one setting for all
   mazes, and with each penalty weight alpha.

All printed averages follow from their rows except one: MuJoCo, Off2On in Table 3 (printed 96.4, its rows give 94.8).
The same column has a spread of 166.0 on pen-cloned-v1, which may be a slip for 16.6; it stands here as printed.
"""

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pars.errors import UsageError, unknown

SOURCE = "Kim et al. 2025, arXiv 2507.08761"
SEEDS = 5  # behind each number of PARS, and of the reruns of Tables 5 to 7
AVERAGE = "average:"  # + antmaze, adroit or mujoco, in the place of a dataset
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Published:
    """One printed number. table: "table2"; std: over seeds, None where the paper prints none."""

    table: str
    dataset: str
    method: str
    mean: float
    std: float | None

    @property
    def is_average(self) -> bool:
        return self.dataset.startswith(AVERAGE)


def tables() -> list[str]:
    """Names of the tables, in the paper's order: table1, table2, ..."""
    names = {path.stem for path in _FOLDER.glob("table*.csv")}
    return sorted(names, key=lambda name: int(re.sub(r"\D", "", name)))


@cache
def load(table: str) -> tuple[Published, ...]:
    """All numbers of a table ("table2") in the order of its rows. Raises UsageError if there is no such table."""
    if table not in tables():
        raise UsageError(unknown("table", table, tables()))
    with (_FOLDER / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Published(
                table, row["dataset"], row["method"], float(row["mean"]), float(row["std"]) if row["std"] else None
            )
            for row in csv.DictReader(file)
        )


def find(table: str, dataset: str, method: str) -> Published | None:
    """The number of a method on a dataset in a table; None if the paper prints none there."""
    return next((one for one in load(table) if (one.dataset, one.method) == (dataset, method)), None)
