"""SAC: density, target, losses and step by hand; a bandit whose soft optimum is known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pars.algos import sac
from pars.core import Spec, Step, Transition
from pars.packing import pack
from pars.rl.losses import tanh_sample
from pars.rl.soft import soft_actor_loss
from pars.training.learner import Learner

SPEC = Spec(2, 1)
STEP = Step(jnp.asarray(0), jnp.asarray(10), "online")
KEY = jax.random.key(3)
BATCH = Transition(
    obs=jnp.array([[1.0, 2.0], [0.5, -1.0]]),
    action=jnp.array([[0.2], [-0.6]]),
    reward=jnp.array([1.0, -2.0]),
    next_obs=jnp.array([[0.0, 1.0], [2.0, 0.0]]),
    terminal=jnp.array([0.0, 1.0]),
)
CRITICS = np.array([[0.5, -0.3, 0.8], [0.1, 0.4, -0.7]])  # rows: critics; Q = w (s, a) + b
BIASES = np.array([0.2, -0.1])
MEAN, LOG_STD, LOG_TEMPERATURE = np.array([0.3, -0.2]), -0.5, np.log(0.4)


def linear(**settings: object) -> tuple[sac.Config, sac.State]:
    """Two linear critics, a policy N(w s, exp(-.5)) before the tanh, temperature 0.4."""
    cfg = sac.Config(hidden=(), actor_hidden=(), **settings)  # type: ignore[arg-type]
    state = jax.jit(lambda key: sac.ALGORITHM.init(cfg, SPEC, key))(jax.random.key(0))
    out = {"kernel": jnp.array(CRITICS[:, :, None], jnp.float32), "bias": jnp.array(BIASES[:, None], jnp.float32)}
    policy = {
        "kernel": jnp.array(np.stack([MEAN, [0, 0]], axis=1), jnp.float32),
        "bias": jnp.array([0.0, LOG_STD], jnp.float32),
    }
    critic = state.critic._replace(params={"mlp": {"out": out}}, target=jax.tree.map(jnp.copy, {"mlp": {"out": out}}))
    actor = state.actor._replace(params={"mlp": {"out": policy}})
    temperature = state.log_temperature._replace(params=jnp.float32(LOG_TEMPERATURE))
    return cfg, state._replace(critic=critic, actor=actor, log_temperature=temperature)


def sampled(obs: np.ndarray, key: jax.Array) -> tuple[np.ndarray, np.ndarray]:
    """The policy's sample for `key` and its density through scipy and the derivative of tanh."""
    noise = np.asarray(jax.random.normal(key, (len(obs), 1)), np.float64)
    z = obs @ MEAN[:, None] + np.exp(LOG_STD) * noise
    density = stats.norm.pdf(z, obs @ MEAN[:, None], np.exp(LOG_STD)) / (1 - np.tanh(z) ** 2)
    return np.tanh(z), np.log(density).sum(axis=1)


def q(obs: np.ndarray, action: np.ndarray) -> np.ndarray:
    return CRITICS @ np.concatenate([obs, action], axis=1).T + BIASES[:, None]


def test_density_of_a_tanh_gaussian_integrates_to_one() -> None:
    mean, log_std = jnp.full((1, 1), 0.7), jnp.full((1, 1), -0.3)
    keys = jax.random.split(KEY, 4000)
    action, log_prob = jax.vmap(lambda k: tanh_sample(k, mean, log_std))(keys)
    assert float(jnp.mean(jnp.exp(-log_prob))) == pytest.approx(2.0, rel=0.1)  # E[1 / p] is the width of (-1, 1)
    assert np.abs(action).max() < 1


@pytest.mark.shipped
def test_density_stays_exact_where_tanh_is_one_to_rounding() -> None:
    mean = jnp.full((1, 1), 20.0)
    action, log_prob = tanh_sample(KEY, mean, jnp.zeros((1, 1)))
    noise = float(jax.random.normal(KEY, (1, 1))[0, 0])
    slope = np.log(4) - 2 * (20 + noise)  # log(1 - tanh(z)^2) for large z
    assert float(action[0, 0]) == 1.0
    assert float(log_prob[0]) == pytest.approx(stats.norm.logpdf(noise) - slope, rel=1e-5)


