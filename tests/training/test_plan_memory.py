"""What a population needs is foreseen, and what does not fit is trained in parts that come to the same."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.core import Spec
from pars.errors import ResourceError, UsageError
from pars.packing import width
from pars.system import parse_bytes
from pars.testing.tiny import as_on_a_gpu
from pars.training import launch, memory, parts
from pars.training.launch import make_groups
from pars.training.learner import Learner
from pars.training.memory import Need, cut, in_words, most_members, predict
from pars.training.placement import free_memory, place
from pars.training.plan import Group, How, Job, Plan
from pars.training.view import Stop
from tests import runs
from tests.runs import TINY

CPU = jax.default_backend() == "cpu"
DEVICES = len(jax.devices())


class Heard:
    """A view that keeps what is noted."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def heard_by(view: Heard) -> How:
    return How(view, Stop())  # type: ignore[arg-type]


def accounted(learner: Learner) -> int:
    """Bytes of arguments and temporaries of a block on all devices, as XLA has it."""
    block, seen = learner.program.block("offline", streaming=False), []

    class Asked(Exception):
        """Instead of a step."""

    def ask(*args: Any) -> None:
        seen.extend(args)
        raise Asked

    learner.program._blocks["offline", False] = ask
    learner.start_interval("offline")
    with pytest.raises(Asked):
        learner.run(0, 1, 10)
    account = block.lower(*seen).compile().memory_analysis()
    return learner.placement.mesh.size * (account.argument_size_in_bytes + account.temp_size_in_bytes)


@pytest.mark.skipif(not CPU, reason="the figures are a CPU's")
@pytest.mark.parametrize(
    ("name", "members", "settings"),
    [
        ("pars", 1, {"critics": 3, "hidden": (32,), "actor_hidden": (32,)}),
        ("td3_bc", 3, {"hidden": (32,), "actor_hidden": (32,)}),
        ("bc", 2, {}),
    ],
)
def test_the_prediction_covers_what_the_compiled_program_takes(name: str, members: int, settings: Any) -> None:
    algo = ALGORITHMS[name]
    cfg, spec = algo.config(**{key: settings[key] for key in settings if hasattr(algo.config, key)}), Spec(11, 3)
    learner = Learner(algo, [cfg] * members, [*range(members)], spec)
    data = np.zeros((1000, width(spec)), np.float32)
    learner.load(data)
    foreseen = predict(algo, cfg, spec, 0, width(spec), data.nbytes).total(members) - memory.BASE
    taken = accounted(learner)
    assert taken <= foreseen <= 4 * taken + 10**5


def test_replays_count_once_for_every_member() -> None:
    one, many = (predict(ALGORITHMS["bc"], ALGORITHMS["bc"].config(), Spec(3, 2), n, 10, 0) for n in (0, 1000))
    assert (one.replay, many.replay) == (0, 40_000)
    members = 2 * DEVICES
    assert many.total(members) - one.total(members) == 40_000 * (members if CPU else 2)


def test_totals_by_hand() -> None:
    need = Need(state=100, work=30, replay=1000, data=7, cpu=True)
    members = 3 * DEVICES
    assert need.total(members) == memory.BASE + 7 + members * (3 * 100 + 1000) + DEVICES * 30
    assert need._replace(cpu=False).total(members) == memory.BASE + 7 + 3 * (4 * 100 + 30 + 1000)
    if DEVICES > 1:  # padded to a multiple of the devices
        rows = place(members + 1).rows
        assert need.total(members + 1) == memory.BASE + 7 + rows * (3 * 100 + 1000) + DEVICES * 30


def test_as_many_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "BASE", 0)
    monkeypatch.setattr(Need, "total", lambda self, members: 9 * members)
    need = Need(1, 1, 1, 1, True)
    assert [most_members(need, 45, free) for free in (450, 449, 150, 149, 10, 9)] == [45, 23, 15, 12, 1, 0]


def test_seeds_of_a_setting_stay_together_if_they_can() -> None:
    five = [setting for setting in "abcdefghi" for _ in range(5)]  # 9 settings, 5 seeds each
    assert [len(part) for part in cut(five, 15)] == [15, 15, 15]
    assert [len(part) for part in cut(five, 14)] == [10, 10, 10, 10, 5]
    assert [len(part) for part in cut(five, 4)] == [4] * 9 + [3] * 3
    assert [i for part in cut(five, 14) for i in part] == [*range(45)]
    assert cut(["a"], 1) == [[0]] and cut(["a", "a"], 9) == [[0, 1]]


def test_bytes_are_read_and_written_as_people_do() -> None:
    sizes = {"1000": 1e3, "20GB": 2e10, "1.5 GiB": 1.5 * 2**30, "2e10": 2e10, "3m": 3e6, "7KB": 7e3, "1TB": 1e12}
    assert {text: parse_bytes(text) for text in sizes} == sizes
    for text in ("much", "20 gold", "GB", "1.2.3GB", "-5GB"):
        with pytest.raises(UsageError, match=f"^PARS_MEMORY={re.escape(text)}: expected bytes, such as 20GB or 2e10$"):
            parse_bytes(text)
    assert [in_words(size) for size in (61e9, 9.94e9, 2e8)] == ["61 GB", "9.9 GB", "0.2 GB"]


