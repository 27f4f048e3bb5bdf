"""Scores of ours beside the peers' own training: `python -m benchmarks scores`, see docs/lab/peers.md.

For each algorithm and seed, ours and the peer's training function train on one data file with the same settings, taking
turns between evaluations; both are evaluated at the same steps, by us, in our environments, from the same starts.
Environment:

PARS_SCORES_SEEDS (3: 0, 1, 2; or 6..11), PARS_SCORES_STEPS (20000 gradient steps), PARS_SCORES_EVERY (2000, between
evaluations),
PARS_SCORES_ONLINE_STEPS, PARS_SCORES_ONLINE_EVERY (5000, 500: environment steps of RLPD and, after the gradient steps,
of PEX and Off2On), PARS_SCORES_EPISODES (50),
PARS_SCORES_TASK (pointmaze-medium-diverse), PARS_SCORES_DATA (a file; by default the task's own dataset),
PARS_SCORES_ONLY (words, as PARS_PEERS_ONLY), PARS_SCORES_SET (settings of ours, translated for the peer:
"discount=0.97 sac_n.critics=4"), PARS_SCORES_CSV, PARS_SCORES_PNG (files to write: runs/bench/scores.csv, .png).
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.flops import Shape
from benchmarks.peers.base import Data, Met
from benchmarks.peers.catalog import OURS, Entry
from benchmarks.peers.harness import PAUSE, chosen, present
from benchmarks.peers.pairs import PAIRS, Pair
from benchmarks.peers.wire import PeerError, Worker
from benchmarks.score_table import Point, draw, report, write_csv
from benchmarks.time_to_score import Act, policy
from pars.algos import ALGORITHMS
from pars.api import open_dataset
from pars.data import Dataset
from pars.envs import Task, make_task
from pars.packing import unpack
from pars.training.rollout import Evaluator, Interaction

PATIENCE = 3600.0  # seconds for a start, and for one answer: the steps between two evaluations
COLUMNS = ("next_action", "episode", "last")  # that some of our algorithms are loaded with

Say = Callable[[str], None]
Score = Callable[[Act], float]
Side = Callable[[int], float]  # trains for so many steps; the seconds that took


@dataclass(frozen=True)
class Trial:
    """What everyone is given."""

    task: str
    data: Any  # as `open_dataset` takes it: a file; None: the task's own dataset
    steps: int
    every: int
    online_steps: int
    online_every: int
    episodes: int
    seeds: Sequence[int]
    over: Mapping[str, Any]  # settings by name, or by algorithm.name

    def length(self, pair: Pair) -> tuple[int, int]:
        """Steps and steps between evaluations: of gradients, online of the environment."""
        return (self.online_steps, self.online_every) if pair.online else (self.steps, self.every)

    def over_of(self, algorithm: str, known: Container[str]) -> dict[str, Any]:
        """Settings for it: by its name, and those without a name that it knows."""
        parts = [(name.rpartition("."), value) for name, value in self.over.items()]
        return {
            name: value for (owner, _, name), value in parts if owner == algorithm or (owner == "" and name in known)
        }


class Inside:
    """Everything happens in the worker: gradient steps, or of ours online its own environment too."""

    def __init__(self, worker: Worker, what: str):
        self.worker, self.what = worker, what
        self(0)  # compiles

    def __call__(self, count: int) -> float:
        return float(self.worker.ask(self.what, PATIENCE, count=count)["seconds"])


class PeerOnline:
    """The environment is here, as ours has it; the peer chooses actions and learns. Its seconds count, and physics."""

    def __init__(self, worker: Worker, task: Task):
        self.worker, self.task = worker, task
        self.interaction = Interaction(task, [worker.job.seed])

    def __call__(self, count: int) -> float:
        seconds = 0.0
        for _ in range(count):
            found = self.worker.ask("explore", PATIENCE, obs=self.interaction.obs[0].tolist())
            begin = time.perf_counter()
            rows, _ = self.interaction.step(np.asarray(found["action"], np.float32)[None])
            seconds += time.perf_counter() - begin + found["seconds"]
            met = Met(*unpack(rows[0, 0], self.task.obs_dim)[:5])
            request = {name: np.asarray(value).tolist() for name, value in met._asdict().items()}
            seconds += self.worker.ask("learn", PATIENCE, **request)["seconds"]
        return seconds

    def close(self) -> None:
        self.interaction.close()


def updates(pair: Pair, cfg: Any, first: int, end: int) -> int:
    """Gradient steps in the steps from `first` to `end`."""
    return pair.algorithm.due(cfg, end) - pair.algorithm.due(cfg, first) if pair.online else end - first


@dataclass(frozen=True)
class Started:
    """One of a pair with its process."""

    entry: Entry
    worker: Worker
    side: Side
    cfg: Any  # ours, whoever it is


@dataclass
class Contest:
    """All pairs on one task and file."""

    trial: Trial
    task: Task
    dataset: Dataset
    scores: dict[bool, Score]  # by whether policies see the goal
    folder: Path
    say: Say
    lost: set[str]

    def job_fields(self, pair: Pair, entry: Entry, seed: int) -> tuple[dict[str, Any], Any]:
        """Of the worker's job, and our config."""
        name = pair.ours.algorithm
        known = [field.name for field in fields(ALGORITHMS[name].config)]
        settings, cfg = pair.config(self.task.id, self.trial.over_of(name, known))
        total, _ = self.trial.length(pair)
        if entry is pair.peer:
            settings = pair.translate(cfg, self.task.action_dim) | (self._ends() if pair.ends else {})
        if pair.online:
            settings |= {"online_steps": total} | ({"task": self.task.id} if entry is pair.ours else {})
        if pair.one_start:
            settings |= {"handover": str(self.folder / f"handover-{seed}.npz")}
        ensemble = {"critics": cfg.critics} if hasattr(cfg, "critics") else {}
        total = self.trial.steps if pair.offline_first else total
        return dict(settings=settings, seed=seed, total=total, batch=cfg.batch_size, first=0, **ensemble), cfg

    def _ends(self) -> dict[str, Any]:
        """For rules of when a task ends: its name, and the goal of a maze with its radius."""
        maze = self.task.maze
        return {"task": self.task.id, "goal": maze and [*maze.goal.tolist(), maze.goal_radius]}

    def seed(self, pair: Pair, entries: Sequence[Entry], seed: int) -> Iterator[Point]:
        """The evaluations of one seed of both, who take turns."""
        total, every = self.trial.length(pair)
        with ExitStack() as stack:
            started = [self._start(pair, entry, seed, stack) for entry in entries]
            for end in range(every, total + 1, every):
                for one in [one for one in started if one is not None and one.entry.name not in self.lost]:
                    try:
                        seconds = one.side(every)
                        found = self.scores[pair.algorithm.sees.goal](policy(one.worker))
                    except PeerError as error:
                        self._lose(one.entry, error)
                        continue
                    count = updates(pair, one.cfg, end - every, end)
                    yield Point(pair.title, one.entry.peer, seed, end, found, seconds, count)
                    time.sleep(PAUSE)

    def _start(self, pair: Pair, entry: Entry, seed: int, stack: ExitStack) -> Started | None:
        """A worker of one side, or None with a line."""
        more, cfg = self.job_fields(pair, entry, seed)
        shape = Shape(self.task.id, self.task.obs_dim, self.task.action_dim, critics=2)  # `more` says more
        try:
            job = entry.job(self._file(pair, cfg), shape, **more)
            worker = stack.enter_context(closing(Worker(entry.python, job, PATIENCE)))  # phases before are in its start
            if pair.offline_first:
                worker.ask("steps", PATIENCE, count=self.trial.steps)
            return Started(entry, worker, self._side(pair, entry, worker, stack), cfg)
        except PeerError as error:
            self._lose(entry, error)
            return None

    def _side(self, pair: Pair, entry: Entry, worker: Worker, stack: ExitStack) -> Side:
        if pair.online and entry.peer != OURS:
            return stack.enter_context(closing(PeerOnline(worker, self.task)))
        return Inside(worker, "interact" if pair.online else "steps")

    def _lose(self, entry: Entry, error: PeerError) -> None:
        self.say(f"{entry.name}: left out; {error}; its interpreter is {entry.python}, set {entry.variable}_PYTHON")
        self.lost.add(entry.name)

    def _file(self, pair: Pair, cfg: Any) -> Path:
        """The dataset as our algorithm prepares it, with the columns that it asks for."""
        path = self.folder / f"{pair.ours.algorithm}.npz"
        if not path.exists():
            algo = ALGORITHMS[pair.ours.algorithm]
            data, names = algo.data_for(cfg, self.dataset), [column.name for column in algo.columns_of(cfg)]
            five = map(np.ascontiguousarray, unpack(data.packed, data.obs_dim)[:5])
            extra = {name: np.asarray(data.extra[name], np.float32) for name in names}
            if algo.sees.goal:  # goals are drawn within episodes
                extra["last"] = np.asarray(data.last, bool)
            Data(*five, extra=extra).write(path)
        return path

    def run(self, pair: Pair) -> Iterator[Point]:
        entries = present((pair.ours, pair.peer), self.say)
        for seed in self.trial.seeds:
            yield from self.seed(pair, [entry for entry in entries if entry.name not in self.lost], seed)


