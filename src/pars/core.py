"""What everything shares: what a transition is, what a batch is drawn from, what an algorithm is made of.

Axes: P members of a population, E critics, B batch, T time, N rows of the dataset, C rows of a replay; O, A and G are
the widths of observation, action and goal.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.config import Count, Fixed, FixedShare, Range, check_ranges, config, from_dict, setting
from pars.nn.spread import is_due, now_and_then

Key = Array  # of jax.random
Params = Any
State = Any
Data = Any  # a pars.data.Dataset, which an algorithm knows as arrays only
RewardNorm = Literal["none", "range", "standard"]
Metrics = dict[str, Array]  # scalars, or a value of each critic [E]; their mean is meant, of `.._max` the maximum
OFFLINE, ONLINE = "offline", "online"


class Transition(NamedTuple):
    """Transitions with leading axes [N] on file and [B] or [B, T] in a batch.

    `terminal` is 1 where the task itself ended and is the only flag a target may use; rewards are raw.
    """

    obs: Any  # [.., O]
    action: Any  # [.., A]
    reward: Any  # [..]
    next_obs: Any  # [.., O]
    terminal: Any  # [..] 0 or 1
    extra: dict[str, Any] = {}  # noqa: RUF012  columns that an algorithm asked for; never changed in place


class Spec(NamedTuple):
    """What an algorithm may know of its data before it starts: sizes, which a population shares, and facts, which are
    those of each member's own dataset and traced."""

    obs_dim: int
    action_dim: int
    obs_mean: Any = 0.0  # [O] over the dataset
    obs_std: Any = 1.0  # [O]
    action_mean: Any = 0.0  # [A] over the dataset; known, with the next, where an algorithm standardises actions
    action_std: Any = 1.0  # [A]
    reward_mean: Any = 0.0  # over the dataset; these three are known where an algorithm normalises rewards
    reward_std: Any = 1.0
    return_range: Any = 1.0  # best less worst return of an episode, in thousands
    goal_dim: int = 0  # G, where policies see goals
    first_obs: Any = 0.0  # [O] of the dataset: what whole observations that show a goal may be made of
    rows: int = 0  # N, of the dataset, where batches are drawn by weight
    capacity: int = 0  # C, of a member's replay; 0 without an online phase

    @property
    def sizes(self) -> Spec:
        """It without its facts: what a program depends on."""
        return self._replace(**{name: Spec._field_defaults[name] for name in FACTS})

    @property
    def facts(self) -> dict[str, Any]:
        """float32 by name."""
        return {name: np.asarray(getattr(self, name), np.float32) for name in FACTS}


FACTS = tuple(name for name in Spec._fields if name.endswith(("_mean", "_std", "_range", "_obs")))


class Step(NamedTuple):
    """Where training stands. Shared by a population, so that a delayed update stays a branch under vmap."""

    number: Array  # gradient steps taken in this phase, from 0
    total: Array  # gradient steps planned in this phase
    phase: str  # static: each phase is a program of its own
    # delay (-delay for a first step) -> whether it is due, where the compiler may know it; what is asked for is noted
    due: dict[int, bool | None] | None = None

    @property
    def online(self) -> bool:
        return self.phase == ONLINE

    def every(self, delay: int, first: bool = False) -> Array:
        """True on steps delay - 1, 2 delay - 1, ..., as in TD3; with `first` on steps 0, delay, 2 delay, ..."""
        known = self._known(delay, first)
        return is_due(-delay if first else delay, self.number) if known is None else jnp.asarray(known)

    def _known(self, delay: int, first: bool) -> bool | None:
        return None if self.due is None else self.due.setdefault(-delay if first else delay)

    def maybe(
        self, delay: int, function: Callable[[State], tuple[State, Metrics]], state: State, first: bool = False
    ) -> tuple[State, Metrics]:
        """`function(state)` on every `delay`-th step, else the state as it is and the metrics of nothing.

        Metrics of a step that happens are multiplied by `delay`, so that their average over an interval is right;
        maxima are not. first: see `every`."""
        known = self._known(delay, first)
        return now_and_then(self.every(delay, first) if known is None else known, delay, function, state)


class Index(NamedTuple):
    """Which rows a batch may be drawn from: the dataset's from 0 to N - 1, then the replay's, oldest first.

    Row numbers are those of the member's own dataset; `offset` is where that begins among the rows that a population
    shares, and only whoever fetches rows adds it.
    """

    rows: Any  # N: int32 scalar
    offset: Any = 0  # int32 scalar
    first: Any = None  # [N in all] int32: number of the first row of each row's episode, counted from `offset`
    last: Any = None  # [N in all] int32: and of the last
    mass: Any = None  # [N + C] running sum of `Algorithm.weights`, where there are any

    def episode(self, row: Any) -> tuple[Any, Any]:
        """First and last row [..] of the episodes of dataset rows [..]."""
        return self.first[row + self.offset], self.last[row + self.offset]


