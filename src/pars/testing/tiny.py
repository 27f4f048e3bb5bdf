"""What checks of a contract train: tiny members of an algorithm on made-up data, and how the loop is called."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from pars.config import field_types
from pars.core import Algorithm, Phase, Spec, Transition
from pars.data import Dataset, from_arrays
from pars.envs import make_task
from pars.errors import Interrupted, UsageError
from pars.packing import Extra, assemble, width
from pars.training import block
from pars.training.launch import train_groups
from pars.training.learner import Learner, make_spec
from pars.training.parts import make_group
from pars.training.plan import How, Plan
from pars.training.program import drawn_shapes, forget_programs
from pars.training.progress import make_view
from pars.training.view import Stop

TASK = "pointmaze-umaze-diverse"
ROWS, EPISODE = 300, 25  # of the data
STEPS = 6  # of a course without the loop
OFFLINE, ONLINE, EVERY = 24, 8, (12, 4)  # steps of a run, and between its evaluations
SIZES: dict[str, Any] = dict(  # as far as a config has them
    hidden=(8, 8),
    actor_hidden=(8, 8),
    critics=4,  # as many as two devices share in a single run
    batch_size=16,
    updates_per_step=2,
    random_steps=3,
    learning_starts=3,
    agents=3,
    ratio_hidden=(8, 8),
    epoch_steps=2,
    first_epoch_factor=2,
    sampled_actions=2,
    behaviour_hidden=(8, 8),
    behaviour_steps=3,
    rnd_width=8,
    rnd_steps=3,
    clone_steps=3,
    rollout=4,  # of steps online
    epochs=2,
    value_hidden=(8, 8),
    policies=3,
    critic_steps=4,
    estimate_every=4,
    horizon=3,
    models=3,
    elites=2,
    model_hidden=(8, 8),
    model_batch=8,
    model_steps=4,
    holdout=20,
    holdout_every=2,
    remembered=40,
    bins=8,
    representation=3,
    subgoal_steps=4,
    token_width=8,
    heads=2,
    future_steps=6,
    trajectory_steps=3,
    target_delay=3,
)

Settings = Mapping[str, Any]


def phases(algo: Algorithm) -> list[str]:
    return [phase for phase in ("offline", "online") if phase in algo.phases]


def tiny_config(algo: Algorithm, settings: Settings | None = None) -> Any:
    """Of tiny networks."""
    known = field_types(algo.config)
    return algo.configure({name: value for name, value in SIZES.items() if name in known} | dict(settings or {}))


def tiny_members(algo: Algorithm, settings: Settings | None = None) -> list[tuple[Any, int]]:
    """Two that differ in seed and in every learning rate."""
    first = tiny_config(algo, settings)
    rates = [name for name in field_types(algo.config) if name.endswith(("_lr", "learning_rate"))]
    return [(first, 0), (dataclasses.replace(first, **{name: 3.0 * getattr(first, name) for name in rates}), 1)]


def tiny_dataset(algo: Algorithm) -> Dataset:
    """Random walks of a point mass, with the columns that the algorithm asks for."""
    rng, end = np.random.default_rng(0), np.arange(ROWS) % EPISODE == EPISODE - 1
    arrays = {
        "observations": rng.normal(size=(ROWS, 4)).astype(np.float32),
        "actions": rng.uniform(-1, 1, (ROWS, 2)).astype(np.float32),
        "rewards": rng.normal(size=ROWS).astype(np.float32),
        "terminals": end & (np.arange(ROWS) % (2 * EPISODE) < EPISODE),
        "timeouts": end & (np.arange(ROWS) % (2 * EPISODE) >= EPISODE),
        "infos/goal": rng.normal(size=(ROWS, 2)).astype(np.float32),
    }
    stored = sorted({column.name for column in algo.columns if column.make is None})
    return from_arrays(arrays, name="made-up data", task=make_task(TASK), columns=stored)


def tiny_spec(algo: Algorithm, cfg: Any) -> tuple[Spec, Extra]:
    """What the algorithm knows of the data, and the columns that it asks for."""
    data = algo.data_for(cfg, tiny_dataset(algo))
    extra = data.shapes([column.name for column in algo.columns_of(cfg)])
    return make_spec(data, algo, cfg, **_sizes(algo)), extra


def _sizes(algo: Algorithm) -> dict[str, Any]:
    """As a run in the maze has them, so that its programs are those of the other checks."""
    return {"capacity": ONLINE * algo.online, "goal_dim": make_task(TASK).goal_dim}


def tiny_batch(algo: Algorithm, phase: Phase, cfg: Any, spec: Spec, extra: Extra) -> Transition:
    """A batch of a phase, as shapes."""
    weighted, online = algo.weights is not None, phase.name == "online"
    drawn = drawn_shapes(phase.draw, cfg, width(spec, extra), spec.rows, online, weighted)
    return jax.eval_shape(lambda d: assemble(d.picks, d.rows, spec.obs_dim, extra, numbered=weighted), drawn)


def observations(algo: Algorithm) -> Any:
    """What the policies of two members may see, 32 times each."""
    rng, sees = np.random.default_rng(0), algo.sees
    shape = (2, 32, sees.history, 4) if sees.history > 1 else (2, 32, 4)
    obs = 10.0 * rng.normal(size=shape).astype(np.float32)
    return (obs, rng.normal(size=(2, 32, 2)).astype(np.float32)) if sees.goal else obs


def tiny_learner(algo: Algorithm, members: list[tuple[Any, int]]) -> Learner:
    """Members before their first step, with data."""
    configs, seeds = [cfg for cfg, _ in members], [seed for _, seed in members]
    data = algo.data_for(configs[0], tiny_dataset(algo))
    return Learner.on(data, algo, configs, seeds, **_sizes(algo))


def course(learner: Learner, start: Any, blocks: tuple[int, ...], phase: str = "offline") -> dict[str, Any]:
    """State and metrics, NumPy [P, ..], after a phase's steps in `blocks` from the state `start` on."""
    learner.state = learner.placement.put(start)
    learner.start_interval(phase)
    at = 0
    for count in blocks:
        learner.run(at, count, 100, phase)
        at += count
    return {"state": learner.placement.take(learner.state), "metrics": learner.metrics(at, phase)}


