"""The few types everything shares: what a transition is, what a network carries, what an algorithm is made of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pars.config import Count, Range, check_ranges, config, from_dict, setting
from pars.nn.spread import trace_once

Params = Any
State = Any
Data = Any  # a pars.data.Dataset, which an algorithm knows as arrays only
RewardNorm = Literal["none", "range", "standard"]
Metrics = dict[str, Array]  # scalars, or a value of each critic [E]; their mean is meant, of `.._max` the maximum


class Transition(NamedTuple):
    """Transitions with leading axes [N] on file and [B] in a batch.

    `terminal` is 1 where the task itself ended and is the only flag a target may use; rewards are raw.
    """

    obs: Any  # [.., O]
    action: Any  # [.., A]
    reward: Any  # [..]
    next_obs: Any  # [.., O]
    terminal: Any  # [..] 0 or 1
    extra: dict[str, Any] = {}  # noqa: RUF012  columns that an algorithm asked for; never changed in place


class Spec(NamedTuple):
    """What an algorithm may know of its data before it starts."""

    obs_dim: int
    action_dim: int
    obs_mean: Any = 0.0  # [O] over the dataset
    obs_std: Any = 1.0  # [O]
    reward_mean: Any = 0.0  # over the dataset; these three are known where an algorithm normalises rewards
    reward_std: Any = 1.0
    return_range: Any = 1000.0  # best less worst return of an episode


class Step(NamedTuple):
    """Where training stands. Shared by a population, so that a delayed update stays a branch under vmap."""

    number: Array  # gradient steps taken in this phase, from 0
    total: Array  # gradient steps planned in this phase
    online: bool  # static: offline and online are two programs

    def every(self, delay: int) -> Array:
        """True on steps delay - 1, 2 delay - 1, ...: the second of two steps for a delay of 2, as in TD3."""
        return (self.number + 1) % delay == 0

    def maybe(
        self, delay: int, function: Callable[[State], tuple[State, Metrics]], state: State
    ) -> tuple[State, Metrics]:
        """`function(state)` on every `delay`-th step, else the state as it is and metrics of zero.

        Metrics of a step that happens are multiplied by `delay`, so that their average over an interval is right.
        """
        traced, (_, shapes) = trace_once(function, state)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

        def take(_: Any, carry: tuple[State, Metrics]) -> tuple[State, Metrics]:
            state, metrics = traced(carry[0])
            return state, jax.tree.map(lambda x: delay * x, metrics)

        # a loop of one turn or none: unlike a branch it leaves the state in its place, where `cond` copies it
        return jax.lax.fori_loop(0, self.every(delay).astype(jnp.int32), take, (state, zeros))


class Net(NamedTuple):
    """One trained network or a stacked ensemble of them: parameters, their slow copy, Adam's moments."""

    params: Params
    target: Params | None
    opt: optax.OptState


class Normalizer(NamedTuple):
    """Standardises observations, the same way in training and in evaluation, and rewards, offline and online alike."""

    mean: Array  # [O]
    scale: Array  # [O]
    reward_mean: Any = 0.0
    reward_scale: Any = 1.0

    def __call__(self, obs: Array) -> Array:
        return (obs - self.mean) / self.scale

    def batch(self, batch: Transition) -> Transition:
        """The batch as losses see it."""
        reward = (batch.reward - self.reward_mean) / self.reward_scale
        return batch._replace(obs=self(batch.obs), next_obs=self(batch.next_obs), reward=reward)


@config
class LoopSettings:
    """Every method: what the training loop reads.

    Every Config inherits from it.
    """

    batch_size: Count = setting(256, "transitions of a batch", "B")
    updates_per_step: Count = setting(1, "gradient steps after each environment step (UTD)", phase="online")
    offline_rows: Annotated[int, Range(0)] = setting(128, "how many of a batch come from the dataset", phase="online")
    random_steps: Annotated[int, Range(0)] = setting(
        0, "uniform actions before the first update", unit="environment steps", phase="online"
    )

    @property
    def reads_rewards(self) -> bool:
        """Whether statistics of the dataset's rewards are wanted in `Spec`, for which all rewards are read."""
        return False

    def check(self) -> None:
        """Raises UsageError for settings that are out of their ranges, or do not go together."""
        check_ranges(self)


