"""An experiment that is trained: tasks x arms x values of one setting x seeds, and what to read off the runs."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from pars import presets
from pars.algos import find_algorithm
from pars.config import as_text, facts, field_types, structure, to_dict
from pars.core import Algorithm
from pars.envs import make_task
from pars.errors import UsageError, unknown
from pars.presets.sets import D4RL
from pars.report.records import Curve
from pars.report.stats.comparison import Finding, Reference
from pars.training.earlier import of_today
from pars.training.launch import idle
from pars.training.parts import make_group
from pars.training.plan import Group, Plan

DataSource = Literal["d4rl", "twin"]
EVALUATIONS = 10  # of each phase
LEAST = 1000  # gradient steps of a model that is trained before; one of a few says nothing


class Key(NamedTuple):
    """Names one cell: the members that differ in nothing but their seed."""

    task: str
    arm: str
    value: Any = None  # of the grid's axis


@dataclass(frozen=True)
class Arm:
    """One method of an experiment. settings: over the algorithm's preset for the task."""

    label: str
    algorithm: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    preset: str = presets.PAPER
    presets: Mapping[str, str] = field(default_factory=dict)  # by family of tasks, where it is another
    without: tuple[str, ...] = ()  # families of tasks on which the paper does not have it


@dataclass(frozen=True)
class Quantity:
    """Something that runs log at every evaluation. phase: where its last value is read."""

    name: str = "score"
    title: str = "score"
    phase: str = "offline"


SCORE, ONLINE_SCORE = Quantity(), Quantity("score", "score after fine-tuning", "online")


@dataclass(frozen=True)
class Cell:
    """The runs of one cell; curves [n, T] by (phase, metric), of finished runs only."""

    key: Key
    curves: dict[tuple[str, str], Curve]
    link: str

    def last(self, name: str, phase: str = "offline") -> np.ndarray:
        """Of each seed [n], at the end of a phase; empty if it was never logged."""
        curve = self.curves.get((phase, name))
        return np.zeros(0) if curve is None else curve.values[:, -1]

    def best(self, name: str, phase: str = "offline") -> np.ndarray:
        """Of each seed [n], at the evaluation with the highest mean over seeds: picked after seeing all of them, but
        not before any training."""
        curve = self.curves.get((phase, name))
        if curve is None:
            return np.zeros(0)
        means = np.where((curve.steps > 0) | (phase == "online"), curve.values.mean(axis=0), -np.inf)
        return curve.values[:, int(np.argmax(means))]


class Results(Protocol):
    """All cells of an experiment that are finished, and under which conditions: what there is to show."""

    @property
    def grid(self) -> Grid: ...

    @property
    def cells(self) -> dict[Key, Cell]: ...

    @property
    def comparable(self) -> bool:
        """Whether the numbers may stand beside the paper's."""

    @property
    def tasks(self) -> list[str]: ...

    @property
    def telling(self) -> list[str]:
        """The tasks that say something: not those where nobody has scored."""

    @property
    def arms(self) -> list[str]: ...

    @property
    def values(self) -> list[Any]:
        """Of the axis; numbers in their order."""

    def last(self, task: str, arm: str, value: Any = None, quantity: Quantity | None = None) -> np.ndarray:
        """Of each seed [n], at the end; empty where the cell is not finished."""

    def one(self, task: str, arm: str, other: str) -> bool:
        """Whether two arms are the same runs on a task, since their settings are equal there."""


@dataclass(frozen=True)
class Small:
    """How an experiment is cut down so that two cores finish it in minutes. Nothing of it compares with the paper."""

    tasks: tuple[str, ...]
    steps_scale: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    values: tuple[Any, ...] | None = None  # of the axis
    arms: tuple[str, ...] | None = None
    rows: int | None = None  # of the twins
    episodes: int = 10
    evaluations: int = 4
    seeds: int = 3


