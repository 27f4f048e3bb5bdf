"""The data card: what is in a dataset, in numbers, with warnings about what may hurt training."""

from typing import Any

import numpy as np

from pars.data.rows import Rows
from pars.data.transitions import cuts, episode_ends, terminals_end_episodes, to_transitions
from pars.envs.base import Task
from pars.envs.maze import Maze

Array = np.ndarray
Card = dict[str, Any]

BOUND = 1.0 - 1e-6  # |action| from here on counts as at the bound
SATURATED = 0.05  # share of action values at the bound that is worth a warning
FEW_REWARDS = 100
JUMP = 1.0  # cells; no maze body moves that far in one step
OUTLIER = 10.0  # times the 99th percentile of step sizes
BINS_PER_CELL = 4


def data_card(rows: Rows, task: Task | None, next_obs: str) -> Card:
    """JSON-serialisable description of checked rows. Lengths and returns are per episode as recorded on file.

    Returns are counted as the task counts them: up to and including the first terminal row of an episode.
    """
    time_limit = task.time_limit if task else None
    end = episode_ends(rows, time_limit)
    begin = np.concatenate([[0], np.flatnonzero(end)[:-1] + 1])
    length = np.diff(np.append(begin, len(end)))
    returns = episode_returns(rows, begin, length)
    card: Card = {
        "rows": len(rows.obs),
        "transitions": len(to_transitions(rows, next_obs, time_limit)[1]),
        "episodes": len(begin),
        "terminals_end_episodes": terminals_end_episodes(rows),
        "episode_length": _summary(length) | {"histogram": _histogram(length)},
        "returns": _summary(returns) | {"histogram": _histogram(returns)},
        "reward": _summary(rows.reward)
        | {"density": float((rows.reward != 0).mean()), "positive_rows": int((rows.reward > 0).sum())},
        "terminals": int(rows.terminal.sum()),
        "timeouts": None if rows.timeout is None else int(rows.timeout.sum()),
        "action": {
            "min": rows.action.min(axis=0).tolist(),
            "max": rows.action.max(axis=0).tolist(),
            "saturation": float((np.abs(rows.action) >= BOUND).mean()),
        },
        "obs": {
            "mean": rows.obs.mean(axis=0, dtype=np.float64).tolist(),
            "std": rows.obs.std(axis=0, dtype=np.float64).tolist(),
            "min": rows.obs.min(axis=0).tolist(),
            "max": rows.obs.max(axis=0).tolist(),
        },
        "maze": maze_coverage(rows.obs[:, :2], task.maze) if task and task.maze else None,
    }
    card["warnings"] = warnings(rows, card, task, next_obs)
    return card


def episode_returns(rows: Rows, begin: Array, length: Array) -> Array:
    """Raw return [episodes] of each episode, up to and including its first terminal row.

    Args:
        begin: first row of each episode.
        length: rows of each episode.
    """
    before = np.cumsum(rows.terminal) - rows.terminal
    alive = before == np.repeat(before[begin], length)
    return np.add.reduceat(np.where(alive, rows.reward, 0.0).astype(np.float64), begin)


def maze_coverage(xy: Array, maze: Maze) -> Card:
    """The maze with a histogram of positions xy [N, 2]: counts[row][column] over y_edges and x_edges."""
    rows, columns = maze.wall.shape
    low, high = maze.xy(np.array([-0.5, -0.5])), maze.xy(np.array([rows - 0.5, columns - 0.5]))
    x_edges = np.linspace(low[0], high[0], columns * BINS_PER_CELL + 1)
    y_edges = np.linspace(low[1], high[1], rows * BINS_PER_CELL + 1)
    counts = np.histogram2d(xy[:, 1], xy[:, 0], bins=(y_edges, x_edges))[0].astype(np.int64)
    per_cell = counts.reshape(rows, BINS_PER_CELL, columns, BINS_PER_CELL).sum(axis=(1, 3))
    return maze.card() | {
        "coverage": {"counts": counts.tolist(), "x_edges": x_edges.tolist(), "y_edges": y_edges.tolist()},
        "free_cells_visited": float((per_cell[~maze.wall] > 0).mean()),
        "outside": float(1.0 - per_cell[~maze.wall].sum() / len(xy)),
    }


