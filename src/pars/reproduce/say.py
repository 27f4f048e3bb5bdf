"""Sentences made from numbers, so that what a page says is what came out, whichever way it went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pars.report.stats.statistics import difference, estimate

SIZE = 0.05  # a change no larger than this is none
NOTHING = 2.0  # points: what a policy that has learned nothing may reach


def mean(values: np.ndarray) -> str:
    """`0.97 ± 0.01 (n = 3)`"""
    found = estimate(values)
    return f"{found.text()} (n = {found.n})" if found.n else "not finished"


def against(name: str, values: np.ndarray, other: str, others: np.ndarray) -> str:
    """Whether one mean is clearly above another: by Welch's 95 % t interval of their difference."""
    if not len(values) or not len(others):
        return f"{name} against {other}: not finished"
    gap = difference(values, others)
    word = ("above" if gap.value > 0 else "below") if gap.clear else "not clearly different from"
    return f"{name} {mean(values)} is {word} {other} {mean(others)}: {gap.text()}"


def holds(yes: Sequence[bool | None], what: str, claim: bool = True) -> str:
    """`LN helps: in 2 of 3, undecided in 1 more; here the claim holds in part.`

    yes: None where the numbers do not decide. claim: False only counts. A verdict with some undecided says so.
    """
    decided = [one for one in yes if one is not None]
    open_ = len(yes) - len(decided)
    if not decided:
        return f"{what}: undecided in all {open_}." if open_ else f"{what}: nothing to judge by yet."
    count = sum(decided)
    more = f", undecided in {open_} more" if open_ else ""
    if not claim:
        return f"{what}: in {count} of {len(decided)}{more}."
    verdict = "holds" if count == len(decided) else "does not hold" if not count else "holds in part"
    return f"{what}: in {count} of {len(decided)}{more}; here the claim {verdict}{' where decided' if open_ else ''}."


def told(scores: Sequence[np.ndarray]) -> bool:
    """Whether scores can tell anything: not where every one of them is near zero."""
    return any(len(values) and float(np.max(np.abs(values))) >= NOTHING for values in scores)


def clearly_above(values: np.ndarray, others: np.ndarray) -> bool | None:
    """Whether one mean is above another: True if Welch's whole 95 % t interval of their difference says so, False if
    it lies below 0, None if it contains 0 or there are too few seeds for one."""
    gap = difference(values, others)
    return gap.value > 0 if gap.clear else None


def alike(values: np.ndarray, others: np.ndarray, margin: float) -> bool | None:
    """Whether two means differ by `margin` at most: True if the whole 95 % t interval of their difference says so,
    False if it says the opposite, None if it is too wide to say."""
    gap = difference(values, others)
    if gap.interval is None:
        return None
    low, high = gap.interval
    if -margin <= low and high <= margin:
        return True
    return False if low > margin or high < -margin else None


def said(values: np.ndarray) -> str:
    """`0.47 ± 0.02`"""
    return estimate(np.asarray(values)).text()


def trend(before: np.ndarray, after: np.ndarray, size: float = SIZE) -> str:
    """falls, rises, stays (changes by `size` at most) or "does not clearly change", from seeds [n] paired one by one.

    Seeds share data and first weights over all c and penalties.
    """
    gap = difference(np.asarray(after, float), np.asarray(before, float), paired=True)
    if abs(gap.value) <= size:
        return "stays"
    if not gap.clear:
        return "does not clearly change"
    return "falls" if gap.value < 0 else "rises"


def change(before: np.ndarray, after: np.ndarray) -> str:
    """`falls (0.66 ± 0.01 to 0.46 ± 0.01, by −0.20 [−0.21 −0.19])`"""
    gap = difference(np.asarray(after, float), np.asarray(before, float), paired=True)
    return f"{trend(before, after)} ({said(before)} to {said(after)}, by {gap.text()})"


def outcome(claim: bool) -> str:
    return "The claim holds here: " if claim else "The claim does not hold here as a whole: "


def basis(n: int) -> str:
    return f"n = {n}, mean ± sample standard deviation, change with its 95 % interval"
