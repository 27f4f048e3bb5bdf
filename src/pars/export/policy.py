"""A trained policy as a function, which says what it takes and refuses what it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pars.errors import ObservationError, UsageError
from pars.units import Output

KINDS = "fiub"  # of NumPy's types: numbers


class Rows(Protocol):
    def __call__(self, obs: np.ndarray, /) -> np.ndarray:
        """Rows [N, inputs] -> actions [N, A] in units."""


@dataclass(frozen=True, eq=False)
class Policy:
    """A deterministic policy: obs [.., O] -> action [.., A] float32, in the units of the data or the environment and
    within the bounds of `outputs`. It can be pickled.

    One that sees goals is called with (obs, goal [.., G]), or with both as a pair. Of an algorithm whose policies see a
    history obs is [.., H, O], the newest last; rows of NaN are from before the episode. Raises ObservationError.
    """

    method: str
    inputs: tuple[str, ...]  # names of the observations
    outputs: tuple[Output, ...]
    goals: tuple[str, ...]  # names of a goal's numbers, where it sees one
    history: int
    program: Rows  # of all inputs in one row
    sentinels: tuple[float, ...] = ()  # numbers that stand for a missing value, as in the data

    def __call__(self, obs: Any, goal: Any = None) -> np.ndarray:
        if goal is not None and not self.goals:
            raise UsageError(f"a policy of {self.method} sees no goals; call it with the observation alone")
        if goal is None and self.goals:
            if not isinstance(obs, tuple | list) or len(obs) != 2:
                raise UsageError(f"a policy of {self.method} needs a goal; call it with (obs, goal)")
            obs, goal = obs
        rows = self._rows(obs, "observations", "inputs", self.inputs)
        lead = rows.shape[: -1 if self.history == 1 else -2]
        width = rows.shape[-1] * self.history
        rows = rows.reshape(-1, width)
        if self.goals:
            wanted, own = self._rows(goal, "numbers of a goal", "goals", self.goals), lead
            try:
                lead = np.broadcast_shapes(own, wanted.shape[:-1])
            except ValueError:
                raise ObservationError(
                    f"goals of shape {wanted.shape} do not fit observations {np.shape(obs)}"
                ) from None
            rows = np.broadcast_to(rows.reshape(*own, width), (*lead, width)).reshape(-1, width)
            wanted = np.broadcast_to(wanted, (*lead, len(self.goals))).reshape(-1, len(self.goals))
            rows = np.concatenate([rows, wanted], axis=1)
        action = np.asarray(self.program(rows), np.float32)
        if not np.isfinite(action).all():
            row = int(np.argwhere(~np.isfinite(action))[0][0])
            most = float(np.nanmax(np.abs(rows[row]), initial=0.0))
            raise ObservationError(f"row {row} gives no number as an action: its inputs go up to {most:.3g}, too far")
        return action.reshape(*lead, len(self.outputs))

    def _rows(self, given: Any, what: str, where: str, names: Sequence[str]) -> np.ndarray:
        """[.., numbers] as float32. Raises ObservationError."""
        try:
            rows = np.asarray(given)
        except ValueError:
            rows = np.empty(0, object)
        known = rows.dtype.kind in KINDS
        history = self.history if where == "inputs" else 1
        fits = rows.shape[-1:] == (len(names),) and (history == 1 or rows.shape[-2:-1] == (history,))
        if not known or not fits:
            wanted = f"{len(names)} {what}" if history == 1 else f"a history [{history}, {len(names)}]"
            found = f"shape {rows.shape}" if known else f"a {type(given).__name__}"
            raise ObservationError(f"the policy sees {wanted} (policy.{where}), not {found}")
        with np.errstate(over="ignore"):  # found out below
            rows = rows.astype(np.float32)
        finite = np.isfinite(rows) & ~np.isin(rows, np.asarray(self.sentinels, np.float32))
        if history > 1:
            finite |= np.isnan(rows).all(axis=-1, keepdims=True)
        if not finite.all():
            at = tuple(np.argwhere(~finite)[0])
            place = f" in row {at[0]}" if len(at) > 1 else ""
            stands = ", which stands for a missing value" if np.isfinite(rows[at]) else ""
            raise ObservationError(
                f"{names[at[-1]]!r} is {rows[at]:g}{place}{stands}: no policy can act on that; fill it, or do without"
            )
        return rows

    def __repr__(self) -> str:
        outputs = ", ".join(f"{one.name} {one.low:g}..{one.high:g}" for one in self.outputs)
        seen = [*self.inputs, *(f"goal {name}" for name in self.goals)]
        return f"<pars policy, {self.method}: {', '.join(seen)} -> {outputs}>"