def compete(
    trial: Trial, pairs: Sequence[Pair], say: Say = print, each: Callable[[list[Point]], None] = lambda points: None
) -> list[Point]:
    """All evaluations of all pairs; `each` is called with those so far after every evaluation."""
    task = make_task(trial.task)
    dataset = open_dataset(trial.data, task, columns=COLUMNS)
    # workers draw for themselves, where a policy does
    asked = {pair.algorithm.sees.goal: pair.algorithm.sees._replace(chance=False) for pair in pairs}
    evaluators = {goal: Evaluator(task, 1, trial.episodes, sees=sees) for goal, sees in asked.items()}
    points: list[Point] = []

    def score(evaluator: Evaluator, act: Act) -> float:
        return float(task.score(evaluator(act).returns).mean())

    scores = {goal: partial(score, evaluator) for goal, evaluator in evaluators.items()}
    with tempfile.TemporaryDirectory(prefix="pars-scores-") as folder:
        contest = Contest(trial, task, dataset, scores, Path(folder), say, set())
        for pair in pairs:
            for point in contest.run(pair):
                points.append(point)
                say(point.line())
                each(points)
    for evaluator in evaluators.values():
        evaluator.close()
    return points


def parse(text: str) -> dict[str, Any]:
    """ "discount=0.97 sac_n.critics=4" -> values as JSON has them, or else words."""
    found: dict[str, Any] = {}
    for word in text.split():
        name, _, value = word.partition("=")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def seeds(text: str) -> range:
    """ "3" -> the first three, "6..11" -> those six."""
    first, dots, last = text.partition("..")
    return range(int(first), int(last) + 1) if dots else range(int(first))


