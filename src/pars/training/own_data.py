"""Own data: what the settings that it decides are decided by (`pars.presets.from_data`), and how long it is trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pars.data import Dataset
from pars.errors import DataError
from pars.presets.from_data import DISCOUNT, Facts
from pars.rl.returns import returns_ahead

LOOKED_AT = 10_000  # rows, evenly drawn, that values and actions are judged by


def facts_of(dataset: Dataset, norms: bool = False) -> Facts:
    """The facts of a dataset; the same for the same rows, so that a run is found again.

    norms: those of `reward_norm` too, for which all rewards are read once more.
    """
    columns, count = dataset.columns, len(dataset.last)
    picks = np.unique(np.linspace(0, count - 1, min(count, LOOKED_AT)).astype(np.int64))
    values = returns_ahead(columns.reward, columns.terminal, dataset.last, picks, DISCOUNT)
    action = np.asarray(columns.action[picks], np.float64)
    return Facts(
        reward_min=float(np.min(columns.reward)),
        value_spread=float(values.std()),
        action_width=float(np.sqrt(action.var(axis=0).mean())),
        terminals=bool(np.max(columns.terminal) > 0),
        longest=int(dataset.card["episode_length"]["max"]),
        constant=_named(dataset, constant(dataset.obs_mean, dataset.obs_std)),
        norms=_norms(dataset) if norms else {},
    )


def constant(mean: np.ndarray, std: np.ndarray) -> Sequence[int]:
    """Columns that never change, but for the rounding of their numbers."""
    return [int(i) for i in np.flatnonzero(std <= 1e-6 * np.abs(mean))]


def _named(dataset: Dataset, columns: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"column {i}" for i in columns)


def _norms(dataset: Dataset) -> dict[str, tuple[float, float]]:
    """Of `reward_norm`; none where all rewards or returns are the same, which training refuses to normalise."""
    try:
        known = dataset.reward_facts()
    except DataError:
        return {}
    return {"range": (0.0, known["return_range"]), "standard": (known["reward_mean"], known["reward_std"])}
