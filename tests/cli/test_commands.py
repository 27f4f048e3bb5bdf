"""What the subcommands print, beyond what test_cli.py sees through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pars.cli import commands
from pars.envs import make_task
from pars.envs.measure import Measurement
from pars.errors import ResourceError

TASKS = [make_task(name) for name in ("pointmaze-umaze-fixed", "hopper-medium-v2")]


def test_the_table_of_tasks_with_their_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(commands, "list_tasks", lambda: TASKS)
    commands.tasks(measure=True, seconds=0.05, file=tmp_path / "tasks.csv")
    said = capsys.readouterr().out
    assert "steps/s: 16 environments of one task, random actions" in said
    header, *rows = [line.split(",") for line in (tmp_path / "tasks.csv").read_text().splitlines()]
    assert (header[0], header[-2:]) == ("task", ["steps/s", "check_env"])
    assert [row[0] for row in rows] == [task.id for task in TASKS]
    assert all(row[-2] in said and int(row[-2]) > 100 and row[-1] == "clean" for row in rows)


def test_a_task_that_cannot_be_made_has_a_row_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lacking = Measurement(None, "needs pars[adroit]")
    monkeypatch.setattr(commands, "measure_all", lambda tasks, *more: {task.id: lacking for task in tasks})
    commands.tasks(measure=True)
    lines = [line for line in capsys.readouterr().out.splitlines() if "pen-cloned-v1" in line]
    assert len(lines) == 1 and "needs pars[adroit]" in lines[0]


def test_the_plain_table_measures_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(commands, "measure_all", None)  # calling it would fail
    commands.tasks(file=tmp_path / "tasks.csv")
    assert (tmp_path / "tasks.csv").read_text().startswith("task,obs,actions,limit,score 0..100,episodes,physics\n")
    with pytest.raises(ResourceError, match="Is a directory; give another file to --csv"):
        commands.tasks(file=tmp_path)
