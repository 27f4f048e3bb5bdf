"""How much of the bare physics speed the batched environments keep.

    python -m benchmarks physics              one line for every environment
    python -m benchmarks.physics TASK         one task in detail [--episodes 100] [--repeats 5]

Ways to take the same actions from the same starts, on all cores, interleaved; median of the repeats, in environment
steps (of `frame_skip` simulator steps each) per second:

bare     a plain loop of mj_step in one thread per core, nothing else
floor    one call of mujoco.rollout for the whole horizon of an environment, open loop: not even a Python loop
batch    BatchEnv.step: physics, velocity limit, observation, reward, termination, time limit

Whole evaluations, with their policy: benchmarks/evaluation.py.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import mujoco
import numpy as np
from mujoco import rollout

from pars.envs import Task, list_tasks, make_task
from pars.envs.base import Array, MujocoBatch, Physics
from pars.envs.measure import ENVIRONMENTS, environment
from pars.errors import TaskError
from pars.system import cores

HOLD = 10  # control steps for which a random action is held: the bodies travel and touch things
SECONDS = 0.4  # that one way takes in one repeat of the survey
FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS

Way = Callable[["Case"], np.ndarray]  # -> states [n, size] at the end


class Case(NamedTuple):
    """What all ways do."""

    env: MujocoBatch
    start: np.ndarray  # [n, size] states
    actions: np.ndarray  # [T, n, A]
    controls: np.ndarray  # [T, n, nu] what the simulator is told for them


def make_case(task: Task, env: MujocoBatch, steps: int) -> Case:
    """Random actions, each held for a while, from the starts of the first episodes."""
    everyone = np.arange(env.n)
    env.reset(everyone, everyone)
    blocks = np.random.default_rng(0).uniform(-1, 1, (-(-steps // HOLD), env.n, task.action_dim))
    actions = np.repeat(blocks, HOLD, axis=0)[:steps]
    return Case(env, env.physics.state.copy(), actions, np.stack([env.control(action) for action in actions]))


def spread(env: MujocoBatch, advance: Callable[[int, int], None]) -> None:
    """Call advance(environment, thread) for every environment, a slice of them in each thread."""
    parts = np.array_split(np.arange(env.n), env.physics.threads)

    def run(thread: int) -> None:
        for i in parts[thread]:
            advance(int(i), thread)

    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(run, range(len(parts))))


def plain(physics: Physics, i: int, thread: int, data: mujoco.MjData, start: Array, controls: Iterable[Array]) -> Array:
    """Step environment i from state `start` through all controls with mj_step and nothing else. -> its state"""
    model, after = physics.model_of(i, thread), np.empty_like(start)
    mujoco.mj_resetData(model, data)
    mujoco.mj_setState(model, data, start, FULL)
    for control in controls:
        data.ctrl[:] = control
        mujoco.mj_step(model, data, nstep=physics.frame_skip)
    mujoco.mj_getState(model, data, after, FULL)
    return after


def bare(case: Case) -> np.ndarray:
    """Step every environment through all controls in a plain loop."""
    physics, after = case.env.physics, np.empty_like(case.start)
    data = [mujoco.MjData(physics.model) for _ in range(physics.threads)]

    def advance(i: int, thread: int) -> None:
        after[i] = plain(physics, i, thread, data[thread], case.start[i], case.controls[:, i])

    spread(case.env, advance)
    return after


def floor(case: Case) -> np.ndarray:
    """Step every environment through all controls in one C++ call each."""
    physics, after = case.env.physics, np.empty_like(case.start)
    data = [mujoco.MjData(physics.model) for _ in range(physics.threads)]
    rollouts = [rollout.Rollout(nthread=0) for _ in range(physics.threads)]

    def advance(i: int, thread: int) -> None:
        controls = np.repeat(case.controls[:, i], physics.frame_skip, axis=0)
        model = physics.model_of(i, thread)
        states, _ = rollouts[thread].rollout([model], [data[thread]], case.start[i : i + 1], controls[None])
        after[i] = states[0, -1]

    spread(case.env, advance)
    return after


def batch(case: Case) -> np.ndarray:
    """Step every environment through all actions as an evaluation does."""
    env, everyone = case.env, np.arange(case.env.n)
    env.physics.state[:], env.physics.warmstart[:] = case.start, 0.0
    env.count[:] = 0
    for action in case.actions:
        env.step(everyone, action)
    return env.physics.state.copy()


def rates(case: Case, ways: dict[str, Way], repeats: int) -> dict[str, list[float]]:
    """Steps per second of each way, `repeats` times in turn after one round to warm up."""
    speed: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way(case)
            if repeat:
                speed[name].append(len(case.actions) * case.env.n / (time.perf_counter() - began))
    return speed


def survey(repeats: int = 3) -> None:
    """One line for every environment: batch beside bare, for about `SECONDS` each."""
    print(f"{ENVIRONMENTS} environments, {cores()} cores, steps/s: median of {repeats} [least most]")
    print(f"{'environment':18} {'physics':8} {'actions':>7} {'batch':>24} {'bare':>24} {'batch / bare':>12}")
    for name, task in {environment(task): task for task in list_tasks()}.items():
        try:
            env = task.make(ENVIRONMENTS)
        except TaskError as error:
            print(f"{name:18} {error}")
            continue
        assert isinstance(env, MujocoBatch)
        trial = rates(make_case(task, env, HOLD), {"bare": bare}, 1)["bare"][0]
        steps = max(HOLD, round(trial * SECONDS / env.n))  # bodies may go on after an episode
        speed = rates(make_case(task, env, steps), {"bare": bare, "batch": batch}, repeats)
        env.close()
        middle = {way: statistics.median(values) for way, values in speed.items()}
        cells = [f"{middle[way]:,.0f} [{min(speed[way]):,.0f} {max(speed[way]):,.0f}]" for way in ("batch", "bare")]
        ratio = middle["batch"] / middle["bare"]
        print(f"{name:18} {task.physics:8} {steps:7} {cells[0]:>24} {cells[1]:>24} {ratio:12.2f}", flush=True)


def run(task_id: str | None = None, episodes: int = 100, repeats: int = 5) -> None:
    """Print steps per second of all ways on one task and their ratios; without a task, a line for every environment."""
    if task_id is None:
        return survey()
    task = make_task(task_id)
    env = task.make(episodes)
    if not isinstance(env, MujocoBatch):
        raise SystemExit(f"{task_id} is not one of the library's own MuJoCo tasks")
    case = make_case(task, env, task.time_limit)
    speed = rates(case, {"bare": bare, "floor": floor, "batch": batch}, repeats)
    env.close()
    median = {name: statistics.median(values) for name, values in speed.items()}
    print(f"{task_id}, {env.n} episodes of {len(case.actions)} actions, {cores()} cores, median of {repeats}")
    for name, values in speed.items():
        print(f"  {name:10} {median[name]:9,.0f} steps/s  ({min(values):,.0f} .. {max(values):,.0f})")
    print("  " + ", ".join(f"batch / {way} {median['batch'] / median[way]:.2f}" for way in ("bare", "floor")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    run(given.task, given.episodes, given.repeats)
