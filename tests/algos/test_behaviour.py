"""Methods with a model of the dataset's actions: the VAE, MCQ, SPOT and SVR, their losses by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import mcq, spot, svr
from pars.core import Spec, Step
from pars.nn.nets import apply
from pars.nn.vae import VAE, elbo_loss, init_vae, vae_actions
from pars.rl.critics import critic_net
from pars.rl.net import descend, make_net
from tests.algos import plain

SPEC = Spec(plain.OBS, plain.ACTION)
BATCH, KEY = plain.batch(), jax.random.key(7)
SMALL: dict[str, Any] = dict(hidden=(8,), actor_hidden=(8,), batch_size=plain.BATCH)
MCQ = mcq.Config(**SMALL, behaviour_hidden=(8,), sampled_actions=3, td_weight=0.7)
SPOT = spot.Config(**SMALL, normalize_obs=False, behaviour_hidden=(8,), behaviour_steps=2)
SVR = svr.Config(**SMALL, normalize_obs=False, behaviour_steps=2, least_value=-3.0)
VAE_NET = VAE((8,), plain.ACTION)
change = dataclasses.replace


def step(number: int, phase: str = "offline") -> Step:
    return Step(jnp.asarray(number), jnp.asarray(10), phase)


def updated(function: Any, cfg: Any, state: Any, at: Step) -> Any:
    return jax.jit(lambda state: function(cfg, state, BATCH, KEY, at))(state)


def first_action(cfg: Any, count: int = 1) -> Any:
    """Critics that give j + a_0, j = 0 .. count - 1."""
    module = critic_net(change(cfg, hidden=()))
    params = jax.tree.map(jnp.zeros_like, module.init(KEY, BATCH.obs, BATCH.action)["params"])
    out = params["mlp"]["out"]
    kernel = out["kernel"].at[plain.OBS, 0].set(1.0)
    stacked = {"kernel": jnp.stack([kernel] * count), "bias": jnp.arange(count, dtype=jnp.float32)[:, None]}
    return {"mlp": {"out": stacked if count > 1 else {"kernel": kernel, "bias": out["bias"]}}}


def vae_by_hand(params: Any, obs: Any, action: Any, noise: Any) -> tuple[np.ndarray, np.ndarray]:
    """Squared errors [B, A] and KL [B, L], from the densities' formulas."""
    encoded = np.asarray(plain.mlp({"mlp": params["encoder"]}, jnp.concatenate([obs, action], -1)))
    mean, log_std = encoded[:, :4], np.clip(encoded[:, 4:], -4, 15)
    latent = mean + np.exp(log_std) * np.asarray(noise)
    decoded = np.tanh(plain.mlp({"mlp": params["decoder"]}, jnp.concatenate([obs, latent], -1)))
    kl = -0.5 * (1 + 2 * log_std - mean**2 - np.exp(2 * log_std))
    return (np.asarray(action) - decoded) ** 2, kl


def test_elbo_by_hand_summed_and_averaged() -> None:
    params = init_vae(VAE_NET, plain.OBS, jax.random.key(1))
    noise = jax.random.normal(KEY, (plain.BATCH, 4))
    error, kl = vae_by_hand(params, BATCH.obs, BATCH.action, noise)
    summed = elbo_loss(VAE_NET, params, BATCH.obs, BATCH.action, KEY, 1.0, "sum")
    np.testing.assert_allclose(summed, error.sum(1) + kl.sum(1), rtol=1e-5)
    averaged = elbo_loss(VAE_NET, params, BATCH.obs, BATCH.action, KEY, 0.5, "mean")
    np.testing.assert_allclose(averaged, error.mean(1) + 0.5 * kl.mean(1), rtol=1e-5)


