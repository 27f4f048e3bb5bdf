"""Where the time of an environment step goes online, beside its gradient updates (UTD 20).

Of a step's parts the updates and the physics are the work; the rest is overhead: `act` (the noisy policy), `push` (into
the replay on the device), `log` (the transition on disk) and `host` (all else). Each is waited for, so that what
training does side by side is counted in full. Medians of the steps after the first, in ms.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import numpy as np

from pars.algos import ALGORITHMS
from pars.core import Spec, Transition
from pars.envs import make_task
from pars.packing import pack
from pars.position import Position
from pars.training.folder import FORMAT, RunFolder
from pars.training.learner import Learner
from pars.training.rollout import Interaction

CASES = (("antmaze-umaze-v2", 4), ("hopper-medium-v2", 10))  # task, critics
MEMBERS = (1, 4)
STEPS = 12
ROWS = 20_000
CAPACITY = 100_000  # rows of a replay: that many environment steps are planned
PARTS = ("updates", "physics", "act", "push", "log", "host")
WORK = ("updates", "physics")


class Watch:
    """Seconds by part, one entry a step."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {name: [] for name in PARTS}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name].append(time.perf_counter() - began)


def make_learner(obs: int, action: int, members: int, rows: int, **settings: object) -> Learner:
    """A population in its online phase, its dataset noise."""
    algo, rng = ALGORITHMS["pars"], np.random.default_rng(0)
    learner = Learner(algo, [algo.config(**settings)] * members, list(range(members)), Spec(obs, action))
    seen = rng.normal(size=(rows, obs)).astype(np.float32)
    done = rng.uniform(-1, 1, (rows, action)).astype(np.float32)
    learner.load(pack(Transition(seen, done, rng.normal(size=rows), np.roll(seen, -1, axis=0), np.zeros(rows))))
    learner.go_online(CAPACITY)
    learner.start_interval("online")
    return learner


def measure(learner: Learner, interaction: Interaction, folder: RunFolder, steps: int) -> dict[str, float]:
    """Median seconds of each of `PARTS` over `steps` environment steps, after one that compiles."""
    utd, replay, watch = learner.configs[0].updates_per_step, learner.replay, Watch()
    assert replay is not None
    for step in range(steps + 1):
        began = time.perf_counter()
        with watch.part("act"):
            action = learner.act(interaction.obs, step, explore=1.0)
        with watch.part("physics"):
            rows, last = interaction.step(action)
        with watch.part("log"):
            folder.transitions(rows[0], last[0])
        with watch.part("push"):
            replay.push(rows)
            jax.block_until_ready(replay.array)
        with watch.part("updates"):
            learner.run(step * utd, utd, CAPACITY * utd, "online")
            jax.block_until_ready(learner.state)
        whole = time.perf_counter() - began
        watch.seconds["host"].append(whole - sum(watch.seconds[name][-1] for name in PARTS[:-1]))
    folder.status("running", Position(1, "online", steps))
    return {name: statistics.median(values[1:]) for name, values in watch.seconds.items()}


def overhead(seconds: dict[str, float]) -> float:
    """What does not belong to the work, as a share of it."""
    work = sum(seconds[name] for name in WORK)
    return (sum(seconds.values()) - work) / work


def run(steps: int = STEPS, rows: int = ROWS, say: Callable[[str], None] = print, **settings: object) -> None:
    """Print a line for each task and number of members. settings: of the algorithm, for other sizes."""
    say(f"ms per environment step; medians of {steps} steps")
    say(f"{'task':18} {'seeds':>5} " + " ".join(f"{name:>8}" for name in PARTS) + f" {'overhead':>9}")
    for task_id, critics in CASES:
        task = make_task(task_id)
        for members in MEMBERS:
            learner = make_learner(task.obs_dim, task.action_dim, members, rows, critics=critics, **settings)
            interaction = Interaction(task, list(range(members)))
            with tempfile.TemporaryDirectory() as name:
                folder = RunFolder(Path(name), {"format": FORMAT})
                seconds = measure(learner, interaction, folder, steps)
                folder.close()
            interaction.close()
            learner.close()
            figures = " ".join(f"{1e3 * seconds[part]:8.2f}" for part in PARTS)
            say(f"{task_id:18} {members:5d} {figures} {overhead(seconds):9.1%}")
