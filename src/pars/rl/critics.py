"""What Q-learning methods have in common: critics that follow a target, and PARS's two ingredients for any of them.

Reward scaling under layer norm (RS-LN) and the penalty on infeasible actions (PA) are settings here, off by default, so
that each method can switch them on (section 6.5 of Kim et al. 2025, arXiv 2507.08761). E: critics, B: batch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import NotNegative, Positive, Range, Share, Widths, config, setting
from pars.core import LoopSettings, Metrics, Params, RewardNorm, Spec, Transition
from pars.errors import UsageError
from pars.nn.layers import Precision
from pars.nn.nets import Activation, ActorInitializer, Critic, Initializer, LayerNorm, apply, init_ensemble
from pars.nn.spread import map_ensemble
from pars.rl.losses import infeasible_actions, penalty_loss, td_loss, td_target
from pars.rl.net import Net, descend, make_net, polyak, value_mlp

TWINS = 2


@config
class CriticSettings(LoopSettings):
    """Every Q-learning method: networks, rates, rewards, penalty.

    Its own Config adds to them and changes defaults. Those of ensembles have a number of `critics` too, the others are
    twins. Symbols are those of PARS.
    """

    hidden: Widths = setting((256, 256), "hidden layers of each critic")
    actor_hidden: Widths = setting((256, 256), "hidden layers of the actor")
    layer_norm: LayerNorm = setting("none", "layer norm in the critics, before or after the activation")
    activation: Activation = setting("relu", "of hidden layers")
    initializer: Initializer = setting("torch", "how layers start, see MLP in nn/nets.py")
    actor_initializer: ActorInitializer = setting("same", "how the actor's start; same: as initializer says")
    precision: Precision = setting("float32", "of what hidden layers multiply; sums are float32")
    normalize_obs: bool = setting(False, "standardise observations by the dataset's")
    discount: Share = setting(0.99, "of future rewards", "gamma")
    polyak: Share = setting(0.005, "how far targets follow in a step, as a share of the way", "tau")
    critic_lr: NotNegative = setting(3e-4, "learning rate of the critics")
    actor_lr: NotNegative = setting(3e-4, "learning rate of the actor")
    # rewards: normalised, then scaled, then shifted
    reward_norm: RewardNorm = setting("none", "over the range of returns, or standardised, by the dataset's")
    reward_scale: Positive = setting(1.0, "factor of rewards", "c_reward")
    reward_shift: float = setting(0.0, "added to scaled rewards")
    penalty: bool = setting(False, "pull Q at infeasible actions to q_min (PA)")
    penalty_weight: NotNegative = setting(0.001, "weight of the penalty", "alpha, eq. (3)", on="penalty")
    infeasible_distance: Annotated[float, Range(1)] = setting(
        100.0, "from here on actions are far", "L, eq. (4)", on="penalty"
    )
    infeasible: Literal["all", "any"] = setting("all", "coordinates out of the box at once", on="penalty")
    q_min: float = setting(0.0, "value that infeasible actions are pulled to", "Q_min, eq. (3)", on="penalty")

    @property
    def reads_rewards(self) -> bool:
        return self.reward_norm != "none"

    def check(self) -> None:
        """And where values of negative rewards would be drawn up to `q_min`."""
        super().check()
        if self.penalty:
            refuse_high(self, "q_min", "penalty=true", "draw Q at infeasible actions up to")


def refuse_high(cfg: Any, name: str, because: str, does: str) -> None:
    """Raise UsageError where the setting `name` is a value above all those of rewards that are shifted below 0."""
    if cfg.reward_shift < 0.0 <= getattr(cfg, name):
        least = cfg.reward_shift / (1.0 - cfg.discount) if cfg.discount < 1.0 else None
        remedy = f"a low {name}" if least is None else f"{name}={least:.4g}, their least value"
        raise UsageError(
            f"{because} with reward_shift={cfg.reward_shift:g} would {does} {name}={getattr(cfg, name):g}, above all "
            f"values of such rewards; give {remedy}, or reward_shift=0"
        )


def critic_net(cfg: Any) -> Critic:
    return Critic(value_mlp(cfg, cfg.layer_norm))


def make_critics(cfg: Any, spec: Spec, key: Array) -> Net:
    """Critics from keys of their own, with targets. Leaves [E, ..]."""
    inputs = jnp.zeros(spec.obs_dim), jnp.zeros(spec.action_dim)
    params = init_ensemble(critic_net(cfg), getattr(cfg, "critics", TWINS), key, *inputs)
    return jax.vmap(partial(make_net, target=True))(params)


def scaled_td_target(cfg: Any, batch: Transition, next_q: Array) -> Array:
    """y = c r + shift + discount (1 - terminal) q', of rewards that `state.norm` has passed. next_q [B] -> [B]"""
    return td_target(cfg.reward_scale * batch.reward + cfg.reward_shift, batch.terminal, next_q, cfg.discount)


