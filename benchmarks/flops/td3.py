"""Methods with a deterministic actor."""

from __future__ import annotations

from typing import Any

from benchmarks.flops.products import (
    Work,
    actor_of,
    climb,
    critic_of,
    critics_of,
    forward,
    learn,
    penalised,
    rows,
    vae_of,
    vae_step,
)


def pars(cfg: Any, obs: int, action: int) -> Work:
    """Targets of k critics, N critics on TD and PA rows; the actor climbs all N."""
    return _pars(cfg, obs, action, cfg.critics, cfg.policy_delay)


def pars_online(cfg: Any, obs: int, action: int) -> Work:
    """The same with an actor that climbs some critics alone."""
    return _pars(cfg, obs, action, cfg.actor_critics, cfg.policy_delay_online)


def _pars(cfg: Any, obs: int, action: int, climbed: int, delay: int) -> Work:
    return _step(cfg, obs, action, targets=cfg.target_critics, climbed=climbed, delay=delay)


def td3(cfg: Any, obs: int, action: int) -> Work:
    """Twin critics; the actor climbs the first."""
    return _step(cfg, obs, action, climbed=1)


def td3_bc(cfg: Any, obs: int, action: int) -> Work:
    """TD3, whose actor may climb the lesser of both critics."""
    return _step(cfg, obs, action, climbed=1 if cfg.actor_value == "first" else 2)


def rebrac(cfg: Any, obs: int, action: int) -> Work:
    """TD3+BC whose actor climbs the lesser of both critics."""
    return _step(cfg, obs, action, climbed=2)


def max_q(cfg: Any, obs: int, action: int) -> Work:
    """Targets at the dataset's next actions, which no actor is asked for; an actor step in every one."""
    critic, actor = critic_of(cfg, obs, action), actor_of(cfg, obs, action)
    learned = forward(critic) + penalised(cfg) * learn(critic)
    return rows(cfg, cfg.critics * (learned + climb(critic, action)) + learn(actor))


def spot(cfg: Any, obs: int, action: int) -> Work:
    """TD3, whose actor climbs the VAE's bound too: through the encoder and what is decoded, to the action."""
    encoder, decoder = vae_of(cfg, obs, action)
    return _step(cfg, obs, action, climbed=1, improve=climb(encoder, action) + climb(decoder, 2 * action))


def spot_behaviour(cfg: Any, obs: int, action: int) -> Work:
    """The VAE."""
    return rows(cfg, vae_step(cfg, obs, action))


def svr(cfg: Any, obs: int, action: int) -> Work:
    """All critics in the target; each learns at the dataset's and at drawn actions. Policy and clone say what is drawn
    and what it weighs."""
    actor = actor_of(cfg, obs, action)
    return _step(cfg, obs, action, climbed=cfg.critics, drawn=1, always=2 * forward(actor))


def bc(cfg: Any, obs: int, action: int) -> Work:
    """Regression on the dataset's actions; SVR's clone too."""
    return rows(cfg, learn(actor_of(cfg, obs, action)))


def _step(
    cfg: Any,
    obs: int,
    action: int,
    climbed: int,
    targets: int | None = None,
    delay: int | None = None,
    drawn: int = 0,
    always: int = 0,
    improve: int = 0,
) -> Work:
    """TD3's: the target actor and `targets` critics (all) at s', every critic's step, now and then the actor's.

    Args:
        climbed: critics that the actor climbs.
        drawn: rows that critics learn from beside those of the TD error and the penalty, per row of the batch.
        always, improve: further multiply-adds of a row in each step, and in each of the actor's.
    """
    critic, actor, count = critic_of(cfg, obs, action), actor_of(cfg, obs, action), critics_of(cfg)
    target = (count if targets is None else targets) * forward(critic) + forward(actor)
    learned = (penalised(cfg) + drawn) * count * learn(critic)
    improved = learn(actor) + climbed * climb(critic, action) + improve
    return rows(cfg, target + learned + always, improved, cfg.policy_delay if delay is None else delay)
