"""Online phases that begin where other runs ended offline: one policy, several ways to go on.

A member takes the state of the run's member with its seed and with its settings, but for those that only the online
phase reads. What follows is what would have followed there, to the last bit on a CPU. All may also take the state of
one seed: several ways on, and several seeds of each, from one policy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from pars.config import facts, from_dict, to_dict
from pars.core import OFFLINE, ONLINE, Algorithm
from pars.errors import CheckpointError
from pars.training.checkpoint import ARRAYS, MANIFEST, Checkpoint, Position, flatten, verify
from pars.training.earlier import of_today
from pars.training.folder import ALIKE, METRICS, read_description
from pars.training.plan import Group, Plan, Start
from pars.training.restore import run_folders


@dataclass(frozen=True)
class Branch:
    """Where each member of a job begins: a checkpoint at the end of an offline phase, and the number it has there."""

    position: Position
    origins: tuple[tuple[Checkpoint, int], ...]

    def restore(self, like: Any) -> Any:
        """The members' arrays in the shape of `like`, as `Checkpoint.restore` has them. Raises CheckpointError."""
        read = cache(_arrays)

        def leaf(name: str, example: Any) -> np.ndarray:
            whole = [read(one.folder)[name] for one, _ in self.origins]
            own = whole[0] if not np.ndim(example) else np.stack([a[m] for a, (_, m) in zip(whole, self.origins)])
            if own.shape != np.shape(example):
                raise CheckpointError(f"{self.origins[0][0].folder}: {name} has shape {own.shape[1:]} a member")
            return own

        expected = flatten(like)
        odd = [name for one, _ in self.origins for name in read(one.folder).keys() ^ expected.keys()]
        if odd:
            raise CheckpointError(f"{self.origins[0][0].folder} holds another kind of run: {odd[0]} is not in both")
        return jax.tree.unflatten(jax.tree.structure(like), [leaf(*item) for item in expected.items()])

    @property
    def digest(self) -> str:
        """Of the states that the members begin with: the same ones have the same."""
        whole = [((one.folder / MANIFEST).read_text(), m) for one, m in self.origins]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

    def history(self) -> str:
        """Lines of metrics.csv: what was logged of the members until then."""
        found = []
        for folder in dict.fromkeys(one.folder for one, _ in self.origins):
            log = folder.parent.parent / METRICS
            known = next(one.logs[METRICS] for one, _ in self.origins if one.folder == folder)
            for line in log.read_bytes()[:known].decode().splitlines()[1:]:
                phase, step, member, rest = line.split(",", 3)
                for number, (one, m) in enumerate(self.origins):
                    if one.folder == folder and int(member) == m:
                        found.append(f"{phase},{step},{number},{rest}\n")
        return "".join(found)


def branch(group: Group, plan: Plan, fingerprint: str, start: Start) -> Branch:
    """Where the members of a group begin if they go on from a run. Raises CheckpointError.

    fingerprint: of the dataset that they train on.
    """
    run = start.run
    position = _end_of(group, plan)
    there: dict[str, tuple[Checkpoint, int]] = {}
    for folder in run_folders(run):
        description = read_description(folder)
        if description["format"] not in ALIKE or description["algorithm"] != group.algo.name:
            continue
        if description["dataset"]["fingerprint"] != fingerprint:
            raise CheckpointError(f"{folder} was trained on other data; give that run's data, or another --start-from")
        path = folder / "checkpoints" / position.name
        if not path.is_dir():
            raise CheckpointError(f"{folder} has no checkpoint at {position}; train it that far, or change --steps")
        found = verify(path)
        for number, member in enumerate(description["members"]):
            there[_key(group.algo, member["settings"], member["seed"])] = found, number
    seeds = group.seeds if start.seed is None else [start.seed] * len(group.seeds)
    members = [(_key(group.algo, to_dict(cfg), seed), seed) for cfg, seed in zip(group.configs, seeds)]
    if lost := [seed for key, seed in members if key not in there]:
        raise CheckpointError(
            f"{run} has no {group.algo.name} of seed {lost[0]} with these offline settings; give the settings that it "
            "was trained with (its run.json), and change only those of the online phase"
        )
    return Branch(position, tuple(there[key] for key, _ in members))


def offline_steps(algorithm: str, run: Path) -> int | None:
    """How long a run trained an algorithm offline, if it has it."""
    for folder in run_folders(run):
        description = read_description(folder)
        if description["algorithm"] == algorithm:
            return int(description["plan"]["offline_steps"])
    return None


def _end_of(group: Group, plan: Plan) -> Position:
    number = [phase for phase, _ in group.phases(plan)].index(OFFLINE)
    return Position(number, OFFLINE, plan.offline_steps)


def _key(algo: Algorithm, settings: Mapping[str, Any], seed: int) -> str:
    """What decides a member's offline phase, settings as run.json has them."""
    whole = to_dict(from_dict(algo.config, of_today(settings, algo.config)))
    kept = {name: value for name, value in whole.items() if facts(algo.config)[name].phase != ONLINE}
    return json.dumps([kept, seed], sort_keys=True)


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    try:
        return load_file(folder / ARRAYS)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"damaged checkpoint {folder}: {error}; train it again") from None
