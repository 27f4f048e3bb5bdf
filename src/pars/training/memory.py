"""What a population will take in memory, told before it starts, and into how many parts it is cut to fit.

Counted are parameters, targets and Adam's moments, the replay, the activations of a step, and the data where it is not
the map of a file. The factors below were taken from XLA's own accounts of compiled programs (`benchmarks/loading.py`
prints such accounts beside the prediction), and are on the safe side.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from pars.core import Algorithm, Spec
from pars.training.placement import place
from pars.training.program import drawn_shapes, first_state

BASE = 4 * 10**8  # bytes: the compiler at work, the simulator, chunks of data
SHARE = 0.9  # of what is free that may be planned with
IN_TURN = 3  # states at a time where members run in turn: before and after a block, or on their way to a checkpoint
AT_ONCE = 4  # states at a time where all members are updated at once: gradients and updates of all of them too


class Need(NamedTuple):
    """Bytes. Everything is kept in one memory by a CPU's devices, in memories of their own by GPUs."""

    state: int  # of one member
    work: int  # activations of one member's step
    replay: int  # of one member
    data: int  # shared by the members
    cpu: bool

    def total(self, members: int) -> int:
        """Of a population: on the host, or on each GPU."""
        placement = place(members)
        devices, rows = placement.mesh.size, placement.rows
        if not self.cpu:
            return BASE + self.data + -(-rows // devices) * (AT_ONCE * self.state + self.work + self.replay)
        return BASE + self.data + rows * (IN_TURN * self.state + self.replay) + devices * self.work


def predict(algo: Algorithm, cfg: Any, spec: Spec, capacity: int, row: int, data: int) -> Need:
    """What members with settings of one structure need; nothing is computed.

    Args:
        cfg: of any member.
        capacity: transitions of a replay.
        row: floats in a packed row.
        data: bytes of the dataset that will be in this memory.
    """
    leaves = jax.tree.leaves(first_state(algo, cfg, spec)[1])
    state = sum(_size(leaf) for leaf in leaves)
    # each layer's outputs [B], once for each of the arrays that is kept of it (weights, target, two moments): about as
    # many as a step holds of its activations, of TD and PA rows, and of their gradients
    outputs = sum(math.prod(leaf.shape) // leaf.shape[-2] for leaf in leaves if len(leaf.shape) >= 2)
    drawn = drawn_shapes(algo.draw, cfg, row, spec.rows, online=bool(capacity), weighted=algo.weights is not None)
    rows = sum(math.prod(leaf.shape[:-1]) for leaf in drawn.rows.values())
    return Need(state, 4 * rows * outputs, 4 * capacity * row, data, jax.default_backend() == "cpu")


def most_members(need: Need, members: int, free: float) -> int:
    """How many of the members fit at a time, if need be in groups of several sizes; 0: not even one."""
    usable = SHARE * free
    for groups in range(1, members + 1):
        size = -(-members // groups)
        if all(need.total(count) <= usable for count in {size, members // groups}):
            return size
    return 0


def cut(settings: list[Any], most: int) -> list[list[int]]:
    """Members by number, in parts of at most `most` and of about one size, all seeds of a setting in one if they fit.

    Args:
        settings: of each member; seeds of one setting stand together.
    """
    starts = [i for i, one in enumerate(settings) if i == 0 or one != settings[i - 1]]
    blocks = np.split(np.arange(len(settings)), starts[1:])
    longest = max(len(block) for block in blocks)
    if longest > most:
        blocks, longest = [np.array([i]) for i in range(len(settings))], 1
    parts = -(-len(blocks) // (most // longest))
    return [[int(i) for block in part for i in blocks[block]] for part in np.array_split(np.arange(len(blocks)), parts)]


def in_words(size: float) -> str:
    """Bytes as people write them: 61 GB, 0.8 GB."""
    return f"{size / 1e9:.0f} GB" if size >= 1e10 else f"{size / 1e9:.1f} GB"


def _size(leaf: Any) -> int:
    return math.prod(leaf.shape) * leaf.dtype.itemsize
