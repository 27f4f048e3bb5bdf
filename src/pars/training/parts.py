"""Groups by their members, and the parts of a group that fit into memory one after another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pars.config import to_dict
from pars.core import Algorithm, Spec
from pars.data import Dataset
from pars.envs.base import Task
from pars.errors import ResourceError
from pars.packing import width
from pars.presets.from_data import Chosen
from pars.training.feed import must_stream
from pars.training.folder import read_description
from pars.training.memory import Need, cut, in_words, most_members, predict
from pars.training.placement import free_memory, place
from pars.training.plan import DataIn, Group, How, Plan


def make_group(algo: Algorithm, members: Sequence[tuple[Any, int]], chosen: tuple[Chosen, ...] = ()) -> Group:
    """A group of configs of one structure with seeds; its name tells it from all groups of other members.

    chosen: settings that the data decided.

    Raises UsageError for settings that are out of their ranges.
    """
    for cfg, _ in members:
        cfg.check()
    label = json.dumps([[to_dict(cfg), seed] for cfg, seed in members])
    name = f"{algo.name}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"
    return Group(name, algo, tuple(cfg for cfg, _ in members), tuple(seed for _, seed in members), chosen)


def fitting(group: Group, dataset: Dataset, plan: Plan, out: Path, how: How, task: Task | None = None) -> list[Group]:
    """The group, or parts of it that fit into memory one after another, which is noted. Raises ResourceError.

    What was begun in a folder goes on there: a run that is continued has the same parts, whatever is free now.
    """
    if (out / group.name / "run.json").exists():
        return [group]
    begun = begun_parts(group, out)
    left = sorted(set(range(len(group.seeds))) - {i for one in begun for i in one})
    parts = [part(group, members) for members in begun]
    if not left:
        return parts
    need = needed(group, dataset, plan, how.data_in, task=task)
    free, count = free_memory(place(len(left))), len(left)
    most = most_members(need, count, free)
    if most == 0:
        other = "" if need.cpu else "end what else runs on this GPU (one process takes most of its memory at once), "
        raise ResourceError(
            f"one member of {group.algo.name} needs about {in_words(need.total(1))} of memory and {in_words(free)} are "
            f"free; {other}give fewer online steps, smaller networks or batches, or say with PARS_MEMORY=20GB what it "
            "may take"
        )
    if most == count and not begun:
        return [group]
    new = cut([group.configs[i] for i in left], most)
    if most < count:
        low, high = min(map(len, new)), max(map(len, new))
        how.view.note(
            f"{count} members of {group.algo.name} need about {in_words(need.total(count))} and {in_words(free)} are "
            f"free: trained as {len(new)} groups of {high if low == high else f'{low} to {high}'}"
        )
    return parts + [part(group, [left[i] for i in one]) for one in new]


def needed(
    group: Group, dataset: Dataset, plan: Plan, data_in: DataIn, rows: int | None = None, task: Task | None = None
) -> Need:
    """What the group's members need in memory, foreseen.

    Args:
        rows: of all datasets of the population, which then lie in memory one below another; None: this is all.
    """
    algo, cfg = group.algo, group.configs[0]
    spec = sizes(group, dataset, plan, task)
    row = width(spec, dataset.shapes([column.name for column in algo.columns_of(cfg)]))
    data = _resident(algo, dataset, row, data_in, rows)
    return predict(algo, cfg, spec, plan.online_steps, row, data)


def sizes(group: Group, dataset: Dataset, plan: Plan, task: Task | None) -> Spec:
    """What the start of the group's members is traced with: as in `make_spec`, so that it is traced once."""
    algo, facts = group.algo, (dataset.obs_mean, dataset.obs_std)
    rows = len(dataset.last) if algo.weights else 0
    spec = Spec(dataset.obs_dim, dataset.action_dim, *facts, rows=rows, capacity=plan.online_steps)
    goal_dim = (task.goal_dim if task else 0) or group.configs[0].goal_dim
    return spec._replace(first_obs=dataset.obs_mean, goal_dim=goal_dim)


def _resident(algo: Algorithm, dataset: Dataset, row: int, data_in: DataIn, rows: int | None = None) -> int:
    """Bytes of the dataset in the memory that members take theirs from. A CPU reads the map of a file in place, and
    the system can drop its pages at any time.

    Args:
        row: floats in a packed row with its extra columns.
    """
    size = 4 * (rows or len(dataset.last)) * row
    mapped = isinstance(dataset.packed, np.memmap) and row == dataset.packed.shape[1]
    in_place = rows is None and mapped and jax.default_backend() == "cpu"
    return 0 if in_place or must_stream(algo, size, place(1), data_in) else size


def begun_parts(group: Group, out: Path) -> list[list[int]]:
    """The parts of a group that have folders, as numbers of its members."""
    number = {_key(to_dict(cfg), seed): i for i, (cfg, seed) in enumerate(zip(group.configs, group.seeds))}
    found = [read_description(path.parent) for path in out.glob("*/run.json")]
    parts = [there["members"] for there in found if there.get("part_of") == group.whole.name]
    keys = [[_key(member["settings"], member["seed"]) for member in members] for members in parts]
    return sorted([number[key] for key in own] for own in keys if number.keys() >= {*own})


def _key(settings: Any, seed: int) -> str:
    return json.dumps([settings, seed], sort_keys=True)


def part(group: Group, members: Sequence[int]) -> Group:
    """Some members of a group, by number."""
    own = make_group(group.algo, [(group.configs[i], group.seeds[i]) for i in members], group.chosen)
    return replace(own, part_of=group.whole)
