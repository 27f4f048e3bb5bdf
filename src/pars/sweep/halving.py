"""Successive halving in populations: which trials train together next, and how far.

All members of a batch are of one structure and stand at one step: on the first rung new trials, on each higher one the
best of the rung below, which go on from their checkpoints. So a trial that is stopped makes room for another in a
program that is compiled, and every trial trains as it would alone. What comes next is decided by the records alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

Result = tuple[float, float | None, float | None]  # an objective, and the ends of its interval where it has one


@dataclass
class Trial:
    """A setting. results: at each rung it has reached; None where it diverged."""

    number: int
    params: dict[str, Any]
    results: list[Result | None] = field(default_factory=list)

    @property
    def rung(self) -> int:
        """The highest that it has a result of; -1 before the first."""
        return len(self.results) - 1

    @property
    def lost(self) -> bool:
        return bool(self.results) and self.results[-1] is None

    def value(self, rung: int) -> float:
        found = self.results[rung]
        return -float("inf") if found is None else found[0]


@dataclass
class Batch:
    """A population. members: trials by number; the last ones may be there again, to fill it. attempt: how often some
    have diverged and were taken out, after which the others began this rung again."""

    rung: int
    members: list[int]
    attempt: int = 0


@dataclass(frozen=True)
class Ladder:
    """Args:
    width: members of a population.
    keep: a rung passes one of so many trials on.
    steps: gradient steps by rung.
    """

    width: int
    keep: int
    steps: tuple[int, ...]

    @classmethod
    def of(cls, width: int, keep: int, rungs: int, steps: int) -> Ladder:
        """Up to `steps`, each rung `keep` times as far as the one below."""
        return cls(width, keep, tuple(-(-steps // keep ** (rungs - 1 - rung)) for rung in range(rungs)))

    def cost(self, batches: Sequence[Batch]) -> int:
        """Gradient steps of all members."""
        return sum(len(one.members) * (one.attempt + 1) * self._climb(one.rung) for one in batches)

    def ahead(self, trials: int, batches: Sequence[Batch]) -> tuple[int, int]:
        """Populations still to come after these until so many trials are through, and their cost, if all are of one
        structure; else there are more."""
        begun = Counter(one.rung for one in batches)
        left = {
            rung: max(math.ceil(max(trials // self.keep**rung, 1) / self.width) - begun[rung], 0)
            for rung in range(len(self.steps))
        }
        return sum(left.values()), sum(count * self.width * self._climb(rung) for rung, count in left.items())

    def _climb(self, rung: int) -> int:
        """Gradient steps from the rung below."""
        return self.steps[rung] - (self.steps[rung - 1] if rung else 0)


Kind = Callable[[Trial], Hashable]


def promoted(trials: Sequence[Trial], batches: Sequence[Batch], ladder: Ladder, kind: Kind) -> Batch | None:
    """A full population of trials that go up, from as high as there is one."""
    for rung in reversed(range(len(ladder.steps) - 1)):
        for alike in by_kind(_going_up(trials, batches, ladder, rung, 0), kind):
            if len(alike) >= ladder.width:
                return Batch(rung + 1, alike[: ladder.width])
    return None


def fresh(trials: Sequence[Trial], batches: Sequence[Batch], ladder: Ladder, kind: Kind, whole: bool) -> Batch | None:
    """A population of trials that have not begun; a full one if it must be `whole`."""
    begun = {number for one in batches for number in one.members}
    for alike in by_kind([one for one in trials if not one.results and one.number not in begun], kind):
        if len(alike) >= ladder.width or not whole:
            return Batch(0, filled(alike[: ladder.width], ladder.width))
    return None


def last(trials: Sequence[Trial], batches: Sequence[Batch], ladder: Ladder, kind: Kind) -> Batch | None:
    """What still goes up when no trial is to begin any more, rung by rung: a population, filled if need be."""
    for rung in range(len(ladder.steps) - 1):
        for alike in by_kind(_going_up(trials, batches, ladder, rung, 1), kind):
            return Batch(rung + 1, filled(alike[: ladder.width], ladder.width))
    return None


def _going_up(trials: Sequence[Trial], batches: Sequence[Batch], ladder: Ladder, rung: int, least: int) -> list[Trial]:
    """Of the best of those with a result of a rung, `least` at least, those that are not above it yet, best first."""
    there = [one for one in trials if one.rung >= rung and one.results[rung] is not None]
    there.sort(key=lambda one: (-one.value(rung), one.number))
    above = {number for one in batches if one.rung > rung for number in one.members}
    best = there[: max(len(there) // ladder.keep, least)]
    return [one for one in best if one.rung == rung and one.number not in above]


def by_kind(trials: Sequence[Trial], kind: Kind) -> list[list[int]]:
    """Trials of one structure together, by number, the largest lot first."""
    lots: dict[Hashable, list[int]] = {}
    for one in trials:
        lots.setdefault(kind(one), []).append(one.number)
    return sorted(lots.values(), key=len, reverse=True)


def filled(members: list[int], width: int) -> list[int]:
    """Members again, until the program has all it is compiled for."""
    return [members[i % len(members)] for i in range(width)]


def best(trials: Sequence[Trial]) -> Trial | None:
    """Of those that came highest the one with the highest objective."""
    sound = [one for one in trials if one.results and not one.lost]
    return max(sound, key=lambda one: (one.rung, one.value(one.rung), -one.number), default=None)
