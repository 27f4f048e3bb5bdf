"""Two series side by side: at which place in training they can be compared, and who scores higher there."""

from dataclasses import dataclass

from pars.report.records import PHASES
from pars.report.series import Series
from pars.report.stats.statistics import Difference, Improvement, difference, improvement


@dataclass(frozen=True)
class Pair:
    """One series beside another at the end of the last phase that both have finished equally far."""

    phase: str
    step: int
    runs: tuple[int, int]  # seeds with a finite score, of the one and of the other
    difference: Difference  # of their means
    chance: Improvement  # that a seed of the one scores higher than a seed of the other

    @property
    def flipped(self) -> "Pair":
        """The same from the other's side."""
        return Pair(self.phase, self.step, self.runs[::-1], self.difference.flipped, self.chance.flipped)


def compare(one: Series, other: Series) -> Pair | None:
    """`one` beside `other`; None if there is no phase in which both have learned for the same number of steps."""
    for phase in reversed(PHASES):
        x, y, step = one.final(phase), other.final(phase), one.last_step(phase)
        if x is not None and y is not None and x.n and y.n and step == other.last_step(phase) and step > 0:
            gap, chance = difference(x.values, y.values), improvement(x.values, y.values)
            return Pair(phase, step, (x.n, y.n), gap, chance)
    return None


def all_pairs(series: list[Series]) -> dict[tuple[int, int], Pair]:
    """(i, j) -> series i beside series j, for all that can be compared, from both sides."""
    out = {}
    for i, one in enumerate(series):
        for j in range(i):
            if (pair := compare(series[j], one)) is not None:
                out[j, i], out[i, j] = pair, pair.flipped
    return out
