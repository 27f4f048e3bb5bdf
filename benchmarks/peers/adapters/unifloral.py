"""unifloral's ReBRAC, SAC-N and EDAC (EmptyJackson/unifloral: algorithms).

Their loop: `make_train_step` gives a step that draws its batch; they scan it between evaluations.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.base import Job, Loop, load_module, stand_in

stand_in("d4rl", "gym", "tyro", "wandb")


class Adapter:
    """Settings are those of their `Args`."""

    def __init__(self, job: Job):
        peer, data = load_module(job.folder, f"algorithms/{job.algorithm}.py"), job.read()
        ensemble = {} if job.algorithm == "rebrac" else {"num_critics": job.critics}
        self.args = peer.Args(seed=job.seed, batch_size=job.batch, **ensemble, **job.settings)
        columns = dict(
            obs=data.obs,
            action=data.action,
            reward=data.reward,
            next_obs=data.next_obs,
            next_action=data.next_action,
            done=data.terminal,
        )
        dataset = peer.Transition(*(jnp.asarray(columns[name]) for name in peer.Transition._fields))
        make = self._rebrac if job.algorithm == "rebrac" else self._sac_n
        key, state, applies = make(peer, jax.random.PRNGKey(job.seed), dataset)
        self.steps = Loop(
            lambda data, carry: peer.make_train_step(self.args, *applies, data)(carry, None)[0], dataset, (key, state)
        )

    def _rebrac(self, peer: Any, key: Any, dataset: Any) -> tuple[Any, Any, tuple[Any, ...]]:
        args, obs, action = self.args, dataset.obs[0], dataset.action[0]
        moments = dataset.obs.mean(axis=0), dataset.obs.std(axis=0)
        actor = peer.DeterministicTanhActor(len(action), *moments, args.actor_ln, args.norm_obs)
        q = peer.DualQNetwork(*moments, args.critic_ln, args.norm_obs)
        key, k_actor, k_q = jax.random.split(key, 3)
        made = [(k_actor, actor, [obs])] * 2 + [(k_q, q, [obs, action])] * 2
        nets = [peer.create_train_state(args, *parts) for parts in made]
        return key, peer.AgentTrainState(*nets), (actor.apply, q.apply)

    def _sac_n(self, peer: Any, key: Any, dataset: Any) -> tuple[Any, Any, tuple[Any, ...]]:
        args, obs, action = self.args, dataset.obs[0], dataset.action[0]
        actor, q, alpha = peer.TanhGaussianActor(len(action)), peer.VectorQ(args.num_critics), peer.EntropyCoef()
        key, k_actor, k_q, k_alpha = jax.random.split(key, 4)
        made = [(k_actor, actor, [obs]), *[(k_q, q, [obs, action])] * 2, (k_alpha, alpha, [])]
        nets = [peer.create_train_state(args, *parts) for parts in made]
        return key, peer.AgentTrainState(*nets), (actor.apply, q.apply, alpha.apply)

    def act(self, obs: np.ndarray) -> np.ndarray:
        actor = self.steps.carry[1].actor
        return np.asarray(actor.apply_fn(actor.params, obs).sample(seed=jax.random.PRNGKey(0)))
