"""Policies as they were at evaluations, kept where it is asked for: the networks of a state without what only training
reads of them (optimizers, slow copies). They are written as checkpoints are, and never go."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import jax

from pars.core import OFFLINE, ONLINE, State
from pars.errors import CheckpointError, UsageError
from pars.position import Position
from pars.rl.net import Net
from pars.training import checkpoint
from pars.training.checkpoint import Checkpoint

KEPT = "policies"


def keep(folder: Path, position: Position, state: State) -> None:
    """Keep the policies and critics of a group's state, NumPy [P, ..], in its `folder`."""
    checkpoint.save(folder / KEPT, position, {"state": slim(state)}, {}, keep=sys.maxsize)


def slim(state: State) -> State:
    """A state without what only training reads of its networks."""
    return jax.tree.map(_slim, state, is_leaf=lambda x: isinstance(x, Net))


def _slim(part: object) -> object:
    return part._replace(target=None, opt=None) if isinstance(part, Net) else part


def moments(folder: Path) -> Iterator[Checkpoint]:
    """All trained policies that a group's folder still has, oldest first: kept ones, and those of its checkpoints."""
    found = {one.position: one for name in (KEPT, "checkpoints") for one in checkpoint.sound(folder / name, logs=False)}
    trained = (place for place in sorted(found) if place.phase == ONLINE or (place.phase == OFFLINE and place.step))
    return (found[place] for place in trained)


def moment(folder: Path, at: str | None) -> Checkpoint | None:
    """The trained policies of a group's folder at a step, as `moments` has them; None: the newest checkpoint is meant.

    at: "online-500", "offline-20000", or a step alone if only one phase has it.

    Raises UsageError, CheckpointError (nothing is kept there).
    """
    if at is None:
        return None
    asked = re.fullmatch(rf"(?:({OFFLINE}|{ONLINE})-)?([\d,_]+)", at)
    digits = re.sub(r"[,_]", "", asked[2]) if asked else ""
    if not asked or not digits:
        raise UsageError(f"at {at!r}: give a step, such as 20000, {OFFLINE}-20000 or {ONLINE}-500")
    known = list(moments(folder))
    here = [one for one in known if one.position.step == int(digits) and asked[1] in (None, one.position.phase)]
    if len(here) > 1:
        raise UsageError(f"at {at}: both phases have it; say {OFFLINE}-{digits} or {ONLINE}-{digits}")
    if not here:
        there = ", ".join(f"{one.position.phase}-{one.position.step}" for one in known) or "none"
        raise CheckpointError(f"{folder} has no policies at {at}; it has {there} (--keep-policies keeps all of them)")
    return here[0]
