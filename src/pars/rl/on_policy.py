"""Learning from one's own last transitions alone: PPO's losses, advantages and minibatches (Schulman et al. 2017,
arXiv 1707.06347).

After every `rollout` environment steps the transitions met by them, the window, are gone through `epochs` times in
minibatches. What holds for a whole window is worked out in front of its first gradient step and kept in the state.
T: transitions of a window, B: those of a minibatch, A: action dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pars.config import Count, Fixed, FixedShare, NotNegative, Share, config, setting
from pars.core import Column, Index, LoopSettings, Metrics, Params, Picks, Step, Transition, batch_key
from pars.errors import UsageError
from pars.rl.losses import gaussian_log_prob, same_shape
from pars.rl.net import Net, clipped, descend

ADAM = optax.scale_by_adam(eps=1e-5)
LAST = Column("last")


@config
class OnPolicySettings(LoopSettings):
    """Methods that learn from windows of their own transitions."""

    batch_size: Count = setting(64, "transitions of a minibatch; the whole window where that is smaller", "M")
    offline_share: FixedShare = Fixed(0.0)
    rollout: Count = setting(2048, "transitions of a window, as many environment steps", phase="online")
    epochs: Count = setting(10, "how often a window is gone through", "K", phase="online")
    discount: Share = setting(0.99, "of future rewards", "gamma")
    gae_lambda: Share = setting(0.95, "decay of later TD errors in an advantage", "lambda")
    clip: NotNegative = setting(0.2, "how far a ratio of probabilities may leave 1", "epsilon")
    clip_value: bool = setting(False, "keep V within `clip` of what it was", phase="online")
    entropy_weight: NotNegative = setting(0.0, "weight of the policy's entropy", "c_2", phase="online")
    max_gradient: NotNegative = setting(0.5, "the most that the norm of a network's gradient may be")
    linear_decay: bool = setting(True, "learning rates fall to 0 in a line, window by window", phase="online")

    @property
    def minibatch(self) -> int:
        """Transitions of a minibatch."""
        return min(self.batch_size, self.rollout)

    @property
    def steps_per_epoch(self) -> int:
        """Gradient steps."""
        return self.rollout // self.minibatch

    @property
    def steps_per_window(self) -> int:
        """Gradient steps."""
        return self.epochs * self.steps_per_epoch

    def check(self) -> None:
        """And that minibatches make up the window, and turns of all environments too."""
        super().check()
        for what, size in (("transitions of a minibatch", self.minibatch), ("environments", self.environments)):
            if self.rollout % size:
                near = size * max(1, self.rollout // size)
                raise UsageError(f"rollout={self.rollout} must be a multiple of the {size} {what}; give rollout={near}")


class Window(NamedTuple):
    """What is known of a window's transitions, [T] each, before they are learnt from."""

    log_prob: Array  # of their actions
    value: Array
    target: Array  # of V
    advantage: Array  # of mean 0 and deviation 1


def empty_window(cfg: Any) -> Window:
    return Window(*jnp.zeros((4, cfg.rollout)))


def due(cfg: Any, steps: int) -> int:
    """Gradient steps due after `steps` environment steps: those of all whole windows, the first steps left out."""
    return max(0, steps - max(cfg.random_steps, cfg.learning_starts)) // cfg.rollout * cfg.steps_per_window


