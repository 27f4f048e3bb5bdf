"""PARS: its equations by hand, and every open choice that is a switch."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from pars.algos import pars, td3_bc
from pars.core import OFFLINE, ONLINE, Step
from pars.nn.nets import MLP
from pars.rl import critics
from pars.rl.deterministic import twin_target
from pars.rl.losses import infeasible_actions, subset
from tests.algos import plain
from tests.algos.tiny import BASE, BATCH, KEY, SPEC, fresh, smoothed, step, target_keys

change = dataclasses.replace
target = jax.jit(pars.target)
actor_loss = jax.jit(pars.actor_loss, static_argnames="online")


@pytest.fixture
def state() -> pars.State:
    return fresh()


def target_values(cfg: pars.Config, state: pars.State, key: Array) -> np.ndarray:
    """Every target critic at the target action, in plain jnp: [N, B]."""
    action = smoothed(cfg, state, key)
    members = [plain.member(state.critic.target, i) for i in range(cfg.critics)]
    return np.stack([plain.critic(c, BATCH.next_obs, action, True) for c in members])


# The target, section 4.3.


def test_target_is_the_minimum_of_a_random_subset(state: pars.State) -> None:
    subsets = set()
    for key in jax.random.split(KEY, 8):
        chosen = np.asarray(subset(target_keys(key)[1], 3, 2))
        q = target_values(BASE, state, key)[chosen].min(0)
        want = 10 * BATCH.reward + 0.99 * (1 - BATCH.terminal) * q
        np.testing.assert_allclose(target(BASE, state, BATCH, key), want, rtol=1e-4, atol=1e-5)
        subsets.add(tuple(sorted(chosen)))
    assert len(subsets) > 1  # a new one each time


def test_only_the_critics_of_the_subset_are_evaluated(state: pars.State) -> None:
    left_out = next(iter({0, 1, 2} - set(np.asarray(subset(target_keys(KEY)[1], 3, 2)).tolist())))
    for poisoned in range(3):
        slow = jax.tree.map(lambda x, i=poisoned: x.at[i].set(jnp.nan), state.critic.target)
        y = target(BASE, state._replace(critic=state.critic._replace(target=slow)), BATCH, KEY)
        assert np.isfinite(np.asarray(y)).all() == (poisoned == left_out)
    cfg = pars.Config(critics=7, target_critics=2, hidden=(8,), actor_hidden=(8,))
    seven = jax.eval_shape(lambda key: pars.ALGORITHM.init(cfg, SPEC, key), KEY)
    program = str(jax.make_jaxpr(partial(pars.target, cfg))(seven, BATCH, KEY))
    evaluated = [line for line in program.splitlines() if "length=" in line]
    assert any("length=2" in line for line in evaluated) and not any("length=7" in line for line in evaluated)


def test_a_subset_of_all_is_the_minimum_over_all(state: pars.State) -> None:
    cfg = change(BASE, target_critics=3)
    q = target_values(cfg, state, KEY).min(0)
    want = 10 * BATCH.reward + 0.99 * (1 - BATCH.terminal) * q
    np.testing.assert_allclose(target(cfg, state, BATCH, KEY), want, rtol=1e-4, atol=1e-5)


def test_two_critics_of_two_are_td3(state: pars.State) -> None:
    cfg = change(BASE, critics=2, target_critics=2)
    twins = jax.tree.map(lambda x: x[:2], state.critic)
    twin = td3_bc.Config(
        hidden=(8,), actor_hidden=(8,), layer_norm="before", initializer="flax", reward_scale=10.0, normalize_obs=False
    )
    own = target(cfg, state._replace(critic=twins), BATCH, KEY)
    theirs = twin_target(twin, td3_bc.State(state.actor, twins, state.norm), BATCH, target_keys(KEY)[0])
    np.testing.assert_allclose(own, theirs, rtol=1e-5)


def test_timeouts_bootstrap_and_terminals_do_not(state: pars.State) -> None:
    slow = plain.constant_output(state.critic.target, [5.0, 4.0, 4.0])
    y = target(BASE, state._replace(critic=state.critic._replace(target=slow)), BATCH, KEY)
    want = np.asarray(10 * BATCH.reward) + np.where(BATCH.terminal == 1, 0.0, 0.99 * 4.0)
    np.testing.assert_allclose(y, want, rtol=1e-5)  # whatever subset of two: one of them says 4


def test_scaling_rewards_and_target_critics_scales_the_target_exactly(state: pars.State) -> None:
    cfg = change(BASE, layer_norm="none", penalty=False)
    mlp = {name: layer for name, layer in state.critic.target["mlp"].items() if name != "LayerNorm_0"}
    bare = state._replace(critic=state.critic._replace(target={"mlp": mlp}))
    larger = bare._replace(critic=bare.critic._replace(target=plain.scale_output(bare.critic.target, 4.0)))
    y = target(cfg, bare, BATCH, KEY)
    np.testing.assert_array_equal(target(change(cfg, reward_scale=40.0), larger, BATCH, KEY), 4 * y)


def test_target_noise_of_zero_is_the_bare_action_and_the_clip_limits_it(state: pars.State) -> None:
    quiet = change(BASE, policy_noise=0.0)
    np.testing.assert_allclose(smoothed(quiet, state, KEY), plain.actor(state.actor.target, BATCH.next_obs))
    no_room = change(BASE, noise_clip=0.0)
    np.testing.assert_array_equal(target(quiet, state, BATCH, KEY), target(no_room, state, BATCH, KEY))
    assert not np.array_equal(target(quiet, state, BATCH, KEY), target(BASE, state, BATCH, KEY))


# The critic's loss, eq. (3), and the penalty.


@pytest.mark.parametrize("scaled", [False, True])
def test_critic_loss_by_hand(scaled: bool, state: pars.State) -> None:
    """A critic that says 2 everywhere; q_min is -3 as printed, or ten times that."""
    cfg = change(BASE, q_min_scaled=scaled)
    flat = plain.member(plain.constant_output(state.critic.params, [2.0, 0.0, 0.0]), 0)
    y, far = BATCH.reward, infeasible_actions(KEY, BATCH.action.shape, 100.0)
    total, metrics = pars.critic_loss(cfg, flat, BATCH, y, far, 0.5, pars.lowest(cfg))
    td, pa = float(((2 - y) ** 2).mean()), 32.0**2 if scaled else 25.0
    assert float(metrics["critic_loss"]) == pytest.approx(td, rel=1e-5)
    assert float(metrics["penalty_loss"]) == pytest.approx(pa)
    assert float(total) == pytest.approx(td + 0.5 * pa, rel=1e-5)
    assert (float(metrics["q_mean"]), float(metrics["q_max"]), float(metrics["q_infeasible"])) == (2.0, 2.0, 2.0)


def test_penalty_has_no_gradient_for_the_actor(state: pars.State) -> None:
    far = infeasible_actions(KEY, BATCH.action.shape, 100.0)
    critic = plain.member(state.critic.params, 0)

    def total(actor: Any) -> Array:
        y = pars.target(BASE, state._replace(actor=actor), BATCH, KEY)
        return pars.critic_loss(BASE, critic, BATCH, y, far, 1e6)[0]

    slopes = jax.jit(jax.grad(total, allow_int=True))(state.actor)
    assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves((slopes.params, slopes.target)))
    pushed, _ = step(change(BASE, penalty_weight=1e6), state, BATCH, KEY, 0)
    assert plain.same(pushed.actor, state.actor) and plain.differ(pushed.critic.params, state.critic.params)


@pytest.mark.parametrize("kind", ["all", "any"])
def test_infeasible_actions_are_drawn_as_configured(kind: Any, state: pars.State, monkeypatch: Any) -> None:
    asked = []

    def record(key: Array, shape: Any, distance: Any, kind: str) -> Array:
        asked.append((shape, distance, kind))
        return infeasible_actions(key, shape, distance, kind)  # type: ignore[arg-type]

    monkeypatch.setattr(critics, "infeasible_actions", record)
    cfg = change(BASE, infeasible=kind, infeasible_distance=250.0)
    jax.eval_shape(lambda s: pars.critic_step(cfg, s, BATCH, KEY, False), state)
    assert asked == [(BATCH.action.shape, 250.0, kind)]  # one draw per row, the same for all critics


# The actor, eq. (6) and Tables 10 and 11.


def policy_values(state: pars.State) -> np.ndarray:
    """Every critic at the policy's action, in plain jnp: [N, B]."""
    action = plain.actor(state.actor.params, BATCH.obs)
    return np.stack([plain.critic(plain.member(state.critic.params, i), BATCH.obs, action, True) for i in range(3)])


