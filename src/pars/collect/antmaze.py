"""AntMaze twins: a walking ant follows shortest paths through D4RL's mazes, as D4RL's collector did.

Protocols: umaze goes from the map's start to its goal; "play" from any cell to one of the collection map's goals;
"diverse" from any cell to any other. An episode ends one row after the task's limit; who falls lies there. Of some
datasets it ends where the ant was sent to: inferred from public counts of D4RL's files, of which no two readings of its
scripts explain all (docs/data.md). Rewards and terminals are written afterwards for one drawn evaluation goal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from pars.collect.ant import upright
from pars.collect.guide import Guide
from pars.collect.walker import ACTIONS, Walker
from pars.data.yardsticks import PUBLIC
from pars.envs.antmaze import GOAL_RADIUS, TIME_LIMIT, AntMaze, draw_goal
from pars.envs.maze import PLAY_GOALS, Maze

Array = np.ndarray
Progress = Callable[[int, int], None]  # rows done, rows in all
Ending = Literal["limit", "arrival", "reward"]

RECIPE: dict[Ending, int] = {"limit": 3, "arrival": 2, "reward": 2}  # raise with any change of what is collected
ENDING: dict[str, Ending] = {  # when the episodes of a dataset end before their limit; of all others they do not
    "antmaze-umaze-v2": "arrival",  # within half a metre of the point that the ant was sent to
    "antmaze-umaze-diverse-v2": "reward",  # there too, or one row after the first reward: D4RL issue 199
    "antmaze-medium-play-v2": "arrival",
}
UNTIL: dict[Ending, str] = {
    "limit": "for as long as an episode lasts",
    "arrival": "each episode until it arrives",
    "reward": "each episode until it arrives or is rewarded",
}
ROUTES = {
    "fixed": "from the map's start to its goal",
    "play": "from any cell to one of a few goals",
    "diverse": "from any cell to any other",
}
ANTS = 250  # walked together
NOISE = 0.2  # standard deviation, per action dimension
START = 1.0  # metres; a start in a drawn cell lies up to so far from its centre along +x and +y
KEYS = ("observations", "actions", "infos/qpos", "infos/qvel")


class Episode(NamedTuple):
    """What was walked: columns [T, .] by D4RL's names, and where it was sent to [2]."""

    columns: dict[str, Array]
    goal: Array


def ending_of(dataset_id: str) -> Ending:
    """When the episodes of a dataset end."""
    return ENDING.get(dataset_id, "limit")


def protocol_of(dataset_id: str) -> str:
    """ "fixed", "play" or "diverse" from a D4RL id such as antmaze-medium-play-v2."""
    return next((name for name in ("play", "diverse") if f"-{name}-" in dataset_id), "fixed")


def route(maze: Maze, protocol: str, rng: np.random.Generator) -> tuple[Array | None, Array]:
    """Where an episode starts (None: the map's start) and the point it is sent to, positions [2]."""
    if protocol == "fixed":
        return None, draw_goal(maze, rng)
    free = [tuple(cell) for cell in maze.free_cells.tolist()]
    goals = list(PLAY_GOALS[maze.name]) if protocol == "play" else free
    starts = [cell for cell in free if protocol == "diverse" or cell not in goals]
    start = starts[rng.integers(len(starts))]
    others = [goal for goal in goals if goal != start]
    goal = draw_goal(maze, rng, others[rng.integers(len(others))])
    return maze.xy(np.array(start)) + rng.uniform(0.0, START, 2), goal


def near(position: Array, goal: Array) -> Array:
    """Whether positions [.., 2 or more] are within the goal's radius. -> [..]"""
    return np.linalg.norm(position[..., :2] - goal, axis=-1) <= GOAL_RADIUS


class Walks:
    """Ants on their ways: a slot takes the next episode when its own is over; an episode depends on its number alone.

    goal: the evaluation's [2], one row after which an episode ends if `ending` is "reward".
    """

    def __init__(self, env: AntMaze, walker: Walker, protocol: str, seed: int, ending: Ending, goal: Array):
        self.env, self.walker, self.protocol, self.seed = env, walker, protocol, seed
        self.ends, self.stop = ending != "limit", goal if ending == "reward" else np.full(2, np.inf)
        self.guide, self.length = Guide(env.maze, env.n), TIME_LIMIT[env.maze.name] + 1
        self.number, self.step = np.zeros(env.n, np.int64), np.zeros(env.n, np.int64)
        self.rows = {key: np.empty((env.n, self.length, k)) for key, k in zip(KEYS, (29, 8, 15, 14), strict=True)}

    def begin(self, i: int, number: int) -> None:
        """Put slot i at the start of episode `number`."""
        rng = np.random.default_rng([self.seed, number])
        qpos, qvel = self.env.start(i, rng)
        start, goal = route(self.env.maze, self.protocol, rng)
        if start is not None:
            qpos[:2] = start
        self.env.place(np.array([i]), qpos[None], qvel[None])
        self.guide.send(i, goal, rng)
        self.number[i], self.step[i] = number, 0

    def advance(self, index: Array) -> Array:
        """One step of the slots `index` [k]. -> those whose episode is over"""
        physics, t = self.env.physics, self.step[index]
        obs, qpos, qvel = self.env.observe(index), physics.qpos[index], physics.qvel[index]
        offset = self.guide.offsets(index, qpos[:, :2])
        own, noise = np.stack([self.guide.rngs[i].standard_normal((2, ACTIONS)) for i in index], axis=1)
        action = np.clip(self.walker(qpos, qvel, offset, own) + NOISE * noise, -1.0, 1.0).astype(np.float32)
        self.env.step(index, action)
        for key, value in zip(KEYS, (obs, action, physics.qpos[index], physics.qvel[index]), strict=True):
            self.rows[key][index, t] = value
        self.step[index] = t + 1
        arrived = self.ends & near(physics.qpos[index], self.guide.point[index]) | near(qpos, self.stop)
        return index[arrived | (t + 1 == self.length)]

    def taken(self, i: int) -> Episode:
        """The episode that slot i has just ended."""
        columns = {key: rows[i, : self.step[i]].copy() for key, rows in self.rows.items()}
        return Episode(columns, self.guide.point[i].copy())


