"""The data card: what is in a dataset, in numbers, with warnings about what may hurt training."""

from typing import Any

import numpy as np

from pars.data.checking.drawn import drawn_columns, timeline
from pars.data.checking.magnitude import implausible
from pars.data.checking.scan import BINS_PER_CELL, ColumnStats, duplicates, positions, scan_columns, step_sizes
from pars.data.rows import Rows
from pars.data.transitions import cuts, episode_ends, terminals_end_episodes
from pars.envs.base import Task
from pars.envs.maze import Maze

Array = np.ndarray
Card = dict[str, Any]

BOUND = 1.0 - 1e-6  # |action| from here on counts as at the bound
SATURATED = 0.05  # share of action values at the bound that is worth a warning
NARROW = 0.1  # |action| that healthy actions exceed somewhere
FEW_REWARDS = 100
COPIES = 1e-3  # share of duplicate rows that is worth a warning
JUMP = 0.3  # cells; no maze body moves that far in one step
OUTLIER = 10.0  # times the 99th percentile of step sizes
LOOKED_AT = 1 << 22  # steps from which the usual size of one is taken
FEW_CUTS = 3  # timeouts from which on their pattern means something
NO_REWARDS = "all rewards are"
AT_LIMIT = 0.9  # share of terminals at the longest episode's last step that betrays time limits


def data_card(rows: Rows, task: Task | None, next_obs: str) -> Card:
    """JSON-serialisable description of checked rows. Lengths and returns are per episode as recorded on file.

    Returns are counted as the task counts them: up to and including the first terminal row of an episode.
    """
    time_limit = task.time_limit if task else None
    cut = cuts(rows, time_limit)
    end = episode_ends(rows, time_limit)
    begin = np.concatenate([[0], np.flatnonzero(end)[:-1] + 1])
    length = np.diff(np.append(begin, len(end)))
    returns = task_returns(rows, begin, length)
    action, obs = scan_columns(rows.action, BOUND), scan_columns(rows.obs)
    known = rows.action_range
    low, high, mean = (x if known is None else known.to_units(x) for x in (action.low, action.high, action.mean))
    half = 1.0 if known is None else np.subtract(known.high, known.low) / 2.0
    card: Card = {
        "rows": len(rows.obs),
        "transitions": len(rows.obs) if next_obs == "file" else int((~cut[:-1]).sum()),
        "episodes": len(begin),
        "terminals_end_episodes": terminals_end_episodes(rows),
        "single_rows": int(((length == 1) & cut[begin]).sum()) if next_obs == "shift" else 0,
        "episode_length": _summary(length) | {"histogram": _histogram(length)},
        "returns": _summary(returns) | {"histogram": _histogram(returns)},
        "reward": _summary(rows.reward)
        | {"density": float((rows.reward != 0).mean()), "positive_rows": int((rows.reward > 0).sum())},
        "terminals": int(rows.terminal.sum()),
        "timeouts": None if rows.timeout is None else int(rows.timeout.sum()),
        "timeouts_inside": timeouts_inside(rows, obs.std, begin, length) if next_obs == "shift" else 0,
        "terminal_timeouts": int((rows.terminal & cut).sum()),
        "ends": int((rows.terminal | cut).sum()),
        "duplicate_rows": duplicates(rows.obs, rows.action)._asdict(),
        "action": {
            "min": low.tolist(),
            "max": high.tolist(),
            "mean": mean.tolist(),
            "std": (action.std * half).tolist(),
            "range": known.as_dict() if known else None,
            "saturation": float(action.at_bound.mean()),
            "at_bound": action.at_bound.tolist(),
        },
        "obs": {
            "mean": obs.mean.tolist(),
            "std": obs.std.tolist(),
            "min": obs.low.tolist(),
            "max": obs.high.tolist(),
        },
        "columns": drawn_columns(rows),
        "timeline": timeline(length, returns, rows.terminal[begin + length - 1]),
        "names": {key: list(own) for key, own in rows.names.items()},
        "maze": maze_coverage(rows.obs, task.maze) if task and task.maze else None,
    }
    jumps = _jumps(rows, task, obs.std, end) if next_obs == "shift" else []
    ends = _time_limits(rows, begin, length)
    idle = _idle_columns(rows, "observation", obs) + _idle_columns(rows, "action", action)
    units = [rows.assumed] if rows.assumed else []
    own = implausible(rows, obs, action) + _warnings(card, rows)
    card["warnings"] = units + _flag_warnings(rows, task) + ends + _reward_warnings(rows) + own + jumps + idle
    return card


