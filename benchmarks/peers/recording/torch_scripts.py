"""Running a PyTorch peer's training script for one step on a record's batch."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import Nothing, load_module, stand_in
from benchmarks.peers.recording.base import ACTION, OBS, Record, replaced
from benchmarks.peers.recording.torch_parts import Watcher


class Rows:
    """A peer's buffer that holds the record's batch and gives it whole, in order."""

    def __init__(self, record: Record):
        self.state, self.action, self.next_state = (record[name] for name in ("obs", "action", "next_obs"))
        self.reward, self.not_done = record["reward"][:, None], 1.0 - record["terminal"][:, None]

    def convert_D4RL(self, dataset: Any) -> None:
        pass

    def sample(self, size: int) -> tuple[torch.Tensor, ...]:
        """obs, action, next_obs, reward [B, 1], 1 - terminal [B, 1]."""
        columns = (self.state, self.action, self.next_state, self.reward, self.not_done)
        return tuple(torch.from_numpy(np.asarray(column, np.float32)) for column in columns)


def utilities(record: Record) -> None:
    """Put a stand-in where these peers' `utils` would be imported from, whose buffer is `Rows`."""
    stand_in("utils")
    utils: Any = sys.modules["utils"]
    utils.ReplayBuffer = lambda *args: Rows(record)
    utils.make_dir = partial(os.makedirs, exist_ok=True)


def one_step(folder: str, script: str, record: Record, prepare: Callable[[], None]) -> Any:
    """The script's variables after its first step. prepare: called between its imports' stand-ins and itself.

    It runs on the CPU in a folder of its own; its Adam is a `Watcher`, and each draw of rows gives all in order.
    """
    stand_in("coolname", "d4rl", "gym", "log")
    utilities(record)
    space = SimpleNamespace(shape=(OBS,))
    actions = SimpleNamespace(shape=(ACTION,), high=np.ones(ACTION))
    gym: Any = sys.modules["gym"]
    gym.make = lambda name: SimpleNamespace(observation_space=space, action_space=actions)
    coolname: Any = sys.modules["coolname"]
    coolname.generate_slug = lambda words: "once"
    prepare()
    same = lambda thing, *args, **kwargs: thing  # noqa: E731
    patches = (
        (torch.Tensor, "to", same),
        (torch.nn.Module, "to", same),
        (torch.optim, "Adam", lambda parameters, **options: Watcher(parameters)),
        (torch, "save", Nothing()),
        (np.random, "choice", lambda count, size: np.arange(size)),
        (sys, "argv", [script, "--num_iters", "0", "--batch_size", str(len(record["obs"])), "--no_normalize"]),
    )
    with tempfile.TemporaryDirectory() as own, chdir(own), replaced(*patches):
        return load_module(folder, script)
