"""`pars data train-ant`: the walking skill that AntMaze twins are collected with, from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pars.algos import sac
from pars.collect.ant import SEEN, GuidedAnt
from pars.collect.online import OnlineSAC
from pars.collect.rollouts import Progress
from pars.collect.skill import Skill, save
from pars.config import check_whole
from pars.core import Spec

CONFIG = sac.Config(hidden=(128, 128), actor_hidden=(128, 128), batch_size=128)
ENVIRONMENTS = 16
UPDATES = 0.5  # per environment step
LOOK_EVERY = 16_000  # environment steps
WALKS, NOISE = 64, 0.2  # of an examination: episodes, and the action noise of collecting


class Walk(NamedTuple):
    """How a skill walks the large maze with action noise."""

    fallen: float  # share of the episodes that a fall ended
    speed: float  # m/s along the wanted direction while it stood


def examine(skill: Skill, seed: int = 1) -> Walk:
    """`WALKS` episodes from the same starts for every skill."""
    env, alive, total, steps = GuidedAnt(WALKS), np.arange(WALKS), 0.0, 0
    obs = np.array(env.reset(alive, seed * 1_000_000 + alive))
    rng = np.random.default_rng(seed)
    for _ in range(env.time_limit):
        action = skill(obs) + NOISE * rng.standard_normal((WALKS, 8))
        result = env.step(alive, action[alive])
        total, steps = total + float(result.reward.sum()), steps + len(alive)
        obs[alive] = result.obs
        alive = alive[~result.terminal]
        if not len(alive):
            break
    env.close()
    return Walk(1.0 - len(alive) / WALKS, total / steps)


def train_ant(out: Path, *, steps: int = 480_000, seed: int = 0, progress: Progress | None = None) -> Skill:
    """Train, keep the skill that walks fastest among those of the last half that fall least, write it to `out`.

    It is chosen by one examination and described by a second one from other starts. Raises UsageError, and
    ResourceError where the memory does not hold so many steps.
    """
    check_whole("steps", steps, ENVIRONMENTS)
    check_whole("seed", seed, 0)
    run = OnlineSAC(
        GuidedAnt(ENVIRONMENTS, threads=1), Spec(SEEN, 8), CONFIG, seed, capacity=steps, warmup=min(5000, steps // 2)
    )
    best: tuple[float, float] | None = None
    chosen = run.skill()
    while run.taken < steps:
        run.run(min(LOOK_EVERY, steps - run.taken), UPDATES)
        if run.taken > steps // 2:
            walk = examine(run.skill())
            if best is None or (-walk.fallen, walk.speed) > best:
                best, chosen = (-walk.fallen, walk.speed), run.skill(seed=seed)
        if progress:
            progress(run.taken, steps)
    walk = examine(chosen, seed=2)
    chosen.facts.update(fallen=walk.fallen, speed=walk.speed, planned=steps)
    save(chosen, out)
    return chosen
