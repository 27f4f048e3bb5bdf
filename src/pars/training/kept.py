"""Policies as they were at evaluations, kept where it is asked for: the networks of a state without what only training
reads of them (optimizers, slow copies). They are written as checkpoints are, and never go."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import jax

from pars.core import OFFLINE, ONLINE, State
from pars.rl.net import Net
from pars.training import checkpoint
from pars.training.checkpoint import Checkpoint, Position

KEPT = "policies"


def keep(folder: Path, position: Position, state: State) -> None:
    """Keep the policies and critics of a group's state, NumPy [P, ..], in its `folder`."""
    slim = jax.tree.map(_slim, state, is_leaf=lambda x: isinstance(x, Net))
    checkpoint.save(folder / KEPT, position, {"state": slim}, {}, keep=sys.maxsize)


def _slim(part: object) -> object:
    return part._replace(target=None, opt=None) if isinstance(part, Net) else part


def moments(folder: Path) -> Iterator[Checkpoint]:
    """All trained policies that a group's folder still has, oldest first: kept ones, and those of its checkpoints."""
    found = {one.position: one for name in (KEPT, "checkpoints") for one in checkpoint.sound(folder / name, logs=False)}
    trained = (place for place in sorted(found) if place.phase == ONLINE or (place.phase == OFFLINE and place.step))
    return (found[place] for place in trained)
