"""PPO (Schulman et al. 2017, arXiv 1707.06347): online from scratch, from its own last transitions alone.

A Gaussian policy takes `rollout` steps, which then are gone through `epochs` times in minibatches; the ratio of new to
old probability is clipped, so that they do not move the policy far. Defaults are the paper's for MuJoCo (Table 3). Time
limits are no ends: there the value of what would follow counts.

Departures from the authors' code (openai/baselines, ppo1): the mean of the policy goes through a tanh and actions are
clipped to the box, whose probability the ratio takes; advantages are normalised over the window, gradients clipped,
layers orthogonal, as in later code of theirs (ppo2); observations are not normalised as they are met (`normalize_obs`
knows a dataset's).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pars.config import NotNegative, Widths, config, setting
from pars.core import Algorithm, Metrics, Params, Spec, Step, Transition
from pars.nn.layers import Precision
from pars.nn.nets import Activation, ActorInitializer, Initializer, LayerNorm, TanhMeanActor, Value, apply
from pars.rl.losses import explored_action
from pars.rl.net import Net, Normalizer, actor_mlp, make_net, make_normalizer, value_mlp
from pars.rl.on_policy import LAST, OnPolicySettings, Window, due, empty_window, ppo_step, window_draw


@config
class Config(OnPolicySettings):
    hidden: Widths = setting((64, 64), "hidden layers of V")
    actor_hidden: Widths = setting((64, 64), "hidden layers of the actor")
    layer_norm: LayerNorm = setting("none", "layer norm in V, before or after the activation")
    activation: Activation = setting("tanh", "of hidden layers")
    initializer: Initializer = setting("orthogonal", "how layers start, see MLP in nn/nets.py")
    actor_initializer: ActorInitializer = setting(
        "orthogonal_small", "how the actor's start; same: as initializer says"
    )
    precision: Precision = setting("float32", "of what hidden layers multiply; sums are float32")
    normalize_obs: bool = setting(False, "standardise observations by the dataset's")
    actor_lr: NotNegative = setting(3e-4, "learning rate of the actor")
    value_lr: NotNegative = setting(3e-4, "learning rate of V")
    reward_scale: NotNegative = setting(1.0, "factor of rewards")
    reward_shift: float = setting(0.0, "added to scaled rewards")


class State(NamedTuple):
    actor: Net
    value: Net
    window: Window  # [T]
    norm: Normalizer


def actor_net(cfg: Config, width: int) -> TanhMeanActor:
    return TanhMeanActor(actor_mlp(cfg, width))


def value_net(cfg: Config) -> Value:
    return Value(value_mlp(cfg, cfg.layer_norm))


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_actor, k_value = jax.random.split(key)
    obs = jnp.zeros(spec.obs_dim)
    actor = actor_net(cfg, spec.action_dim).init(k_actor, obs)["params"]
    value = value_net(cfg).init(k_value, obs)["params"]
    norm = make_normalizer(cfg.normalize_obs, spec)
    return State(make_net(actor), make_net(value), empty_window(cfg), norm)


def policy(cfg: Config, params: Params, obs: Array) -> tuple[Array, Array]:
    """Its means [.., A], and logarithms of its standard deviations [A], whatever the observation."""
    mean, log_std = apply(actor_net(cfg, params["log_std"].shape[-1]), params, obs)
    return mean, log_std


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    own = lambda params, obs: policy(cfg, params, obs)  # noqa: E731
    value = lambda params, obs: apply(value_net(cfg), params, obs)  # noqa: E731
    return ppo_step(cfg, own, value, state, batch, step)


def act(cfg: Config, state: State, obs: Array, key: Array, explore: Array) -> Array:
    mean, log_std = policy(cfg, state.actor.params, state.norm(obs))
    return explored_action(key, mean, explore * jnp.exp(log_std))


ALGORITHM = Algorithm(
    "ppo",
    "PPO",
    "Schulman et al. 2017, arXiv 1707.06347",
    Config,
    init,
    update,
    act,
    phases=("online",),
    draw=window_draw,
    due=due,
    columns=(LAST,),
)