class Picks(NamedTuple):
    """The rows of one batch. What is drawn beside a batch's own rows arrives in `batch.extra`, by name: rows as a
    Transition, anything else as it is."""

    rows: Array  # [B]
    beside: Mapping[str, Array] = {}
    extra: Mapping[str, Array] = {}


class Sight(NamedTuple):
    """What a policy is given beside the observation of the moment; see `Act`."""

    history: int = 1  # observations, the newest last; before an episode began they are NaN
    goal: bool = False
    chance: bool = False  # it draws when it is evaluated, too
    still: Mapping[str, Any] = {}  # settings with which it does not: how a policy that draws is delivered

    @property
    def plain(self) -> bool:
        """Whether a policy is a function of the observation of the moment alone, so that probes can ask it."""
        return self.history == 1 and not self.goal


PLAIN = Sight()


class Init(Protocol):
    def __call__(self, cfg: Any, spec: Spec, key: Key, /) -> State:
        """The state at step 0. The key is consumed."""


class Update(Protocol):
    def __call__(self, cfg: Any, state: State, batch: Transition, key: Key, step: Step, /) -> tuple[State, Metrics]:
        """One gradient step: the next state, of the same shapes, and metrics (scalars or [E]). batch: leaves [B, ..]
        with raw rewards. The key is consumed."""


class Act(Protocol):
    def __call__(self, cfg: Any, state: State, obs: Any, key: Key, explore: Any, /) -> Array:
        """Actions [.., A] in [-1, 1].

        obs: [.., O]; [.., H, O] with a history of H; a pair (that, goal [.., G]) where goals are seen.
        key: consumed. In training that of the environment step; where evaluations draw, that of the episode's step.
        explore: 0 evaluates, 1 explores; traced.
        """


class Draw(Protocol):
    def __call__(self, cfg: Any, key: Key, number: Array, index: Index, filled: Any = None, /) -> Picks:
        """Which rows make the batch of gradient step `number`: arithmetic on row numbers, without a look at the rows.

        key: that of the phase; draw with `batch_key(key, number)`, or with a key that several steps share.
        filled: rows of the replay that hold transitions; None where there is no replay.
        """


def batch_key(key: Key, number: Any) -> Key:
    """The key of the batch of a phase's gradient step."""
    return step_keys(key, number)[0]


def step_keys(key: Key, number: Any) -> tuple[Key, Key]:
    """The keys of a gradient step: of its batch and of its update."""
    k_batch, k_update = jax.random.split(jax.random.fold_in(key, number))
    return k_batch, k_update


def uniform(cfg: Any, key: Key, number: Array, index: Index, filled: Any = None) -> Picks:
    """`batch_size` rows of the dataset, uniform with replacement; with a replay `offline_share` of them of the dataset
    first, the rest of the replay."""
    key = batch_key(key, number)
    if filled is None:
        return Picks(jax.random.randint(key, (cfg.batch_size,), 0, index.rows))
    k_old, k_new = jax.random.split(key)
    old = jax.random.randint(k_old, (cfg.offline_rows,), 0, index.rows)
    new = jax.random.randint(k_new, (cfg.batch_size - cfg.offline_rows,), 0, filled)
    return Picks(jnp.concatenate([old, index.rows + new]))


def by_ratio(cfg: Any, steps: int) -> int:
    """Gradient steps due after `steps` environment steps: `updates_per_step` for each but the first ones."""
    return int(cfg.updates_per_step * max(0, steps - max(cfg.random_steps, cfg.learning_starts)))


@dataclass(frozen=True)
class Phase:
    """A model that is trained before the policy, on the dataset; its parameters are a part of the same state.

    Members of one seed, one dataset and equal `depends_on` train it once: the others get the fields `trains` of the
    first one's state. What `init` and `update` make of those may depend on no other setting.
    """

    name: str  # in folders, logs and the live view: "behaviour"
    steps: Callable[[Any], int]  # cfg -> gradient steps; of the config's structure, not of its floats
    update: Update
    draw: Draw = uniform
    depends_on: Callable[[Any], Hashable] | None = None  # cfg -> what of it the model depends on; None: everything
    trains: tuple[str, ...] = ()  # with `depends_on`: all fields of the state that `update` changes


@dataclass(frozen=True)
class Column:
    """A further column of every batch, in `batch.extra[name]`.

    Without `make` it is one that datasets come with: see pars.data.extras. `last` is known online at once; any other is
    `unknown` there until the episode has ended and `late` makes it.
    """

    name: str
    make: Callable[[Any, Data], Any] | None = None  # (cfg, dataset) -> [N] or [N, width]
    late: Callable[[Any, Transition], Any] | None = None  # (cfg, an episode met online, NumPy [T, ..]) -> [T] or [T, w]
    unknown: float = 0.0
    wanted: Callable[[Any], bool] = lambda cfg: True  # by a config's structure
    made_of: Callable[[Any], Hashable] = lambda cfg: None  # what of a config `make` depends on: members share data


