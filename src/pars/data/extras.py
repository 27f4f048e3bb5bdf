"""Columns beside the five of a transition that some algorithms ask for (`Algorithm.columns`), one value a transition.

    next_action [A]   the action of the following row on file (what ReBRAC calls the next action); the own action where
                      there is none: in terminal rows and at the end of an episode
    goal [G]          the file's `infos/goal`
    episode           number of the episode on file, from 0; exact in a float32 batch below 2^24
    last              1 in the last row of an episode, whatever ended it
    mc_return         see pars.rl.returns; depends on a run's discount and rewards, so it is made for the run

Transitions that are met online have zeros in all of them but `last`, and what an algorithm itself makes.
"""

from collections.abc import Mapping

import numpy as np

from pars.data.rows import Rows, matrix
from pars.data.transitions import episode_ends
from pars.errors import DataError

Array = np.ndarray

STORED = ("next_action", "goal")  # read from the file, kept beside its converted copy
COLUMNS = (*STORED, "episode", "last")  # what a dataset can be loaded with


def stored_column(
    name: str, columns: Mapping[str, Array], rows: Rows, kept: Array, source: str, time_limit: int | None
) -> Array:
    """One of `STORED` [M, width] for the transitions that begin in the rows `kept`. Raises DataError.

    Args:
        columns: of the file, by its names.
        source: names the data in messages.
        time_limit: actions of an episode, where the file has no `timeouts`.
    """
    if name == "next_action":
        alone = episode_ends(rows, time_limit) | rows.terminal
        return np.asarray(rows.action[kept + ~alone[kept]], np.float32)
    if "infos/goal" not in columns:
        raise DataError(f"{source}: no 'infos/goal', and the algorithm asks for goals; use data that has them")
    return np.asarray(matrix(columns, "infos/goal", source)[kept], np.float32)


def episode(last: Array) -> Array:
    """Number of the episode [M] from the flags of last rows [M]."""
    return np.cumsum(last, dtype=np.int32) - last
