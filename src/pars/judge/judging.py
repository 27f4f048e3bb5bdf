"""Judging runs: estimates of all their policies on the data they were trained on, in one program, and the truth beside
them where a simulator knows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pars import api
from pars.config import MOST_EPISODES, check_whole
from pars.data import Dataset
from pars.data.split import split
from pars.errors import DataError, UsageError
from pars.judge.behaviour import Behaviour, behaviour, distance
from pars.judge.candidates import Moment, Name, candidates
from pars.judge.estimates import NEAR, Estimate, Own, as_row, estimates
from pars.judge.evidence import Evidence, evidence
from pars.judge.fitted import Actions, Fit, fit
from pars.judge.truth import starts, truths
from pars.system import write_whole
from pars.training.restore import task_of

FORMAT = 1  # of judge.json
FILE = "judge.json"
ROWS = 20_000


@dataclass(frozen=True)
class Judged:
    """A policy with what is said of it. truth: discounted and plain return of evaluation episodes, where measured."""

    name: Name
    estimates: list[Estimate]
    overlap: float  # share of rows where its action is among the data's
    distance: float  # of its actions from the data's, mean over rows, in deviations of the data's own
    td_error: float | None = None  # root mean square of its own critics' on the rows, in units of reward
    truth: np.ndarray | None = None  # [2, episodes]

    def by(self, estimator: str) -> Estimate | None:
        """Its estimate by one estimator."""
        return next((one for one in self.estimates if one.estimator == estimator), None)


@dataclass(frozen=True)
class Judgement:
    """All policies of runs on one dataset."""

    data: str
    rows: int
    episodes: int
    discount: float
    returns: np.ndarray  # [episodes] of the data, discounted
    plain_returns: np.ndarray  # [episodes] of the data
    policies: list[Judged] = field(default_factory=list)
    ends: np.ndarray = field(default_factory=lambda: np.zeros(0))  # rows of each episode that the task ended

    @property
    def warnings(self) -> list[str]:
        """What the estimates cannot tell."""
        horizon, late = 1.0 / (1.0 - self.discount), np.median(self.ends) if len(self.ends) else 0.0
        if late <= horizon:
            return []
        discount = f"{1.0 - 1.0 / late:.{len(str(int(late))) + 2}f}".rstrip("0")
        return [
            f"{len(self.ends):,} of {self.episodes:,} episodes were ended by the task, after {late:,.0f} rows in the "
            f"median; these estimates look some {horizon:,.0f} rows ahead and hardly know of such ends: --discount "
            f"{discount} looks as far"
        ]


def judge(
    runs: Path | str | Sequence[Path | str],
    data: Any = None,
    *,
    mapping: Mapping[str, str] | None = None,
    action_range: str | None = None,
    discount: float | None = None,
    rows: int = ROWS,
    truth: int = 0,
    how: Fit | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> Judgement:
    """Estimate what every policy of `runs` is worth from the data they were trained on; writes judge.json into each.

    Args:
        data: that dataset, by default where the runs found it; mapping, action_range: as in `train`.
        discount: of the estimates; by default by the length of the data's episodes.
        rows: how many rows of whole episodes are looked at.
        truth: evaluate this many episodes of each policy in its simulator, too.

    Raises UsageError, DataError for other data, CheckpointError, and TaskError where there is no simulator.
    """
    folders = [Path(run) for run in ([runs] if isinstance(runs, str | Path) else runs)]
    check_whole("rows", rows, 1)
    check_whole("truth", truth, 0, MOST_EPISODES)
    check_whole("fit_steps", (how or Fit()).steps, 1)
    found = list(candidates(folders))
    dataset = _dataset(found, data, mapping, action_range)
    known = evidence(dataset, rows, discount, starts(found, truth) if truth else None)
    note(f"{sum(len(one.names) for one in found)} policies on {len(known.reward):,} rows of {dataset.name}")
    clone = behaviour(known)
    asked = (known.obs, known.next_obs, known.starts)
    actions = Actions(*(np.concatenate([one.actions(obs) for one in found]) for obs in asked))
    fitted = fit(known, _with_behaviour(actions, known, clone), how or Fit())
    own, errors = zip(*_own(found, known, actions), strict=True)
    said = estimates(known, clone, fitted, actions.here, own)
    real = truths(found, known.discount, truth) if truth else [None] * len(said)
    names = [name for one in found for name in one.names]
    away = distance(actions.here, clone)
    near, far = (x.mean(axis=-1).tolist() for x in (away <= NEAR, away))
    policies = [Judged(*parts) for parts in zip(names, said, near, far, errors, real, strict=True)]
    judged = Judgement(
        dataset.name,
        len(known.reward),
        len(known.begin),
        known.discount,
        known.returns,
        known.plain_returns,
        policies,
        known.ends,
    )
    for run in folders:
        write_whole(run / FILE, json.dumps(as_json(judged, run), indent=1))
    return judged


def as_json(judged: Judgement, run: Path) -> dict[str, Any]:
    """judge.json of one run."""
    own = [one for one in judged.policies if one.name.run == run]
    return {
        "format": FORMAT,
        "data": judged.data,
        "rows": judged.rows,
        "episodes": judged.episodes,
        "discount": judged.discount,
        "warnings": judged.warnings,
        "behaviour": {"estimate": float(judged.returns.mean()), "std": float(judged.returns.std())},
        "estimates": [as_row(one.name, said) for one in own for said in one.estimates],
        "truth": [
            {"member": one.name.member, "phase": one.name.phase, "step": one.name.step}
            | dict(zip(("discounted", "return"), one.truth.mean(axis=1).tolist(), strict=True))
            for one in own
            if one.truth is not None
        ],
    }


def _dataset(
    found: Sequence[Moment], data: Any, mapping: Mapping[str, str] | None, action_range: str | None
) -> Dataset:
    """The data of all runs. Raises UsageError, DataError if it is not what they were trained on."""
    told = [one.there.description["dataset"] for one in found]
    prints = {one["fingerprint"] for one in told}
    if len(prints) > 1:
        names = ", ".join(sorted({str(one["name"]) for one in told}))
        raise UsageError(f"the runs were trained on different data ({names}); judge those of one dataset at a time")
    held = float(told[0].get("holdout", 0.0))
    for dataset in _readings(found[0], data, mapping, action_range):
        if (split(dataset, held) if held else dataset).fingerprint in prints:
            return dataset
    raise DataError(
        f"{dataset.name} is not the data that {found[0].folder} was trained on ({told[0]['name']}); give that with "
        "--data, and --map and --action-range as in training"
    )


def _readings(one: Moment, data: Any, mapping: Mapping[str, str] | None, action_range: str | None) -> Iterator[Dataset]:
    """The data as training may have read it: next observations by the following row, then by the file's own column."""
    if isinstance(data, Dataset):
        yield data
        return
    source = str(one.there.description["dataset"]["source"])
    if data is None and source == "arrays":
        raise UsageError("the runs were trained on arrays in memory; give the same ones as data")
    task = task_of(one.there.description)
    found = source if data is None else data
    own = one.there.description["dataset"].get("reading", {}) if data is None else {}
    given = {"mapping": mapping, "action_range": action_range}
    options = own | {key: value for key, value in given.items() if value}
    try:
        first = api.open_dataset(found, task, "shift", **options)
    except DataError as error:
        if options:
            raise
        command = one.there.description.get("command") or "see its run.json"
        raise DataError(f"{error}; give --map and --action-range as in training: {command}") from None
    yield first
    with suppress(DataError):  # there may be no such column
        yield api.open_dataset(found, task, "file", **options)


