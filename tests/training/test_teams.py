"""Populations over datasets: each run is written as if it trained alone, to the last bit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from pars import api
from pars.cli import main as cli
from pars.data import Dataset, from_arrays, load_dataset
from pars.envs import list_tasks, make_task
from pars.errors import CheckpointError, DivergenceError, Interrupted, UsageError
from pars.export.load import load_policy
from pars.position import START, Position
from pars.report import summary, write_report
from pars.report.load import tasks_of
from pars.testing.tiny import Looks
from pars.training import memory, teams
from pars.training.folder import read_status, tasks_below
from pars.training.launch import make_groups, train_runs
from pars.training.plan import DataIn, How, Plan, Request
from pars.training.program import Program, forget_programs
from pars.training.progress import View
from pars.training.restore import run_folders
from pars.training.view import Stop
from tests import runs

TASKS = [task.id for task in list_tasks() if task.id.startswith("pointmaze-")]
PLAN = Plan(offline_steps=24, online_steps=8, eval_every=12, online_eval_every=4, eval_episodes=2)
SEEDS = range(5)


@cache
def made_up(number: int) -> Dataset:
    """Random rows; of each number another mean and another scale. Two lengths, so that two programs serve all alone."""
    rng, rows = np.random.default_rng(number), 200 + 37 * (number % 2)
    ends = np.arange(rows) % 25 == 24
    arrays = {
        "observations": rng.normal(number, 1 + number, (rows, 4)).astype(np.float32),
        "actions": rng.uniform(-1, 1, (rows, 2)).astype(np.float32),
        "rewards": rng.normal(size=rows).astype(np.float32),
        "terminals": ends & (np.arange(rows) % 50 < 25),
        "timeouts": ends & (np.arange(rows) % 50 >= 25),
    }
    return from_arrays(arrays, name=f"data {number}", task=make_task(TASKS[number]))


def requests(
    out: Path, numbers: Sequence[int] = range(8), seeds: Sequence[int] = SEEDS, plan: Plan = PLAN, **axes: Any
) -> list[Request]:
    """A run for each dataset; their settings differ in a float, too."""
    found = []
    for number in numbers:
        settings = runs.TINY | {"reward_scale": [1.0 + number], "normalize_obs": ["true"]} | axes
        groups = make_groups(["pars"], None, settings, seeds)
        task = make_task(TASKS[number])
        found.append(Request(groups, [plan] * len(groups), made_up(number), task, out / TASKS[number]))
    return found


class Told(View):
    """A quiet view that keeps its titles and notes."""

    def __init__(self) -> None:
        super().__init__(Console(), quiet=True)
        self.notes: list[str] = []

    def start(self, title: str, members: list[str], phases: list[tuple[str, int]]) -> None:
        self.notes.append(f"{title}, {len(members)} members, first {members[0]}")

    def note(self, message: str) -> None:
        self.notes.append(message)


def train(asked: Sequence[Request], data_in: DataIn = "memory", stop: Stop | None = None) -> list[str]:
    """-> what the view was told."""
    view = Told()
    root = asked[0].out.parent if len(asked) > 1 else None
    train_runs(asked, How(view, stop or Stop(), data_in=data_in), root=root)
    return view.notes


def written(out: Path) -> dict[str, tuple[Any, bytes, bytes]]:
    """Of each run its digest, metrics and online transitions."""
    found = {}
    for folder in sorted(path.parent for path in out.glob("*/*/run.json")):
        status = read_status(folder)
        assert status["state"] == "finished", status
        logs = ((folder / name).read_bytes() for name in ("metrics.csv", "replay/transitions.f32"))
        found[str(folder.relative_to(out))] = (status["digest"], *logs)
    return found


@pytest.mark.shipped
def test_forty_members_over_eight_datasets_are_one_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run is what it is alone, in memory, streamed, and after a population was stopped here and there."""
    sizes: list[int] = []
    start = Program.__init__

    def counted(self: Program, algo: Any, cfg: Any, members: int, *rest: Any) -> None:
        sizes.append(members)
        start(self, algo, cfg, members, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(Program, "__init__", counted)
        forget_programs()
        train(requests(tmp_path / "memory"))
    assert sizes == [40]
    for request in requests(tmp_path / "alone"):
        train([request])
    alone = written(tmp_path / "alone")
    assert len(alone) == 8 and written(tmp_path / "memory") == alone
    for most in (2, 6, 5, 7):
        with pytest.raises(Interrupted):
            train(requests(tmp_path / "stopped"), stop=Looks(most))
    train(requests(tmp_path / "stopped"))
    assert written(tmp_path / "stopped") == alone
    train(requests(tmp_path / "streamed"), "stream")
    assert written(tmp_path / "streamed") == alone


def test_a_line_says_what_is_trained_apart(tmp_path: Path) -> None:
    asked = requests(tmp_path, (0, 1, 2, 3), seeds=[0])
    longer = replace(asked[1], plans=[replace(PLAN, offline_steps=36)])
    (wider,) = requests(tmp_path, [2], seeds=[0], critics=[4])
    told: list[str] = []
    found = teams.teams([asked[0], longer, wider, asked[3]], told.append)
    assert [[entry.request.name for entry in team] for team in found] == [[TASKS[0], TASKS[3]], [TASKS[1]], [TASKS[2]]]
    assert told == [
        f"pars trains {TASKS[1]} apart from {TASKS[0]}: steps and evaluations are (36, 8, 12, 4), not (24, 8, 12, 4)",
        f"pars trains {TASKS[2]} apart from {TASKS[0]}: critics=4, not 2",
    ]


def test_what_does_not_fit_into_memory_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "BASE", 0)
    asked, told = requests(tmp_path, (0, 1, 2, 3)), Told()
    how = How(told, Stop())
    (team,) = teams.teams(asked, told.note)
    (whole,) = teams.populations(team, how, "")
    assert len(whole) == 4
    need = teams._need(whole[:2], how)
    monkeypatch.setenv("PARS_MEMORY", str(int(need) + 1))
    parts = [*teams.populations(team, how, "")]
    assert [job.task.id for job in parts[0]] == TASKS[:2]
    assert [job.task.id for part in parts for job in part] == TASKS[:4]
    (note,) = told.notes
    assert note.startswith("20 members of pars on 4 datasets need about ") and note.endswith("populations")


