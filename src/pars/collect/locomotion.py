"""Twins of D4RL's HalfCheetah, Hopper and Walker2d sets, from SAC runs of our own (Fu et al. 2020's recipe).

random: uniform actions. medium: samples of the policy that first reached about a third of an expert's return.
medium-replay: everything that policy had seen until then. expert: samples of the best policy of a longer run.
medium-expert: as many rows of the one, then of the other. Ours: small networks, and several environments per policy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pars.algos import sac
from pars.collect.online import OnlineSAC
from pars.collect.rollouts import Progress, Recorder, Recording, roll_out, sampled, uniform
from pars.collect.skill import Skill, load, save
from pars.core import Spec
from pars.data.cache import data_folder
from pars.envs import make_task
from pars.envs.base import Task
from pars.training.rollout import Evaluator

RECIPE = 1  # raise with any change of what is collected
ROWS = {"random": 1_000_000, "medium": 1_000_000, "medium-expert": 2_000_000, "expert": 1_000_000}
REPLAY_ROWS = {"halfcheetah": 202_000, "hopper": 402_000, "walker2d": 302_000}  # of D4RL's medium-replay
MEDIUM = {"halfcheetah": 4800.0, "hopper": 1400.0, "walker2d": 2900.0}  # mean return at which "medium" is reached

CONFIG = sac.Config(hidden=(128, 128), actor_hidden=(128, 128), batch_size=128)
ENVIRONMENTS = 8  # that one policy acts in
LOOK_EVERY = 8_000  # environment steps between evaluations of 10 episodes
EXPERT_STEPS = 1_000_000


def qualities(dataset_id: str) -> tuple[str, str]:
    """ "hopper-medium-replay-v2" -> ("hopper", "medium-replay")."""
    robot, _, rest = dataset_id.partition("-")
    return robot, rest.rpartition("-")[0]


def collect(task: Task, rows: int | None, seed: int, progress: Progress | None) -> tuple[Recording, str]:
    """Columns in D4RL's layout, and a sentence on how they were made."""
    robot, quality = qualities(task.id)
    if quality == "random":
        rows = rows or ROWS[quality]
        return roll_out(task, uniform(task.action_dim, seed), rows, seed, progress=progress), "uniform actions"
    if quality == "medium-replay":
        return replay(robot, rows or REPLAY_ROWS[robot], seed, progress)
    kinds = quality.split("-")
    rows = (rows or ROWS[quality]) // len(kinds)
    skills = [behaviour(robot, kind, seed, progress) for kind in kinds]
    acts = [sampled(skill.__call__, task.action_dim, seed + 1) for skill in skills]
    parts = [roll_out(task, act, rows, seed + 1 + i) for i, act in enumerate(acts)]
    made = ", then ".join(reached(robot, kind, skill) for kind, skill in zip(kinds, skills, strict=True))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}, made


def replay(robot: str, rows: int, seed: int, progress: Progress | None) -> tuple[Recording, str]:
    """The first `rows` rows of a learning run, or all until it was medium if that came earlier."""
    task = make_task(f"{robot}-medium-replay-v2")
    recorder_env = task.make(ENVIRONMENTS, threads=1)
    recorder = Recorder(recorder_env)
    skill, taken = _learn(task, recorder_env, recorder, rows, MEDIUM[robot], seed, progress)
    return recorder.columns(taken), (
        f"all that a policy saw while it learned for {taken:,} steps, its best mean return "
        f"{skill.facts['return']:,.0f} (medium is {MEDIUM[robot]:,.0f})"
    )


def reached(robot: str, kind: str, skill: Skill) -> str:
    """Whose samples they are, and whether a medium policy is one."""
    mean, wanted = skill.facts["return"], MEDIUM[robot]
    short = f", which never became medium ({wanted:,.0f})" if kind == "medium" and mean < wanted else ""
    return f"samples of a policy of mean return {mean:,.0f}{short}"


def behaviour(robot: str, kind: str, seed: int, progress: Progress | None) -> Skill:
    """The medium or expert policy of a robot, kept in the data folder: trained once."""
    path = data_folder() / "behaviours" / f"{robot}-{kind}-seed{seed}-recipe{RECIPE}.safetensors"
    if path.exists():
        return load(path)
    task = make_task(f"{robot}-medium-v2")
    wanted = MEDIUM[robot] if kind == "medium" else np.inf
    skill, _ = _learn(task, task.make(ENVIRONMENTS, threads=1), None, EXPERT_STEPS, wanted, seed, progress)
    save(skill, path)
    return skill


def _learn(
    task: Task, env: Any, recorder: Recorder | None, steps: int, wanted: float, seed: int, progress: Progress | None
) -> tuple[Skill, int]:
    """Train until the mean return is `wanted` or `steps` are taken; the best policy seen, and the steps taken."""
    run = OnlineSAC(
        env,
        Spec(task.obs_dim, task.action_dim),
        CONFIG,
        seed,
        capacity=steps,
        recorder=recorder,
        warmup=min(5000, steps),
    )
    evaluator = Evaluator(task, 1, 10)
    best: Skill | None = None
    while run.taken < steps and (best is None or best.facts["return"] < wanted):
        run.run(min(LOOK_EVERY, steps - run.taken), 1.0)
        skill = run.skill()
        returns = evaluator(skill.__call__).returns
        skill.facts["return"] = float(returns.mean())
        if best is None or skill.facts["return"] > best.facts["return"]:
            best = skill
        if progress:
            progress(run.taken, steps)
    assert best is not None
    evaluator.close()
    env.close()
    return best, run.taken
