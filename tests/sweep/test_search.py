"""Search: its words, its ladder, and a whole one of a method that learns nothing, killed and not, with its compiles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jax
import pytest

from pars import api
from pars.algos import ALGORITHMS, find_algorithm
from pars.cli.main import main
from pars.envs import make_task
from pars.errors import CheckpointError, UsageError
from pars.sweep import population, space
from pars.sweep.ask import ask
from pars.sweep.halving import Batch, Ladder, Trial, best, fresh, last, promoted
from pars.sweep.page import advice, render, table
from pars.sweep.search import FILE, Record, Search, read_record, search
from pars.sweep.space import Choice, Span
from tests import runs
from tests.training.toys import PLAIN, Config

SPACE = space.parse(["keep=lin(0.1,0.9)", "gain=log(1e-3,1)", "batch_size={4,8}"], Config)


def test_the_words_of_a_space() -> None:
    assert space.split(["pars", "keep=log(1,2) a={1,2} b=3", "c=4"]) == (
        ["keep=log(1,2)", "a={1,2}"],
        ["pars", "b=3", "c=4"],
    )
    assert {"keep": Span(0.1, 0.9, False), "gain": Span(1e-3, 1.0, True), "batch_size": Choice(("4", "8"))} == SPACE
    assert SPACE["gain"].place(0.0316227766) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("kep=lin(0,1)", "did you mean keep"),
        ("keep=log(0,1)", "both above 0"),
        ("keep=lin(2,1)", "a low and a higher end"),
        ("keep=lin(a,1)", "are numbers"),
        ("keep=exp(0,1)", "give log"),
        ("batch_size=lin(4,8)", r"name them: batch_size=\{2,4,10\}"),
        ("layer_norm=log(1,3)", r"name them: layer_norm=\{none,before,after\}"),
        ("hidden=log(1,3)", r"hidden=\{64x64,256x256\}"),
        ("batch_size={4,4}", "different values"),
        ("batch_size={4,x}", "not a whole number"),
    ],
)
def test_a_wrong_space_is_refused(word: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        space.parse([word], find_algorithm("pars").config if "layer_norm" in word or "hidden" in word else Config)


def trials(*results: list[float]) -> list[Trial]:
    return [Trial(i, {}, [(one, one, one) for one in own]) for i, own in enumerate(results)]


LADDER = Ladder.of(width=2, keep=2, rungs=3, steps=100)


def test_a_rung_is_a_share_of_the_one_above() -> None:
    assert LADDER.steps == (25, 50, 100)
    assert LADDER.cost([Batch(0, [0, 1]), Batch(1, [1, 1]), Batch(2, [1, 1])]) == 2 * 25 + 2 * 25 + 2 * 50


def test_the_best_of_a_rung_go_up_as_soon_as_they_fill_a_population() -> None:
    known, batches = trials([1.0], [4.0], [2.0], [3.0]), [Batch(0, [0, 1]), Batch(0, [2, 3])]
    assert promoted(known[:2], batches, LADDER, lambda one: 0) is None
    assert promoted(known, batches, LADDER, lambda one: 0) == Batch(1, [1, 3])
    assert promoted(known, [*batches, Batch(1, [1, 3])], LADDER, lambda one: 0) is None
    assert promoted(known, batches, LADDER, lambda one: one.number) is None  # each of a program of its own


def test_what_is_left_fills_up_its_population() -> None:
    known = trials([1.0], [4.0], [], [], [])
    batches = [Batch(0, [0, 1])]
    assert fresh(known, batches, LADDER, lambda one: one.number, whole=True) is None
    assert fresh(known, batches, LADDER, lambda one: 0, whole=True) == Batch(0, [2, 3])
    batches.append(Batch(0, [2, 3]))
    assert fresh(known, batches, LADDER, lambda one: 0, whole=False) == Batch(0, [4, 4])
    assert last(known[:2], batches, LADDER, lambda one: 0) == Batch(1, [1, 1])


def test_what_diverged_neither_goes_up_nor_is_best() -> None:
    known = trials([9.0], [1.0])
    known[0].results = [None]
    assert last(known, [Batch(0, [0, 1])], LADDER, lambda one: 0) == Batch(1, [1, 1])
    assert best(known) is known[1]
    known[1].results = [None]
    assert best(known) is None


def test_the_sampler_proposes_the_same_again_and_learns() -> None:
    known = [Trial(i, {"keep": 0.1 + 0.02 * i, "gain": 0.1, "batch_size": "4"}, [(float(i),) * 3]) for i in range(30)]
    known += [Trial(30, known[0].params), Trial(31, known[1].params, [None])]
    one_rung = Ladder.of(2, 2, 1, 100)
    told = [ask(SPACE, known, ladder, "tpe", seed=3) for ladder in (one_rung, one_rung, LADDER)]
    assert told[0] == told[1]
    assert all(one["keep"] > 0.4 for one in told)
    assert ask(SPACE, known, one_rung, "random", seed=3) != ask(SPACE, known[:5], one_rung, "random", seed=3)


@contextmanager
def compiles() -> Iterator[list[str]]:
    found: list[str] = []

    def listen(event: str, seconds: float, **more: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            found.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


class Killed(Exception):
    pass


def a_search(out: Path, **changes: Any) -> Record:
    options: dict[str, Any] = dict(
        algorithms=["toy"], task=runs.TASK, data=runs.few_rows(), settings={}, steps=8, eval_episodes=2, out=out,
        quiet=True,
    )  # fmt: skip
    what = dict(trials=10, width=4, rungs=2, keep=2, final_seeds=2) | changes
    with patch.dict(ALGORITHMS, toy=PLAIN):
        return search(Search(**what), SPACE, options)[1]


def test_a_killed_search_ends_as_an_undisturbed_one_with_a_program_for_each_structure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[tuple[int, int]] = []
    train = population.train

    def counted(request: Any, group: Any, *rest: Any) -> list[int]:
        before = len(seen)
        lost = train(request, group, *rest)
        counts.append((group.configs[0].batch_size, len(seen) - before))
        return lost

    monkeypatch.setattr(population, "train", counted)
    with compiles() as seen:
        whole = a_search(tmp_path / "whole")
    assert {size for size, _ in counts} == {4, 8}
    for size in (4, 8):
        own = [count for one, count in counts if one == size]
        assert len(own) >= 2 and not any(own[1:]), counts  # new trials and those that go up: no program is made anew

    values, turns = population.values, iter(range(100))

    def dies(*args: Any) -> Any:
        if next(turns) in (1, 3):
            raise Killed
        return values(*args)

    monkeypatch.setattr(population, "values", dies)
    for _ in range(2):
        with pytest.raises(Killed):
            a_search(tmp_path / "killed")
    again = a_search(tmp_path / "killed")
    assert asdict(again) | {"seconds": 0} == asdict(whole) | {"seconds": 0}
    assert again.final and again.final["mark"] == "chosen by search over 10 trials"
    assert min(one.number for one in again.trials) == 0 and all(one.results for one in again.trials)

    with pytest.raises(CheckpointError, match="its keep differs"):
        a_search(tmp_path / "whole", keep=3)
    text = (tmp_path / "whole" / FILE).read_text()
    (tmp_path / "whole" / FILE).write_text(text.replace('"closed": false', '"closed": true'))
    with pytest.raises(CheckpointError, match="checksum"):
        read_record(tmp_path / "whole")

    _trains_as_alone(tmp_path / "whole", tmp_path / "alone", whole)
    page = render(whole, SPACE)
    assert "chosen by search over 10 trials" in page and page.count("<figure>") == 2
    assert page.count("trial 0: ") == 1 and 'class="touch"' in page  # dots of the map say which they are
    header, rows = table(whole, SPACE)
    assert header == ["trial", "score", "interval", "steps", "keep", "gain", "batch_size"] and len(rows) == 10


def _trains_as_alone(out: Path, alone: Path, record: Record) -> None:
    """A trial that went up, from populations in two folders, is what `pars train` makes of its setting and seed."""
    number, batch = next((i, one) for i, one in enumerate(record.batches) if one.rung == 1)
    trial = record.trials[batch.members[1]]
    options: dict[str, Any] = dict(data=runs.few_rows(), steps=8, eval_every=4, eval_episodes=2, quiet=True, probes=())
    settings = {name: [value] for name, value in trial.params.items()}
    with patch.dict(ALGORITHMS, toy=PLAIN):
        api.train(["toy"], runs.TASK, settings=settings, seeds=[10_000 + trial.number], out=alone, **options)
    (place,) = (out / "batches" / f"{number:05d}").glob("toy-*")
    for name in ("size", "score"):
        own, others = runs.metrics(runs.group(alone, "toy"), name), runs.metrics(place, name)
        assert list(own) == list(others)
        assert [values[0] for values in own.values()] == pytest.approx([values[1] for values in others.values()])


def test_what_diverges_is_taken_out_and_the_others_begin_the_rung_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, turns = population.train, iter(range(100))
    monkeypatch.setattr(population, "train", lambda *args: [1] if next(turns) == 0 else train(*args))
    record = a_search(tmp_path, trials=4, rungs=1)
    assert [one.lost for one in record.trials].count(True) == 1
    lost = next(one.number for one in record.trials if one.lost)
    assert all(lost not in batch.members for batch in record.batches)


def test_what_to_try_next() -> None:
    known = [
        Trial(i, {"keep": 0.1 + 0.02 * i, "gain": 0.01 * (1 + i * 7 % 40), "batch_size": "48"[i % 2]}, [(i, i, i)])
        for i in range(40)
    ]
    said = advice(Record({"steps": [10]}, known), SPACE)
    assert "The best lie at the high end of keep: search beyond 0.9." in said
    assert any(line.startswith("batch_size decides next to nothing") for line in said)


def test_no_advice_rests_on_ties_or_on_chance() -> None:
    """Four of forty scored and all had batch_size=4; then as many as have it score alike."""
    for high in (4, 30):
        known = [Trial(i, {"keep": 0.5, "gain": 0.1, "batch_size": "48"[i % 2 if i > 8 else 0]}) for i in range(40)]
        for one in known:
            one.results = [(100.0 if one.number < high else 0.0, 90.0, 100.0)]
        assert not any("fix it" in line or "best lie" in line for line in advice(Record({"steps": [10]}, known), SPACE))


def test_trials_that_are_not_told_apart_are_others_than_the_chosen_one() -> None:
    ends = [(80.0, 95.0), (79.0, 81.0), (40.0, 60.0), *[(0.0, 10.0)] * 9]
    known = [Trial(i, {"keep": 0.5, "gain": 0.1, "batch_size": "4"}, [(sum(e) / 2, *e)]) for i, e in enumerate(ends)]
    said = advice(Record({"steps": [10]}, known), SPACE)
    assert [line for line in said if line.startswith("1 of 11 other trials that came as far is not told apart")]
    known[1].results = [(78.0, 77.0, 79.0)]
    assert not any("told apart" in line for line in advice(Record({"steps": [10]}, known), SPACE))
    known[0].results = [(90.0, None, None)]
    assert any("fewer than 3 episodes" in line for line in advice(Record({"steps": [10]}, known), SPACE))
    assert table(Record({"steps": [10], "objective": "score"}, known), SPACE)[1][0][1:3] == ["90", ""]


def test_an_interval_lies_within_what_scores_can_be() -> None:
    maze, robot = make_task(runs.TASK), make_task("hopper-medium-v2")
    for mean in (0.0, 0.2, 1.0):
        score, low, high = population.scored(maze, mean, (mean * (1 - mean)) ** 0.5, 5)
        assert low is not None and high is not None and 0 <= low <= score == 100 * mean <= high <= 100
        assert high - low > 30  # also where all episodes are alike
    assert population.scored(maze, 0.0, 0.0, 3)[1] == 0.0 and population.scored(maze, 1.0, 0.0, 7)[2] == 100.0
    assert population.scored(maze, 1.0, 0.0, 2) == (100.0, None, None)
    assert population.scored(robot, 1000.0, 10.0, 2)[1:] == (None, None)
    score, low, high = population.scored(robot, 1000.0, 10.0, 10)
    assert low is not None and high is not None and low < score < high


def test_what_is_ahead_counts_populations_and_their_steps() -> None:
    assert LADDER.ahead(8, []) == (4 + 2 + 1, 8 * 25 + 4 * 25 + 2 * 50)
    assert LADDER.ahead(8, [Batch(0, [0, 1]), Batch(1, [0, 1])]) == (3 + 1 + 1, 6 * 25 + 2 * 25 + 2 * 50)
    assert LADDER.ahead(1, [Batch(0, [0, 0])] * 3) == (2, 2 * 25 + 2 * 50)


@pytest.mark.parametrize("word", ["seed=0..2", "seed=7", "bc_weight=log(1,2) seed=7"])
def test_seeds_are_not_for_a_search(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["search", "pars", runs.TASK, word, "gain=log(1,2)"])
    assert stop.value.code == 2 and "--final-seeds" in capsys.readouterr().err
