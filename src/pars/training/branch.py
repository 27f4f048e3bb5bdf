"""Runs that begin where other runs ended offline.

Online: one policy, several ways to go on. A member takes the state of the run's member with its seed and with its
settings, but for those that only the online phase reads. What follows is what would have followed there, to the last
bit on a CPU. All may also take the state of one seed: several ways on, and several seeds of each, from one policy.

Offline, where no online phase is asked for: the same networks, moments and scales of observations are trained on, on
other data or with other settings.
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
from safetensors.numpy import load_file

from pars.config import facts, from_dict, to_dict
from pars.core import OFFLINE, ONLINE, Algorithm
from pars.errors import CheckpointError
from pars.training.checkpoint import (
    ARRAYS,
    MANIFEST,
    Checkpoint,
    Position,
    check_array,
    flatten,
    latest,
    unreadable,
    verify,
)
from pars.training.earlier import of_today
from pars.training.folder import ALIKE, read_description
from pars.training.log import METRICS
from pars.training.plan import Group, Plan, Start
from pars.training.restore import run_folders

MOST = 10**12  # more steps than any phase has


@dataclass(frozen=True)
class Branch:
    """Where each member of a job begins: a checkpoint at the end of an offline phase, and the number it has there."""

    position: Position
    origins: tuple[tuple[Checkpoint, int], ...]
    differs: tuple[str, ...] = ()  # what is set otherwise here, in words

    @property
    def begins(self) -> bool:
        """Whether a phase begins here: no metrics belong to it yet."""
        return self.position.step == 0

    def restore(self, like: Any) -> Any:
        """The members' arrays in the shape of `like`, as `Checkpoint.restore` has them. Raises CheckpointError."""
        read = cache(_arrays)
        rest, like = (
            (like, {"state": like["state"]}) if self.begins else ({}, like)
        )  # metrics of before are not its own

        def leaf(name: str, example: Any) -> np.ndarray:
            whole = [read(one.folder)[name] for one, _ in self.origins]
            own = whole[0] if not np.ndim(example) else np.stack([a[m] for a, (_, m) in zip(whole, self.origins)])
            if own.shape != np.shape(example):
                shapes = f"shape {own.shape[1:]} a member, {np.shape(example)[1:]} here"
                raise CheckpointError(f"{self.origins[0][0].folder}: {name} has {shapes}")
            check_array(f"{self.origins[0][0].folder}: {name}", own, np.shape(example), np.asarray(example).dtype)
            return own

        expected = flatten(like)
        kinds = tuple(f"[{name!r}]" for name in like)
        for one, _ in self.origins:
            known = {name for name in read(one.folder) if name.startswith(kinds)}
            if odd := sorted(known ^ expected.keys()):
                raise CheckpointError(f"{one.folder} holds another kind of run: {odd[0]} is not in both")
        found = jax.tree.unflatten(jax.tree.structure(like), [leaf(*item) for item in expected.items()])
        return {**rest, **found}

    @property
    def digest(self) -> str:
        """Of the states that the members begin with: the same ones have the same."""
        whole = [((one.folder / MANIFEST).read_text(), m) for one, m in self.origins]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

    def history(self) -> str:
        """Lines of metrics.csv: what was logged of the members until then, in the phases that go on."""
        found: list[str] = []
        if self.begins:
            return ""
        for folder in dict.fromkeys(one.folder for one, _ in self.origins):
            log = folder.parent.parent / METRICS
            known = next(one.logs[METRICS].bytes for one, _ in self.origins if one.folder == folder)
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
    return _on_line(group, plan, fingerprint, start) if plan.online_steps else _anew(group, plan, start)


def _on_line(group: Group, plan: Plan, fingerprint: str, start: Start) -> Branch:
    """At the end of the offline phase, with its data and settings."""
    run = start.run
    position = Position(_offline(group, plan), OFFLINE, plan.offline_steps)
    there: dict[str, tuple[Checkpoint, int]] = {}
    for folder, description in _described(run, group):
        if description["dataset"]["fingerprint"] != fingerprint:
            raise CheckpointError(f"{folder} was trained on other data; give that run's data, or another --start-from")
        path = folder / "checkpoints" / position.name
        if not path.is_dir():
            raise CheckpointError(f"{folder} has no checkpoint at {position}; train it that far, or change --steps")
        found = verify(path)
        for number, member in enumerate(description["members"]):
            there[_key(group.algo, member["settings"], member["seed"])] = found, number
    members = [(_key(group.algo, to_dict(cfg), seed), seed) for cfg, seed in _members(group, start)]
    if lost := [seed for key, seed in members if key not in there]:
        raise CheckpointError(
            f"{run} has no {group.algo.name} of seed {lost[0]} with these offline settings; give the settings that it "
            "was trained with (its run.json), and change only those of the online phase"
        )
    return Branch(position, tuple(there[key] for key, _ in members))