def test_jobs_go_on_where_all_of_them_have_been() -> None:
    at = [Position(0, "offline", step) for step in (10, 20, 30)]

    def steps(*kept: list[Position]) -> list[tuple[list[int], Position | None]]:
        return teams.by_step([*range(len(kept))], kept)

    assert steps([at[1], at[0]], [at[1], at[0]]) == [([0, 1], at[1])]
    assert steps([at[2], at[1]], [at[1], at[0]]) == [([0, 1], at[1])]  # killed between the writing of the two
    assert steps([at[0], START], [START]) == [([0, 1], START)]  # and of the first
    assert steps([at[2], at[1]], [START], [at[2], at[1]]) == [([1], START), ([0, 2], at[2])]  # trained apart


def test_the_others_go_on_where_one_diverges(tmp_path: Path) -> None:
    asked = requests(tmp_path, (0, 1, 2), seeds=[0], plan=replace(PLAN, online_steps=0))
    broken = np.array(made_up(1).packed)
    broken[:, -2] = np.inf
    asked[1] = replace(asked[1], dataset=replace(made_up(1), packed=broken, fingerprint="broken"))
    with pytest.raises(
        DivergenceError, match=r"^pointmaze-\S+: pars-\w+ diverged: member 0 \(seed 0\) is not finite at offline step"
    ):
        train(asked)
    states = [read_status(folder)["state"] for request in asked for folder in run_folders(request.out)]
    assert states == ["finished", "diverged", "finished"]
    assert summary(tmp_path)[-1].startswith("over all  PARS, offline: mean over 2 tasks of 3, those that have finished")
    page = write_report(tmp_path).read_text()
    assert page.count("finished at offline step 24") == 2 and page.count("diverged at offline step ") == 1


