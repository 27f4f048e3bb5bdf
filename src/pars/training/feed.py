"""Where the rows of a dataset come from while a population trains, decided once: the devices' memory, or the host.

Which rows a batch has is a function of the member's settings, its seed and the step alone, in memory and here, so
nothing depends on what has been fetched: training ends bit for bit alike, and a resumed run starts with an empty line
of chunks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pars.core import ONLINE, Algorithm, Index
from pars.errors import UsageError
from pars.training.placement import Placement, free_memory
from pars.training.plan import DataIn
from pars.training.prefetch import Prefetch, chunk_steps, joined, on_host
from pars.training.program import Program, drawn_shapes, key_of
from pars.training.source import named
from pars.training.trainers import Trainers

Array = np.ndarray
Span = tuple[int, int, int, int]  # start, count, steps planned, first step of the chunk

SHARE = 0.5  # of the free memory that data may take


def must_stream(algo: Algorithm, size: int, placement: Placement, data_in: DataIn) -> bool:
    """Whether rows of `size` bytes stay on the host. "auto" asks $PARS_DATA_IN, then how much memory is free.

    Raises UsageError where the algorithm cannot.
    """
    if data_in == "auto":
        data_in = os.environ.get("PARS_DATA_IN", "auto")  # type: ignore[assignment]
    if data_in not in ("auto", "memory", "stream"):
        raise UsageError(f"data_in={data_in!r}; choose memory, stream or auto")
    stream = size > SHARE * free_memory(placement) if data_in == "auto" else data_in == "stream"
    if stream and algo.weights is not None:
        why = "its batches depend on what it has learnt, so their rows cannot be fetched in advance"
        raise UsageError(f"{algo.name} does not stream data: {why}; give data_in=memory, with less data if need be")
    return stream


class Episodes(NamedTuple):
    """First and last row of each row's episode: int32 [N]."""

    first: Array
    last: Array

    @classmethod
    def of(cls, last: Array) -> Episodes:
        """From the flags of last rows [N]; the final row of the data ends an episode in any case."""
        ends = np.flatnonzero(np.asarray(last, bool))
        if not len(ends) or ends[-1] != len(last) - 1:
            ends = np.append(ends, len(last) - 1)
        lengths = np.diff(ends, prepend=-1)
        return cls(*(np.repeat(x, lengths).astype(np.int32) for x in (ends - lengths + 1, ends)))


class Table(NamedTuple):
    """A dataset as training reads it: packed rows [N, W] and columns [N, ..] behind them."""

    parts: list[Array]
    episodes: Episodes | None = None  # for draws that know of them


class Tables:
    """The datasets of a population, one below another, and where each member's rows stand among them.

    Args:
        which: of each member, the number of its dataset.
    """

    def __init__(self, tables: Sequence[Table], which: Sequence[int]) -> None:
        self.parts, known = [table.parts for table in tables], [table.episodes for table in tables]
        rows = np.array([len(parts[0]) for parts in self.parts], np.int32)
        begins, members = np.cumsum(rows, dtype=np.int32) - rows, np.asarray(which)
        self.own: tuple[Array, Array] = rows[members], begins[members]  # int32 [P]: Index.rows and .offset
        # first and last rows [N in all] are counted from where each dataset begins
        self.episodes = () if None in known else tuple(map(np.concatenate, zip(*known, strict=True)))
        self.rows = int(rows.sum())


class InMemory:
    """All datasets on the devices, shared by all members."""

    streaming = False

    def __init__(self, tables: Tables, program: Program, trainers: Mapping[str, Trainers]) -> None:
        place = program.placement
        self.data, self.episodes = place.share(joined(tables.parts)), tuple(place.share(tables.episodes))
        self.own = place.put(tables.own)

    def __call__(self, phase: str, start: int, count: int, total: int) -> Iterator[tuple[Any, Span]]:
        """Data for `Program.block` and what of it to train on."""
        yield self.data, (start, count, total, 0)

    def close(self) -> None:
        """Nothing runs."""


class Streamed:
    """The rows of coming steps, fetched by the host; a phase's fetching begins when it does."""

    streaming = True

    def __init__(self, tables: Tables, program: Program, trainers: Mapping[str, Trainers]) -> None:
        self.tables, self.program, self.trainers = tables, program, trainers
        self.episodes = tuple(program.placement.share(tables.episodes))
        self.own = program.placement.put(tables.own)
        self.phase = ""
        self.line: Prefetch | None = None

    def __call__(self, phase: str, start: int, count: int, total: int) -> Iterator[tuple[Any, Span]]:
        """The chunks that have the steps from `start` on, one after another, and what of each to train on."""
        if self.phase != phase:
            self.close()
            self.phase, self.line = phase, self._prefetch(phase)
        line = self.line
        assert line is not None
        for number in range(start // line.steps, (start + count - 1) // line.steps + 1):
            first = number * line.steps
            begin, end = max(start, first), min(start + count, first + line.steps)
            yield line(number, total), (begin, end - begin, total, first)

    def _prefetch(self, phase: str) -> Prefetch:
        """Fetches the rows that the phase's draw will pick."""
        program, who, online = self.program, self.trainers[phase], phase == ONLINE
        draw, use, like = program.phases[phase].draw, program.uses[phase], program.like
        shapes = drawn_shapes(draw, like, program.width, self.tables.rows, online).rows
        width = who.count * sum(int(np.prod(one.shape)) for one in shapes.values())
        steps = chunk_steps(4 * width)

        def one(cfg: Any, seed: Any, own: Any, episodes: Any, number: Any, filled: Any) -> Any:
            index = Index(*own, *episodes)
            picks = draw(cfg, key_of(seed, use), number, index, filled if online else None)
            # a replay's rows are put in on the devices
            return {n: jnp.where(at < index.rows, index.offset + at, 0) for n, at in named(picks).items()}

        over_steps = jax.vmap(one, in_axes=(None, None, None, None, 0, 0))
        pick = on_host(jax.vmap(over_steps, in_axes=(0, 0, 0, None, None, None)))
        filled = filled_at(program.algo.due, like) if online else lambda numbers: numbers

        def indices(first: int) -> dict[str, Array]:
            numbers = np.arange(first, first + steps, dtype=np.int32)
            return pick(who.cfg, who.seeds, who.own, self.tables.episodes, numbers, filled(numbers))

        return Prefetch(self.tables.parts, indices, steps, who.placement.put)

    def close(self) -> None:
        if self.line is not None:
            self.line.close()
        self.phase, self.line = "", None


def filled_at(due: Callable[[Any, int], int], cfg: Any) -> Callable[[Array], Array]:
    """Gradient steps -> transitions of a member's replay by then: the least environment steps that make them due."""

    def least(number: int, low: int) -> int:
        high = max(low, 1)
        # a schedule may end: beyond its last step it does not matter
        while due(cfg, high) <= number and high < 2**30:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if due(cfg, middle) <= number else (low, middle)
        return -(-high // cfg.environments) * cfg.environments

    def filled(numbers: Array) -> Array:
        found, at = np.empty(len(numbers), np.int32), 0
        for i, number in enumerate(numbers):
            if not i or due(cfg, at) <= number:
                at = least(int(number), at)
            found[i] = at
        return found

    return filled
