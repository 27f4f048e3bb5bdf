"""How much of the bare physics speed a whole evaluation keeps.

    python -m benchmarks evaluation [--tasks TASK ...] [--members 1 5] [--repeats 3] [--seconds 1] [--out runs/bench]

Untrained PARS policies of the preset's size run the task's usual number of episodes, as training does. Then a plain
loop of mj_step, one thread per worker and nothing else, takes the same actions from the same starts, and the policy
alone answers the same observations. They take turns; shares are medians of the repeats' own ratios.

actions     of all episodes together; long episodes are cut off, so that an evaluation takes about `--seconds`
evaluation  its steps per second: median [least most]
bare        those of the plain loop
physics     time of the plain loop as a share of the evaluation's: what is kept
policy      the same of the policy's calls
rest        what remains: observations and rewards in NumPy, the interpreter, threads that wait for one another
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import mujoco
import numpy as np

from benchmarks.physics import plain
from benchmarks.table import FOLDER, Column, Row, lines, percent, spread, write_csv
from pars import presets
from pars.algos import ALGORITHMS
from pars.config import from_dict
from pars.core import Spec
from pars.envs import Task, list_tasks, make_task
from pars.envs.base import BatchEnv, MujocoBatch, clipped
from pars.envs.measure import environment
from pars.errors import TaskError, UsageError
from pars.system import cores
from pars.training.learner import Learner
from pars.training.policy import Policies
from pars.training.rollout import Evaluation, Evaluator

Act = Callable[..., np.ndarray]
TRIAL = 10  # actions per episode of the evaluation that tells how many there is time for
COLUMNS = (
    Column("environment", "environment", left=True),
    Column("engine", "engine", left=True),
    Column("members", "seeds"),
    Column("episodes", "episodes"),
    Column("actions", "actions", ","),
    Column("evaluation", "evaluation", spread),
    Column("bare", "bare", spread),
    Column("physics", "physics", percent),
    Column("policy", "policy", percent),
    Column("rest", "rest", percent),
)


class Track(NamedTuple):
    """What one worker of an evaluation did."""

    env: MujocoBatch
    start: np.ndarray  # [n, size] states
    obs: list[np.ndarray]  # [P, e, O] of each policy call
    actions: list[np.ndarray]  # [n, A]
    lengths: np.ndarray  # [n] actions until the episode ended


class Recorder(Evaluator):
    """An evaluator that can keep what each worker does."""

    tracks: list[Track]
    keeps = True

    def limit(self, steps: int) -> None:
        """Cut episodes off after so many actions."""
        for env in self.envs:
            if not isinstance(env, MujocoBatch):
                raise UsageError(f"{self.task.id} is not one of the library's own MuJoCo tasks (pars tasks lists them)")
            env.time_limit = steps

    def __call__(self, act: Act) -> Evaluation:
        if self.keeps:
            self.tracks = []
        return super().__call__(act)

    def _run(self, env: BatchEnv, episodes: range, act: Act) -> Evaluation:
        if not self.keeps:
            return super()._run(env, episodes, act)
        assert isinstance(env, MujocoBatch)
        starts: list[np.ndarray] = []
        obs: list[np.ndarray] = []
        actions: list[np.ndarray] = []

        def recorded(seen: np.ndarray) -> np.ndarray:
            if not starts:
                starts.append(env.physics.state.copy())
            obs.append(seen.copy())
            action = act(seen)
            actions.append(clipped(action.reshape(env.n, -1)))
            return action

        result = super()._run(env, episodes, recorded)
        self.tracks.append(Track(env, starts[0], obs, actions, result.lengths.reshape(-1)))
        return result


def bare(track: Track) -> np.ndarray:
    """Every environment's actions in a plain loop of mj_step. -> states [n, size] at the end"""
    physics, controls = track.env.physics, [track.env.control(action) for action in track.actions]
    data = mujoco.MjData(physics.model)
    return np.stack(
        [
            plain(physics, i, 0, data, track.start[i], (control[i] for control in controls[:length]))
            for i, length in enumerate(track.lengths)
        ]
    )


def seconds(work: Callable[[Track], object], tracks: Sequence[Track]) -> float:
    """What `work` takes for all tracks, each in a thread of its own."""
    began = time.perf_counter()
    with ThreadPoolExecutor(len(tracks)) as pool:
        list(pool.map(work, tracks))
    return time.perf_counter() - began


def measure(task: Task, members: int, repeats: int, budget: float) -> Row:
    """One row of the table, of evaluations of about `budget` seconds."""
    algo = ALGORITHMS["pars"]
    cfg = from_dict(algo.config, presets.settings("pars", task.id))
    learner = Learner(algo, [cfg] * members, list(range(members)), Spec(task.obs_dim, task.action_dim))
    act, evaluator = learner.policies(), Recorder(task, members, task.eval_episodes)
    evaluator.limit(TRIAL)
    evaluator(act)  # compiles
    began = time.perf_counter()
    evaluator(act)
    trial = (time.perf_counter() - began) / TRIAL
    evaluator.limit(min(task.time_limit, max(TRIAL, round(budget / trial))))
    count = int(evaluator(act).lengths.sum())
    evaluator.keeps, tracks = False, evaluator.tracks
    turns = [_turn(evaluator, act, tracks) for _ in range(repeats)]
    evaluator.close()
    learner.close()
    return {
        "environment": environment(task),
        "engine": task.physics,
        "members": members,
        "episodes": task.eval_episodes,
        "actions": count,
        "evaluation": [count / whole for whole, _, _ in turns],
        "bare": [count / physics for _, physics, _ in turns],
        "physics": [physics / whole for whole, physics, _ in turns],
        "policy": [policy / whole for whole, _, policy in turns],
        "rest": [1 - (physics + policy) / whole for whole, physics, policy in turns],
    }


def _turn(evaluator: Evaluator, act: Policies, tracks: Sequence[Track]) -> tuple[float, float, float]:
    """Seconds of an evaluation, of its physics alone and of its policy alone."""
    began = time.perf_counter()
    evaluator(act)
    whole = time.perf_counter() - began
    return whole, seconds(bare, tracks), seconds(lambda track: [act(obs) for obs in track.obs], tracks)


def run(args: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks evaluation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="by default one of every environment")
    parser.add_argument("--members", nargs="+", type=int, default=(1, 5))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--quick", action="store_true", help="one short repeat")
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args(args)
    if min(given.repeats, *given.members) < 1 or not 0 < given.seconds < float("inf"):
        parser.error("--members and --repeats take numbers from 1 on, --seconds a time above 0")
    repeats, budget = (1, 0.1) if given.quick else (given.repeats, given.seconds)
    tasks = [make_task(name) for name in given.tasks] if given.tasks else list_tasks()
    rows = []
    print(f"{cores()} cores, {repeats} interleaved repeats", flush=True)
    for task in {environment(task): task for task in tasks}.values():
        try:
            rows += [measure(task, members, repeats, budget) for members in given.members]
        except TaskError as error:  # a package that is absent
            print(f"  {environment(task)}: {error}")
            continue
        kept = ", ".join(percent(row["physics"]) for row in rows[-len(given.members) :])
        print(f"  {environment(task)}: {kept}", flush=True)
    print("\n".join(["", *lines(COLUMNS, rows)]))
    write_csv(given.out / "evaluation.csv", rows)
    print(f"written: {given.out}/evaluation.csv")
