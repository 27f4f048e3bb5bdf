"""What is read otherwise in data of one's own than in D4RL's files: rows with both flags, and masks for flags."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pars.data.checking.fields import made
from pars.data.d4rl import D4RL
from pars.data.formats.episodes import ALARMS
from pars.data.rows import Rows
from pars.envs.base import Task
from pars.errors import DataError

MASK = 0.8  # share of rows from which on flags that leave out single rows look like a mask


def is_own(path: Path | None, task: Task | None) -> bool:
    """Whether D4RL's rules are not meant: the task has no published data, the file is neither D4RL's nor made here.

    Args:
        path: of the file; None: arrays in memory.
    """
    if task is not None and task.dataset is not None:
        return False
    return path is None or not (path.name in {file.name for file in D4RL.values()} or (path.is_file() and made(path)))


def own_rows(rows: Rows, source: str) -> tuple[Rows, int]:
    """The rows with `timeout` only where the task did not end, and how many rows had both flags.

    D4RL drops such rows, and with them what the end was worth. Raises DataError if `terminals` looks like a mask.
    """
    running = ~rows.terminal
    if rows.terminal.mean() >= MASK and running.any() and not (running[1:] & running[:-1]).any():
        raise DataError(
            f"{source}: 'terminals' is 1 in {rows.terminal.mean():.1%} of the rows and 0 in single ones, as a mask "
            "that is 0 where episodes end; if it is one, read it as such: --map terminal=COLUMN==0"
        )
    if rows.timeout is None or not (both := rows.timeout & rows.terminal).any():
        return rows, 0
    return replace(rows, timeout=rows.timeout & running), int(np.sum(both))


def alarms(card: Mapping[str, Any], said: Sequence[str]) -> list[str]:
    """A warning of a card whose terminal rows end no episode, unless it was `said` when the source was read."""
    if card["terminals_end_episodes"] or any(ALARMS in one for one in said):
        return []
    return [f"{card['terminals']:,} terminal rows stand in episodes that go on, {ALARMS}"]
