"""How much of the bare physics speed the batched environments keep.

    python benchmarks/physics.py [TASK] [--episodes 100] [--repeats 5]

Three ways to take the same actions from the same starts, on all cores, interleaved; median of the repeats, in
environment steps (of `frame_skip` simulator steps each) per second:

bare     a plain loop of mj_step in one thread per core, nothing else
floor    mujoco.rollout over the whole horizon, open loop: not even a Python loop
batch    BatchEnv.step: physics, velocity limit, observation, reward, termination, time limit
evaluation   what training runs: the above and the policy, until each episode ends (its own starts and actions)
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np
from mujoco import rollout

from pars import presets
from pars.algos import ALGORITHMS
from pars.config import from_dict
from pars.core import Spec
from pars.device import cores
from pars.envs import Task, make_task
from pars.envs.base import MujocoBatch
from pars.learner import Learner
from pars.rollout import Evaluator

HOLD = 10  # control steps for which a random action is held: the masses travel and touch walls


def bare(env: MujocoBatch, start: np.ndarray, actions: np.ndarray) -> None:
    """Step every environment through all actions [T, n, A] with mj_step, its slice of environments in each thread."""
    model, skip = env.physics.model, env.physics.frame_skip

    def run(part: np.ndarray) -> None:
        data = mujoco.MjData(model)
        for i in part:
            mujoco.mj_setState(model, data, start[i], mujoco.mjtState.mjSTATE_FULLPHYSICS)
            for action in actions[:, i]:
                data.ctrl[:] = action
                mujoco.mj_step(model, data, nstep=skip)

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(run, np.array_split(np.arange(env.n), cores())))


def floor(env: MujocoBatch, start: np.ndarray, actions: np.ndarray) -> None:
    """Step every environment through all actions in one C++ call."""
    model = env.physics.model
    controls = np.ascontiguousarray(np.repeat(actions.swapaxes(0, 1), env.physics.frame_skip, axis=1), np.float64)
    with rollout.Rollout(nthread=cores()) as pool:
        pool.rollout([model] * env.n, [mujoco.MjData(model) for _ in range(cores())], start, controls)


def batch(env: MujocoBatch, start: np.ndarray, actions: np.ndarray) -> None:
    """Step every environment through all actions as an evaluation does."""
    everyone = np.arange(env.n)
    env.physics.state[:] = start
    env.count[:] = 0
    for action in actions:
        env.step(everyone, action)


def evaluation(task: Task, episodes: int, repeats: int) -> list[float]:
    """Steps per second of whole evaluations: reset, an untrained policy of the preset's size, physics, bookkeeping."""
    algo = ALGORITHMS["pars"]
    cfg = from_dict(algo.config, presets.settings("pars", task.id))
    learner = Learner(algo, [cfg], [0], Spec(task.obs_dim, task.action_dim))
    evaluator = Evaluator(task, 1, episodes)
    speed = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        result = evaluator(lambda obs: learner.act(obs, 0, explore=0.0))
        speed.append(result.lengths.sum() / (time.perf_counter() - began))
    evaluator.close()
    return speed[1:]  # the first one compiles


def run(task_id: str = "pointmaze-umaze-diverse", episodes: int = 100, repeats: int = 5) -> None:
    """Print steps per second of the ways and their ratios."""
    task = make_task(task_id)
    env = task.make(episodes)
    if not isinstance(env, MujocoBatch):
        raise SystemExit(f"{task_id} is not one of the library's own MuJoCo tasks")
    everyone = np.arange(env.n)
    env.reset(everyone, everyone)
    start = env.physics.state.copy()
    blocks = np.random.default_rng(0).uniform(-1, 1, (-(-task.time_limit // HOLD), env.n, task.action_dim))
    actions = np.repeat(blocks, HOLD, axis=0)[: task.time_limit]

    ways: dict[str, Callable[[MujocoBatch, np.ndarray, np.ndarray], None]]
    ways = {"bare": bare, "floor": floor, "batch": batch}
    speed: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way(env, start, actions)
            if repeat:  # the first round warms up
                speed[name].append(len(actions) * env.n / (time.perf_counter() - began))
    env.close()
    speed["evaluation"] = evaluation(task, episodes, repeats)
    median = {name: statistics.median(values) for name, values in speed.items()}
    print(f"{task_id}, {env.n} episodes of {len(actions)} actions, {cores()} cores, median of {repeats}")
    for name, values in speed.items():
        print(f"  {name:10} {median[name]:9,.0f} steps/s  ({min(values):,.0f} .. {max(values):,.0f})")
    ratios = [f"{name} / bare {median[name] / median['bare']:.2f}" for name in ("batch", "evaluation")]
    print("  " + ", ".join([*ratios, f"batch / floor {median['batch'] / median['floor']:.2f}"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?", default="pointmaze-umaze-diverse")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    run(given.task, given.episodes, given.repeats)