def draw_infeasible(cfg: Any, key: Array, batch: Transition) -> Array | None:
    """Infeasible actions [B, A] for the penalty, the same for all critics; None where it is off."""
    if not cfg.penalty:
        return None
    return infeasible_actions(key, batch.action.shape, cfg.infeasible_distance, cfg.infeasible)


def critic_loss(
    cfg: Any,
    params: Params,
    batch: Transition,
    y: Array,
    infeasible: Array | None,
    weight: Any = None,
    q_min: Any = None,
) -> tuple[Array, Metrics]:
    """L_TD + alpha L_PA of one critic, eq. (3) of PARS. TD and PA rows go through the network as one batch of 2B.

    Args:
        infeasible: of `draw_infeasible`.
        weight, q_min: where they are not `cfg.penalty_weight` and `cfg.q_min`.
    """
    net = critic_net(cfg)
    if infeasible is None:
        q = apply(net, params, batch.obs, batch.action)
        loss = td_loss(q, y)
        return loss, {"critic_loss": loss, "q_mean": q.mean(), "q_max": q.max()}
    obs = jnp.concatenate([batch.obs, batch.obs])
    q, q_infeasible = jnp.split(apply(net, params, obs, jnp.concatenate([batch.action, infeasible])), 2)
    td, pa = td_loss(q, y), penalty_loss(q_infeasible, cfg.q_min if q_min is None else q_min)
    metrics = {
        "critic_loss": td,
        "penalty_loss": pa,
        "q_mean": q.mean(),
        "q_max": q.max(),
        "q_infeasible": q_infeasible.mean(),
    }
    return td + (cfg.penalty_weight if weight is None else weight) * pa, metrics


def update_critics(
    cfg: Any, critic: Net, batch: Transition, y: Array, infeasible: Array | None, follow: bool = True
) -> tuple[Net, Metrics]:
    """One Adam step of every critic along `critic_loss`; follow: see `descend_critics`."""
    return descend_critics(cfg, critic, lambda params: critic_loss(cfg, params, batch, y, infeasible), follow=follow)


def descend_critics(
    cfg: Any, critic: Net, loss: Callable[..., tuple[Array, Metrics]], *per_critic: Any, follow: bool = True
) -> tuple[Net, Metrics]:
    """One Adam step of every critic along its own loss(params, *its slices of per_critic) -> (value, metrics).

    follow: let the targets follow at once; else they stay for the caller to move.
    """

    def one(net: Net, *slices: Any) -> tuple[Net, Metrics]:
        grads, metrics = jax.grad(loss, has_aux=True)(net.params, *slices)
        net = descend(net, grads, cfg.critic_lr)
        return (polyak(net, cfg.polyak) if follow else net), metrics

    if follow:
        return map_ensemble(one, critic, *per_critic)
    net, metrics = map_ensemble(one, critic._replace(target=None), *per_critic)
    return net._replace(target=critic.target), metrics