def window_draw(cfg: Any, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    """A minibatch of the newest `rollout` rows, in another order in each epoch; beside it all of them, and its places
    among them."""
    order = jax.random.permutation(batch_key(key, number // cfg.steps_per_epoch), cfg.rollout)
    place = jax.lax.dynamic_slice_in_dim(order, number % cfg.steps_per_epoch * cfg.minibatch, cfg.minibatch)
    first = index.rows + (0 if filled is None else filled) - cfg.rollout
    return Picks(first + place, {"window": first + jnp.arange(cfg.rollout)}, {"place": place})


def decay(cfg: Any, step: Step) -> Any:
    """Factor of the learning rates: the share of windows still to come, the one under way included."""
    if not cfg.linear_decay:
        return 1.0
    before = step.number // cfg.steps_per_window * cfg.steps_per_window
    return 1.0 - before / jnp.maximum(step.total, 1)


class Met(NamedTuple):
    """Transitions in the order of time, [T] each or, of several environments, [T, n]."""

    reward: Array
    terminal: Array
    last: Array
    value: Array  # V(s)
    next_value: Array  # V(s')


def gae(met: Met, discount: Any, trace: Any) -> Array:
    """Generalised advantages (Schulman et al. 2015, arXiv 1506.02438, eq. 16): A_t = delta_t + discount lambda A_t+1,
    of delta_t = r_t + discount (1 - terminal) V(s_t+1) - V(s_t). A sum ends with its episode; at a time limit, and at
    the end of the window, what would follow is V. -> as `met`

    trace: lambda.
    """
    same_shape("gae", "give one value for each transition", **met._asdict())
    delta = met.reward + discount * (1.0 - met.terminal) * met.next_value - met.value

    def back(ahead: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        delta, goes_on = now
        found = delta + discount * trace * goes_on * ahead
        return found, found

    goes_on = 1.0 - jnp.maximum(met.last, met.terminal)
    return jax.lax.scan(back, jnp.zeros_like(delta[0]), (delta, goes_on), reverse=True)[1]


def assess(cfg: Any, window: Transition, log_prob: Array, value: Array, next_value: Array) -> Window:
    """What a window teaches. window: rows as losses see them [T, ..], those of several environments by turns."""
    turns = lambda x: x.reshape(-1, cfg.environments)  # noqa: E731  a time line for each
    reward = cfg.reward_scale * window.reward + cfg.reward_shift
    terminal, last = window.terminal, window.extra["last"]
    met = Met(*map(turns, (reward, terminal, last, value, next_value)))
    advantage = gae(met, cfg.discount, cfg.gae_lambda).reshape(-1)
    return Window(log_prob, value, advantage + value, normalized(advantage))


def normalized(advantage: Array) -> Array:
    """Of mean 0 and deviation 1. [B] -> [B]"""
    return (advantage - advantage.mean()) / (advantage.std() + 1e-5)


def policy_loss(
    policy: tuple[Array, Array], action: Array, old: Array, advantage: Array, clip: Any, entropy_weight: Any = 0.0
) -> tuple[Array, Metrics]:
    """Eq. (7): -mean min(r A, clip(r, 1 - epsilon, 1 + epsilon) A) of the ratio r = pi(a|s) / pi_old(a|s), less the
    weighted entropy of the policy.

    Args:
        policy: its means [B, A], and logarithms of its standard deviations [A] or [B, A].
        old: log pi_old(a|s) [B].
        clip: epsilon.
    """
    mean, log_std = policy
    log_ratio = gaussian_log_prob(action, mean, log_std) - old
    same_shape("policy_loss", "give one for each transition", ratio=log_ratio, old=old, advantage=advantage)
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1.0 - clip, 1.0 + clip)
    entropy = gaussian_entropy(jnp.broadcast_to(log_std, mean.shape)).mean()
    loss = -jnp.mean(jnp.minimum(ratio * advantage, clipped * advantage)) - entropy_weight * entropy
    far, kl = jnp.mean(jnp.abs(ratio - 1.0) > clip), jnp.mean(ratio - 1.0 - log_ratio)
    return loss, {"actor_loss": loss, "entropy": entropy, "clipped_share": far, "kl": kl}


def gaussian_entropy(log_std: Array) -> Array:
    """Of a Gaussian with independent dimensions. log_std [.., A] -> [..]"""
    return jnp.sum(log_std + 0.5 * jnp.log(2 * jnp.pi * jnp.e), axis=-1)


def value_loss(cfg: Any, v: Array, old: Array, target: Array) -> Array:
    """mean (V - y)^2; with `clip_value` of V, or of V held within `clip` of the old one, what is farther. All [B]"""
    same_shape("value_loss", "give one value for each transition", v=v, old=old, target=target)
    square = (v - target) ** 2
    if cfg.clip_value:
        held = old + jnp.clip(v - old, -cfg.clip, cfg.clip)
        square = jnp.maximum(square, (held - target) ** 2)
    return jnp.mean(square)


def descend_clipped(net: Net, grads: Params, learning_rate: Any, most: Any) -> Net:
    """One Adam step (with an epsilon of 1e-5) along a gradient whose norm is brought down to `most`."""
    return descend(net, clipped(grads, most), learning_rate, ADAM)


Policy = Callable[[Params, Array], tuple[Array, Array]]  # (parameters, obs [B, O]) -> as in `policy_loss`
V = Callable[[Params, Array], Array]  # (parameters, obs [B, O]) -> [B]


def ppo_step(cfg: Any, policy: Policy, v: V, state: Any, batch: Transition, step: Step) -> tuple[Any, Metrics]:
    """One step of policy and value on a minibatch of `window_draw`; in front of a window's first it is assessed, with
    both networks as they were when it was met."""

    def look(state: Any) -> tuple[Any, Metrics]:
        rows = state.norm.batch(batch.extra["window"])
        old = gaussian_log_prob(rows.action, *policy(state.actor.params, rows.obs))
        value, following = (v(state.value.params, obs) for obs in (rows.obs, rows.next_obs))
        return state._replace(window=assess(cfg, rows, old, value, following)), {"v_mean": value.mean()}

    state, looked = step.maybe(cfg.steps_per_window, look, state, first=True)
    own, obs, rate = Window(*(x[batch.extra["place"]] for x in state.window)), state.norm(batch.obs), decay(cfg, step)

    def actor_loss(params: Params) -> tuple[Array, Metrics]:
        found = policy(params, obs)
        return policy_loss(found, batch.action, own.log_prob, own.advantage, cfg.clip, cfg.entropy_weight)

    grads, metrics = jax.grad(actor_loss, has_aux=True)(state.actor.params)
    actor = descend_clipped(state.actor, grads, rate * cfg.actor_lr, cfg.max_gradient)
    loss, grads = jax.value_and_grad(lambda p: value_loss(cfg, v(p, obs), own.value, own.target))(state.value.params)
    value = descend_clipped(state.value, grads, rate * cfg.value_lr, cfg.max_gradient)
    return state._replace(actor=actor, value=value), {**metrics, "value_loss": loss, **looked}