def test_actor_loss_and_its_switches(state: pars.State) -> None:
    square = float(((plain.actor(state.actor.params, BATCH.obs) - BATCH.action) ** 2).sum(-1).mean())
    v = policy_values(state).min(0)

    def loss(**settings: Any) -> float:
        cfg = change(BASE, **settings)
        return float(
            actor_loss(cfg, state.actor.params, state.critic.params, BATCH, KEY, online=False, beta=cfg.bc_weight)[0]
        )

    assert loss() == pytest.approx(-v.mean() / np.abs(v).mean() + 0.3 * square, rel=1e-4)
    assert loss(normalize_q=False) == pytest.approx(-v.mean() + 0.3 * square, rel=1e-4)
    assert loss(bc_reduce="mean") == pytest.approx(-v.mean() / np.abs(v).mean() + 0.15 * square, rel=1e-4)
    assert loss(target_critics=1) == pytest.approx(loss(), rel=1e-6)  # offline the minimum is over all, whatever k_c
    assert loss(actor_critics=3) == pytest.approx(loss(), rel=1e-6)


def test_online_the_actor_climbs_the_mean_of_a_random_subset(state: pars.State) -> None:
    q = policy_values(state)
    seen = set()
    for key in jax.random.split(KEY, 6):
        for size in (1, 2, 3):
            cfg = change(BASE, actor_critics=size)
            loss, metrics = actor_loss(
                cfg, state.actor.params, state.critic.params, BATCH, key, True, cfg.bc_weight_online
            )
            chosen = np.asarray(subset(key, 3, size))
            v = q[chosen].mean(0)
            assert float(metrics["policy_value"]) == pytest.approx(v.mean(), rel=1e-4, abs=1e-6)
            want = -v.mean() / np.abs(v).mean() + 0.2 * float(metrics["bc_loss"])
            assert float(loss) == pytest.approx(want, rel=1e-4, abs=1e-6)
            seen.add(tuple(sorted(chosen)))
    assert {(0, 1, 2)} < seen and len(seen) > 4  # of all three it is the mean over all


