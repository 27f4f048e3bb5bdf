"""td3-jax (yifan12wu/td3-jax), the code that PARS grew from: as it is, and with the PARS loss.

Their loop: a batch from their NumPy buffer, one compiled call for the critics, and in every second step one for the
actor and one for the targets. PARS is added as in that code base: the critic becomes a vmapped ensemble with layer
norm, the critic loss gets the infeasible actions, the actor loss the BC term. All target critics are in the target's
minimum; the actor is theirs, of two hidden layers. It stands in for the authors' code (LGAI-Research/pars), which was
not at hand.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers.base import Job, load_module, old_jax


@flax.struct.dataclass
class Optimizer:
    """flax.optim's, which flax has dropped: parameters and Adam's moments that move together."""

    target: Any
    state: Any
    adam: Any = flax.struct.field(pytree_node=False)

    def apply_gradient(self, grad: Any) -> Optimizer:
        updates, state = self.adam.update(grad, self.state, self.target)
        return self.replace(target=optax.apply_updates(self.target, updates), state=state)  # type: ignore[attr-defined]


class Adam:
    def __init__(self, learning_rate: float):
        self.adam = optax.adam(learning_rate)

    def create(self, params: Any) -> Optimizer:
        return Optimizer(params, self.adam.init(params), self.adam)


class Critic(nn.Module):
    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, state: Any, action: Any) -> Any:
        x = jnp.concatenate([state, action], axis=-1)
        for width in self.hidden:
            x = nn.relu(nn.LayerNorm()(nn.Dense(width)(x)))
        return nn.Dense(1)(x)


def pars(td3: ModuleType) -> Any:
    """Their class with the PARS loss."""

    class PARS(td3.TD3):  # type: ignore[name-defined]
        def __init__(self, obs: int, action: int, job: Job):
            options: dict[str, Any] = {
                "hidden": (256, 256, 256),
                "reward_scale": 10.0,
                "penalty_weight": 0.001,
                "infeasible_distance": 100.0,
                "q_min": 0.0,
                "bc_weight": 0.01,
                "discount": 0.99,
            } | job.settings
            self.hidden = tuple(options.pop("hidden"))
            self.__dict__ |= options
            super().__init__(obs, action, 1.0, discount=options["discount"], seed=job.seed, jit=True)
            ensemble = nn.vmap(
                Critic,
                variable_axes={"params": 0},
                split_rngs={"params": True},
                in_axes=None,
                out_axes=0,
                axis_size=job.critics,
            )
            self.critic_model = ensemble(self.hidden)
            inputs = jnp.ones([1, obs]), jnp.ones([1, action])
            self.critic_params = self.critic_target_params = self.critic_model.init(self.rngs.get_key(), *inputs)
            self.actor_target_params = self.actor_params
            self.critic_optimizer = Adam(learning_rate=3e-4).create(self.critic_params)

        def _critic_loss(self, critic_params: Any, critic_target: Any, actor_target: Any, batch: Any, rng: Any) -> Any:
            state, action, next_state, reward, not_done = batch
            k_noise, k_far = jax.random.split(rng)
            noise = jnp.clip(
                jax.random.normal(k_noise, action.shape) * self.policy_noise, -self.noise_clip, self.noise_clip
            )
            next_action = jnp.clip(self.actor_model.apply(actor_target, next_state) + noise, -1.0, 1.0)
            next_q = self.critic_model.apply(critic_target, next_state, next_action).min(axis=0)
            target = self.reward_scale * reward + not_done * self.discount * next_q
            u = jax.random.uniform(k_far, action.shape, minval=-1.0, maxval=1.0)
            far = self.infeasible_distance * jnp.where(u < 0, u - 1.0, u + 1.0)
            q = self.critic_model.apply(critic_params, state, action)
            q_far = self.critic_model.apply(critic_params, state, far)
            td = jnp.mean(jnp.square(q - jax.lax.stop_gradient(target)))
            return td + self.penalty_weight * jnp.mean(jnp.square(q_far - self.q_min))

        def _actor_loss(self, actor_params: Any, critic_params: Any, batch: Any) -> Any:
            state, action = batch
            policy = self.actor_model.apply(actor_params, state)
            v = self.critic_model.apply(critic_params, state, policy).min(axis=0)
            bc = jnp.mean(jnp.sum(jnp.square(policy - action), axis=-1))
            return -jnp.mean(v) / jax.lax.stop_gradient(jnp.mean(jnp.abs(v))) + self.bc_weight * bc

        def train(self, replay_buffer: Any, batch_size: int = 256) -> None:
            self.total_it += 1
            batch = replay_buffer.sample(batch_size)
            targets = self.critic_target_params, self.actor_target_params
            self.critic_optimizer, _ = self.critic_step(self.critic_optimizer, *targets, batch, self.rngs.get_key())
            self.critic_params = self.critic_optimizer.target
            if self.total_it % self.policy_freq:
                return
            self.actor_optimizer, _ = self.actor_step(self.actor_optimizer, self.critic_params, batch[:2])
            self.actor_params = self.actor_optimizer.target
            self.actor_target_params, self.critic_target_params = self.update_target_params(
                (self.actor_params, self.critic_params), (self.actor_target_params, self.critic_target_params)
            )

    return PARS


class Adapter:
    """Settings of PARS by our names, see its __init__; TD3 takes `discount`."""

    def __init__(self, job: Job):
        old_jax()
        optim = ModuleType("flax.optim")
        optim.Adam = Adam  # type: ignore[attr-defined]
        sys.modules["flax.optim"] = flax.optim = optim  # type: ignore[attr-defined]
        td3, data, self.job = load_module(job.folder, "TD3.py"), job.read(), job
        np.random.seed(job.seed)
        sizes = data.obs.shape[1], data.action.shape[1]
        self.buffer = td3.utils.ReplayBuffer(*sizes, max_size=len(data.obs))
        self.buffer.state[:], self.buffer.action[:], self.buffer.next_state[:] = data.obs, data.action, data.next_obs
        self.buffer.reward[:, 0], self.buffer.not_done[:, 0] = data.reward, 1.0 - data.terminal
        self.buffer.size = len(data.obs)
        if job.algorithm == "pars":
            self.agent = pars(td3)(*sizes, job)
        else:
            self.agent = td3.TD3(*sizes, 1.0, seed=job.seed, jit=True, **job.settings)

    def steps(self, count: int) -> int:
        for _ in range(count):
            self.agent.train(self.buffer, self.job.batch)
        jax.block_until_ready((self.agent.actor_params, self.agent.critic_optimizer))
        return count

    def act(self, obs: np.ndarray) -> np.ndarray:
        return np.asarray(self.agent.actor(self.agent.actor_params, obs))
