"""`pars search`: settings that are chosen by halving in populations, and what the chosen one is worth on fresh seeds.

All decisions follow from `search.json`, which is written after each population, so a search that is killed goes on
and ends as an undisturbed one. Only the final runs are a result: what a trial scored when it was chosen flatters it.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pars import api
from pars.algos import find_algorithm
from pars.config import MOST_VALUES, check_whole, structure, to_dict
from pars.errors import CheckpointError, ResourceError, UsageError
from pars.files import read_sealed, sealed
from pars.report.records import SEARCH
from pars.report.stats.statistics import number as number_text
from pars.sweep import ask, halving, population
from pars.sweep.halving import Batch, Ladder, Trial
from pars.sweep.space import Space, ends, settings
from pars.system import write_whole
from pars.training.checkpoint import lock
from pars.training.launch import train_runs
from pars.training.parts import make_group
from pars.training.plan import Group, How, Plan, Request
from pars.training.progress import duration

FILE, FORMAT = SEARCH, 1
BATCHES, FINAL = "batches", "final"
MOST_RUNGS = 30  # with halves, the first of them is a billionth of the last
OWN_SEEDS = 10_000  # where the trials' seeds begin: those of the final runs are below


@dataclass(frozen=True)
class Search:
    """What is asked for.

    Args:
        trials: settings that are tried.
        width: members of a population.
        rungs, keep: see `pars.sweep.halving.Ladder`; one rung trains every trial to the end.
        sampler: "tpe" or "random".
        seed: of the sampler; the trials' own follow from it.
        final_seeds: runs of the chosen setting.
        seconds: after which no new trial begins.
        estimator: of `pars judge`, where there is no simulator.
    """

    trials: int = 64
    width: int = 8
    rungs: int = 3
    keep: int = 4
    sampler: ask.Sampler = "tpe"
    seed: int = 0
    final_seeds: int = 3
    seconds: float | None = None
    estimator: str = "fqe"

    def check(self) -> None:
        """Raises UsageError."""
        check_whole("--trials", self.trials, 1, MOST_VALUES)
        check_whole("--width", self.width, 1, MOST_VALUES)
        check_whole("--rungs", self.rungs, 1, MOST_RUNGS)
        check_whole("--keep", self.keep, 2, MOST_VALUES)  # one of so many goes up
        check_whole("--search-seed", self.seed, 0, OWN_SEEDS - 1)
        check_whole("--final-seeds", self.final_seeds, 1, OWN_SEEDS)


@dataclass
class Record:
    """What is known so far; search.json."""

    asked: Mapping[str, Any]  # the search, its space and what it trains, which must agree when it goes on
    trials: list[Trial] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    closed: bool = False  # no new trial begins
    seconds: float = 0.0  # that it has taken
    final: dict[str, Any] | None = None

    def save(self, out: Path) -> None:
        write_whole(out / FILE, sealed({"format": FORMAT, **asdict(self)}))


def read_record(out: Path) -> Record | None:
    """None where there is none. Raises CheckpointError if it is damaged."""
    if not (out / FILE).exists():
        return None
    try:
        found = read_sealed(out / FILE)
        if found.pop("format") != FORMAT:
            raise ValueError("is of another format")
        trials = [
            Trial(one["number"], one["params"], [tuple(r) if r else None for r in one["results"]])
            for one in found.pop("trials")
        ]
        return Record(trials=trials, batches=[Batch(**one) for one in found.pop("batches")], **found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{out / FILE} cannot be read: {error}; use a new --out") from None


def search(what: Search, space: Space, options: Mapping[str, Any]) -> tuple[Path, Record]:
    """Search, then train the chosen setting on fresh seeds. -> the folder, and all that is known

    Args:
        options: of `pars.api.train`; settings that are not searched.

    Raises what `train` raises, ResourceError without Optuna, and Interrupted.
    """
    what.check()
    ask.check()
    not_for = {"online_steps": "trials train offline", "start_from": "trials begin anew"}
    not_for |= {"holdout": "trials are compared by scores or estimates, and train on all data"}
    for name, why in not_for.items():
        if options.get(name):
            raise UsageError(f"--{name.replace('_', '-')} is not for a search: {why}")
    if len(options["algorithms"]) != 1 or isinstance(options["task"], list):
        raise UsageError("a search is of one algorithm on one task; name one of each")
    if twice := sorted(space.keys() & options["settings"].keys()):
        raise UsageError(f"{twice[0]} is searched and given; do one of the two")
    algo = find_algorithm(options["algorithms"][0])
    if not algo.offline:
        raise UsageError(f"{algo.name} has no offline phase, and a search trains offline")
    found: list[Record] = []

    def trainer(requests: Sequence[Request], how: How, command: str, root: Path | None) -> None:
        (first, *_) = requests
        with lock(first.out):
            found.append(_Run(what, space, first, replace(how, probes=()), command).finish())

    every = {**options["settings"], **ends(space)}
    out = api.train(**{**options, "settings": every, "seeds": [0], "probes": ()}, trainer=trainer)
    return out, found[0]


class _Run:
    def __init__(self, what: Search, space: Space, request: Request, how: How, command: str) -> None:
        self.what, self.space, self.request, self.how, self.command = what, space, request, how, command
        self.base, self.algo, plan = request.groups[0].configs[0], request.groups[0].algo, request.plans[0]
        self.plan, self.out = plan, request.out
        width = min(what.width, population.most(request, plan, what.width, how))
        self.ladder = Ladder.of(width, what.keep, what.rungs, plan.offline_steps)
        self.begun = time.monotonic()

    @cached_property
    def asked(self) -> dict[str, Any]:
        """What must agree when a search goes on. The width is kept: a machine with less memory has another."""
        own = {name: value for name, value in asdict(self.what).items() if name not in ("trials", "seconds", "width")}
        space = {name: asdict(one) for name, one in self.space.items()}
        first = {name: value for name, value in to_dict(self.base).items() if name not in self.space}
        data = self.request.dataset.fingerprint
        objective = "score" if self.request.task else "estimate"
        trained = {"algorithm": self.algo.name, "task": self.request.name, "data": data, "plan": asdict(self.plan)}
        return population.as_json({**own, **trained, "objective": objective, "space": space, "settings": first})

    def finish(self) -> Record:
        """All of it, from wherever the record stands."""
        self.record = self._opened()
        with self.how.stop.listening():
            while batch := self._next():
                self._train(batch)
        chosen = halving.best(self.record.trials)
        if chosen is None:
            raise ResourceError(f"all {len(self.record.trials)} trials diverged; search other ranges")
        if self.record.final is None:
            self.record.final = self._final(chosen)
            self._save()
        return self.record

    def _opened(self) -> Record:
        there = read_record(self.out)
        if there is None:
            self.out.mkdir(parents=True, exist_ok=True)
            return Record({**self.asked, "width": self.ladder.width, "steps": list(self.ladder.steps)})
        for name, value in self.asked.items():
            if there.asked.get(name) != value:
                raise CheckpointError(f"{self.out} holds another search (its {name} differs); use a new --out")
        self.ladder = replace(self.ladder, width=int(there.asked["width"]))
        if self.what.trials > len(there.trials) and there.final:
            there.final, there.closed = None, False  # more trials are asked for
        return there

    def _save(self) -> None:
        now = time.monotonic()
        self.record.seconds += now - self.begun
        self.begun = now
        self.record.save(self.out)

    def _kind(self, trial: Trial) -> Hashable:
        cfg = self.config(trial)
        return structure(cfg), self.algo.data_depends_on(cfg)

    def config(self, trial: Trial) -> Any:
        """The settings of a trial."""
        cfg = replace(self.base, **settings(trial.params, self.algo.config))
        cfg.check()
        return cfg

    def _next(self) -> Batch | None:
        """The population that was begun, or the one that comes next; None at the end."""
        record, ladder = self.record, self.ladder
        if record.batches and self._unfinished(record.batches[-1]):
            return record.batches[-1]
        lots = (record.trials, record.batches, ladder, self._kind)
        found = halving.promoted(*lots)
        while found is None:
            if found := halving.fresh(*lots, whole=True):
                break
            if record.closed or len(record.trials) >= self.what.trials:
                found = halving.fresh(*lots, whole=False) or halving.last(*lots)
                break
            if self.what.seconds is not None and record.seconds > self.what.seconds:
                record.closed = True
                continue
            number = len(record.trials)
            params = ask.ask(self.space, record.trials, ladder, self.what.sampler, self.what.seed)
            record.trials.append(Trial(number, params))
        if found:
            record.batches.append(found)
            self._save()
        return found

    def _unfinished(self, batch: Batch) -> bool:
        return any(self.record.trials[number].rung < batch.rung for number in batch.members)

    def _train(self, batch: Batch) -> None:
        """One population to the end of its rung. What diverges is taken out, and the others begin the rung again."""
        trials = [self.record.trials[number] for number in batch.members]
        members = [(self.config(one), OWN_SEEDS + one.number) for one in trials]
        plan = replace(self.plan, offline_steps=self.ladder.steps[batch.rung], eval_every=self.ladder.steps[batch.rung])
        number = next(i for i, one in enumerate(self.record.batches) if one is batch)
        place = self.out / BATCHES / f"{number:05d}"
        self.how.view.note(self._line(batch, number))
        group = make_group(self.algo, members, self.request.groups[0].chosen)
        begin = population.begin(group, plan, [self._last(one, batch.rung) for one in trials]) if batch.rung else None
        lost = population.train(self.request, group, plan, place, begin, self.how, self.command)
        if lost:
            gone = {batch.members[i] for i in lost}
            for one in gone:
                self.record.trials[one].results.append(None)
            left = [one for one in dict.fromkeys(batch.members) if one not in gone]
            batch.members = halving.filled(left, self.ladder.width) if left else []
            batch.attempt += 1
        else:
            values = population.values(place / group.name, self.request, plan, self.what.estimator)
            for one, value in dict(zip(reversed(batch.members), reversed(values), strict=True)).items():
                self.record.trials[one].results.append(value)
        self._save()

    def _last(self, trial: Trial, rung: int) -> tuple[Path, int]:
        """The folder and the number in it of what a trial was on the rung below."""
        number, batch = next((i, one) for i, one in enumerate(self.record.batches)
                             if one.rung == rung - 1 and trial.number in one.members)  # fmt: skip
        members = [(self.config(self.record.trials[n]), OWN_SEEDS + n) for n in batch.members]
        group: Group = make_group(self.algo, members)
        return self.out / BATCHES / f"{number:05d}" / group.name, batch.members.index(trial.number)

    def _line(self, batch: Batch, number: int) -> str:
        done = sum(one.rung >= 0 for one in self.record.trials)
        top = halving.best(self.record.trials)
        held = f"; highest {number_text(top.value(top.rung))} on rung {top.rung}" if top else ""
        count, wanted = len(dict.fromkeys(batch.members)), self._wanted()
        later, left = self.ladder.ahead(wanted, self.record.batches)
        before = self.ladder.cost(self.record.batches[:number])
        left += self.ladder.cost([batch]) + self.what.final_seeds * self.plan.offline_steps
        time_left = f"; about {duration(self.record.seconds * left / before)} left" if before else ""
        return (
            f"population {number + 1} of about {number + 1 + later}: {count} trials to "
            f"{self.ladder.steps[batch.rung]:,} steps; {done} of {wanted} tried{held}{time_left}"
        )

    def _wanted(self) -> int:
        """How many trials there will be, if no time ends them."""
        known = len(self.record.trials)
        return known if self.record.closed else max(known, self.what.trials)

    def _final(self, chosen: Trial) -> dict[str, Any]:
        """The chosen setting on seeds that no trial had."""
        cfg, seeds = self.config(chosen), range(self.what.final_seeds)
        group = make_group(self.algo, [(cfg, seed) for seed in seeds], self.request.groups[0].chosen)
        plan: Plan = replace(self.plan, eval_every=max(1, -(-self.plan.offline_steps // 10)))
        tried = sum(bool(one.results) for one in self.record.trials)
        mark = f"chosen by search over {tried} trials"
        self.how.view.note(f"{mark}: trial {chosen.number}, now on {len(seeds)} fresh seeds")
        own = replace(self.request, groups=[group], plans=[plan], out=self.out / FINAL)
        train_runs([own], self.how, f"{self.command} ({mark})")
        values = population.values(own.out / group.name, self.request, plan, self.what.estimator)
        return {"trial": chosen.number, "mark": mark, "seeds": [*seeds], "values": values}