def test_free_memory_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARS_MEMORY", "3GB")
    assert free_memory(place(1)) == 3e9


def room_for(members: int, seeds: int) -> str:
    """PARS_MEMORY with room for so many members of the tiny run at a time, offline, and not for one more."""
    (group,) = make_groups(["pars"], runs.TASK, TINY, range(seeds))
    need = parts.needed(group, runs.few_rows(), Plan(1), "auto")
    return str(int(need.total(members) / memory.SHARE) + 1)


def test_parts_come_to_the_same_and_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four seeds in two parts; continued with more memory the second part is what it would have been."""
    monkeypatch.setattr(memory, "BASE", 0)
    whole = runs.metrics(runs.group(runs.finished_run()), "score")  # of seeds 0 and 1
    monkeypatch.setenv("PARS_MEMORY", room_for(2, 4))
    out = tmp_path / "run"
    run_jobs, calls = launch.run_jobs, []
    with monkeypatch.context() as context:  # the second part never starts

        def once(jobs: list[Job], how: How, at: None) -> None:
            calls.extend(job.group for job in jobs)
            if len(calls) > 1:
                raise KeyboardInterrupt
            run_jobs(jobs, how, at)

        context.setattr(launch, "run_jobs", once)
        with pytest.raises(KeyboardInterrupt):
            runs.train(out, seeds=range(4), online_steps=0)
    assert [group.seeds for group in calls] == [(0, 1), (2, 3)]
    part = runs.metrics(runs.group(out), "score")
    assert len(part) == 4 and part == {place: whole[place] for place in part}
    monkeypatch.setenv("PARS_MEMORY", "1TB")
    runs.train(out, seeds=range(4), online_steps=0)
    folders = {tuple(m["seed"] for m in runs.description(f)["members"]): f for f in out.glob("pars-*")}
    assert set(folders) == {(0, 1), (2, 3)}
    (group,) = make_groups(["pars"], runs.TASK, TINY, range(4))
    assert {runs.description(folder)["part_of"] for folder in folders.values()} == {group.name}
    again = parts.fitting(group, runs.few_rows(), Plan(1), out, heard_by(Heard()))
    assert [part.name for part in again] == [folders[0, 1].name, folders[2, 3].name]


def test_one_line_says_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "BASE", 10**10)
    monkeypatch.setattr(Need, "total", lambda self, members: int(1.3e9 * members))
    axes: Any = TINY | {"reward_scale": ["1", "10", "100"], "penalty_weight": ["0", "0.001", "0.01"]}
    (group,) = make_groups(["pars"], runs.TASK, axes, range(5))
    monkeypatch.setenv("PARS_MEMORY", "22GB")
    heard = Heard()
    new = parts.fitting(group, runs.few_rows(), Plan(1), tmp_path, heard_by(heard))
    assert heard.notes == ["45 members of pars need about 58 GB and 22 GB are free: trained as 3 groups of 15"]
    assert [len(part.seeds) for part in new] == [15, 15, 15]
    assert sum((part.configs for part in new), ()) == group.configs and len({part.name for part in new}) == 3
    monkeypatch.setenv("PARS_MEMORY", "1GB")
    with pytest.raises(ResourceError) as error:
        parts.fitting(group, runs.few_rows(), Plan(1), tmp_path, heard_by(heard))
    assert str(error.value).startswith(
        "one member of pars needs about 1.3 GB of memory and 1.0 GB are free; give fewer "
    )
    with (
        as_on_a_gpu(),
        pytest.raises(ResourceError, match=r"GB are free; end what else runs on this GPU \("),
    ):
        parts.fitting(group, runs.few_rows(), Plan(1), tmp_path, heard_by(heard))
    monkeypatch.setenv("PARS_MEMORY", "1TB")
    assert parts.fitting(group, runs.few_rows(), Plan(1), tmp_path, heard_by(heard)) == [group]
    assert len(heard.notes) == 1


def test_nothing_is_begun_where_one_member_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARS_MEMORY", "1MB")
    with pytest.raises(ResourceError, match=r"^one member of pars needs about"):
        runs.train(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_map_of_a_file_takes_no_memory() -> None:
    dataset = runs.few_rows()
    row = dataset.packed.shape[1]
    assert isinstance(dataset.packed, np.memmap)
    algo = ALGORITHMS["pars"]
    assert parts._resident(algo, dataset, row, "memory") == (0 if CPU else dataset.packed.nbytes)
    own = dataclasses.replace(dataset, packed=np.array(dataset.packed))
    assert parts._resident(algo, own, row, "memory") == own.packed.nbytes
    assert parts._resident(algo, own, row, "stream") == 0


def test_the_memory_is_foreseen_from_the_same_trace_of_the_start_as_it_is_made() -> None:
    """Tracing a start takes a tenth of a second or two."""
    algo, traced, dataset = ALGORITHMS["bc"], [], runs.few_rows()

    def init(*args: Any) -> Any:
        traced.append(args)
        return algo.init(*args)

    counted, cfg = dataclasses.replace(algo, init=init), algo.config()
    parts.needed(Group("bc", counted, (cfg, cfg), (0, 1)), dataset, Plan(1), "auto")
    Learner.on(dataset, counted, [cfg] * 2, [0, 1])
    assert len(traced) == 1
