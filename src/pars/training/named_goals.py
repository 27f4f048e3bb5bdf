"""Goals by the names of the observations that they give, for `goal_columns`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pars.config import facts
from pars.data import Dataset
from pars.errors import UsageError, unknown
from pars.training.launch import Variant

SETTING = "goal_columns"


def with_goals(variants: Sequence[Variant], dataset: Dataset, names: str | Sequence[str] | None) -> list[Variant]:
    """The variants with goals that give the observations of these names, in this order; None: as they are.

    names: as `pars data check` prints them, numbers from 0 on too; a list, or one text, "x,y". Raises UsageError.
    """
    if names is None:
        return list(variants)
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    what = f"{SETTING}={','.join(map(str, names))}"
    if not any(SETTING in facts(own.algo.config) for own in variants):
        raise UsageError(f"{what}: {variants[0].algo.name} is told no goals; see docs/algorithms.md for what is")
    if any(SETTING in own.given for own in variants):
        raise UsageError(f"{what}: {SETTING} is given as a setting too; leave one of them out")
    known = [dataset.name_of("observations", i) for i in range(dataset.obs_dim)]
    numbers = tuple(_number(what, name, known) for name in names)
    return [
        own._replace(configs=[replace(cfg, **{SETTING: numbers}) for cfg in own.configs], given=own.given | {SETTING})
        if SETTING in facts(own.algo.config)
        else own
        for own in variants
    ]


def _number(what: str, name: str, known: Sequence[str]) -> int:
    """Of an observation by its name, else by its number."""
    if name in known:
        return known.index(name)
    if str(name).isdigit() and int(name) < len(known):
        return int(name)
    numbers = f", or their numbers, 0 to {len(known) - 1}"
    raise UsageError(f"{what}: {unknown('observation', str(name), known, numbers)}")