@pytest.mark.parametrize("damaged", ["5", "{", '{"a": 1}', '["../elsewhere", 3]'])
def test_a_damaged_list_of_tasks_counts_as_none(damaged: str, tmp_path: Path) -> None:
    (tmp_path / "tasks.json").write_text(damaged)
    assert tasks_below(tmp_path) == tasks_of(tmp_path) == []


def test_a_folder_is_of_one_task_or_of_several(tmp_path: Path) -> None:
    (one,) = requests(tmp_path, [0], seeds=[0])
    with pytest.raises(
        CheckpointError, match=r"run holds a run of one task, and 2 are to be trained; use a new --out$"
    ):
        (tmp_path / "run" / "pars-abcdef").mkdir(parents=True)
        (tmp_path / "run" / "pars-abcdef" / "run.json").write_text("{}")
        train(requests(tmp_path / "run", [0, 1], seeds=[0]))
    two = [
        replace(request, out=tmp_path / "two" / request.out.name) for request in (one, *requests(tmp_path, [1], [0]))
    ]
    train([replace(request, plans=[Plan(1, eval_episodes=1)]) for request in two])
    with pytest.raises(CheckpointError, match=r"two holds a run on pointmaze-\S+ with other data; use a new --out$"):
        train([replace(request, out=tmp_path / "two") for request in requests(tmp_path, [2], seeds=[0])])


def test_several_tasks_are_one_command(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Evaluated and reported by task; a task that does not fit is trained by itself."""
    monkeypatch.setattr(api, "load_dataset", partial(load_dataset, rows=400))
    tasks, tiny = TASKS[:2], ["actor_hidden=8x8", "batch_size=16", "seed=0,1"]
    cli.main(["train", "bc,td3_bc", ",".join(tasks), *tiny, "hidden=8x8", "--steps", "4", "--eval-episodes", "1"])
    said = capsys.readouterr().out
    assert "BC on 2 tasks: 4 members, offline 4 steps" in said
    (run,) = (own_folders / "runs").iterdir()
    assert run.name.startswith("bc+td3_bc-2-tasks-") and {path.name for path in run.iterdir()} > {*tasks}
    assert [len(run_folders(run / task)) for task in tasks] == [2, 2]
    pages = [path / "report.html" for path in (run, *(run / task for task in tasks))]
    assert all(page.is_file() for page in pages) and f"report: {run.relative_to(own_folders)}/report.html" in said
    assert all(f'href="{task}/report.html"' in pages[0].read_text() for task in tasks)
    assert "over all  TD3+BC, offline: mean over 2 tasks" in said
    cli.main(["eval", str(run), "--episodes", "1"])
    shown = capsys.readouterr().out
    assert [shown.count(word) for word in (*tasks, "td3_bc")] == [1, 1, 4]
    with pytest.raises(UsageError, match=rf"has several groups; name one: {tasks[0]}/bc-\w+, "):
        load_policy(run)
    cli.main(["train", "bc,td3_bc", ",".join(tasks), *tiny, "hidden=8x8", "--steps", "4", "--eval-episodes", "1"])
    assert capsys.readouterr().out.count("already finished") == 4


@pytest.mark.parametrize(
    ("tasks", "data", "says"),
    [
        (TASKS[:2], "logs.npz", "data='logs.npz' is that of one task, and 2 are named; leave it out, or give twin"),
        ([TASKS[0], TASKS[0]], None, f"the task {TASKS[0]} is given twice; name each task once"),
        ([], None, "task=[]: give an id"),
        ([TASKS[0], None], None, f"task=['{TASKS[0]}', None]: give an id"),
    ],
)
def test_slips_with_several_tasks_are_one_line(tasks: Any, data: Any, says: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(says)}"):
        api.train("bc", tasks, data=data, quiet=True)
