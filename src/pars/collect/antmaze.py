"""AntMaze twins: our walking ant follows shortest paths through D4RL's mazes, as D4RL's collector did.

Protocols: umaze goes from the map's start to its goal; "play" from any cell to one of a few goals; "diverse" from any
cell to any other. Nothing ends an episode but its length: who arrives wanders about the goal's cell, who falls lies
there. Rewards and terminals are written afterwards for one drawn evaluation goal. Ours, not D4RL's: the ant itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pars.collect.ant import seen
from pars.collect.guide import Guide
from pars.collect.skill import Skill, load
from pars.envs.antmaze import TIME_LIMIT, AntMaze, draw_goal
from pars.envs.maze import PLAY_GOALS, Maze

Array = np.ndarray
Progress = Callable[[int, int], None]  # rows done, rows in all

RECIPE = 1  # raise with any change of what is collected
ROUTES = {
    "fixed": "from the map's start to its goal",
    "play": "from any cell to one of a few goals",
    "diverse": "from any cell to any other",
}
BATCH = 250  # ants walked together
NOISE = 0.2  # standard deviation, per action dimension


def protocol_of(dataset_id: str) -> str:
    """ "fixed", "play" or "diverse" from a D4RL id such as antmaze-medium-play-v2."""
    return next((name for name in ("play", "diverse") if f"-{name}-" in dataset_id), "fixed")


def routes(maze: Maze, protocol: str, rng: np.random.Generator) -> tuple[Array, Array]:
    """Start and goal cell [2] of one episode."""
    free = maze.free_cells
    goals = {"fixed": [maze.goal_cell], "play": PLAY_GOALS.get(maze.name, ()), "diverse": free}[protocol]
    start = np.array(maze.start_cell) if protocol == "fixed" else free[rng.integers(len(free))]
    others = [goal for goal in goals if tuple(goal) != tuple(start)]
    return start, np.array(others[rng.integers(len(others))])


def walk(
    env: AntMaze, skill: Skill, protocol: str, seed: int, numbers: range, length: int, report: Callable[[int], None]
) -> dict[str, Array]:
    """Walk the episodes `numbers` for `length` rows each, telling how many are done. Columns [E, T, ...]."""
    maze, everyone = env.maze, np.arange(len(numbers))
    rngs = [np.random.default_rng([seed, number]) for number in numbers]
    starts = [env.start(i, rng) for i, rng in enumerate(rngs)]
    cells = [routes(maze, protocol, rng) for rng in rngs]
    qpos, qvel = np.stack([start[0] for start in starts]), np.stack([start[1] for start in starts])
    qpos[:, :2] += maze.xy(np.stack([start for start, _ in cells]))
    obs = env.place(everyone, qpos, qvel)
    guide = Guide(maze, len(numbers))
    for i, (_, goal) in enumerate(cells):
        guide.send(i, goal, rngs[i])
    size = (len(numbers), length)
    columns: dict[str, Array] = {
        "observations": np.empty((*size, 29), np.float32),
        "actions": np.empty((*size, 8), np.float32),
        "infos/qpos": np.empty((*size, 15)),
        "infos/qvel": np.empty((*size, 14)),
    }
    for t in range(length):
        qpos, qvel = env.physics.qpos[everyone], env.physics.qvel[everyone]
        noise = np.stack([rng.normal(0.0, NOISE, 8) for rng in rngs])
        wanted = skill(seen(qpos, qvel, guide.directions(everyone, qpos[:, :2])))
        action = np.clip(wanted + noise, -1.0, 1.0).astype(np.float32)
        for key, value in zip(columns, (obs, action, qpos, qvel), strict=True):
            columns[key][:, t] = value
        obs = env.step(everyone, action).obs
        report(t + 1)
    return columns


def collect(
    maze: Maze,
    protocol: str,
    rows: int,
    seed: int,
    *,
    skill: Skill | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Array]:
    """Columns [rows, ...] in D4RL's layout, a function of maze, protocol, rows, seed and skill.

    An episode has one row more than the task's limit, the last of which is the timeout, as on D4RL's files.
    """
    skill = skill or load()
    length = TIME_LIMIT[maze.name] + 1
    episodes = -(-rows // length)
    env = AntMaze(maze, min(BATCH, episodes), threads=threads)
    parts = []
    for first in range(0, episodes, BATCH):
        numbers = range(first, min(first + BATCH, episodes))

        def report(t: int, numbers: range = numbers) -> None:
            if progress and (t % 50 == 0 or t == length):
                progress(min(rows, numbers.start * length + t * len(numbers)), rows)

        parts.append(walk(env, skill, protocol, seed, numbers, length, report))
    env.close()
    columns = {key: np.concatenate([p[key].reshape(-1, p[key].shape[2]) for p in parts])[:rows] for key in parts[0]}
    goal = draw_goal(maze, np.random.default_rng(seed))
    arrived = np.linalg.norm(columns["observations"][:, :2] - goal, axis=1) <= maze.goal_radius
    timeouts = np.arange(1, rows + 1) % length == 0
    timeouts[-1] = True
    return {
        **columns,
        "rewards": arrived.astype(np.float32),
        "terminals": arrived,
        "timeouts": timeouts,
        "infos/goal": np.broadcast_to(goal.astype(np.float32), (rows, 2)),
    }


def description(protocol: str, skill: Skill) -> str:
    """How the walk went, for people."""
    return (
        f"a walking ant of our own (trained for {skill.facts.get('steps', 0):,} steps) on shortest paths "
        f"{ROUTES[protocol]}, action noise {NOISE}, rewards for one goal"
    )