def task_returns(rows: Rows, begin: Array, length: Array) -> Array:
    """Raw return [episodes] of each episode, up to and including its first terminal row.

    Args:
        begin: first row of each episode.
        length: rows of each episode.
    """
    end = begin + length
    terminal = np.append(np.flatnonzero(rows.terminal), len(rows.terminal))
    stop = np.minimum(terminal[np.searchsorted(terminal, begin)] + 1, end)  # row after the last one that counts
    edges = np.stack([begin, stop], axis=1).reshape(-1)  # sums over [begin, stop), and between, which is left out
    edges = edges[: len(edges) - (stop[-1] == len(rows.reward))]
    return np.add.reduceat(rows.reward, edges, dtype=np.float64)[::2]


def timeouts_inside(rows: Rows, spread: Array, begin: Array, length: Array) -> int:
    """How many timeouts stand inside demonstrations that go on to a terminal row, as in D4RL's human files; else 0.

    The sign: each comes after the same number of rows, is followed by an end that is terminal, and by a row that is no
    further away than rows inside episodes are.

    Args:
        spread: standard deviation of each observation column.
        begin, length: first row of each episode, and how many.
    """
    last = begin + length - 1
    cut = np.flatnonzero(~rows.terminal[last])  # numbers of episodes
    if len(cut) < FEW_CUTS or cut[-1] + 1 == len(last) or len(set(length[cut].tolist())) > 1:
        return 0
    if not rows.terminal[last[cut + 1]].all():
        return 0
    step = step_sizes(rows.obs, spread)
    usual = np.quantile(np.delete(step, last[:-1]), 0.99)
    return len(cut) if np.median(step[last[cut]]) <= usual else 0


def maze_coverage(obs: Array, maze: Maze) -> Card:
    """The maze with a histogram of positions obs[:, :2]: counts[row][column] over y_edges and x_edges."""
    counts, y_edges, x_edges = positions(obs, maze)
    rows, columns = maze.wall.shape
    per_cell = counts.reshape(rows, BINS_PER_CELL, columns, BINS_PER_CELL).sum(axis=(1, 3))
    return maze.card() | {
        "coverage": {"counts": counts.tolist(), "x_edges": x_edges.tolist(), "y_edges": y_edges.tolist()},
        "free_cells_visited": float((per_cell[~maze.wall] > 0).mean()),
        "outside": float(1.0 - per_cell[~maze.wall].sum() / len(obs)),
    }


def _flag_warnings(rows: Rows, task: Task | None) -> list[str]:
    """What the flags leave open."""
    if rows.timeout is not None:
        if rows.timeout.any() or rows.terminal.any():
            return []
        return [
            f"no row ends an episode: all {len(rows.obs):,} are taken for one, in which returns and goals reach from "
            "end to end; mark the last row of every episode"
        ]
    how = f"cut by counting {task.time_limit} steps" if task else "cut only at terminals"
    return [f"no 'timeouts': episodes are {how}; set 'timeouts' to 1 in the last row of every episode that was cut"]


def _time_limits(rows: Rows, begin: Array, length: Array) -> list[str]:
    """Time limits that were recorded as terminals: these stand where the longest episodes end, and nowhere else."""
    at_end = rows.terminal[begin + length - 1]
    longest = int(length.max())
    count, late = int(rows.terminal.sum()), int((at_end & (length == longest)).sum())
    if late < 2 or late < AT_LIMIT * count or (length[:-1] == longest).sum() > late + 1:
        return []
    return [
        f"{late:,} of {count:,} terminals stand in row {longest} of an episode, the longest there is: if that is a "
        "time limit, write it to 'timeouts' instead"
    ]


