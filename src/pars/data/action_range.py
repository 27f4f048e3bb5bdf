"""Actions of a file in [-1, 1]: which range they are in, and how that is known."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pars.data.checking.scan import chunks
from pars.envs.base import Task
from pars.errors import DataError, UsageError
from pars.units import SCALED, ActionRange, parse_range

Array = np.ndarray
Place = Callable[[int], str]
TOLERANCE = 1e-3  # of half a range
NARROW, WIDE = 0.1, 0.5  # |action|: below the first a warning of its own; up to the second one asks
PART = 0.02  # of the range that is given, used by the values: below, it is too wide
MOST_CHOICES = 32  # of a discrete action, if no number between them is left out
FEW, OFTEN = 8, 5  # other choices, each seen so often on average
STRAY = 0.05  # share of rows outside of [-1, 1] up to which they are faults of scaled actions, not units


class Found(NamedTuple):
    """How actions are to be read."""

    range: ActionRange | None  # None: they are in [-1, 1]
    warning: str = ""  # what was assumed


def find_range(
    action: Array,
    source: str,
    task: Task | None,
    given: str | None,
    own: ActionRange | None,
    names: Sequence[str],
    place: Place,
) -> Found:
    """The range of actions [N, A], of the type that they have on file.

    Args:
        given: by the user, see `parse_range`.
        own: that the file says of itself.
        names, place: of the columns, and where on file a row stands; for messages.

    Raises DataError for actions beyond the range that is known and for discrete ones, UsageError for a range that does
    not fit.
    """
    if given is None and task is None and own is None:
        _check_continuous(action, source, names)
    low, high = _span(action)
    inside = bool(max(-low.min(), high.max()) <= 1.0 + TOLERANCE)
    fixed = task is not None and task.action_range is None
    plain = ActionRange.of(-np.ones_like(low), np.ones_like(low), "")
    if given == SCALED or fixed:
        if given not in (None, SCALED):
            raise UsageError(f"--action-range {given}: actions of {task and task.id} are in [-1, 1]; leave it out")
        return Found(_checked(action, source, plain, names, place))
    if given is not None:
        found = _checked(action, source, parse_range(given, len(low)), names, place)
        return Found(found, _too_wide(low, high, found, names) if found else "")
    known = (task.action_range if task else None) or own
    if known is not None and len(known.low) == len(low):
        if _reach(low, high, known).max() <= 1.0 + TOLERANCE:
            return Found(None if known.plain else known)
        if not inside:
            _checked(action, source, known, names, place)
        return Found(
            None,
            f"actions leave {known.source}, {known}, and fit into [-1, 1]: taken as scaled to it already; if they are "
            "not, give --action-range LOW..HIGH,..",
        )
    if not inside and _share_outside(action) < STRAY:
        _checked(action, source, plain, names, place)
    return _assumed(low, high, inside, names)


def _check_continuous(action: Array, source: str, names: Sequence[str]) -> None:
    """Raises DataError for what looks like numbers of choices: few whole ones, or none left out. action: [N, A]"""
    if action.dtype.kind not in "iub":
        return
    for i, name in enumerate(names):
        values = np.unique(action[:, i])
        least, most = int(values[0]), int(values[-1])
        if least == most and len(names) > 1:  # beside others it says nothing
            continue
        close = most - least + 1 == len(values) <= MOST_CHOICES
        if close or (len(values) <= FEW and len(action) >= OFTEN * len(values)):
            shown = f"{least} to {most}" if close else ", ".join(map(str, values))
            raise DataError(
                f"{source}: {name} has the whole numbers {shown} alone and looks discrete, and pars needs continuous "
                "actions; if it is continuous, give its bounds: --action-range LOW..HIGH,.."
            )


def _assumed(low: Array, high: Array, inside: bool, names: Sequence[str]) -> Found:
    """Without a known range."""
    if not inside:
        still = low == high
        found = ActionRange.of(low - still, high + still, "the data's least and greatest")
        each = ", ".join(f"{name} {a:.6g}..{b:.6g}" for name, a, b in zip(names, found.low, found.high))
        return Found(
            found,
            f"no range of the actions is known: taken as {found.source}, {each}, which the policy will not leave; if "
            "their bounds are others, give --action-range LOW..HIGH,..",
        )
    reach = float(np.maximum(-low, high).max())
    one_sided = (low >= 0.0) & (high > low)
    if NARROW <= reach <= WIDE or one_sided.any():
        which = int(np.argmax(one_sided)) if one_sided.any() else int(np.argmax(np.maximum(-low, high)))
        return Found(
            None,
            f"actions are taken as scaled to [-1, 1] and {names[which]} keeps from {low[which]:.4g} to "
            f"{high[which]:.4g}; if its bounds are others, give --action-range LOW..HIGH,..",
        )
    return Found(None)


def _too_wide(low: Array, high: Array, known: ActionRange, names: Sequence[str]) -> str:
    """A warning if values keep to so small a part of their range that training cannot tell them apart; else ""."""
    share = (high - low) / np.subtract(known.high, known.low)
    moving = np.where(high > low, share, 1.0)
    which = int(np.argmin(moving))
    if moving[which] >= PART:
        return ""
    return (
        f"{names[which]} keeps from {low[which]:.4g} to {high[which]:.4g}, {moving[which]:.2g} of its range "
        f"{known.low[which]:g}..{known.high[which]:g}: all its actions look alike to training; give the range that it "
        "can have"
    )


def _share_outside(action: Array) -> float:
    """Of rows with an action out of [-1, 1]."""
    beyond = (np.abs(action[part]) > 1.0 + TOLERANCE for part in chunks(len(action)))
    return sum(int(part.any(axis=1).sum()) for part in beyond) / len(action)


def _reach(low: Array, high: Array, known: ActionRange) -> Array:
    """How far columns go, of half their range: 1 is the bound. [A]"""
    middle, half = (np.add(known.high, known.low) / 2, np.subtract(known.high, known.low) / 2)
    return np.maximum(middle - low, high - middle) / half


def _span(action: Array) -> tuple[Array, Array]:
    """Least and greatest of every column, [A] float64."""
    low, high = np.full(action.shape[1], np.inf), np.full(action.shape[1], -np.inf)
    for part in chunks(len(action)):
        values = action[part].astype(np.float32, copy=False)
        low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
    return low.astype(np.float64), high.astype(np.float64)


def _checked(action: Array, source: str, known: ActionRange, names: Sequence[str], place: Place) -> ActionRange | None:
    """The range, None of [-1, 1]. Raises DataError, naming the column, if an action is beyond it."""
    low, high = _span(action)
    reach = _reach(low, high, known)
    if reach.max() > 1.0 + TOLERANCE:
        worst = int(np.argmax(reach))
        a, b = known.low[worst], known.high[worst]
        middle, half = (a + b) / 2, (b - a) / 2
        row = next(
            part.start + int(np.argmax(bad))
            for part in chunks(len(action))
            if (bad := np.abs(action[part, worst].astype(np.float64) - middle) > half * (1.0 + TOLERANCE)).any()
        )
        mend = "give --action-range LOW..HIGH,.., or scale them" if known.plain else "give another --action-range"
        raise DataError(
            f"{source}: {names[worst]} reaches from {low[worst]:.4g} to {high[worst]:.4g} (first outside in "
            f"{place(row)}), expected [{a:g}, {b:g}]; {mend}"
        )
    return None if known.plain else known


def scaled(action: Array, known: ActionRange | None) -> Array:
    """Actions [N, A] in [-1, 1]; of a memory map another one beside it, whose file goes with it."""
    if known is None:
        return action
    if not isinstance(action, np.memmap):
        return known.to_scaled(action)
    folder = Path(action.filename).parent if action.filename else None
    with tempfile.TemporaryFile(dir=folder) as file:
        target = np.memmap(file, np.float32, "w+", shape=action.shape)
        for part in chunks(len(action)):
            target[part] = known.to_scaled(action[part])
    return target