@config
class LoopSettings:
    """Every method: what the training loop reads.

    Every Config inherits from it.
    """

    batch_size: Count = setting(256, "transitions of a batch", "B")
    updates_per_step: Count = setting(1, "gradient steps after each environment step (UTD)", phase="online")
    offline_share: FixedShare = setting(Fixed(0.5), "part of a batch that comes from the dataset", phase="online")
    random_steps: Annotated[int, Range(0)] = setting(
        0, "uniform actions before the first update", unit="environment steps", phase="online"
    )
    learning_starts: Annotated[int, Range(0)] = setting(
        0, "before the first update; behind random_steps the policy acts", unit="environment steps", phase="online"
    )
    environments: Count = setting(1, "of each member, all stepped together", phase="online")

    @property
    def offline_rows(self) -> int:
        """Whole rows of an online batch from the dataset: of any share at least one, never all."""
        rows = int(self.offline_share * self.batch_size + 1e-6)  # a quotient of rows gives them back
        return min(max(rows, int(self.offline_share > 0)), self.batch_size - 1)

    @property
    def reads_rewards(self) -> bool:
        """Whether statistics of the dataset's rewards are wanted in `Spec`, for which all rewards are read."""
        return False

    @property
    def reads_actions(self) -> bool:
        """The same of its actions."""
        return False

    @property
    def goal_dim(self) -> int:
        """Width of the goals that its policies are shown, where there is no task to say so."""
        return 0

    def check(self) -> None:
        """Raises UsageError for settings that are out of their ranges, or do not go together."""
        check_ranges(self)


@dataclass(frozen=True, eq=False)
class Algorithm:
    """An algorithm is a config, a state and three pure functions; everything below them has a default. A state has
    `actor` and `norm`, and `critic` (a stacked ensemble) if `critic` below names its module."""

    name: str
    title: str
    paper: str
    config: type  # inherits from LoopSettings
    init: Init
    update: Update
    act: Act
    critic: Callable[[Any], Any] | None = None  # cfg -> module of `state.critic`, called with (obs, action)
    settings: Mapping[str, Any] = field(default_factory=dict)  # over the config's defaults, of a variant
    phases: tuple[str, ...] = (OFFLINE, ONLINE)
    before: tuple[Phase, ...] = ()  # models trained first, in this order
    draw: Draw = uniform  # rows of a batch, offline and online
    # (cfg, state, index, rows filled or None) -> a share >= 0 for each stored row [N + C], for draws by `index.mass`;
    # `batch.extra["row"]` then are the batch's rows. Not for data that is streamed.
    weights: Callable[[Any, State, Index, Any], Array] | None = None
    due: Callable[[Any, int], int] = by_ratio  # (cfg, environment steps) -> gradient steps due by then
    sees: Sight = PLAIN
    columns: tuple[Column, ...] = ()
    prepare: Callable[[Any, Data], Data] = lambda cfg, data: data  # the episodes that this algorithm trains on, and
    prepared_by: Callable[[Any], Hashable] = lambda cfg: None  # what of the config that depends on: members share data
    # the state may get another structure
    go_online: Callable[[Any, State, Spec, Key], State] = lambda cfg, state, spec, key: state
    in_force: Callable[[Any, Step], Any] = lambda cfg, step: cfg  # with the weights of that step, as probes see it
    presets: Any = None  # a pars.presets.Preset, of an algorithm from elsewhere; ours stand in pars.presets

    @property
    def offline(self) -> bool:
        return OFFLINE in self.phases

    @property
    def online(self) -> bool:
        return ONLINE in self.phases

    @property
    def course(self) -> tuple[Phase, ...]:
        """All phases in order; the last two are offline and online, also where one of them is not had."""
        return (*self.before, *(Phase(name, lambda cfg: 0, self.update, self.draw) for name in (OFFLINE, ONLINE)))

    def configure(self, settings: Mapping[str, Any] | None = None) -> Any:
        """A config with `settings` over this algorithm's defaults. Raises UsageError."""
        return from_dict(self.config, {**self.settings, **(settings or {})})

    def columns_of(self, cfg: Any) -> tuple[Column, ...]:
        """The columns that a config asks for."""
        return tuple(column for column in self.columns if column.wanted(cfg))

    def stored_columns(self, cfg: Any) -> list[str]:
        """Names of those that a dataset has to be loaded with."""
        return [column.name for column in self.columns_of(cfg) if column.make is None]

    def data_for(self, cfg: Any, data: Data) -> Data:
        """The dataset as members with a config train on it: their episodes, with the columns that are made for them."""
        data = self.prepare(cfg, data)
        made = {column.name: column.make(cfg, data) for column in self.columns_of(cfg) if column.make}
        return data.with_extra(**made) if made else data

    def data_depends_on(self, cfg: Any) -> Hashable:
        """What of a config `data_for` depends on."""
        return (self.prepared_by(cfg), *(column.made_of(cfg) for column in self.columns_of(cfg)))