def test_actor_gradient_is_free_of_the_scale_of_q(state: pars.State) -> None:
    slope = jax.jit(jax.grad(lambda p, c: pars.actor_loss(BASE, p, c, BATCH, KEY, False, BASE.bc_weight)[0]))
    base = slope(state.actor.params, state.critic.params)
    for factor in (0.01, 100.0, 1e4):
        scaled = slope(state.actor.params, plain.scale_output(state.critic.params, factor))
        plain.assert_close(scaled, base, rtol=1e-4, atol=1e-6)


def test_actor_cosine_changes_the_offline_rate_alone_and_ends_at_zero(state: pars.State) -> None:
    """Adam's first step moves each parameter by the rate, so how far it moves tells the rate."""

    @partial(jax.jit, static_argnames="online")
    def moved(cfg: pars.Config, index: Any, online: bool) -> Array:
        at = Step(jnp.asarray(index), jnp.asarray(1000), "online" if online else "offline")
        new, _ = pars.improve(cfg, state, BATCH, KEY, at)
        return jnp.abs(new.actor.params["mlp"]["out"]["bias"] - state.actor.params["mlp"]["out"]["bias"]).max()

    cosine = change(BASE, actor_cosine=True, actor_lr=0.01)
    for index, factor in ((0, 1.0), (250, 0.853553), (500, 0.5), (1000, 0.0)):
        assert float(moved(cosine, index, False)) == pytest.approx(0.01 * factor, rel=1e-3, abs=1e-9)
        assert float(moved(cosine, index, True)) == pytest.approx(0.01, rel=1e-3)
        assert float(moved(change(BASE, actor_lr=0.01), index, False)) == pytest.approx(0.01, rel=1e-3)