def test_the_penalty_reaches_the_action_through_encoder_and_error() -> None:
    params = init_vae(VAE_NET, plain.OBS, jax.random.key(1))
    loss = jax.jit(lambda a: elbo_loss(VAE_NET, params, BATCH.obs, a, KEY, 0.5, "mean").sum())
    slope = jax.grad(loss)(BATCH.action)
    for column in range(plain.ACTION):
        nudge = jnp.zeros_like(BATCH.action).at[:, column].set(1e-2)
        risen = (loss(BATCH.action + nudge) - loss(BATCH.action - nudge)) / 2e-2
        assert float(slope[:, column].sum()) == pytest.approx(float(risen), rel=2e-2, abs=1e-3)
    error = jax.grad(lambda a: (jnp.mean((a - jax.lax.stop_gradient(a)) ** 2, -1)).sum())(BATCH.action)
    assert np.abs(slope - error).max() > 1e-3  # not of the error alone


def test_a_vae_learns_what_the_data_do() -> None:
    """Actions are +-.6 in the first state, 0 in the second: both modes are drawn. A KL that weighs as
    much as the error, as in MCQ and SPOT, would leave the latent empty in a world as small as this."""
    rng = np.random.default_rng(0)
    which = np.arange(256) % 2
    obs = jnp.asarray(np.stack([which, 1 - which], 1), jnp.float32)
    action = jnp.asarray(np.where(which, np.sign(rng.normal(size=256)) * 0.6, 0.0)[:, None], jnp.float32)
    vae = VAE((64, 64), 1)

    def one(behaviour: Any, key: Any) -> Any:
        loss = lambda params: elbo_loss(vae, params, obs, action, key, 0.02, "sum").mean()  # noqa: E731
        value, grads = jax.value_and_grad(loss)(behaviour.params)
        return descend(behaviour, grads, 2e-3), value

    start = make_net(init_vae(vae, 2, jax.random.key(0)))
    trained, losses = jax.jit(lambda b: jax.lax.scan(one, b, jax.random.split(KEY, 1000)))(start)
    drawn = np.asarray(vae_actions(vae, trained.params, obs, KEY))[:, 0]
    assert losses[-1] < 0.5 * losses[0]
    assert np.abs(drawn[which == 0]).max() < 0.1
    assert 0.25 < np.abs(drawn[which == 1]).mean() < 0.65


def test_pseudo_target_is_the_best_of_each_critic_and_the_least_of_both() -> None:
    q = jnp.array([[[1.0, -5.0], [3.0, -2.0]], [[2.0, -1.0], [0.0, -4.0]]])  # [2 critics, 2 draws, 2 rows]
    np.testing.assert_array_equal(mcq.pseudo_target(change(MCQ, floor_pseudo=False), q), [2.0, -2.0])
    np.testing.assert_array_equal(mcq.pseudo_target(MCQ, q), [2.0, 0.0])  # values may not count as negative


def test_pull_of_mcq_by_hand() -> None:
    pull = mcq.Pull(BATCH.obs, BATCH.action, jnp.full(plain.BATCH, 0.2), jnp.arange(plain.BATCH) % 2.0)
    away = np.asarray(BATCH.action[:, 0]) - 0.2
    params = first_action(MCQ)
    both, above = (change(MCQ, hidden=(), pull=kind) for kind in ("both", "above"))
    want = np.mean((np.arange(plain.BATCH) % 2) * away**2)
    assert float(mcq.pull_loss(both, params, pull)) == pytest.approx(want, rel=1e-5)
    want = np.mean((np.arange(plain.BATCH) % 2) * np.maximum(away, 0) ** 2)
    assert float(mcq.pull_loss(above, params, pull)) == pytest.approx(want, rel=1e-5)


def test_mcq_pulls_at_both_observations_towards_what_the_vae_draws() -> None:
    cfg = change(MCQ, hidden=(), pull_margin=0.5, pull_distance=0.3)
    state = jax.jit(lambda key: mcq.init(cfg, SPEC, key))(jax.random.key(0))
    state = state._replace(critic=state.critic._replace(params=first_action(cfg, 2)))
    pull = mcq.draw_pull(cfg, state, BATCH, KEY)
    k_policy, k_behaviour = jax.random.split(KEY)
    many = jnp.broadcast_to(jnp.concatenate([BATCH.obs, BATCH.next_obs]), (3, 2 * plain.BATCH, plain.OBS))
    seen = vae_actions(mcq.vae_net(cfg, 2), state.behaviour.params, many, k_behaviour)
    own = mcq.sample(cfg, state.actor.params, many, k_policy)[0]
    want = np.maximum(np.asarray(seen[..., 0]).max(0), 0.0) - 0.5  # of the critic without an offset
    np.testing.assert_allclose(pull.target.reshape(3, -1), np.broadcast_to(want, (3, len(want))), atol=1e-6)
    np.testing.assert_array_equal(pull.weight.reshape(3, -1), ((own - seen) ** 2).sum(-1) >= 0.3)
    assert 0 < pull.weight.mean() < 1
    np.testing.assert_allclose(pull.action.reshape(own.shape), own)


