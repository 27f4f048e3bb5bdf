"""What a population compiles: its start, one block of gradient steps for each phase, and its acting.

A program belongs to a structure and a number of members, not to the members: populations of other settings and seeds
can share it. Randomness: fold_in(key_of(seed, use), step). No generator is stored anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import cached_property, lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.config import structure
from pars.core import OFFLINE, ONLINE, Algorithm, Draw, Index, Metrics, Phase, Spec, State, Step
from pars.nn.spread import is_max, trace_once
from pars.packing import Extra, assemble, width
from pars.system import limit
from pars.training.block import TracedUpdate, block
from pars.training.placement import Placement, place
from pars.training.source import Drawn, Source, named


class Use(IntEnum):
    """What a run's random keys are for. Models that are trained first have the numbers from BEFORE on."""

    INIT = 0
    UPDATE = 1
    UPDATE_ONLINE = 2
    ACT = 3
    SWITCH = 4
    EVALUATE = 5
    BEFORE = 6


def key_of(seed: Any, use: int) -> Array:
    """The key of one use of a run. seed: int32 scalar."""
    return jax.random.fold_in(jax.random.key(seed), use)


Facts = dict[str, Any]  # of a Spec
KEPT = 16  # programs, of the populations that a process trained last


def trace_update(
    algo: Algorithm, phase: Phase, cfg: Any, spec: Spec, state: State, extra: Extra = ()
) -> tuple[TracedUpdate, dict[str, Any]]:
    """A phase's update, and its metrics of no steps: sums and maxima, NumPy arrays [] or [E].

    Traced here, once: it takes half a second. cfg and state need only have the right shapes.
    """

    def update(
        due: dict[int, bool | None], cfg: Any, state: State, drawn: Drawn, key: Array, number: Array, total: Array
    ) -> Any:
        batch = assemble(drawn.picks, drawn.rows, spec.obs_dim, extra, numbered=algo.weights is not None)
        return phase.update(cfg, state, batch, key, Step(number, total, phase.name, due))

    cfg, count, key = jax.tree.map(np.float32, cfg), np.int32(0), jax.random.key(0)
    rows = drawn_shapes(phase.draw, cfg, width(spec, extra), spec.rows, phase.name == ONLINE, algo.weights is not None)
    trace = lambda due: trace_once(partial(update, due), cfg, state, rows, key, count, count)  # noqa: E731
    delays: dict[int, bool | None] = {}
    traced, (_, shapes) = trace(delays)
    none = {name: np.full(x.shape, -np.inf if is_max(name) else 0.0, np.float32) for name, x in shapes.items()}
    return TracedUpdate(traced, tuple(delays), lambda due: trace(due)[0]), none


def drawn_shapes(draw: Draw, cfg: Any, row: int, rows: int, online: bool, weighted: bool = False) -> Drawn:
    """What a draw gives, as shapes. row: floats in a packed row."""

    def picks(cfg: Any) -> Any:
        number, episode = jnp.int32(0), jnp.zeros(max(rows, 1), jnp.int32)
        mass = jnp.ones(max(rows, 1)) if weighted else None
        index = Index(jnp.int32(max(rows, 1)), jnp.int32(0), episode, episode, mass)
        return draw(cfg, jax.random.key(0), number, index, jnp.int32(1) if online else None)

    found = jax.eval_shape(picks, cfg)
    shapes = {name: jax.ShapeDtypeStruct((*at.shape, row), np.float32) for name, at in named(found).items()}
    return Drawn(found, shapes)


def first_state(algo: Algorithm, cfg: Any, spec: Spec) -> tuple[Callable[[Any, Facts, Any], State], State]:
    """`algo.init` as (cfg, facts, seed) -> state of one member, and that state's shapes.

    Traced once for all who ask: it takes a sixth of a second.
    """
    return _first_state(algo, structure(cfg), spec.sizes, tuple(fact.shape for fact in spec.facts.values()))


@lru_cache(maxsize=KEPT)
def _first_state(algo: Algorithm, like: Any, spec: Spec, shapes: tuple[Any, ...]) -> Any:
    def init(cfg: Any, facts: Facts, seed: Any) -> State:
        return algo.init(cfg, spec._replace(**facts), key_of(seed, Use.INIT))

    cfg = jax.tree.unflatten(like, [np.float32(0.0)] * like.num_leaves)
    facts = {name: np.zeros(shape, np.float32) for name, shape in zip(spec.facts, shapes, strict=True)}
    return trace_once(init, cfg, facts, np.int32(0))


def state_shapes(algo: Algorithm, cfg: Any, spec: Spec, phase: str) -> State:
    """Of one member's state in a phase."""
    start = first_state(algo, cfg, spec)[1]
    return online_shapes(algo, cfg, spec, start) if phase == ONLINE else start


def online_shapes(algo: Algorithm, cfg: Any, spec: Spec, start: State) -> State:
    """Of one member's state after the switch, from its shapes before."""
    return jax.eval_shape(lambda state, seed: algo.go_online(cfg, state, spec, jax.random.key(seed)), start, 0)


_kept: dict[Any, Program] = {}