def walk(walks: Walks, rows: int, report: Progress | None) -> list[Episode]:
    """Episodes 0, 1, .. until they hold `rows` rows."""
    over: dict[int, Episode] = {}
    idle, begun, done, told = list(range(walks.env.n)), 0, 0, 0
    running: set[int] = set()
    while True:
        while idle and done + int(walks.step[list(running)].sum()) < rows:
            slot = idle.pop()
            walks.begin(slot, begun)
            running.add(slot)
            begun += 1
        if not running:
            return [over[number] for number in range(begun)]
        for slot in walks.advance(np.array(sorted(running))).tolist():
            episode = over[int(walks.number[slot])] = walks.taken(slot)
            done += len(episode.columns["actions"])
            running.remove(slot)
            idle.append(slot)
        if report and min(rows, done) >= told:
            report(min(rows, done), rows)
            told += rows // 100 + 1


def collect(
    maze: Maze,
    protocol: str,
    rows: int,
    seed: int,
    *,
    walker: Walker,
    ending: Ending = "limit",
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Array]:
    """Columns [rows, ...] in D4RL's layout, a function of maze, protocol, rows, seed and walker.

    Row t's reward and terminal belong to the state that follows, as do `infos/qpos`, `infos/qvel`; 0 on the last row of
    an episode, which is marked as a timeout however it ended. `infos/goal`: where the episode was sent to.
    """
    goal = draw_goal(maze, np.random.default_rng(seed))
    env = AntMaze(maze, min(ANTS, max(1, rows // 100)), threads=threads)
    episodes = walk(Walks(env, walker, protocol, seed, ending, goal), rows, progress)
    env.close()
    columns = [_labelled(episode, goal) for episode in episodes]
    together = {key: np.concatenate([part[key] for part in columns])[:rows] for key in columns[0]}
    together["timeouts"][-1], together["terminals"][-1], together["rewards"][-1] = True, False, 0.0
    return together


def _labelled(episode: Episode, goal: Array) -> dict[str, Array]:
    """The columns of one episode with rewards and terminals for the evaluation goal [2]."""
    obs = episode.columns["observations"].astype(np.float32)
    arrived = np.zeros(len(obs), bool)
    arrived[:-1] = near(obs[1:], goal)
    return {
        **episode.columns,
        "observations": obs,
        "actions": episode.columns["actions"].astype(np.float32),
        "rewards": arrived.astype(np.float32),
        "terminals": arrived,
        "timeouts": np.arange(len(obs)) == len(obs) - 1,
        "infos/goal": np.broadcast_to(episode.goal.astype(np.float32), (len(obs), 2)),
    }


def arrivals(columns: dict[str, Array]) -> list[tuple[Array, bool]]:
    """Positions [T, 2] of every episode up to its arrival where it was sent to, and whether it arrived.

    The last one, which the number of rows may have cut, is left out of more than one.
    """
    ends = np.flatnonzero(columns["timeouts"])
    found = []
    for begin, end in zip([0, *(ends[:-1] + 1)], ends, strict=True):
        position = columns["infos/qpos"][begin : end + 1, :2]
        there = near(position, columns["infos/goal"][begin])
        found.append((position[: there.argmax() + 1] if there.any() else position, bool(there.any())))
    return found[:-1] or found


def measured(columns: dict[str, Array]) -> dict[str, float]:
    """Shares that tell how the walk went, by the names of `data.yardsticks.MEASURED`: the file's attributes."""
    return {
        "arrived": float(np.mean([arrived for _, arrived in arrivals(columns)])),
        "upside_down": float((upright(columns["infos/qpos"][:, 3:7]) <= 0).mean()),
        "saturated": float((np.abs(columns["actions"]) >= 1.0).mean()),
    }


def description(dataset_id: str, walker: Walker, rewards: Array) -> str:
    """How the walk went, for people, with a public yardstick of D4RL's own file beside the twin's."""
    published = f" (D4RL's file: {PUBLIC[dataset_id].rewarded:g} %)" if dataset_id in PUBLIC else ""
    return (
        f"{walker.about} on shortest paths {ROUTES[protocol_of(dataset_id)]}, {UNTIL[ending_of(dataset_id)]}, action "
        f"noise {NOISE}, {100 * rewards.mean():.2g} % of the rows rewarded for one goal{published}"
    )