def _keep(cfg: Any, state: State, key: Array) -> State:
    return state


def _as_it_is(cfg: Any, data: Data) -> Data:
    return data


def _nothing(cfg: Any) -> Hashable:
    return None


@dataclass(frozen=True)
class Algorithm:
    """An algorithm is a config, a state and three pure functions.

    A state has `actor` and `norm`, and `critic` (a stacked ensemble) if `critic` below names its module.
    Its config inherits from LoopSettings.
    """

    name: str
    title: str
    paper: str
    config: type
    init: Callable[[Any, Spec, Array], State]  # (cfg, spec, key) -> state
    update: Callable[[Any, State, Transition, Array, Step], tuple[State, Metrics]]
    act: Callable[[Any, State, Array, Array, Any], Array]  # last argument: 0 evaluates, 1 explores
    critic: Callable[[Any], Any] | None = None  # cfg -> module of `state.critic`, called with (obs, action)
    settings: Mapping[str, Any] = field(default_factory=dict)  # over the config's defaults, of a variant
    go_online: Callable[[Any, State, Array], State] = _keep
    can_go_online: bool = True
    has_offline_phase: bool = True
    columns: tuple[str, ...] = ()  # in `Transition.extra` of every batch: of pars.data.extras, or made by `prepare`
    prepare: Callable[[Any, Data], Data] = _as_it_is  # the dataset as this algorithm trains on it, and
    prepared_by: Callable[[Any], Hashable] = _nothing  # what of the config that depends on: members share data
    # columns of an episode met online, once it has ended: (cfg, its transitions as NumPy arrays) -> name -> [T]; before
    # that, and where an algorithm has none, they are `unknown`
    hindsight: Callable[[Any, Transition], dict[str, Any]] | None = None
    unknown: float = 0.0

    def __hash__(self) -> int:
        return hash((self.name, self.update))

    def configure(self, settings: Mapping[str, Any] | None = None) -> Any:
        """A config with `settings` over this algorithm's defaults. Raises UsageError."""
        return from_dict(self.config, {**self.settings, **(settings or {})})


ADAM = optax.scale_by_adam()  # betas .9 and .999, eps 1e-8; the rate is applied in `descend`, so it may be traced


def make_net(params: Params, target: bool = False) -> Net:
    """A fresh network: Adam's moments at zero and, if asked for, an exact copy of the parameters as target."""
    return Net(params, jax.tree.map(jnp.copy, params) if target else None, ADAM.init(params))


def descend(net: Net, grads: Params, learning_rate: Any) -> Net:
    """One Adam step of `net` along `grads`."""
    updates, opt = ADAM.update(grads, net.opt)
    params = jax.tree.map(lambda p, u: p - learning_rate * u, net.params, updates)
    return net._replace(params=params, opt=opt)


def polyak(net: Net, rate: Any) -> Net:
    """Move the target towards the parameters: target + rate (params - target)."""
    return net._replace(target=jax.tree.map(lambda t, p: t + rate * (p - t), net.target, net.params))


def make_normalizer(normalize: bool, spec: Spec, rewards: RewardNorm = "none") -> Normalizer:
    """(obs - mean) / (std + 1e-3) of TD3+BC (Fujimoto & Gu 2021), or the identity.

    Args:
        rewards: "range" divides by the range of the dataset's returns over 1000, as IQL does on MuJoCo (Kostrikov et
            al. 2021); "standard" subtracts the mean and divides by the standard deviation, as EDAC does on Adroit.
    """
    mean, scale = (spec.obs_mean, spec.obs_std + 1e-3) if normalize else (0.0, 1.0)
    shape = (spec.obs_dim,)
    affine = {"none": (0.0, 1.0), "range": (0.0, spec.return_range / 1000.0)}
    affine["standard"] = (spec.reward_mean, spec.reward_std)
    reward = (jnp.asarray(number, jnp.float32) for number in affine[rewards])
    return Normalizer(jnp.full(shape, mean, jnp.float32), jnp.full(shape, scale, jnp.float32), *reward)