def _anew(group: Group, plan: Plan, start: Start) -> Branch:
    """At the beginning of an offline phase, with the states in which another ended or was stopped."""
    number, algo = _offline(group, plan), group.algo
    there: dict[int, list[tuple[dict[str, Any], Checkpoint, int]]] = {}
    for folder, description in _described(start.run, group):
        found = latest(folder / "checkpoints", Position(number, OFFLINE, MOST))
        if found is None or found.position.number != number:
            raise CheckpointError(f"{folder} has no checkpoint of its {OFFLINE} phase; train it that far")
        for m, member in enumerate(description["members"]):
            settings = to_dict(from_dict(algo.config, of_today(member["settings"], algo.config)))
            there.setdefault(member["seed"], []).append((settings, found, m))
    origins, differs = [], dict[str, None]()
    for cfg, seed in _members(group, start):
        known, own = there.get(seed, []), to_dict(cfg)
        alike = [one for one in known if _key(algo, one[0], seed) == _key(algo, own, seed)] or known
        if len(alike) != 1:
            what, mend = ("several", "give all the settings of one of them") if alike else ("no", "give a --start-seed")
            raise CheckpointError(f"{start.run} has {what} {algo.name} of seed {seed}; {mend}")
        ((settings, where, m),) = alike
        origins.append((where, m))
        differs |= {
            f"{name}={own[name]} ({value} there)": None for name, value in settings.items() if own[name] != value
        }
    return Branch(Position(number, OFFLINE, 0), tuple(origins), tuple(differs))


def _members(group: Group, start: Start) -> list[tuple[Any, int]]:
    """Every member's config, and the seed of the one that it takes the state of."""
    seeds = group.seeds if start.seed is None else [start.seed] * len(group.seeds)
    return [*zip(group.configs, seeds, strict=True)]


def _described(run: Path, group: Group) -> list[tuple[Path, dict[str, Any]]]:
    """The folders of a run that hold members of the group's algorithm."""
    found = [(folder, read_description(folder)) for folder in run_folders(run)]
    return [(path, d) for path, d in found if d["format"] in ALIKE and d["algorithm"] == group.algo.name]


def check_wires(run: Path, group: Group, described: Mapping[str, Any]) -> None:
    """See that the inputs and outputs of a run.json mean what those of the run that it begins with do."""
    for folder, there in _described(run, group):
        for name in ("inputs", "outputs"):
            for own, other in zip(described[name], there.get(name) or described[name]):
                if any(own.get(fact) != other.get(fact) for fact in ("name", "low", "high")):
                    raise CheckpointError(
                        f"{folder} has other {name}: {_wire(other)} there, {_wire(own)} here; give the same columns"
                        + (" and --action-range" if name == "outputs" else "")
                    )


def _wire(one: Mapping[str, Any]) -> str:
    return f"{one['name']} in {one['low']:g}..{one['high']:g}" if "low" in one else str(one["name"])


def offline_steps(algorithm: str, run: Path) -> int | None:
    """How long a run trained an algorithm offline, if it has it."""
    for folder in run_folders(run):
        description = read_description(folder)
        if description["algorithm"] == algorithm:
            return int(description["plan"]["offline_steps"])
    return None


def _offline(group: Group, plan: Plan) -> int:
    """The number of the offline phase."""
    return [phase for phase, _ in group.phases(plan)].index(OFFLINE)


def _key(algo: Algorithm, settings: Mapping[str, Any], seed: int) -> str:
    """What decides a member's offline phase, settings as run.json has them."""
    whole = to_dict(from_dict(algo.config, of_today(settings, algo.config)))
    kept = {name: value for name, value in whole.items() if facts(algo.config)[name].phase != ONLINE}
    return json.dumps([kept, seed], sort_keys=True)


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    try:
        return load_file(folder / ARRAYS)
    except Exception as error:
        raise unreadable(folder, error) from None
