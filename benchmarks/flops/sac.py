"""Methods with a tanh-Gaussian policy, whose network gives 2 A numbers."""

from __future__ import annotations

from typing import Any

from benchmarks.flops.products import (
    Widths,
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


def nets(cfg: Any, obs: int, action: int) -> tuple[Widths, Widths, int]:
    """A critic, the actor, and how many critics there are."""
    return critic_of(cfg, obs, action), actor_of(cfg, obs, 2 * action), critics_of(cfg)


def parts(cfg: Any, obs: int, action: int, targets: int | None = None, drawn: int = 0) -> tuple[int, int]:
    """Multiply-adds of a row of the critics' step, with their target at a drawn action, and of the actor's.

    Args:
        targets: critics in the target; None: all.
        drawn: rows that critics learn from beside those of the TD error and the penalty, per row of the batch.
    """
    critic, actor, count = nets(cfg, obs, action)
    target = forward(actor) + (count if targets is None else targets) * forward(critic)
    return target + count * (penalised(cfg) + drawn) * learn(critic), learn(actor) + count * climb(critic, action)


def sac(cfg: Any, obs: int, action: int) -> Work:
    """Critics, then the actor, which climbs all of them."""
    return rows(cfg, sum(parts(cfg, obs, action)))


def rlpd(cfg: Any, obs: int, action: int) -> Work:
    """SAC with some critics in the target, and an actor that moves once per environment step."""
    return rows(cfg, *parts(cfg, obs, action, cfg.target_critics), cfg.updates_per_step)


def sac_n(cfg: Any, obs: int, action: int) -> Work:
    """SAC whose temperature has a draw of its own, before the actor."""
    return rows(cfg, sum(parts(cfg, obs, action)) + forward(actor_of(cfg, obs, 2 * action)))


def edac(cfg: Any, obs: int, action: int) -> Work:
    """SAC-N; each critic's slope at the dataset's actions, and once more with what teaches it to differ."""
    critic, _, count = nets(cfg, obs, action)
    more = count * (climb(critic, action) + diversity(critic, action))
    return Work(sac_n(cfg, obs, action).always + 2.0 * cfg.batch_size * more)


def diversity(critic: Widths, action: int) -> int:
    """EDAC's term: Q and its gradient at the action, and the backward pass of that gradient.

    The networks have no curvature but ReLU's, so the last costs twice the gradient.
    """
    return forward(critic) + 3 * (climb(critic, action) - forward(critic))


def cql(cfg: Any, obs: int, action: int) -> Work:
    """SAC; critics learn at M uniform actions and M of the policy at s and at s' too, which it has to draw."""
    return _cql(cfg, obs, action, pushed=True)


def cql_online(cfg: Any, obs: int, action: int) -> Work:
    """CQL's without what it is pushed down by, unless that is kept."""
    return _cql(cfg, obs, action, cfg.online_conservative)


def _cql(cfg: Any, obs: int, action: int, pushed: bool) -> Work:
    critic, actor, count = nets(cfg, obs, action)
    backup = (cfg.sampled_actions - 1 if cfg.max_backup else 0) * (forward(actor) + count * forward(critic))
    drawn = 2 * cfg.sampled_actions * forward(actor) if pushed else 0
    return rows(cfg, sum(parts(cfg, obs, action, drawn=3 * cfg.sampled_actions * pushed)) + backup + drawn)


def mcq(cfg: Any, obs: int, action: int) -> Work:
    """SAC and the VAE's step; M actions of the VAE at s and s' have the Q that M of the policy there are pulled to."""
    critic, actor, count = nets(cfg, obs, action)
    decoder = vae_of(cfg, obs, action)[1]
    drawn = 2 * cfg.sampled_actions
    aims = drawn * (forward(actor) + forward(decoder) + count * forward(critic))
    entropy = forward(actor)  # the temperature moves before the actor
    return rows(cfg, vae_step(cfg, obs, action) + entropy + aims + sum(parts(cfg, obs, action, drawn=drawn)))


def msg(cfg: Any, obs: int, action: int) -> Work:
    """N independent critics (or pairs), each with its own draw at s' for its target and at s for the regulariser; the
    actor climbs all. The policy is one pass at s and at s' for all of them."""
    critic, actor = critic_of(cfg, obs, action), actor_of(cfg, obs, 2 * action)
    count = cfg.critics * cfg.pair
    learned = count * (forward(critic) + (1 + penalised(cfg)) * learn(critic))
    return rows(cfg, 2 * forward(actor) + learned + learn(actor) + count * climb(critic, action))


def sac_rnd(cfg: Any, obs: int, action: int) -> Work:
    """SAC; predictor and prior at the target's actions and the actor's, which climbs the predictor alone."""
    predictor, prior = _rnd(cfg, obs, action)
    bonus = 2 * (forward(predictor) + prior) + climb(predictor, predictor[0]) - forward(predictor)
    return rows(cfg, sum(parts(cfg, obs, action)) + bonus)


def sac_rnd_before(cfg: Any, obs: int, action: int) -> Work:
    """The predictor, towards the prior's embedding."""
    predictor, prior = _rnd(cfg, obs, action)
    return rows(cfg, learn(predictor) + prior)


def _rnd(cfg: Any, obs: int, action: int) -> tuple[Widths, int]:
    """The predictor, a dense network of all products of an input of either kind; multiply-adds of the prior's pass."""
    width, out = cfg.rnd_width, cfg.rnd_embedding
    prior = forward((action, width, width, width, out)) + forward((obs, 2 * width))  # with FiLM
    return (obs * action, width, width, width, out), prior


def off2on(cfg: Any, obs: int, action: int) -> Work:
    """A step of CQL for each agent, on a batch of its own."""
    return Work(cfg.agents * cql(cfg, obs, action).always)


def off2on_online(cfg: Any, obs: int, action: int) -> Work:
    """SAC of all actors and all pairs of critics; the density ratio learns from two batches and weighs a third."""
    critics, actors = parts(cfg, obs, action)
    ratio = (obs + action, *cfg.ratio_hidden, 1)
    return rows(cfg, cfg.agents * (critics + actors) + 2 * learn(ratio) + forward(ratio))
