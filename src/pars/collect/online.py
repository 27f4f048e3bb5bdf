"""SAC on many environments at once: the behaviours behind our datasets.

The learner's own block does the updates; what differs from `pars train` is that one policy acts in n environments, so
that one dispatch serves n environment steps and physics runs on all cores. Physics overlaps with the updates of the
step before: a policy acts that is one dispatch old. Everything is a function of the seed.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pars.algos import sac
from pars.collect.rollouts import Recorder
from pars.collect.skill import Skill, from_actor
from pars.core import Index, Spec, Transition
from pars.envs.base import BatchEnv
from pars.packing import pack, width
from pars.rl.soft import sample
from pars.system import check_memory
from pars.training.block import block
from pars.training.placement import Slot
from pars.training.program import Use, key_of, trace_update
from pars.training.rollout import EPISODE, environment_seed
from pars.training.source import Source

Array = np.ndarray


class OnlineSAC:
    """A policy that learns in `env`; call `run` as often as needed.

    Args:
        spec: sizes of what the policy sees and does.
        capacity: environment steps that will be taken in all.
        warmup: environment steps of uniform actions before the first update.
        recorder: keeps every row.

    Raises ResourceError where the memory does not hold so many steps.
    """

    def __init__(
        self,
        env: BatchEnv,
        spec: Spec,
        cfg: sac.Config,
        seed: int,
        *,
        capacity: int,
        warmup: int = 5000,
        recorder: Recorder | None = None,
    ):
        check_memory(f"a replay of {capacity:,} steps", 4 * (capacity + env.n) * width(spec))
        self.env, self.spec, self.cfg, self.seed, self.warmup, self.recorder = env, spec, cfg, seed, warmup, recorder
        self.n, self.taken, self.updates = env.n, 0, 0
        self.state = jax.jit(partial(sac.ALGORITHM.init, cfg, spec))(key_of(jnp.int32(seed), Use.INIT))
        self.actor = jax.tree.map(jnp.copy, self.state.actor.params)
        online = sac.ALGORITHM.course[-1]
        update, none = trace_update(sac.ALGORITHM, online, cfg, spec, self.state)
        self.replay = jnp.zeros((1, capacity + self.n, width(spec)))
        self.episodes = np.zeros(self.n, np.int64)
        self.obs = np.array(env.reset(np.arange(self.n), self._seeds(np.arange(self.n))))

        def learn(state: Any, replay: Any, rows: Any, at: Any, span: Any) -> Any:
            replay = jax.lax.dynamic_update_slice(replay, rows[None], (0, at, 0))
            source = Source(jnp.zeros((1, rows.shape[1])), Index(jnp.int32(1)), Slot(replay, 0), at + len(rows))
            key = key_of(jnp.int32(seed), Use.UPDATE_ONLINE)
            state, _ = block(update, online.draw, cfg, state, none, source, key, span)
            return state, replay, jax.tree.map(jnp.copy, state.actor.params)

        def act(params: Any, obs: Any, number: Any) -> Any:
            return sample(cfg, params, obs, jax.random.fold_in(key_of(jnp.int32(seed), Use.ACT), number))[0]

        self._learn = jax.jit(learn, donate_argnums=(0, 1))
        self._act = jax.jit(act)

    def run(self, steps: int, per_step: float) -> None:
        """`steps` environment steps (rounded up to a multiple of n), with `per_step` updates for each."""
        for _ in range(-(-steps // self.n)):
            action = self._explore()
            if self.recorder:
                result = self.recorder.step(self.env, self.obs, action)
            else:
                result = self.env.step(np.arange(self.n), action)
            rows = pack(Transition(self.obs, action, result.reward, result.obs, result.terminal))
            at = self.taken
            self.taken += self.n
            due = int(per_step * (self.taken - self.warmup)) if self.taken > self.warmup else 0
            count = max(0, due - self.updates)
            span = (np.int32(self.updates), np.int32(count), np.int32(1))
            self.state, self.replay, self._next = self._learn(self.state, self.replay, rows, np.int32(at), span)
            self.updates += count
            self.obs = np.array(result.obs)
            over = np.flatnonzero(result.terminal | result.truncated)
            if len(over):
                self.episodes[over] += 1
                self.obs[over] = self.env.reset(over, self._seeds(over))

    def _explore(self) -> Array:
        if self.taken < self.warmup:
            rng = np.random.default_rng([self.seed, self.taken])
            return rng.uniform(-1.0, 1.0, (self.n, self.spec.action_dim)).astype(np.float32)
        action = np.asarray(self._act(self.actor, self.obs, np.int32(self.taken)))
        self.actor = self._next  # from the dispatch under way: used one step later, when it is done
        return action

    def skill(self, **facts: Any) -> Skill:
        """The newest policy."""
        return from_actor(self.state.actor.params, {"steps": self.taken, "updates": self.updates, **facts})

    def _seeds(self, index: Array) -> Array:
        return np.array([environment_seed(EPISODE, self.seed, int(i), int(self.episodes[i])) for i in index], np.int64)