# Networks.


@pytest.mark.parametrize(
    ("settings", "layers", "norms"),
    [
        ({}, 3, True),
        (dict(hidden=(256, 256)), 2, True),
        (dict(layer_norm="after"), 3, True),
        (dict(layer_norm="none"), 3, False),
    ],
)
def test_network_switches(settings: dict[str, Any], layers: int, norms: bool) -> None:
    state = jax.eval_shape(lambda key: pars.ALGORITHM.init(pars.Config(**settings), SPEC, key), KEY)
    critic, actor = state.critic.params["mlp"], state.actor.params["mlp"]
    assert sum(name.startswith("Dense") for name in critic) == layers
    assert ("LayerNorm_0" in critic) == norms and "LayerNorm_0" not in actor
    assert critic["Dense_0"]["kernel"].shape == (10, plain.OBS + plain.ACTION, 256)
    assert sum(name.startswith("Dense") for name in actor) == 3


def test_activation_and_initialiser_reach_the_networks() -> None:
    cfg = change(BASE, activation="gelu", initializer="edac")
    assert pars.critic_net(cfg).mlp == MLP((8,), 1, "before", "gelu", "edac", edge=3e-3)
    assert pars.actor_net(cfg, 2).mlp == MLP((8,), 2, "none", "gelu", "edac", edge=1e-3)


def test_exploration_is_added_only_if_asked_for(state: pars.State) -> None:
    cfg = change(BASE, exploration_noise=0.05)
    obs = jnp.zeros((2000, plain.OBS))
    calm = np.asarray(pars.act(cfg, state, obs, KEY, 0.0))
    np.testing.assert_array_equal(calm, np.broadcast_to(calm[:1], calm.shape))
    assert (np.asarray(pars.act(cfg, state, obs, KEY, 1.0)) - calm).std() == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize(("number", "beta"), [(0, 0.4), (100, 0.3), (200, 0.2), (400, 0.0), (4000, 0.0)])
def test_the_bc_weight_fades_online_on_a_straight_line(number: int, beta: float) -> None:
    """From .4 to 0 over 20 environment steps of 20 updates each."""
    cfg = change(BASE, bc_weight=0.4, bc_weight_online=0.0, bc_fade=20.0, updates_per_step=20)
    assert float(pars.imitation(cfg, Step(jnp.int32(number), jnp.int32(8000), ONLINE))) == pytest.approx(beta, abs=1e-6)
    at_once = change(cfg, bc_fade=0.0, bc_weight_online=0.1)
    assert float(pars.imitation(at_once, Step(jnp.int32(number), jnp.int32(8000), ONLINE))) == pytest.approx(0.1)
    assert pars.imitation(cfg, Step(jnp.int32(number), jnp.int32(8000), OFFLINE)) == 0.4


def test_optimizers_may_start_anew_online_and_nothing_else_changes() -> None:
    cfg = change(BASE, fresh_optimizers=True)
    state = pars.make_state(cfg, SPEC, KEY)
    state, _ = pars.update(cfg, state, BATCH, KEY, Step(jnp.int32(1), jnp.int32(10), OFFLINE))
    fresh = pars.go_online(cfg, state, SPEC, KEY)
    assert all(not np.any(leaf) for net in (fresh.actor, fresh.critic) for leaf in jax.tree.leaves(net.opt))
    assert any(np.any(leaf) for leaf in jax.tree.leaves(state.actor.opt))
    jax.tree.map(np.testing.assert_array_equal, fresh.critic.params, state.critic.params)
    assert pars.go_online(change(cfg, fresh_optimizers=False), state, SPEC, KEY) is state