@dataclass(frozen=True)
class Grid:
    """A table or figure of the paper whose numbers come from training."""

    id: str  # "table12"
    title: str
    claim: str  # of the paper, in a sentence of our own
    tasks: tuple[str, ...]
    arms: tuple[Arm, ...]
    small: Small
    show: Callable[[Results], Finding]  # pictures and reading; the comparisons are made from the cells
    axis: str = ""  # a setting that every arm is trained with all `values` of
    values: tuple[Any, ...] = (None,)
    quantities: tuple[Quantity, ...] = (SCORE,)
    steps: int = 1_000_000
    online_steps: int = 0
    seeds: int = 5
    published: Callable[[Key, Quantity], Reference | None] = lambda key, quantity: None
    adjust: Callable[[dict[str, Any]], dict[str, Any]] = lambda settings: settings  # after the axis is set
    notes: Sequence[str] = ()
    runs: str = ""  # the experiment whose runs this one shows; its own by default


@dataclass(frozen=True)
class Grade:
    """On what, how long and how often an experiment is run: everything that decides whether it compares."""

    data: DataSource
    tasks: tuple[str, ...]
    steps_scale: float = 1.0
    seeds: int = 5
    settings: Mapping[str, Any] = field(default_factory=dict)  # over everything the experiment says
    values: tuple[Any, ...] | None = None
    arms: tuple[str, ...] | None = None
    rows: int | None = None
    episodes: int | None = None
    evaluations: int = EVALUATIONS

    def paper(self, grid: Grid) -> bool:
        """Whether results stand beside the paper's: its data, its lengths, its settings, all evaluation episodes."""
        alike = self.data == "d4rl" and self.steps_scale == 1.0 and not self.settings and self.episodes is None
        return alike and set(self.tasks) <= set(grid.tasks)

    def name(self, grid: Grid) -> str:
        """Of its folder. Tasks, values and arms are not in it: more of them join the same folder and page."""
        if self.paper(grid):
            return f"d4rl-{self.seeds}seeds"
        rest = [dict(self.settings), self.rows, self.episodes, self.evaluations]
        digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:6]
        return f"{self.data}-{100 * self.steps_scale:g}pct-{self.seeds}seeds-{digest}"

    def text(self, grid: Grid) -> str:
        """One line: what these results are."""
        own = [task for task in self.tasks if task.startswith("pointmaze")]
        rows = f" of {self.rows:,} rows" if self.rows else ""
        source = {"d4rl": "D4RL's data", "twin": f"twins{rows} (data of our own making, not D4RL's)"}[self.data]
        if own:
            source = "our own maze data" if len(own) == len(self.tasks) else f"{source}; our own maze data on PointMaze"
        share = f"{100 * self.steps_scale:g} % of the paper's steps ({self._lengths(grid)})"
        parts = [source, share, f"{self.seeds} seed{'s' if self.seeds > 1 else ''}"]
        if self.episodes is not None:
            parts.append(f"{self.episodes} episodes an evaluation")
        if self.settings:
            parts.append("not the paper's: " + ", ".join(f"{k}={as_text(v)}" for k, v in self.settings.items()))
        return "; ".join(parts)

    def _lengths(self, grid: Grid) -> str:
        steps, online = (round(self.steps_scale * full) for full in (grid.steps, grid.online_steps))
        return f"{steps:,} gradient steps" + (f", then {online:,} environment steps" if online else "")


def paper_grade(grid: Grid) -> Grade:
    return Grade("d4rl", grid.tasks, seeds=grid.seeds)


def small_grade(grid: Grid) -> Grade:
    own = grid.small
    return Grade(
        "twin", own.tasks, own.steps_scale, own.seeds, own.settings, own.values, own.arms, own.rows, own.episodes,
        own.evaluations,
    )  # fmt: skip


