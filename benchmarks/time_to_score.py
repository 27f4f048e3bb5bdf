"""Seconds of training until a score is reached, ours beside the peers: `python -m benchmarks time_to_score`.

Two goals: 90 % success on the demo's maze, and a score on a locomotion twin. Everyone trains on the same file and is
evaluated by us, in our environments with the policy that its process exposes, from the same starts. Only training
counts (and online, its physics), not evaluation; `with start` adds imports, loading and compiling. One process at a
time, seeds in turn. Environment:

PARS_SCORE_GOALS (maze,locomotion), PARS_SCORE_SEEDS (3), PARS_SCORE_SECONDS (300) of training after which a seed gives
up, PARS_SCORE_EPISODES, PARS_SCORE_EVERY (gradient steps between evaluations), PARS_SCORE_ONLY (words, as
PARS_PEERS_ONLY), PARS_SCORE_CSV. Of the twin PARS_SCORE_TASK (hopper-medium-v2), PARS_SCORE_DATA (its twin's file),
PARS_SCORE_TARGET (50, normalised).
Peers are found as docs/lab/peers.md says.
"""

from __future__ import annotations

import csv
import itertools
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.flops import Shape
from benchmarks.peers.base import Data
from benchmarks.peers.catalog import CORL_TD3_BC, JAX_CORL, PARS, STAND_IN, TD3_BC, Entry
from benchmarks.peers.harness import chosen, present
from benchmarks.peers.wire import PeerError, Worker
from pars import presets
from pars.algos import ALGORITHMS
from pars.api import open_dataset
from pars.cli import demo
from pars.collect.twins import twin_path
from pars.config import from_dict
from pars.envs import make_task
from pars.errors import UsageError
from pars.packing import unpack
from pars.training.rollout import Evaluator

CONTESTANTS = (PARS, TD3_BC, STAND_IN, CORL_TD3_BC, JAX_CORL)
PATIENCE = 900.0  # seconds for one answer: the steps between two evaluations
OFFLINE = "PARS, offline"  # how PARS is called where it does not go online

