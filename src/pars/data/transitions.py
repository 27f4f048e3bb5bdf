"""From rows to transitions, exactly as D4RL's `qlearning_dataset` cuts them (Fu et al. 2020, arXiv 2004.07219).

The next observation of a row is the following row's observation. Rows where the episode was cut have no successor on
file and are dropped, and so is the very last row. Files without `timeouts` are cut by counting steps.
"""

import numpy as np

from pars.core import Transition
from pars.data.rows import Rows

Array = np.ndarray


def cuts(rows: Rows, time_limit: int | None) -> Array:
    """[N] bool: rows without a successor because the episode was cut there."""
    if rows.timeout is not None:
        return rows.timeout
    if time_limit is None:
        return np.zeros(len(rows.obs), bool)
    return counted_cuts(rows.terminal, time_limit)


def counted_cuts(terminal: Array, time_limit: int) -> Array:
    """[N] bool: rows at which `qlearning_dataset`'s step counter stands at `time_limit - 1`.

    The counter starts at 0, is 0 after a cut row and, a quirk worth keeping, 1 after a terminal row.
    """
    cut = np.zeros(len(terminal), bool)
    begin, counter = 0, 0
    for end in [*np.flatnonzero(terminal[:-1]).tolist(), len(terminal) - 1]:
        first = begin + time_limit - 1 - counter
        if first >= begin:
            cut[first : end + 1 : time_limit] = True
        begin, counter = end + 1, 0 if cut[end] else 1
    return cut


def terminals_end_episodes(rows: Rows) -> bool:
    """False if the recorded agent went on after reaching the goal, as in D4RL's AntMaze files.

    There, rewards and terminals were written afterwards and only `timeouts` separates trajectories. The sign is that
    most terminal rows are followed at once by another: a fresh episode is not terminal in its first step.
    """
    if rows.timeout is None or not rows.timeout.any():
        return True
    inside = rows.terminal[:-1] & ~rows.timeout[:-1]
    lingering = inside & rows.terminal[1:]
    return bool(lingering.sum() <= 0.5 * inside.sum())


def episode_ends(rows: Rows, time_limit: int | None) -> Array:
    """[N] bool: last row of every episode on file, the last row of the file included."""
    end = cuts(rows, time_limit).copy()
    if terminals_end_episodes(rows):
        end |= rows.terminal
    end[-1] = True
    return end


def kept_rows(rows: Rows, next_obs: str, time_limit: int | None) -> tuple[Array, Array]:
    """Rows of the file that become transitions [M], and `last` [M] bool, true on the last kept row of each episode.

    With the file's own next observations (`next_obs="file"`) every row is kept.
    """
    end = episode_ends(rows, time_limit)
    if next_obs == "file":
        if rows.next_obs is None:
            raise ValueError("the rows have no next_obs of their own")
        return np.arange(len(end)), end
    kept = np.flatnonzero(~cuts(rows, time_limit)[:-1])
    # a kept row is the last of its episode if an end lies between it and the next kept row
    return kept, np.logical_or.reduceat(end, kept) if len(kept) else np.zeros(0, bool)


def transitions(rows: Rows, kept: Array, next_obs: str) -> Transition:
    """The float32 transitions that begin in the rows `kept`."""
    own = rows.next_obs if next_obs == "file" else None
    following = rows.obs[kept + 1] if own is None else own[kept]
    return Transition(
        obs=np.asarray(rows.obs[kept], np.float32),
        action=np.asarray(rows.action[kept], np.float32),
        reward=rows.reward[kept],
        next_obs=np.asarray(following, np.float32),
        terminal=rows.terminal[kept].astype(np.float32),
    )
