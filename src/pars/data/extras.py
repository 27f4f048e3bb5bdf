"""Columns beside the five of a transition that some algorithms ask for (`Algorithm.columns`), one value a transition.

    next_action [A]   the action of the following row on file (what ReBRAC calls the next action); the own action where
                      there is none: in terminal rows and at the end of an episode
    goal [G]          the file's `infos/goal`
    episode           number of the episode on file, from 0; exact in a float32 batch below 2^24
    mc_return         see `mc_return`; depends on a run's discount and rewards, so it is made for the run

Transitions that are met online have zeros in all of them.
"""

from collections.abc import Mapping

import numpy as np

from pars.data.rows import Rows, matrix
from pars.data.transitions import episode_ends
from pars.errors import DataError

Array = np.ndarray

STORED = ("next_action", "goal")  # read from the file, kept beside its converted copy
COLUMNS = (*STORED, "episode")  # what a dataset can be loaded with


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


def mc_return(
    reward: Array,
    terminal: Array,
    last: Array,
    discount: float,
    *,
    scale: float = 1.0,
    shift: float = 0.0,
    cut_at_terminals: bool = True,
    failure: float | None = None,
) -> Array:
    """Discounted return-to-go [M] of `scale * reward + shift`, to the end of the episode: G_t = r_t + discount G_t+1.

    The sum of an episode that was cut by a time limit ends there too: a lower bound if later rewards are not negative.

    Args:
        reward, terminal, last: columns [M] of a dataset, in its order.
        cut_at_terminals: end the sum at terminal rows as well; False for files in which the recorded agent went on.
        failure: a transformed reward; where an episode holds nothing else, the return is that of receiving it for
            ever, failure / (1 - discount), as Cal-QL has it for sparse rewards (Nakamoto et al. 2023, 2303.05479).
    """
    rewards = scale * np.asarray(reward, np.float64) + shift
    cut = np.asarray(last) | (np.asarray(terminal) > 0 if cut_at_terminals else False)
    cut[-1] = True
    end = np.flatnonzero(cut)
    length = np.diff(end, prepend=-1)
    lost = np.zeros(len(rewards), bool)
    if failure is not None:
        lost = np.repeat(np.logical_and.reduceat(np.isclose(rewards, failure), end - length + 1), length)
    for back in range(1, int(length.max())):  # all episodes at once, from their ends towards their beginnings
        end, length = end[length > back], length[length > back]
        rewards[end - back] += discount * rewards[end - back + 1]
    if failure is not None:
        rewards[lost] = failure / (1.0 - discount)
    return rewards.astype(np.float32)