def read_trial(get: Callable[[str, str], str] = os.environ.get) -> Trial:  # type: ignore[assignment]
    def whole(name: str, default: int) -> int:
        return int(get(f"PARS_SCORES_{name}", str(default)))

    return Trial(
        task=get("PARS_SCORES_TASK", "pointmaze-medium-diverse"),
        data=get("PARS_SCORES_DATA", "") or None,
        steps=whole("STEPS", 20_000),
        every=whole("EVERY", 2000),
        online_steps=whole("ONLINE_STEPS", 5000),
        online_every=whole("ONLINE_EVERY", 500),
        episodes=whole("EPISODES", 50),
        seeds=seeds(get("PARS_SCORES_SEEDS", "3")),
        over=parse(get("PARS_SCORES_SET", "")),
    )


def run() -> None:
    get, trial = os.environ.get, read_trial()
    csv, png = (Path(get(f"PARS_SCORES_{kind.upper()}", f"runs/bench/scores.{kind}")) for kind in ("csv", "png"))
    names = [f"{pair.title} {pair.peer.peer}" for pair in PAIRS]
    pairs = [pair for pair, kept in zip(PAIRS, chosen(get("PARS_SCORES_ONLY"), names), strict=True) if kept]
    data = trial.data or f"{trial.task}, own"

    def keep(points: list[Point]) -> None:
        write_csv(csv, points, trial.task, data)

    points = compete(trial, pairs, partial(print, flush=True), keep)
    print("\n".join(report(points, trial.task, data, trial.episodes)))
    if points:
        draw(png, points, trial.task)
        print(f"written: {csv}, {png}")
