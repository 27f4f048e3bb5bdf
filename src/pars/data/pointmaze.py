"""PointMaze datasets: a waypoint controller walks the maze, and every file tells how it was made.

Protocols, after D4RL: "fixed" goes from the map's start to its goal, "play" from any cell to one of a few goals,
"diverse" from any cell to any other. Episodes have a fixed length; the controller lingers where it wanted to go.
Rewards and terminals are written for the one goal of the evaluation, so most episodes of play and diverse carry none: a
path to that goal has to be stitched together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from pars.envs.maze import PLAY_GOALS, Maze
from pars.envs.pointmaze import START_NOISE, PointMaze

Array = np.ndarray
Progress = Callable[[int, int], None]  # rows done, rows in all

RECIPE = 1  # raise with any change of what is collected: older files are then collected anew
EPISODE = {"umaze": 60, "medium": 120, "large": 160}  # actions
BATCH = 512  # episodes walked together

SPEED = 3.5  # towards the waypoint
SLOW = 0.3  # distance to the waypoint from which on the speed goes down to 0
GAIN = 1.2  # velocity that one full action adds
NOISE = 0.2  # standard deviation, per action dimension
JITTER = 0.1  # half width of the square around a cell's centre in which its waypoint lies


@dataclass(frozen=True)
class Episodes:
    """All that is random about E episodes of T actions, drawn before they are walked."""

    start: Array  # [E, 2] positions
    goal: Array  # [E, 2] cells
    noise: Array  # [E, T, 2] added to the actions
    jitter: Array  # [E, T, 2] offset of a waypoint that is chosen at that step


def play_goals(maze: Maze) -> list[tuple[int, int]]:
    """Cells of the goals of "play": D4RL's, and the evaluation's."""
    return list(dict.fromkeys((*PLAY_GOALS.get(maze.name, ()), maze.goal_cell)))


def draw_episodes(maze: Maze, protocol: str, seed: int, episodes: range, length: int) -> Episodes:
    """Draw episodes, each from its own generator: an episode depends on seed and number, not on how many there are."""
    free = maze.free_cells
    ways: dict[str, Any] = {"fixed": [maze.goal_cell], "play": play_goals(maze), "diverse": free}
    goals = ways[protocol]
    drawn = []
    for episode in episodes:
        rng = np.random.default_rng([seed, episode])
        start = np.array(maze.start_cell) if protocol == "fixed" else free[rng.integers(len(free))]
        others = [goal for goal in goals if tuple(goal) != tuple(start)]
        drawn.append(
            (
                maze.xy(start) + rng.uniform(-START_NOISE, START_NOISE, 2) * maze.cell,
                np.array(others[rng.integers(len(others))]),
                rng.normal(0.0, NOISE, (length, 2)),
                rng.uniform(-JITTER, JITTER, (length, 2)) * maze.cell,
            )
        )
    return Episodes(*(np.stack(parts) for parts in zip(*drawn, strict=True)))


def control(offset: Array, velocity: Array, noise: Array) -> Array:
    """Noisy actions [E, 2] towards waypoints at `offset` [E, 2] from bodies with `velocity` [E, 2]."""
    distance = np.linalg.norm(offset, axis=1, keepdims=True)
    wanted = offset * (SPEED * np.minimum(1.0, distance / SLOW) / np.maximum(distance, 1e-9))
    return np.clip((wanted - velocity) / GAIN + noise, -1.0, 1.0).astype(np.float32)


def walk(env: PointMaze, drawn: Episodes) -> dict[str, Array]:
    """Walk the planned episodes together. Columns [E, T, ...] in D4RL's layout."""
    maze, (episodes, length, _) = env.maze, drawn.noise.shape
    everyone = np.arange(env.n)[:episodes]
    obs = env.place(everyone, drawn.start, np.zeros((episodes, 2)))
    target, waypoint = np.full((episodes, 2), -1), np.zeros((episodes, 2))
    steps: dict[str, list[Array]] = {
        key: [] for key in ("observations", "actions", "rewards", "terminals", "qpos", "qvel")
    }
    for t in range(length):
        position, velocity = env.physics.qpos[everyone], env.physics.qvel[everyone]
        cell = maze.cell_of(position)
        following = maze.next_cell[drawn.goal[:, 0], drawn.goal[:, 1], cell[:, 0], cell[:, 1]]
        moved = (following != target).any(axis=1)
        target[moved], waypoint[moved] = following[moved], (maze.xy(following) + drawn.jitter[:, t])[moved]
        action = control(waypoint - position, velocity, drawn.noise[:, t])
        result = env.step(everyone, action)
        for key, value in zip(steps, (obs, action, result.reward, result.terminal, position, velocity), strict=True):
            steps[key].append(value)
        obs = result.obs
    columns = {key: np.stack(values, axis=1) for key, values in steps.items()}
    goal = maze.xy(drawn.goal).astype(np.float32)
    timeouts = np.zeros((episodes, length), bool)
    timeouts[:, -1] = True
    return {
        **{key: columns[key] for key in ("observations", "actions", "rewards", "terminals")},
        "timeouts": timeouts,
        "infos/goal": np.repeat(goal[:, None], length, axis=1),  # where the controller went, not the evaluation goal
        "infos/qpos": columns["qpos"],
        "infos/qvel": columns["qvel"],
    }


def collect(
    maze: Maze, protocol: str, rows: int, seed: int, *, threads: int | None = None, progress: Progress | None = None
) -> dict[str, Array]:
    """Columns [rows, ...] in D4RL's layout, a function of maze, protocol, rows and seed alone.

    The last episode may be cut short; its last row is a timeout like that of all others.
    """
    length = EPISODE[maze.name]
    episodes = -(-rows // length)
    env = PointMaze(maze, min(BATCH, episodes), threads=threads)
    parts: list[dict[str, Array]] = []
    for first in range(0, episodes, BATCH):
        numbers = range(first, min(first + BATCH, episodes))
        parts.append(walk(env, draw_episodes(maze, protocol, seed, numbers, length)))
        if progress:
            progress(min(rows, numbers.stop * length), rows)
    env.close()
    columns = {
        key: np.concatenate([part[key].reshape(-1, *part[key].shape[2:]) for part in parts])[:rows] for key in parts[0]
    }
    columns["timeouts"][-1] = True
    return columns


def how_made(dataset_id: str, maze: Maze, protocol: str, rows: int, seed: int) -> dict[str, Any]:
    """Attributes that say how a file was made; `made` is the sentence for people."""
    routes = {"fixed": "from the map's start to its goal", "play": "from any cell to one of a few goals"}
    return {
        "dataset": dataset_id,
        "rows": rows,
        "seed": seed,
        "recipe": RECIPE,
        "goal": maze.goal,
        "goal_radius": maze.goal_radius,
        "mujoco": mujoco.__version__,
        "made": f"waypoint controller {routes.get(protocol, 'from any cell to any other')}, "
        f"{EPISODE[maze.name]} actions per episode, action noise {NOISE}, seed {seed}",
    }
