"""What is compared: one series per (algorithm, setting), its members are the seeds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pars.report.records import PHASES, Curve, GroupRecord, Run
from pars.report.stats.statistics import Estimate, estimate

STEP_NAMES = {"offline": "gradient steps", "online": "environment steps"}
# logged in units of the scaled reward, shown in units of the raw one
SCALED = ("q_max", "q_mean", "target_mean", "q_infeasible", "policy_value", "pull_target", "lower_bound")


@dataclass(frozen=True)
class Best:
    """The evaluation at which the mean over seeds was highest. Picked after the fact: never a headline."""

    phase: str
    step: int
    score: Estimate


@dataclass(frozen=True)
class Series:
    """Seeds of one algorithm with one setting. members: their rows in the group; each seed counts once."""

    label: str
    algorithm: str
    setting: dict[str, Any]
    group: GroupRecord
    members: list[int]

    @property
    def seeds(self) -> list[int]:
        return [self.group.members[i].seed for i in self.members]

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, of the first seed (the seeds of a series share them)."""
        return self.group.members[self.members[0]].settings

    @property
    def reward_scale(self) -> float:
        scale = self.settings.get("reward_scale", 1.0)
        return float(scale) if isinstance(scale, int | float) and scale else 1.0

    @property
    def max_return(self) -> float | None:
        """Largest possible raw return, if Q over reward_scale can be held against it: not if rewards were shifted or
        normalised."""
        raw = self.settings.get("reward_shift", 0.0) == 0.0 and self.settings.get("reward_norm", "none") == "none"
        return self.group.max_return if raw else None

    def curve(self, phase: str, name: str) -> Curve | None:
        """Metric `name` of these seeds [n, T], Q values in units of the raw reward; None if it was never logged.

        Without an offline phase the online one begins at its step 0 with what was logged of the untrained networks.
        """
        curve = self.group.metrics.get(phase, {}).get(name)
        if phase in PHASES and not self.group.offline:
            curve = None if phase == "offline" else _after(self.group.metrics.get("offline", {}).get(name), curve)
        if curve is None:
            return None
        curve = curve.of(self.members)
        if not np.isfinite(curve.values).any():
            return None
        return Curve(curve.steps, curve.values / self.reward_scale) if name in SCALED else curve

    def final(self, phase: str) -> Estimate | None:
        """Score at the last evaluation of a phase; None without an evaluation."""
        curve = self.curve(phase, "score")
        return None if curve is None else estimate(curve.values[:, -1])

    def last_step(self, phase: str) -> int:
        """Step of the last evaluation of a phase; 0 without one."""
        curve = self.curve(phase, "score")
        return 0 if curve is None else int(curve.steps[-1])

    def best(self) -> Best | None:
        """The best evaluation of all phases by the mean over seeds (complete evaluations only, if there are any)."""
        found: list[tuple[bool, float, str, int, np.ndarray]] = []
        for phase in PHASES:
            curve = self.curve(phase, "score")
            if curve is None:
                continue
            for step, column in zip(curve.steps, curve.values.T, strict=True):
                finite = np.isfinite(column)
                if finite.any():
                    found.append((bool(finite.all()), float(column[finite].mean()), phase, int(step), column))
        if not found:
            return None
        _, _, phase, step, column = max(found, key=lambda item: item[:2])
        return Best(phase, step, estimate(column))

    def peak_q_ratio(self) -> float | None:
        """Highest logged max Q (mean over seeds, raw units) over the largest possible return; None if not known."""
        bound = self.max_return
        if bound is None or bound <= 0:
            return None
        peaks = []
        for phase in PHASES:
            curve = self.curve(phase, "q_max")
            if curve is not None:
                columns = curve.values[:, np.isfinite(curve.values).all(axis=0)]
                peaks += list(columns.mean(axis=0))
        return float(max(peaks) / bound) if peaks else None


def when(phase: str, step: int, group: GroupRecord) -> str:
    """A place in training for people: `online step 3,000`, or `before any training`."""
    untrained = step == 0 and (phase == "offline" or not group.offline)
    return "before any training" if untrained else f"{phase} step {step:,}"


def _after(first: Curve | None, then: Curve | None) -> Curve | None:
    """Both curves one after the other, or the only one there is."""
    if first is None or then is None:
        return then if first is None else first
    return Curve(np.r_[first.steps, then.steps], np.c_[first.values, then.values])


def all_series(run: Run) -> list[Series]:
    """The series of a run in the order of its groups; labels are unique."""
    out: list[Series] = []
    tasks = {group.task for group in run.groups}
    for group in run.groups:
        same = [g for g in run.groups if (g.algorithm, g.task) == (group.algorithm, group.task)]
        varied = differing(member.settings for g in same for member in g.members)
        rows: dict[str, list[int]] = {}
        for index, member in enumerate(group.members):
            found = rows.setdefault(repr([member.settings.get(name) for name in varied]), [])
            if member.seed not in [group.members[i].seed for i in found]:  # the same run twice is not two runs
                found.append(index)
        for members in rows.values():
            settings = group.members[members[0]].settings
            setting = {name: settings[name] for name in varied if name in settings}
            words = [group.title]
            words += [f"{name}={show(value)}" for name, value in setting.items()]
            words += [str(group.task)] if len(tasks) > 1 else []
            out.append(Series(", ".join(words), group.algorithm, setting, group, members))
    return _unique(out)


def _unique(series: list[Series]) -> list[Series]:
    labels = [one.label for one in series]
    return [
        one if labels.count(one.label) == 1 else Series(f"{one.label} ({one.group.folder.name})", *_rest(one))
        for one in series
    ]


def _rest(one: Series) -> tuple[str, dict[str, Any], GroupRecord, list[int]]:
    return one.algorithm, one.setting, one.group, one.members


def differing(settings: Iterable[dict[str, Any]]) -> list[str]:
    """Names whose value is not the same in all the settings, in the order of their first appearance."""
    values: dict[str, list[str]] = {}
    count = 0
    for one in settings:
        count += 1
        for name, value in one.items():
            values.setdefault(name, []).append(repr(value))
    return [name for name, found in values.items() if len(found) < count or len(set(found)) > 1]


def show(value: Any) -> str:
    """A setting as people write it: 100 rather than 100.0, off rather than None."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(show(item) for item in value) + ")"
    return str(value)