def warnings(rows: Rows, card: Card, task: Task | None, next_obs: str) -> list[str]:
    """One line for each thing that does not forbid training but may spoil it."""
    found = []
    if rows.timeout is None:
        how = f"cut by counting {task.time_limit} steps" if task else "cut only at terminals"
        found.append(f"no 'timeouts': episodes are {how}; mark the last row of every episode")
    if not rows.reward.any():
        found.append("all rewards are 0: there is nothing to learn but the behaviour itself")
    elif set(np.unique(rows.reward).tolist()) <= {0.0, 1.0} and card["reward"]["positive_rows"] < FEW_REWARDS:
        found.append(
            f"only {card['reward']['positive_rows']} rows carry a reward: results will vary much with the seed"
        )
    if card["action"]["saturation"] > SATURATED:
        found.append(f"{card['action']['saturation']:.0%} of the action values are at the bound of -1 or 1")
    found += [w for w in (_jumps(rows, task) if next_obs == "shift" else None, _outside(card)) if w]
    found += _idle_columns("observation", rows.obs) + _idle_columns("action", rows.action)
    return found


def _jumps(rows: Rows, task: Task | None) -> str | None:
    """Steps inside episodes that are too long for one step: two episodes joined, most likely."""
    inside = ~(cuts(rows, task.time_limit if task else None) | rows.terminal)[:-1]
    if task and task.maze:
        step = np.linalg.norm(np.diff(rows.obs[:, :2], axis=0), axis=1)
        limit = JUMP * task.maze.cell
    else:
        spread = rows.obs.std(axis=0)
        step = (np.abs(np.diff(rows.obs, axis=0)) / np.where(spread > 0, spread, 1.0)).max(axis=1)
        limit = OUTLIER * np.quantile(step[inside], 0.99) if inside.any() else np.inf
    jump = inside & (step > limit) & (step > 0)
    if not jump.any():
        return None
    return (
        f"{int(jump.sum())} jumps between successive rows of one episode, the first after row {int(np.argmax(jump))}: "
        "mark the ends of episodes in 'timeouts'"
    )


def _outside(card: Card) -> str | None:
    outside = card["maze"]["outside"] if card["maze"] else 0.0
    return (
        f"{outside:.1%} of the positions are in walls or off the map: is this another maze?" if outside > 0.01 else None
    )


def _idle_columns(kind: str, values: Array) -> list[str]:
    """Columns that carry no information: constant, or a copy of an earlier one."""
    constant = np.flatnonzero((values == values[0]).all(axis=0)).tolist()
    first: dict[bytes, int] = {}
    copies = []
    for column in set(range(values.shape[1])) - set(constant):
        original = first.setdefault(np.ascontiguousarray(values[:, column]).tobytes(), column)
        if original != column:
            copies.append(f"{column} = {original}")
    found = [f"{kind} columns that never change: {', '.join(map(str, constant))}"] if constant else []
    return found + ([f"{kind} columns that are copies: {', '.join(copies)}"] if copies else [])


def _summary(values: Array) -> Card:
    return {
        "min": float(values.min()),
        "median": float(np.median(values)),
        "mean": float(values.mean(dtype=np.float64)),
        "max": float(values.max()),
    }


def _histogram(values: Array) -> Card:
    low, high = float(values.min()), float(values.max())
    wide = high - low > 1e-6 * max(abs(low), abs(high))  # else the bins' edges would coincide
    counts, edges = (
        np.histogram(values, bins=20) if wide else (np.array([len(values)]), np.array([low - 0.5, high + 0.5]))
    )
    return {"counts": counts.tolist(), "edges": edges.tolist()}
