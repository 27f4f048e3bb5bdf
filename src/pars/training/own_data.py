"""Own data: what the settings that it decides are decided by (`pars.presets.from_data`), and how long it is trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pars import presets
from pars.algos import find_algorithm
from pars.data import Dataset
from pars.errors import DataError
from pars.presets.from_data import DISCOUNT, Facts, settings_from
from pars.rl.returns import returns_ahead

LOOKED_AT = 10_000  # rows, evenly drawn, that values and actions are judged by
UNLIKE = 10.0  # times: the widest column beside the narrowest
STEADY = 0.05  # standard deviation of actions in [-1, 1]
SHOWN = "pars"  # the method whose settings a check names


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
        reward_max=float(np.max(columns.reward)),
        value_spread=float(values.std()),
        action_width=float(np.sqrt(action.var(axis=0).mean())),
        terminals=bool(np.max(columns.terminal) > 0),
        longest=int(dataset.card["episode_length"]["max"]),
        constant=tuple(dataset.name_of("observations", i) for i in constant(dataset.obs_mean, dataset.obs_std)),
        norms=_norms(dataset) if norms else {},
    )


def outlook(dataset: Dataset) -> tuple[list[str], list[str]]:
    """What training will do about a dataset that nothing is published for, shown on PARS, and what is a risk of it."""
    known, said, risks = facts_of(dataset), [], []
    still = constant(dataset.obs_mean, dataset.obs_std)
    order = [int(i) for i in np.argsort(dataset.obs_std) if i not in still] or [0]
    narrow, wide = order[0], order[-1]
    if dataset.obs_std[wide] > UNLIKE * dataset.obs_std[narrow]:
        each = [f"{dataset.name_of('observations', i)} by {dataset.obs_std[i]:.3g}" for i in (wide, narrow)]
        said.append(f"columns differ in scale ({each[0]}, {each[1]}), which every method undoes")
    if known.reward_max <= 0.0 and known.reward_min < 0.0:
        said.append("no reward is above 0, so every value is negative: infeasible actions are pulled to a low q_min")
    own = find_algorithm(SHOWN)
    chosen = settings_from(known, own.configure(), (), presets.value_spread(SHOWN))
    said += [f"{SHOWN}: {one}" for one in chosen]
    said.append(f"{presets.offline_steps(SHOWN, None, len(dataset.last)):,} gradient steps, unless --steps says others")
    if known.action_width < STEADY:
        risks.append(
            f"actions vary by {known.action_width:.2g} of half their range only: a policy may come to one action "
            "everywhere; check the range (--action-range), and read the report's warnings"
        )
    return said, risks


def constant(mean: np.ndarray, std: np.ndarray) -> Sequence[int]:
    """Columns that never change, but for the rounding of their numbers."""
    return [int(i) for i in np.flatnonzero(std <= 1e-6 * np.abs(mean))]


def _norms(dataset: Dataset) -> dict[str, tuple[float, float]]:
    """Of `reward_norm`; none where all rewards or returns are the same, which training refuses to normalise."""
    try:
        known = dataset.reward_facts()
    except DataError:
        return {}
    return {"range": (0.0, known["return_range"]), "standard": (known["reward_mean"], known["reward_std"])}
