"""A number of ours beside the published one: agreement with an interval, and no verdict where the two are not alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from pars.report.charts.plot import Picture
from pars.report.stats.statistics import LEVEL, Estimate, estimate

Verdict = Literal["inside", "below", "above", "not comparable", "no reference"]


@dataclass(frozen=True)
class Reference:
    """A number from elsewhere.

    std: over its n seeds; tolerance: what counts as agreeing where there is no spread; alike: False where it is known
    to come from other settings or data than ours, so that it stands there for orientation only.
    """

    mean: float
    std: float | None = None
    n: int = 5
    tolerance: float | None = None
    source: str = ""  # "Table 12"
    alike: bool = True

    def text(self) -> str:
        if self.std is not None:
            return f"{self.mean:g} ± {self.std:g}"
        return f"{self.mean:g}" + (f" (± {self.tolerance:g} agrees)" if self.tolerance else "")


@dataclass(frozen=True)
class Comparison:
    """One cell: what was measured, and what it is held against. values [n]: one of each seed."""

    row: str
    column: str
    values: np.ndarray
    reference: Reference | None = None
    link: str = ""  # to the run behind it
    best: np.ndarray | None = None  # of each seed, picked after the fact; never the headline

    @property
    def estimate(self) -> Estimate:
        return estimate(self.values)


@dataclass(frozen=True)
class Finding:
    """What an experiment shows."""

    comparisons: Sequence[Comparison] = ()
    pictures: Sequence[Picture] = ()
    reading: Sequence[str] = ()  # sentences made from the numbers: does the paper's claim hold here?


def verdict(one: Comparison, comparable: bool = True, level: float = LEVEL) -> Verdict:
    """Whether our mean agrees with the reference.

    "inside": within its tolerance, or, where the reference has a spread, zero lies in Welch's t interval of the
    difference of the two means (a single seed of ours is held against the interval of one more seed of theirs). A
    reference with neither must lie in the t interval of our mean, and says nothing about a single seed.
    comparable: False where data, length or networks are not the reference's; then nothing is claimed.
    """
    ours, reference = one.estimate, one.reference
    if reference is None or ours.n == 0:
        return "no reference"
    if not comparable or not reference.alike or (ours.n < 2 and reference.std is None and reference.tolerance is None):
        return "not comparable"
    gap = ours.mean - reference.mean
    if abs(gap) <= _margin(ours, reference, level):
        return "inside"
    return "below" if gap < 0 else "above"


def _margin(ours: Estimate, reference: Reference, level: float) -> float:
    """How far the means may lie apart."""
    if reference.tolerance is not None:
        return reference.tolerance
    theirs = (reference.std or 0.0) ** 2
    if ours.n < 2:
        total, freedom = theirs * (1.0 + 1.0 / reference.n), float(reference.n - 1)
    else:
        parts = np.array([ours.std**2 / ours.n, theirs / reference.n])
        total = float(parts.sum())
        freedom = total**2 / float(parts[0] ** 2 / (ours.n - 1) + parts[1] ** 2 / (reference.n - 1)) if total else 1.0
    return float(stats.t.ppf(0.5 + level / 2, freedom)) * float(np.sqrt(total))