def whole_course(algo: Algorithm, members: list[tuple[Any, int]], blocks: tuple[int, ...]) -> dict[str, Any]:
    """What `course` gives, by phase, one phase after another; online each replay holds the first rows of the data."""
    learner, found = tiny_learner(algo, members), {}
    for phase in [*(first.name for first in algo.before), *phases(algo)]:
        if phase == "online":
            rows = tiny_dataset(algo).packed[:ONLINE, None]
            learner.go_online(ONLINE, np.repeat(rows, len(members), axis=1))
        found[phase] = course(learner, learner.placement.take(learner.state), blocks, phase)
    return found


def model_course(algo: Algorithm, cfg: Any, phase: str) -> tuple[Any, Any]:
    """A member's state, NumPy [1, ..], before and after a phase that comes before the policy's."""
    learner = tiny_learner(algo, [(cfg, 0)])
    before = after = learner.placement.take(learner.state)
    for one in algo.before:
        before, after = after, course(learner, after, (STEPS,), one.name)["state"]
        if one.name == phase:
            break
    return before, after


def unlike(cfg: Any, depends_on: Callable[[Any], Any]) -> Any:
    """`cfg` with another value of each `float` setting that `depends_on` leaves out, as far as ranges allow."""
    for name, kind in field_types(type(cfg)).items():
        value = getattr(cfg, name)
        other = dataclasses.replace(cfg, **{name: 0.83 * value + 0.01}) if kind is float else cfg
        with suppress(UsageError):
            other.check()
            cfg = other if depends_on(other) == depends_on(cfg) else cfg
    return cfg


@contextmanager
def as_on_a_gpu(apart: bool = True) -> Iterator[None]:
    """What is traced in here is what a single GPU would compile: members and critics all at once, steps in chunks.

    apart: put each step into a loop whose length the compiler cannot know; on a processor it has no other barrier.
    """

    def loops(steps: int, step: Callable[[Any, Any], Any], carry: Any) -> Any:
        some = next(x for x in jax.tree.leaves(carry) if jnp.issubdtype(x.dtype, jnp.floating))
        return jax.lax.fori_loop(0, steps + jnp.isnan(some.ravel()[0]), step, carry)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(jax, "default_backend", lambda: "gpu"))
        stack.enter_context(mock.patch.dict(os.environ, PARS_DEVICES="1"))
        if apart:
            stack.enter_context(mock.patch.object(block, "in_a_row", loops))
        forget_programs()
        yield
    forget_programs()


def train(algo: Algorithm, settings: Settings | None, out: Path, most: float = np.inf) -> int:
    """Train, or continue, a run of two members; it is asked to stop when it has looked `most` times whether to.

    Returns how often it has looked.
    """
    group, stop = make_group(algo, tiny_members(algo, settings)), Looks(most)
    offline, online = (steps * (phase in phases(algo)) for phase, steps in (("offline", OFFLINE), ("online", ONLINE)))
    plan = Plan(offline, online, *EVERY, eval_episodes=1)
    try:
        train_groups(
            [group], tiny_dataset(algo), make_task(TASK), [plan], out, How(make_view(quiet=True), stop, probes=())
        )
    except Interrupted:
        pass
    return stop.looks


class Looks(Stop):
    def __init__(self, most: float) -> None:
        super().__init__()
        self.most, self.looks = most, 0

    @property
    def asked(self) -> bool:
        self.looks += 1
        return self.looks >= self.most or super().asked