def make_plan(grid: Grid, grade: Grade, task_id: str, algo: Algorithm) -> Plan:
    """Scaled lengths in the phases that the algorithm has, with `grade.evaluations` evaluations in each.

    Where an algorithm's recipe for a dataset has a length of its own, that is the whole (SAC-N: three million steps).
    """
    own = presets.offline_steps(algo.name, task_id) if task_id in D4RL else grid.steps
    full = (own if algo.offline else 0, grid.online_steps if algo.online else 0)
    steps, online = (max(round(length * grade.steps_scale), 1) if length else 0 for length in full)
    every, online_every = (max(1, -(-length // grade.evaluations)) for length in (steps, online))
    return Plan(steps, online, every, online_every, grade.episodes or make_task(task_id).eval_episodes)


def make_configs(grid: Grid, grade: Grade, task_id: str) -> dict[Key, tuple[str, Any]]:
    """Every cell of a task -> algorithm and config. Raises UsageError for a setting that no arm has."""
    found: dict[Key, tuple[str, Any]] = {}
    used: set[str] = set()
    unused: dict[str, str] = {}
    for arm in grid.arms:
        if arm.label not in (grade.arms or [arm.label]) or presets.family(task_id) in arm.without:
            continue
        algo = find_algorithm(arm.algorithm)
        own = {name: value for name, value in grade.settings.items() if name in facts(algo.config)}
        for value in grade.values if grade.values is not None else grid.values:
            axis = {grid.axis: value} if grid.axis else {}
            preset = arm.presets.get(presets.family(task_id), arm.preset)
            recipe = presets.settings(arm.algorithm, task_id, preset)
            settings = grid.adjust({**recipe, **arm.settings, **own, **axis})
            kept = own if task_id in D4RL else {*own, *recipe}  # the recipe of a world of ours is as small as it
            cfg = algo.configure(_scaled(settings, algo, grade.steps_scale, kept))
            found[Key(task_id, arm.label, value)] = arm.algorithm, cfg
            reasons = {name: idle(algo, cfg, name, {}) for name in own}
            used |= {name for name, reason in reasons.items() if reason is None}
            unused |= {name: reason for name, reason in reasons.items() if reason is not None}
    every = {setting for arm in grid.arms for setting in facts(find_algorithm(arm.algorithm).config)}
    for name in grade.settings:
        if name in unused.keys() - used or name not in every:  # else one of a method that is left out
            raise UsageError(f"{grid.id}: {unused.get(name) or unknown('setting', name, every)}")
    return found


def same(cfg: Any, settings: Mapping[str, Any]) -> bool:
    """Whether settings out of a run.json are those of a config; any that came later stand at their defaults."""
    return {**to_dict(type(cfg)()), **of_today(settings, type(cfg))} == to_dict(cfg)


def _scaled(settings: dict[str, Any], algo: Algorithm, scale: float, kept: Container[str]) -> dict[str, Any]:
    """Settings that are lengths of training shrink with the phases, but for the `kept` ones; of models that are trained
    before not below `LEAST`. How far ahead a method looks is no such length."""
    usual, kinds, found = algo.configure(settings), field_types(algo.config), dict(settings)
    for name, fact in facts(algo.config).items():
        length, online = getattr(usual, name), fact.phase == "online"
        if length and name not in kept and (fact.unit == "gradient steps" or (online and fact.unit.endswith(" steps"))):
            least = 1 if online else min(length, LEAST)
            found[name] = kinds[name](max(int(scale * length), least))
    return found


def make_groups(grid: Grid, grade: Grade, task_id: str) -> list[Group]:
    """The cells times seeds, cut into groups of one structure: each a population in one program."""
    alike: dict[Any, list[Any]] = defaultdict(list)
    for name, cfg in make_configs(grid, grade, task_id).values():
        members = alike[name, structure(cfg), find_algorithm(name).prepared_by(cfg)]
        if to_dict(cfg) not in [to_dict(other) for other in members]:  # two arms may be one and the same
            members.append(cfg)
    return [
        make_group(find_algorithm(name), [(cfg, seed) for cfg in configs for seed in range(grade.seeds)])
        for (name, *_), configs in alike.items()
    ]
