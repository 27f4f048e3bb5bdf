"""TD3+BC: losses by hand, a step against plain jnp, switches."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from pars.algos import td3_bc
from pars.core import Spec, Step, Transition
from pars.rl.deterministic import twin_target
from pars.rl.net import Normalizer
from tests.algos import plain

SPEC = Spec(plain.OBS, plain.ACTION)
BASE = td3_bc.Config(hidden=(8,), actor_hidden=(8,), normalize_obs=False, batch_size=plain.BATCH, critic_lr=1e-2)
KEY = jax.random.key(7)
BATCH = plain.batch()


@partial(jax.jit, static_argnames="online")
def step(cfg: Any, state: Any, batch: Transition, key: Array, index: Any, online: bool = False) -> Any:
    return td3_bc.update(
        cfg, state, batch, key, Step(jnp.asarray(index), jnp.asarray(10), "online" if online else "offline")
    )


@pytest.fixture(scope="module")
def state() -> td3_bc.State:
    return jax.jit(lambda key: td3_bc.ALGORITHM.init(BASE, SPEC, key))(jax.random.key(0))


def actor_loss(cfg: td3_bc.Config, state: td3_bc.State, critics: Any) -> float:
    return float(td3_bc.actor_loss(cfg, state.actor.params, critics, BATCH)[0])


def reference(cfg: td3_bc.Config, state: td3_bc.State, keys: list[Array], batch: Transition) -> tuple[Any, Any]:
    """Two steps from fresh moments, the second with an actor step. -> parameters and targets of (actor, critics)"""
    pi, slow_pi = state.actor.params, state.actor.target
    first = [plain.member(state.critic.params, i) for i in range(2)]
    slow = [plain.member(state.critic.target, i) for i in range(2)]
    critics, grads = first, []
    for key in keys:
        k_noise, _ = jax.random.split(key)
        noise = jnp.clip(
            cfg.policy_noise * jax.random.normal(k_noise, batch.action.shape), -cfg.noise_clip, cfg.noise_clip
        )
        action = jnp.clip(plain.actor(slow_pi, batch.next_obs) + noise, -1, 1)
        q = jnp.minimum(*(plain.critic(c, batch.next_obs, action) for c in slow))
        y = cfg.reward_scale * batch.reward + cfg.reward_shift + cfg.discount * (1 - batch.terminal) * q
        loss = jax.grad(lambda c, y=y: ((plain.critic(c, batch.obs, batch.action) - y) ** 2).mean())
        grads.append([loss(c) for c in critics])
        critics = [plain.adam(first[i], [g[i] for g in grads], cfg.critic_lr) for i in range(2)]

    def objective(params: Any) -> Array:
        action = plain.actor(params, batch.obs)
        q = plain.critic(critics[0], batch.obs, action)
        weight = cfg.q_weight / jax.lax.stop_gradient(jnp.abs(q).mean())
        return -weight * q.mean() + cfg.bc_weight * ((action - batch.action) ** 2).mean()

    new_pi = plain.adam(pi, [jax.grad(objective)(pi)], cfg.actor_lr)
    slow = [plain.slow(t, c, cfg.polyak) for t, c in zip(slow, critics)]
    return (new_pi, critics), (plain.slow(slow_pi, new_pi, cfg.polyak), slow)


def test_two_steps_equal_plain_jnp(state: td3_bc.State) -> None:
    keys = list(jax.random.split(KEY))
    new = state
    for index, key in enumerate(keys):
        new, _ = step(BASE, new, BATCH, key, index)
    params, targets = jax.jit(partial(reference, batch=BATCH))(BASE, state, keys)
    for got_pi, got_critics, want in (
        (new.actor.params, new.critic.params, params),
        (new.actor.target, new.critic.target, targets),
    ):
        plain.assert_close(got_pi, want[0], rtol=1e-4, atol=1e-6)
        for i in range(2):
            plain.assert_close(plain.member(got_critics, i), want[1][i], rtol=1e-4, atol=1e-6)


def test_target_by_hand(state: td3_bc.State) -> None:
    slow = plain.constant_output(state.critic.target, [3.0, 2.0])
    state = state._replace(critic=state.critic._replace(target=slow))
    cfg = td3_bc.Config(
        hidden=(8,), actor_hidden=(8,), discount=0.5, reward_scale=10.0, reward_shift=-1.0, normalize_obs=False
    )
    y = twin_target(cfg, state, BATCH, KEY)
    want = 10 * np.asarray(BATCH.reward) - 1 + np.where(BATCH.terminal, 0.0, 1.0)  # half of the smaller twin
    np.testing.assert_allclose(y, want, rtol=1e-5)


def test_actor_loss_by_hand_and_its_switches(state: td3_bc.State) -> None:
    critics = plain.constant_output(state.critic.params, [-4.0, -6.0])
    square = float(((plain.actor(state.actor.params, BATCH.obs) - BATCH.action) ** 2).mean())

    def loss(**settings: Any) -> float:
        cfg = td3_bc.Config(hidden=(8,), actor_hidden=(8,), normalize_obs=False, **settings)
        return actor_loss(cfg, state, critics)

    assert loss() == pytest.approx(2.5 + square, rel=1e-5)  # -2.5 (-4) / |-4|
    assert loss(q_weight=1.0, bc_weight=0.1) == pytest.approx(1.0 + 0.1 * square, rel=1e-5)
    assert loss(bc_reduce="sum") == pytest.approx(2.5 + plain.ACTION * square, rel=1e-5)


def test_the_actor_climbs_the_first_critic_or_the_minimum(state: td3_bc.State) -> None:
    cfg = BASE
    critics = state.critic.params
    poisoned = jax.tree.map(lambda x: x.at[1].set(jnp.nan), critics)
    assert np.isfinite(actor_loss(cfg, state, poisoned))
    lowest = td3_bc.Config(hidden=(8,), actor_hidden=(8,), actor_value="min", normalize_obs=False)
    assert np.isnan(actor_loss(lowest, state, poisoned))
    twins = jax.tree.map(lambda x: x.at[1].set(x[0]), critics)
    assert actor_loss(lowest, state, twins) == pytest.approx(actor_loss(cfg, state, critics), rel=1e-5)


def test_actor_and_targets_move_every_second_step_only(state: td3_bc.State) -> None:
    for index in range(4):
        new, _ = step(BASE, state, BATCH, KEY, index)
        assert plain.differ(new.critic.params, state.critic.params)
        if index % 2 == 1:
            assert plain.differ(new.actor.params, state.actor.params)
            assert plain.differ(new.critic.target, state.critic.target)
        else:
            assert plain.same(new.actor, state.actor) and plain.same(new.critic.target, state.critic.target)


def test_critics_have_layer_norm_only_if_asked_and_the_actor_never() -> None:
    for layer_norm in ("none", "before"):
        state = jax.eval_shape(
            lambda key, ln=layer_norm: td3_bc.ALGORITHM.init(td3_bc.Config(layer_norm=ln), SPEC, key), jax.random.key(0)
        )
        assert ("LayerNorm_0" in state.critic.params["mlp"]) == (layer_norm != "none")
        assert "LayerNorm_0" not in state.actor.params["mlp"]


def test_observations_are_normalised_on_the_way_in(state: td3_bc.State) -> None:
    norm = Normalizer(jnp.array([1.0, -2.0, 0.5]), jnp.array([2.0, 0.5, 4.0]))
    by_hand = BATCH._replace(obs=norm(BATCH.obs), next_obs=norm(BATCH.next_obs))
    inside, _ = step(BASE, state._replace(norm=norm), BATCH, KEY, 1)
    outside, _ = step(BASE, state, by_hand, KEY, 1)
    plain.assert_close(inside._replace(norm=None), outside._replace(norm=None), rtol=1e-5, atol=1e-7)
    calm = td3_bc.act(BASE, state._replace(norm=norm), BATCH.obs, KEY, 0.0)
    np.testing.assert_allclose(calm, plain.actor(state.actor.params, norm(BATCH.obs)), rtol=1e-5, atol=1e-6)