def _reward_warnings(rows: Rows) -> list[str]:
    """Too little to learn from."""
    low, high = rows.reward.min(), rows.reward.max()
    if low == high:
        mend = "relabel them for a task, or train what looks at none: bc, or with goals hiql"
        return [f"{NO_REWARDS} {low:g}: there is nothing to learn from them; {mend}"]
    paid = rows.reward == high
    count = int(paid.sum())
    if count >= FEW_REWARDS or not (paid | (rows.reward == low)).all():
        return []
    return [f"only {count} rows carry a reward: results will vary much with the seed; train more seeds, or add data"]


def _warnings(card: Card, rows: Rows) -> list[str]:
    """What follows from the card's own numbers."""
    action, copies, found = card["action"], card["duplicate_rows"], []
    if action["saturation"] > SATURATED:
        worst = int(np.argmax(action["at_bound"]))
        most = f"most in {rows.name('actions', worst)}, {action['at_bound'][worst]:.0%}"
        found.append(
            f"{action['saturation']:.0%} of the action values are at their bounds ({most}); if the recorder cut them "
            "off, scale them instead"
        )
    reach = max(-min(action["min"]), max(action["max"]))
    if 0.0 < reach < NARROW and not action["range"]:
        found.append(f"no action is beyond +-{reach:.2g}; scale them so that the bounds of the task become -1 and 1")
    if copies["copies"] > COPIES * copies["looked_at"]:
        found.append(
            f"{copies['copies']:,} rows repeat an earlier one, the first is {rows.place(copies['first'])} (= "
            f"{rows.place(copies['earlier'])}); drop them, unless they should weigh more in training"
        )
    outside = card["maze"]["outside"] if card["maze"] else 0.0
    if outside > 0.01:
        found.append(f"{outside:.1%} of the positions are in walls or off the map; choose the task of this maze")
    return found


def _jumps(rows: Rows, task: Task | None, spread: Array, end: Array) -> list[str]:
    """Steps inside episodes that are too long for one step: two episodes joined, most likely.

    Args:
        spread: standard deviation of each observation column.
        end: last row of every episode.
    """
    inside = ~end[:-1]
    if task and task.maze:
        step, limit = step_sizes(rows.obs, None), JUMP * task.maze.cell
    else:
        step = step_sizes(rows.obs, spread)
        stride = 1 + len(step) // LOOKED_AT
        usual = step[::stride][inside[::stride]]
        limit = OUTLIER * float(np.quantile(usual, 0.99)) if len(usual) else np.inf
    jump = inside & (step > limit)
    if not jump.any():
        return []
    return [
        f"{int(jump.sum()):,} jumps between successive rows of one episode, the first after "
        f"{rows.place(int(np.argmax(jump)))}; mark the ends of episodes in 'timeouts'"
    ]


def _idle_columns(rows: Rows, kind: str, columns: ColumnStats) -> list[str]:
    """Columns that carry no information: constant, or a copy of an earlier one."""
    own = rows.names.get(f"{kind}s")
    name = (lambda number: own[number]) if own else str
    constant = np.flatnonzero(columns.low == columns.high).tolist()
    copies = [
        f"{name(column)} = {name(original)}"
        for column, original in enumerate(columns.original.tolist())
        if column != original and column not in constant
    ]
    mend = "check the recording, or leave them out"
    found = [f"{kind} columns that never change: {', '.join(map(name, constant))}; {mend}"] if constant else []
    return found + ([f"{kind} columns that are copies: {', '.join(copies)}; {mend}"] if copies else [])


def _summary(values: Array) -> Card:
    return {
        "min": float(values.min()) + 0.0,  # -0 becomes 0
        "median": float(np.median(values)) + 0.0,
        "mean": float(values.mean(dtype=np.float64)) + 0.0,
        "max": float(values.max()) + 0.0,
    }


def _histogram(values: Array) -> Card:
    low, high = float(values.min()), float(values.max())
    wide = high - low > 1e-6 * max(abs(low), abs(high))  # else the bins' edges would coincide
    counts, edges = (
        np.histogram(values, bins=20) if wide else (np.array([len(values)]), np.array([low - 0.5, high + 0.5]))
    )
    return {"counts": counts.tolist(), "edges": edges.tolist()}