def program_for(algo: Algorithm, configs: Sequence[Any], spec: Spec, extra: Extra = ()) -> Program:
    """The program of a population. Another one of the same structure and sizes in this process has the same, so that a
    sweep over seeds or floats, the parts of a population, and data of as many rows compile nothing."""
    shapes = tuple(fact.shape for fact in spec.facts.values())
    key = algo, structure(configs[0]), len(configs), spec.sizes, shapes, extra, limit(), jax.default_backend()
    if key not in _kept:
        while len(_kept) >= KEPT:
            del _kept[next(iter(_kept))]
        _kept[key] = Program(algo, configs[0], len(configs), spec, extra)
    _kept[key] = _kept.pop(key)  # the last that goes
    return _kept[key]


def forget_programs() -> None:
    """Trace and compile anew from here on, as a new process would."""
    _kept.clear()
    _first_state.cache_clear()


class Program:
    """Compiled functions over P members of one structure. What they compile to is kept here, by phase."""

    def __init__(self, algo: Algorithm, cfg: Any, members: int, spec: Spec, extra: Extra = ()) -> None:
        """cfg: of any member. spec: sizes, and facts of the right shapes. extra: the columns that it asks for, with the
        shapes of one value."""
        self.algo, self.like, self.members, self.spec, self.extra = algo, cfg, members, spec.sizes, extra
        self.width = width(spec, extra)
        self.phases = {phase.name: phase for phase in algo.course}
        self.uses = {phase.name: int(Use.BEFORE) + i for i, phase in enumerate(algo.before)}
        self.uses |= {OFFLINE: int(Use.UPDATE), ONLINE: int(Use.UPDATE_ONLINE)}
        init, self.start = first_state(algo, cfg, spec)
        critics = len(jax.tree.leaves(self.start.critic.params)[0]) if algo.critic else 1
        self.placement: Placement = place(members, critics)
        # under jit, so that targets do not alias parameters and the state can be donated
        self.init = self.placement.map(init)
        self.switch = self.placement.map(self._switch)
        self.act = self.placement.map(self._act, shared=(4, 5))
        self._traced: dict[str, tuple[TracedUpdate, dict[str, Any]]] = {}
        self._looks: dict[Any, Callable[..., Any]] = {}
        self._blocks: dict[tuple[str, bool], Callable[..., Any]] = {}

    def nothing(self, phase: str) -> dict[str, np.ndarray]:
        """The metrics of no steps [P, ..]."""
        return {name: np.repeat(value[None], self.members, axis=0) for name, value in self._update(phase)[1].items()}

    def delays(self, phase: str) -> tuple[int, ...]:
        """Of the updates of a phase that only some steps have."""
        return self._update(phase)[0].delays

    def block(self, phase: str, streaming: bool) -> Callable[..., tuple[State, Metrics]]:
        """(cfg, seed, state, sums, (rows, offset), data or fetched rows, (first, last), span of four numbers, and with
        a replay its array and how far it is filled) -> state and sums of the population after the block."""
        if (phase, streaming) not in self._blocks:
            shared = (6, 7, 9) if streaming else (5, 6, 7, 9)
            run = lambda *args: self._run(phase, streaming, *args)  # noqa: E731
            self._blocks[phase, streaming] = self.placement.map(run, shared=shared, whole=(8,), replaced=(2, 3))
        return self._blocks[phase, streaming]

    def _run(
        self, phase: str, streaming: bool, cfg: Any, seed: Array, state: State, sums: Metrics, own: Any, data: Any,
        episodes: Any, span: Any, *replay: Any,
    ) -> Any:  # fmt: skip
        index = Index(*own, *episodes)
        source = Source(None if streaming else data, index, *replay)
        if streaming:
            source = source._replace(fetched=data, start=span[3])
        key, draw = key_of(seed, self.uses[phase]), self.phases[phase].draw
        return block(self._update(phase)[0], draw, cfg, state, sums, source, key, span[:3], self.algo.weights)

    def _switch(self, cfg: Any, facts: Facts, seed: Array, state: State) -> State:
        return self.algo.go_online(cfg, state, self.spec._replace(**facts), key_of(seed, Use.SWITCH))

    def _update(self, phase: str) -> tuple[TracedUpdate, dict[str, Any]]:
        if phase not in self._traced:
            with self.placement.tracing():
                online = phase == ONLINE
                shapes = online_shapes(self.algo, self.like, self.spec, self.start) if online else self.start
                self._traced[phase] = trace_update(
                    self.algo, self.phases[phase], self.like, self.spec, shapes, self.extra
                )
        return self._traced[phase]

    def _act(self, cfg: Any, seed: Array, state: State, obs: Any, step: Array, explore: Array) -> Array:
        return self.algo.act(cfg, state, obs, jax.random.fold_in(key_of(seed, Use.ACT), step), explore)

    def over_members(self, function: Callable[..., Any], shared: tuple[int, ...]) -> Callable[..., Any]:
        """`function(algo, cfg, state, ...)` of one member for all of them; compiled once for each function.

        shared: places of arguments, counted from `cfg`, that have no member axis.
        """
        if function not in self._looks:
            self._looks[function] = self.placement.map(partial(function, self.algo), shared=shared)
        return self._looks[function]

    @cached_property
    def uniform(self) -> Callable[..., Array]:
        """(seed, step) -> actions [P, n, A], uniform in the box, for n environments of each member."""
        shape = (self.like.environments, self.spec.action_dim)

        def one(seed: Array, step: Array) -> Array:
            key = jax.random.fold_in(key_of(seed, Use.ACT), step)
            return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)

        return self.placement.map(one, shared=(1,))
