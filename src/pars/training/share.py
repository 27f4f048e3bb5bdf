"""A job's share of the population that trains: its members, its folder, its task and its data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import jax
import numpy as np

from pars.probes.balance import RETURN_RANK
from pars.rl.returns import returns_ahead
from pars.training.evaluations import Evaluations
from pars.training.folder import RunFolder
from pars.training.log import METRICS, REPLAY
from pars.training.plan import Job
from pars.training.rollout import Evaluation
from pars.training.view import Stop

Tree = Any
PROBE_ROWS = 2048
WHOLE = "since"  # of a checkpoint's tree: no member has its own


class Share:
    """What is written of a job is what would be if it trained alone, to the last bit on a CPU.

    Args:
        begin: number of its first member in the population.
        thread: where evaluations run, one after another, and
        beside: whether training goes on meanwhile.
        stop: who may end them.
    """

    def __init__(
        self, job: Job, folder: RunFolder, begin: int, thread: Executor, beside: bool = False, stop: Stop | None = None
    ) -> None:
        self.job, self.folder, self.task = job, folder, job.task
        self.count = len(job.group.seeds)
        self.members = slice(begin, begin + self.count)
        sees, episodes = job.group.algo.sees, job.plan.eval_episodes
        options = (self.count, episodes, thread, sees, beside, stop)
        self.evaluations = Evaluations(job.task, *options) if job.task else None
        self.evaluation: Evaluation | None = None  # the last one

    @property
    def saved(self) -> Any:
        """Where it goes on: its folder's checkpoint, or where another run ended; None at the start."""
        return self.folder.checkpoint or self.job.branch

    def of(self, tree: Tree) -> Tree:
        """Its members' part of arrays [P, ..]."""
        return jax.tree.map(lambda x: x[self.members], tree)

    def checkpoint(self, tree: Mapping[str, Tree]) -> dict[str, Tree]:
        """Its part of what `Learner.tree` gives."""
        return {name: part if name == WHOLE else self.of(part) for name, part in tree.items()}

    def bad(self, finite: np.ndarray) -> list[int]:
        """Numbers, within the job, of the members that are not `finite` [P]."""
        return [int(member) for member in np.flatnonzero(~finite[self.members])]

    def digest(self) -> str:
        """SHA-256 over everything that a resumed run must repeat: final state, metrics, online transitions."""
        assert self.folder.checkpoint is not None
        digest = hashlib.sha256(self.folder.checkpoint.digest.encode())
        for name in (METRICS, REPLAY):
            digest.update((self.folder.path / name).read_bytes())
        return digest.hexdigest()

    def close(self) -> None:
        if self.evaluations:
            self.evaluations.close()


def restored(shares: Sequence[Share], like: Mapping[str, Tree]) -> dict[str, Tree]:
    """The tree of the whole population, of the shape of `like`, from the checkpoints where the folders resume."""
    parts = [share.saved.restore(share.checkpoint(like)) for share in shares]
    if len(parts) == 1:
        return parts[0]
    both = {
        name: jax.tree.map(lambda *xs: np.concatenate(xs), *(part[name] for part in parts))
        for name in like
        if name != WHOLE
    }
    return {**both, WHOLE: parts[0][WHOLE]}


def probe_batch(data: Sequence[Any], discounts: Sequence[float]) -> Any:
    """Rows that probes look at, spread over each member's dataset (some twice where it has fewer): a Transition
    [P, PROBE_ROWS, ..], with the ranks of their returns-to-go under each member's discount."""
    drawn: dict[int, Any] = {}
    ranks: dict[tuple[int, float], np.ndarray] = {}
    for one, discount in zip(data, discounts, strict=True):
        picks = np.linspace(0, len(one.last) - 1, PROBE_ROWS).astype(int)
        if id(one) not in drawn:
            drawn[id(one)] = jax.tree.map(lambda x, picks=picks: np.asarray(x[picks], np.float32), one.columns)
        if (id(one), discount) not in ranks:
            ahead = returns_ahead(one.columns.reward, one.columns.terminal, one.last, picks, discount)
            ranks[id(one), discount] = ranked(ahead)
    members = [
        drawn[id(one)]._replace(extra={**drawn[id(one)].extra, RETURN_RANK: ranks[id(one), discount]})
        for one, discount in zip(data, discounts, strict=True)
    ]
    return jax.tree.map(lambda *parts: np.stack(parts), *members)


def ranked(values: np.ndarray) -> np.ndarray:
    """Ranks of values [N] from 1 on, float32; equal ones share the mean of theirs."""
    _, which, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[which].astype(np.float32)