def test_target_is_the_soft_minimum() -> None:
    cfg, state = linear(reward_scale=3.0, discount=0.9)
    action, log_prob = sampled(np.asarray(BATCH.next_obs), KEY)
    soft = q(np.asarray(BATCH.next_obs), action).min(axis=0) - 0.4 * log_prob
    expected = 3.0 * np.array([1.0, -2.0]) + 0.9 * np.array([1.0, 0.0]) * soft
    np.testing.assert_allclose(sac.target(cfg, state, BATCH, KEY), expected, rtol=1e-5)


def test_actor_loss_is_temperature_times_log_density_minus_the_smaller_q() -> None:
    cfg, state = linear()
    action, log_prob = sampled(np.asarray(BATCH.obs), KEY)
    loss, mean = soft_actor_loss(cfg, state.actor.params, state, BATCH, KEY)
    assert float(loss) == pytest.approx(
        np.mean(0.4 * log_prob - q(np.asarray(BATCH.obs), action).min(axis=0)), rel=1e-5
    )
    assert float(mean) == pytest.approx(log_prob.mean(), rel=1e-5)


@pytest.mark.parametrize(("entropy", "direction"), [(5.0, 1.0), (-5.0, -1.0)])
def test_temperature_rises_while_the_entropy_is_below_its_target(entropy: float, direction: float) -> None:
    cfg, state = linear(target_entropy=entropy, temperature_lr=0.01)
    new, _ = sac.update(cfg, state, BATCH, KEY, STEP)
    moved = float(new.log_temperature.params - state.log_temperature.params)
    assert moved == pytest.approx(direction * 0.01, rel=1e-3)  # Adam's first step


def test_one_step_moves_critics_against_their_gradient_and_targets_a_little() -> None:
    cfg, state = linear(critic_lr=0.01, polyak=0.1)
    k_target = jax.random.split(KEY, 3)[0]
    y = np.asarray(sac.target(cfg, state, BATCH, k_target))
    new, metrics = sac.update(cfg, state, BATCH, KEY, STEP)
    inputs = np.concatenate([BATCH.obs, BATCH.action], axis=1)
    error = q(np.asarray(BATCH.obs), np.asarray(BATCH.action)) - y
    moved = np.asarray(new.critic.params["mlp"]["out"]["kernel"])[..., 0] - CRITICS
    np.testing.assert_allclose(moved, -0.01 * np.sign(error @ inputs), rtol=1e-3)
    followed = np.asarray(new.critic.target["mlp"]["out"]["kernel"])[..., 0] - CRITICS
    np.testing.assert_allclose(followed, 0.1 * moved, rtol=1e-3)
    assert float(metrics["critic_loss"].mean()) == pytest.approx((error**2).mean(), rel=1e-5)


def test_finds_the_best_action_of_a_bandit() -> None:
    rows, rng = 512, np.random.default_rng(0)
    action = rng.uniform(-1, 1, (rows, 1)).astype(np.float32)
    obs = np.ones((rows, 2), np.float32)
    columns = Transition(obs, action, 1 - (action[:, 0] - 0.5) ** 2, obs, np.ones(rows, np.float32))
    cfg = sac.Config(
        hidden=(32, 32),
        actor_hidden=(32, 32),
        batch_size=64,
        critic_lr=2e-3,
        actor_lr=2e-3,
        temperature_lr=1e-2,
        target_entropy=-2.0,
        reward_scale=5.0,
    )
    learner = Learner(sac.ALGORITHM, [cfg], [0], SPEC)
    learner.load(pack(columns))
    learner.start_interval("offline")
    learner.run(0, 1500, 1500)
    assert learner.act(obs[None, :1], 0, 0.0)[0, 0, 0] == pytest.approx(0.5, abs=0.1)
    entropy = learner.metrics(1500)["entropy"]
    assert np.isfinite(entropy).all()
    spread = learner.act(np.repeat(obs[None, :1], 200, axis=1), 1, 1.0).std()
    assert 0.02 < spread < 0.4