def test_mcq_weighs_td_error_and_pull_and_moves_its_vae_first() -> None:
    state = jax.jit(lambda key: mcq.init(MCQ, SPEC, key))(jax.random.key(0))
    new, metrics = updated(mcq.update, MCQ, state, step(0))
    keys = jax.random.split(KEY, 5)
    behaviour, _ = mcq.behaviour_step(MCQ, state.behaviour, BATCH, keys[0])
    plain.assert_close(new.behaviour.params, behaviour.params, rtol=1e-4, atol=1e-6)
    pull = mcq.draw_pull(MCQ, state._replace(behaviour=behaviour), BATCH, keys[3])
    assert float(metrics["pull_target"]) == pytest.approx(float(pull.target.mean()), rel=1e-3)
    found = [mcq.pull_loss(MCQ, plain.member(state.critic.params, i), pull) for i in range(2)]
    np.testing.assert_allclose(metrics["pull_loss"], found, rtol=1e-3)


def test_spot_cools_its_penalty_online_only() -> None:
    cfg = change(SPOT, support_weight=0.5, support_least=0.2, cooling_steps=1000.0)
    assert spot.support_weight(cfg, step(900)) == 0.5
    for number, share in ((0, 0.999), (499, 0.5), (999, 0.2), (5000, 0.2)):
        assert float(spot.support_weight(cfg, step(number, "online"))) == pytest.approx(0.5 * share, rel=1e-5)


def test_spot_has_a_discount_of_its_own_online() -> None:
    cfg = change(SPOT, discount=0.9, discount_online=0.5, policy_noise=0.0)
    state = jax.jit(lambda key: spot.init(cfg, SPEC, key))(jax.random.key(0))
    offline, online = (spot.target(cfg, state, BATCH, KEY, phase) for phase in (False, True))
    next_q = (np.asarray(offline) - BATCH.reward) / 0.9
    np.testing.assert_allclose(online, BATCH.reward + 0.5 * next_q, rtol=1e-4, atol=1e-6)
    same = spot.target(change(cfg, discount_online=0.0), state, BATCH, KEY, True)
    np.testing.assert_allclose(same, offline, rtol=1e-6)


def test_spots_actor_loss_by_hand() -> None:
    cfg = change(SPOT, hidden=())
    state = jax.jit(lambda key: spot.init(cfg, SPEC, key))(jax.random.key(0))
    loss, metrics = spot.actor_loss(
        cfg, state.actor.params, first_action(cfg, 2), BATCH, state.behaviour.params, 0.3, KEY
    )
    action = plain.actor(state.actor.params, BATCH.obs)
    noise = jax.random.normal(jax.random.split(KEY)[1], (plain.BATCH, 4))
    error, kl = vae_by_hand(state.behaviour.params, BATCH.obs, action, noise)
    penalty = (error.mean(1) + 0.5 * kl.mean(1)).mean()
    v = np.asarray(action)[:, 0]
    assert float(loss) == pytest.approx(-v.mean() / np.abs(v).mean() + 0.3 * penalty, rel=1e-4)
    assert float(metrics["support_loss"]) == pytest.approx(penalty, rel=1e-5)