def _with_behaviour(actions: Actions, known: Evidence, clone: Behaviour) -> Actions:
    """The data's own actions as those of a policy before all others; where none followed, or is known, the clone's."""
    followed = np.where(known.followed[:, None], np.roll(known.action, -1, axis=0), clone.mean)
    own = known.action, followed, np.zeros(actions.start.shape[1:], np.float32)
    return Actions(*(np.concatenate([x[None], rest]) for x, rest in zip(own, actions, strict=True)))


def _own(found: Sequence[Moment], known: Evidence, actions: Actions) -> Iterator[tuple[Own, float] | tuple[None, None]]:
    """What the methods' own critics say of each policy, and their TD errors; nothing where they have none."""
    at = 0
    for one in found:
        start, ahead = (part[at : at + len(one.names)] for part in (actions.start, actions.ahead))
        at += len(one.names)
        logged = np.broadcast_to(known.action, ahead.shape)
        asked = (known.starts, start), (known.next_obs, ahead), (known.obs, logged)
        values = [q for obs, action in asked if (q := one.own_q(obs, action)) is not None]
        for member, cfg in enumerate(one.there.configs):
            if not values:
                yield None, None
                continue
            q_start, next_q, q = (value[member] for value in values)
            discount = float(getattr(cfg, "discount", known.discount))
            target = known.reward + discount * (1.0 - known.terminal) * next_q.mean(axis=0)
            shifted = bool(getattr(cfg, "reward_shift", 0.0)) or getattr(cfg, "reward_norm", "none") == "standard"
            yield Own(q_start, discount, shifted), float(np.sqrt(np.mean((target - q.mean(axis=0)) ** 2)))