Plan = Iterable[tuple[str, int]]  # requests and their counts, an evaluation after each
Act = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Goal:
    """What is to be reached, and how training goes there."""

    task: str
    data: str | None  # a file; None: the task's own dataset
    target: float  # normalised score
    episodes: int
    every: int  # gradient steps between evaluations
    offline_steps: int = 0  # before PARS goes online
    online_steps: int = 0  # environment steps; 0: PARS stays offline as well
    online_every: int = 0

    def plan(self, online: bool) -> Plan:
        if not online:
            return itertools.repeat(("steps", self.every))
        offline = [("steps", self.every)] * (self.offline_steps // self.every)
        return [
            *offline,
            ("interact", 0),
            *[("interact", self.online_every)] * (self.online_steps // self.online_every),
        ]


@dataclass(frozen=True)
class Outcome:
    """One seed. `seconds` of training without start."""

    reached: bool
    seconds: float
    start: float
    best: float  # score

    def text(self, start: bool) -> str:
        return f"{'' if self.reached else '>'}{self.seconds + start * self.start:.1f}"


def options(entry: Entry, goal: Goal) -> dict[str, Any]:
    """The fields of a job: our settings for this task, in the words of each peer."""
    if entry in (PARS, TD3_BC):
        more = {"task": goal.task, "online_steps": goal.online_steps} if entry is PARS else {}
        return {"settings": presets.settings(entry.algorithm, goal.task) | more}
    algo = ALGORITHMS[entry.algorithm]
    cfg: Any = from_dict(algo.config, presets.settings(entry.algorithm, goal.task))
    if entry is STAND_IN:
        names = ("hidden", "reward_scale", "penalty_weight", "infeasible_distance", "q_min", "bc_weight", "discount")
        return {"critics": cfg.critics, "settings": {name: getattr(cfg, name) for name in ("policy_noise", *names)}}
    summed = make_task(goal.task).action_dim if cfg.bc_reduce == "sum" else 1  # theirs is a mean over dimensions
    normalize = "normalize" if entry is CORL_TD3_BC else "normalize_state"
    weight = cfg.q_weight / (cfg.bc_weight * summed)
    return {"settings": {"discount": cfg.discount, "alpha": weight, normalize: cfg.normalize_obs}}


def policy(worker: Worker) -> Act:
    """What its process answers, for an `Evaluator` of one member. A goal that is seen goes beside the observation."""

    def act(seen: Any) -> np.ndarray:
        rows = np.concatenate(seen, axis=-1) if isinstance(seen, tuple) else seen
        return np.asarray(worker.ask("act", obs=rows[0].tolist())["action"], np.float32)[None]

    return act


def reach(worker: Worker, plan: Plan, score: Callable[[Act], float], target: float, limit: float) -> Outcome:
    """Train by `plan`, evaluating after each of its parts, until the target, the limit or its end."""
    spent, start, best, act = 0.0, worker.start, -np.inf, policy(worker)
    for what, count in plan:
        seconds = worker.ask(what, PATIENCE, count=count)["seconds"]
        if not count:  # compiles
            start += seconds
            continue
        spent += seconds
        best = max(best, score(act))
        if best >= target or spent >= limit:
            break
    return Outcome(best >= target, spent, start, best)


def entrants(goal: Goal, words: str | None, say: Callable[[str], None]) -> Iterator[tuple[str, Entry, bool]]:
    """Name, entry, and whether it goes online: PARS twice where the goal has an online phase."""
    for entry in present(CONTESTANTS, say):
        online = entry is PARS and goal.online_steps > 0
        names = [entry.name, f"{entry.peer} {OFFLINE}"] if online else [entry.name]
        for name, kept in zip(names, chosen(words, names), strict=True):
            if kept:
                yield name, entry, online and name == entry.name


def contest(
    goal: Goal, seeds: int, limit: float, words: str | None = None, say: Callable[[str], None] = print
) -> dict[str, list[Outcome]]:
    """Outcomes by contestant, in the order of the seeds. One that fails is left out with a line."""
    task = make_task(goal.task)
    dataset = open_dataset(goal.data, task)
    found: dict[str, list[Outcome]] = {}
    lost: set[str] = set()
    evaluator = Evaluator(task, 1, goal.episodes)

    def score(act: Act) -> float:
        return float(task.score(evaluator(act).returns).mean())

    shape = Shape(goal.task, task.obs_dim, task.action_dim, critics=2)  # `options` says more
    with tempfile.TemporaryDirectory(prefix="pars-score-") as folder:
        file = Path(folder) / "data.npz"
        Data(*map(np.ascontiguousarray, unpack(dataset.packed, dataset.obs_dim)[:5])).write(file)
        everyone = list(entrants(goal, words, say))
        for seed, (name, entry, online) in itertools.product(range(seeds), everyone):
            if name in lost:
                continue
            job = entry.job(file, shape, seed=seed, **options(entry, goal))
            try:
                with closing(Worker(entry.python, job)) as worker:
                    one = reach(worker, goal.plan(online), score, goal.target, limit)
                found.setdefault(name, []).append(one)
                say(f"  {name}, seed {seed}: {one.text(start=False)} s, best score {one.best:.0f}")
            except PeerError as error:
                say(f"{name}: left out; {error}; its interpreter is {entry.python}, set {entry.variable}_PYTHON")
                lost.add(name)
    evaluator.close()
    return {name: outcomes for name, outcomes in found.items() if name not in lost}


def report(goal: Goal, found: dict[str, list[Outcome]], limit: float) -> list[str]:
    """One line for each contestant, all seeds on it."""
    head = f"{goal.task}, score {goal.target:g}, mean of {goal.episodes} episodes; '>': not reached by then"
    lines = [
        f"{head} (at most {limit:g} s)",
        f"{'':22} {'reached':>8}  {'training, s':28} {'with start, s':28} best score",
    ]
    for name, outcomes in found.items():
        reached = f"{sum(outcome.reached for outcome in outcomes)} of {len(outcomes)}"
        times = [", ".join(outcome.text(start) for outcome in outcomes) for start in (False, True)]
        best = ", ".join(f"{outcome.best:.0f}" for outcome in outcomes)
        lines.append(f"{name:22} {reached:>8}  {times[0]:28} {times[1]:28} {best}")
    return lines


def write_csv(path: Path, contests: Sequence[tuple[Goal, dict[str, list[Outcome]]]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("task", "target", "peer", "seed", "reached", "training_seconds", "start_seconds", "best_score")
        )
        for goal, found in contests:
            for name, outcomes in found.items():
                for seed, one in enumerate(outcomes):
                    figures = (f"{value:.2f}" for value in (one.seconds, one.start, one.best))
                    writer.writerow((goal.task, goal.target, name, seed, one.reached, *figures))


def maze(episodes: int, every: int) -> Goal:
    """As in `pars demo`."""
    length = dict(offline_steps=demo.STEPS, online_steps=demo.ONLINE_STEPS, online_every=demo.ONLINE_STEPS // 8)
    return Goal(demo.TASK, None, 90.0, episodes or demo.EPISODES, every or demo.STEPS // 10, **length)


def locomotion(episodes: int, every: int, say: Callable[[str], None] = print) -> Goal | None:
    """The twin, or None with a line if its file is not there."""
    task = os.environ.get("PARS_SCORE_TASK", "hopper-medium-v2")
    data = Path(os.environ.get("PARS_SCORE_DATA") or twin_path(task))
    if not data.is_file():
        say(f"{task}: skipped; {data} is not there; collect it (pars data collect {task}) or set PARS_SCORE_DATA")
        return None
    target = float(os.environ.get("PARS_SCORE_TARGET", "50"))
    return Goal(task, str(data), target, episodes or 10, every or 5000)


def goals(words: str, episodes: int, every: int) -> list[Goal]:
    """Those named in `words`, as far as their data is there."""
    kinds: dict[str, Callable[[int, int], Goal | None]] = {"maze": maze, "locomotion": locomotion}
    named = [word.strip() for word in words.split(",")]
    if unknown := [name for name in named if name not in kinds]:
        raise UsageError(f"PARS_SCORE_GOALS={words}: unknown {unknown[0]!r}; known: {', '.join(kinds)}")
    return [goal for name in named if (goal := kinds[name](episodes, every))]


def run() -> None:
    get = os.environ.get
    seeds, limit = int(get("PARS_SCORE_SEEDS", "3")), float(get("PARS_SCORE_SECONDS", "300"))
    lengths = int(get("PARS_SCORE_EPISODES", "0")), int(get("PARS_SCORE_EVERY", "0"))
    contests = []
    say = partial(print, flush=True)
    for goal in goals(get("PARS_SCORE_GOALS", "maze,locomotion"), *lengths):
        contests.append((goal, contest(goal, seeds, limit, get("PARS_SCORE_ONLY"), say)))
        say("\n".join(report(*contests[-1], limit)))
    if path := get("PARS_SCORE_CSV"):
        write_csv(Path(path), contests)
        print(f"written: {path}")