def test_spots_dropout_acts_in_training_alone() -> None:
    cfg = change(SPOT, dropout=True, dropout_rate=0.5)
    state = jax.jit(lambda key: spot.init(cfg, SPEC, key))(jax.random.key(0))
    keys = jax.random.split(KEY)
    one, other = (np.asarray(spot.policy(cfg, state.actor.params, BATCH.obs, key)) for key in keys)
    assert not np.allclose(one, other)
    action = spot.act(cfg, state, BATCH.obs, KEY, 0.0)
    np.testing.assert_allclose(action, plain.actor(state.actor.params, BATCH.obs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("own, cloned", [(-1.0, -0.9), (0.9, -1.0), (-1.0, 0.9)])
def test_importance_of_narrow_policies_stays_finite(own: float, cloned: float) -> None:
    """Densities on their own would be 0 / 0, or something over 0."""
    cfg, action = change(SVR, spread=0.05), jnp.ones((2, 2))
    weight = svr.importance(cfg, jnp.full((2, 2), own), jnp.full((2, 2), cloned), action)
    slope = jax.grad(lambda q: svr.regulariser(cfg, jnp.zeros(2), q, weight))(jnp.ones(2))
    assert np.isfinite(weight).all() and np.isfinite(slope).all()


def test_svr_weights_and_regulariser_by_hand() -> None:
    own, cloned = BATCH.action + 0.1, BATCH.action - jnp.array([0.3, 0.0])
    weight = svr.importance(SVR, own, cloned, BATCH.action)
    ratio = np.exp((-0.01 + 0.045) / 0.08)  # mean squares .01 and .09 / 2, over 2 sigma^2
    np.testing.assert_allclose(weight, np.full(plain.BATCH, ratio), rtol=1e-4)
    far = svr.importance(SVR, BATCH.action + 2.0, cloned, BATCH.action)
    np.testing.assert_allclose(far, np.full(plain.BATCH, 0.1))
    shares = svr.importance(change(SVR, normalize_weights=True), own * jnp.linspace(0, 1, 16)[:, None], cloned, own)
    assert float(shares.mean()) == pytest.approx(1.0, rel=1e-5)

    drawn, q, w = jnp.array([1.0, -3.0]), jnp.array([0.0, 200.0]), jnp.array([0.5, 1.0])
    # (4^2 - .5 3^2) and 0 - 203^2, which is cut at -10^4
    assert float(svr.regulariser(SVR, drawn, q, w)) == pytest.approx(((16 - 4.5) - 1e4) / 2, rel=1e-6)


def test_svr_sums_td_errors_and_averages_the_regulariser_over_critics() -> None:
    cfg = change(SVR, support_weight=2.0, critic_lr=0.0)
    state = jax.jit(lambda key: svr.init(cfg, SPEC, key))(jax.random.key(0))
    new, _ = updated(svr.update, cfg, state, step(0))
    k_target, k_drawn, _ = jax.random.split(KEY, 3)
    y = np.asarray(svr.twin_target(cfg, state, BATCH, k_target))
    own, cloned = (apply(svr.actor_net(cfg, 2), net.params, BATCH.obs) for net in (state.actor, state.behaviour))
    drawn = jnp.clip(own + 0.2 * jax.random.normal(k_drawn, own.shape), -1, 1)
    weight = svr.importance(cfg, own, cloned, BATCH.action)

    def whole(params: Any) -> Any:
        q, at = (jnp.stack([plain.critic(plain.member(params, i), BATCH.obs, a) for i in range(4)])
                 for a in (BATCH.action, drawn))  # fmt: skip
        difference = jnp.maximum((at + 3.0) ** 2 - weight * (q + 3.0) ** 2, -1e4)
        return ((q - y) ** 2).mean(1).sum() + 2.0 * difference.mean()

    slopes = jax.tree.map(lambda x: 0.1 * x, jax.grad(whole)(state.critic.params))
    plain.assert_close(new.critic.opt.mu, slopes, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("algo", "cfg"), [(spot, SPOT), (svr, SVR)])
def test_the_phase_before_trains_the_behaviour_alone(algo: Any, cfg: Any) -> None:
    state = jax.jit(lambda key: algo.init(cfg, SPEC, key))(jax.random.key(0))
    new, metrics = updated(algo.behaviour_update, cfg, state, step(0, "behaviour"))
    assert plain.differ(state.behaviour.opt.mu, new.behaviour.opt.mu)
    assert plain.same(state._replace(behaviour=None), new._replace(behaviour=None))
    assert float(metrics["behaviour_loss"]) > 0
