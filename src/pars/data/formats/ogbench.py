"""OGBench's npz files (Park et al. 2025, arXiv 2410.20092), rewarded for one goal.

They hold trajectories of L + 1 rows (`observations`, `actions`, `terminals`, often `qpos` and `qvel`) without rewards:
`terminals` marks a trajectory's last row, whose action leads nowhere and is dropped. As in OGBench's single-task sets
(since 1.2.0) a row is a success if its own position, not the following one, is within `RADIUS` of the goal.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from pars.data.formats.layout import INFOS, Column
from pars.errors import DataError, UsageError

Array = np.ndarray

KEYS = ("observations", "actions", "terminals")
ADDED = ("rewards", "timeouts", "next_observations")  # by D4RL
STATES = ("qpos", "qvel")
RADIUS = 0.5  # in the units of the position; OGBench's point mazes use 1.0
STEP_REWARD = -1.0  # away from the goal; at the goal one more
NOWHERE = (math.inf, math.inf)  # a goal that no row is near, for methods that take goals from the data themselves


def parse_goal(text: str) -> tuple[float, float]:
    """`12,-0.5` as a position. Raises UsageError."""
    try:
        x, y = map(float, text.split(","))
        if not (math.isfinite(x) and math.isfinite(y)):  # no row would ever be near
            raise ValueError
    except ValueError:
        raise UsageError(
            f"--data-goal {text}: expected two numbers with a comma between them, as in --data-goal 12,-0.5"
        ) from None
    return x, y


def is_ogbench(keys: Collection[str]) -> bool:
    """The columns that OGBench has, and none that D4RL adds."""
    return set(KEYS) <= set(keys) and not set(ADDED) & set(keys)


def check_alike(keys: Mapping[Path, Collection[str]]) -> None:
    """Raise DataError if files of one source are OGBench's in part, with the odd one and what tells it apart.

    Args:
        keys: which of our columns each file has.
    """
    ours = [path for path in keys if is_ogbench(keys[path])]
    others = [path for path in keys if path not in ours]
    if not ours or not others:
        return
    odd, usual = (others[0], ours[0]) if len(ours) >= len(others) else (ours[0], others[0])
    lacks = [f"no {key!r}" for key in (*KEYS, *ADDED) if key in keys[usual] and key not in keys[odd]]
    has = [repr(key) for key in ADDED if key in keys[odd] and key not in keys[usual]]
    raise DataError(
        f"{odd}: has {' and '.join(lacks + has)}, unlike {usual.name}; make the files alike or leave it out"
    )


def transitions(
    path: Path,
    arrays: Mapping[str, Array],
    goal: tuple[float, float] | None,
    radius: float = RADIUS,
    step_reward: float = STEP_REWARD,
) -> dict[str, Column]:
    """D4RL's columns with true next observations; `terminals` are successes, `timeouts` the ends of trajectories.

    Args:
        arrays: observations [N, O], actions [N, A], terminals [N]; the position is `qpos` [N, 2 or more] if there is
            one, else the observation.
        goal: x, y.
        step_reward: reward away from the goal; one more is paid at it: -1 for -1/0, 0 for D4RL's 0/1.

    Raises DataError without a goal or with columns that do not fit, UsageError for a goal that is no number.
    """
    if goal is None:
        raise DataError(
            f"{path}: no 'rewards', as in OGBench's files, which are rewarded for a goal of your choice; "
            "give its position by --data-goal X,Y, or add an array 'rewards'; goal-conditioned methods (hiql, ..) need "
            "neither"
        )
    if any(map(math.isnan, goal)):
        raise UsageError(f"{path}: the goal {goal} is no position; give two numbers")
    rows = len(arrays["observations"])
    for key, array in arrays.items():
        if array.ndim < 1 or len(array) != rows:
            raise DataError(
                f"{path}: '{key}' has shape {array.shape}, 'observations' {arrays['observations'].shape}; "
                "every column needs one row per step"
            )
    position = arrays.get("qpos", arrays["observations"])
    if position.ndim != 2 or position.shape[1] < 2:
        raise DataError(f"{path}: positions have shape {position.shape}, expected [rows, 2 or more]; use another file")
    end = arrays["terminals"].reshape(rows, -1)[:, 0] != 0
    kept = np.flatnonzero(~end[:-1])
    distance = np.linalg.norm(position[kept, :2] - np.asarray(goal), axis=1)
    success = distance <= radius
    columns = {
        "observations": _rows(arrays["observations"], kept),
        "actions": _rows(arrays["actions"], kept),
        "rewards": _rows((success + np.float32(step_reward)).astype(np.float32)),
        "terminals": _rows(success),
        "timeouts": _rows(end[kept + 1]),
        "next_observations": _rows(arrays["observations"], kept + 1),
    }
    return columns | {f"{INFOS}{key}": _rows(arrays[key], kept) for key in STATES if key in arrays}


def _rows(array: Array, kept: Array | None = None) -> Column:
    """The kept rows of an array; of a memory map, a block at a time."""
    kept = np.arange(len(array)) if kept is None else kept

    def blocks(rows: int) -> Iterator[Array]:
        for i in range(0, len(kept), rows):
            yield array[kept[i : i + rows]]

    return Column((len(kept), *array.shape[1:]), array.dtype, blocks)
