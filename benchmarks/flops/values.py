"""Methods with a V: IQL and what builds on it, PPO."""

from __future__ import annotations

from typing import Any

from benchmarks.flops.products import (
    Widths,
    Work,
    actor_of,
    critic_of,
    forward,
    learn,
    penalised,
    rows,
)


def iql(cfg: Any, obs: int, action: int) -> Work:
    """Target twins and V at the dataset's actions, V again with its new weights, and at s'; no action is climbed."""
    value = (obs, *cfg.hidden, 1)
    advantage = forward(value)
    return rows(cfg, _q_and_v(cfg, critic_of(cfg, obs, action), value) + advantage + learn(actor_of(cfg, obs, action)))


def pex_online(cfg: Any, obs: int, action: int) -> Work:
    """IQL, but what is cloned are composed actions: proposals of both policies, Q of both, the chosen's advantage."""
    critic, value, actor = critic_of(cfg, obs, action), (obs, *cfg.hidden, 1), actor_of(cfg, obs, action)
    composed = 2 * forward(actor) + 2 * 2 * forward(critic)
    advantage = 2 * forward(critic) + forward(value)
    return rows(cfg, _q_and_v(cfg, critic, value) + composed + advantage + learn(actor))


def _q_and_v(cfg: Any, critic: Widths, value: Widths) -> int:
    """Target twins and V's step at the dataset's actions, V at s', the critics' step."""
    return 2 * forward(critic) + learn(value) + forward(value) + 2 * penalised(cfg) * learn(critic)


def ppo(cfg: Any, obs: int, action: int) -> Work:
    """A minibatch through policy and V; in front of a window's first all of it, V at s and s'."""
    return _window(cfg, actor_of(cfg, obs, action), (obs, *cfg.hidden, 1))


def uni_o4_critic(cfg: Any, obs: int, action: int) -> Work:
    """IQL's without the policy: target twins at the dataset's actions, V's step, V at s' with its new weights."""
    return rows(cfg, _q_and_v(cfg, critic_of(cfg, obs, action), (obs, *cfg.value_hidden, 1)))


def uni_o4_behaviours(cfg: Any, obs: int, action: int) -> Work:
    """Every policy's likelihood, for the others to differ from, and its step."""
    actor = actor_of(cfg, obs, 2 * action)
    return rows(cfg, cfg.policies * (forward(actor) + learn(actor)))


def uni_o4_dynamics(cfg: Any, obs: int, action: int) -> Work:
    """Every member's step on rows of its own; now and then all of them on the rows held out."""
    member = _model(cfg, obs, action)
    look = 2.0 * cfg.models * cfg.holdout * forward(member)
    return Work(2.0 * cfg.models * cfg.model_batch * learn(member), look, cfg.holdout_every)


def uni_o4(cfg: Any, obs: int, action: int) -> Work:
    """V, and for each policy its behaviour policy, twin critics and its own step; now and then an imagined episode of
    each from every row, of `horizon` steps: the policy, twin critics, the model's elites."""
    critic, actor, value = critic_of(cfg, obs, action), actor_of(cfg, obs, 2 * action), (obs, *cfg.value_hidden, 1)
    acted = forward(actor) + 2 * forward(critic)
    imagined = cfg.horizon * (acted + cfg.elites * forward(_model(cfg, obs, action)))
    improve = forward(value) + cfg.policies * (acted + learn(actor))
    return rows(cfg, improve, cfg.policies * imagined, cfg.estimate_every)


def uni_o4_online(cfg: Any, obs: int, action: int) -> Work:
    """PPO of one policy, with the V of before."""
    return _window(cfg, actor_of(cfg, obs, 2 * action), (obs, *cfg.value_hidden, 1))


def _window(cfg: Any, actor: Widths, value: Widths) -> Work:
    looked = 2.0 * cfg.rollout * (forward(actor) + 2 * forward(value))
    return Work(2.0 * cfg.minibatch * (learn(actor) + learn(value)), looked, cfg.steps_per_window)


def _model(cfg: Any, obs: int, action: int) -> Widths:
    """A member: mean and variance of the next observation and of the reward, and whether the task ends."""
    return (obs + action, *cfg.model_hidden, 2 * (obs + 1) + 1)
