"""What the report draws of a trained policy, computed once and stored as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pars.core import Transition
from pars.data import Dataset
from pars.position import Position
from pars.probes.landscape import landscape
from pars.system import replacing
from pars.training.learner import Learner
from pars.training.rollout import Evaluation
from pars.training.share import Share

GRID = np.linspace(-3.0, 3.0, 61, dtype=np.float32)
LINE = np.concatenate([-np.geomspace(2000, 0.01, 80), [0.0], np.geomspace(0.01, 2000, 80)]).astype(np.float32)
EVERY = 4  # of the probed rows, one is kept with its actions
NEIGHBOURS = 200  # dataset actions shown: those taken in the states nearest to the one looked at


def save_landscapes(position: Position, learner: Learner, shares: Sequence[Share]) -> None:
    """Q over a slice of the action space, as `pars.report` reads it, in every job's folder: of a state of its data.
    Nothing without critics, or where policies see more than the observation of the moment."""
    if learner.algo.critic is None or not learner.algo.sees.plain:
        return
    typical = [typical_state(share.job.dataset) for share in shares]
    obs = np.repeat([one for one, _ in typical], [share.count for share in shares], axis=0)
    policy = learner.act(obs[:, None], 0, explore=0.0)[:, 0]
    look, put = learner.program.over_members(landscape, shared=(4, 5)), learner.placement.put
    q, q_line = learner.placement.take(look(learner.cfg, learner.state, put(obs), put(policy), GRID, LINE))
    for share, (obs, actions) in zip(shares, typical, strict=True):
        found = {"obs": obs, "grid": GRID, "q": share.of(q), "line": LINE, "q_line": share.of(q_line)}
        name = f"landscape-{position.phase}-{position.step}.npz"
        with replacing(share.folder.path / "probes" / name) as aside:
            np.savez(aside, **found, policy_action=share.of(policy), data_action=actions)


def save_actions(name: str, learner: Learner, shares: Sequence[Share], rows: Transition) -> None:
    """The policies' actions beside those of the data, in the folder of every job whose data are the user's own.

    Args:
        rows: of the data, [P, n, ..].
    """
    own = [share for share in shares if share.task is None or share.task.dataset is None]
    if not own:
        return
    obs, logged = (learner.placement.take(part)[:, ::EVERY] for part in (rows.obs, rows.action))
    policy = learner.act(obs, 0, explore=0.0)
    for share in own:
        with replacing(share.folder.path / "probes" / name) as aside:
            np.savez(aside, action=share.of(policy), data_action=share.of(logged)[0])


def typical_state(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """A dataset observation near the median one, and the actions taken in the states around it."""
    obs = np.asarray(dataset.columns.obs, np.float32)
    pick = np.random.default_rng(0).choice(len(obs), min(len(obs), 50_000), replace=False)
    sample = obs[pick]
    scale = sample.std(axis=0) + 1e-6
    centre = sample[np.argmin((((sample - np.median(sample, axis=0)) / scale) ** 2).sum(axis=1))]
    near = np.argsort((((sample - centre) / scale) ** 2).sum(axis=1))[:NEIGHBOURS]
    return centre, np.asarray(dataset.columns.action, np.float32)[pick[near]]


def save_trajectories(path: Path, evaluation: Evaluation) -> None:
    """Where the last evaluation went, and whether each episode got a reward."""
    if evaluation.positions is None:
        return
    with replacing(path) as aside:
        np.savez(aside, positions=evaluation.positions, success=evaluation.returns > 0)
