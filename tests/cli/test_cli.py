"""The `pars` command: exit codes, one line per error, and what its subcommands say about a tiny run."""

from __future__ import annotations

import csv
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from pars import api
from pars.algos import ALGORITHMS
from pars.cli import main as cli
from pars.cli.options import IMPORT
from pars.data import dataset_path
from pars.envs import make_task
from pars.errors import UsageError
from pars.position import Position
from pars.training.checkpoint import lock
from pars.training.launch import make_groups
from pars.training.rollout import Evaluation
from tests.cli.said import Pars, Said, one_line
from tests.data.files import columns, write_npz
from tests.runs import TASK, few_rows_file, finished_run, group, words


def plain(text: str) -> str:
    """Without boxes, bullets and line breaks."""
    return re.sub(r"[\s│╭╮╰╯─•]+", " ", text)


COMMANDS: dict[str, Callable[..., object]] = {
    **{name: function for name, function in cli.COMMANDS.items() if name != "data"},
    **{f"data {name}": function for name, function in cli.DATA_COMMANDS.items()},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_a_command_does_and_every_option(pars: Pars, command: str) -> None:
    said = pars(*command.split(), "--help")
    assert said.code == 0 and said.err == "" and said.out.startswith(f"usage: pars {command} [-h]")
    text = plain(said.out)
    about, _, arguments = (inspect.getdoc(COMMANDS[command]) or "").partition("\nArgs:\n")
    assert plain(about).strip() in text
    meaning = {
        name: plain(words).strip() for name, words in re.findall(r"(?ms)^ +(\w+): (.*?)(?=^ +\w+: |\Z)", arguments)
    }
    parameters = dict(inspect.signature(COMMANDS[command]).parameters)
    if parameters.pop("imports", None):  # the one that several commands share
        assert plain(IMPORT) in text and "--import MODULE|FILE" in text
    for name, parameter in parameters.items():
        assert meaning[name] in text, name
        if not re.search("Positional|Words", str(parameter.annotation)):
            assert f"--{name.replace('_', '-')}" in text


@pytest.mark.parametrize("line", ["", "--help", "data", "data --help"])
def test_without_a_command_it_says_what_there_is(pars: Pars, line: str) -> None:
    said = pars(*line.split())
    assert said.code == 0 and said.err == ""
    table = cli.DATA_COMMANDS if "data" in line else cli.COMMANDS
    for name, function in table.items():
        first = (inspect.getdoc(function) or "").partition("\n")[0]
        assert f" {name} {first}" in plain(said.out), name
    assert ("Exit codes: 0 done, 2 usage" in said.out) == ("data" not in line)


WRONG_WORDS = [
    (["par", TASK], "unknown algorithm 'par'; did you mean pars?"),
    (["zzz", TASK], "uni_o4, wgcsl; give one of your own with --import (or pars.register)"),
    (["pars,td3bc", TASK], "unknown algorithm 'td3bc'; did you mean td3_bc or td3 or bc?"),
    (
        ["pars", "pointmaze-umase-diverse"],
        "unknown task 'pointmaze-umase-diverse'; did you mean pointmaze-umaze-diverse",
    ),
    (["pars", TASK, "reward_scal=3"], "unknown setting 'reward_scal'; did you mean reward_scale or"),
    (["bc", TASK, "reward_scale=3"], "unknown setting 'reward_scale'"),
    (["pars", TASK, "--probes", "neuron"], "unknown probe 'neuron'; did you mean neurons?"),
    (["pars", "--data", "pointmaze-umaze-divers"], "unknown dataset 'pointmaze-umaze-divers'; did you mean"),
    (["pars", TASK, "reward_scale=many"], "setting reward_scale='many' is not a finite number"),
    (["pars", TASK, "hidden=8y8"], "setting hidden='8y8' is not a list of widths such as 256x256"),
    (["pars", TASK, "layer_norm=behind"], "setting layer_norm='behind' is not one of"),
    (["pars", TASK, "reward_scale="], "is not of the form name=value"),
    (["pars", TASK, "seed=4..0"], "range '4..0' in 'seed=4..0' is not of the form 0..4"),
    (["pars", TASK, "seed=x"], "seed=x: seeds are whole numbers"),
    (["pars", TASK, "seed=1,1"], "'seed=1,1' names a value twice"),
    (["pars", TASK, "critics=1"], "must lie between 1 and critics=1"),
    (["pars", TASK, "extra"], f"give an algorithm ({', '.join(ALGORITHMS)}) and at most one word of tasks"),
    (["seed=1"], f"give an algorithm ({', '.join(ALGORITHMS)})"),
    (["pars"], "nothing to train on; name a task with a dataset"),
    (["pars", "Pendulum-v1"], "Pendulum-v1 has no dataset of its own; name a task with a dataset"),
    (["pars", TASK, "--env", "Hopper-v5"], f"the task is '{TASK}' and --env is 'Hopper-v5'; name one of them"),
    (["td3_bc", TASK, "--preset", "single"], "unknown preset 'single'; td3_bc has paper, tuned"),
    (["pars", TASK, "--preset", "single"], f"pars has no preset 'single' for {TASK}; leave it out or choose paper"),
    (["pars", TASK, "offline_rows=64", "--online-steps", "9"], "unknown setting 'offline_rows'; did you mean"),
    (["rlpd", TASK, "--online-steps", "9"], "rlpd takes random_steps=500 environment steps before it learns, and 9"),
    (["pars", TASK, "--steps", "0"], "0 offline and 0 online steps; give at least one"),
]


@pytest.mark.parametrize(("line", "message"), WRONG_WORDS, ids=[" ".join(line) for line, _ in WRONG_WORDS])
def test_words_that_do_not_fit(pars: Pars, own_folders: Path, line: list[str], message: str) -> None:
    data = [] if "--data" in line or line in (["pars"], ["pars", "Pendulum-v1"]) else ["--data", few_rows_file()]
    said = pars("train", *line, *data)
    one_line(said, 2, message)
    assert "run: " not in said.out and not any(own_folders.iterdir())  # nothing was begun, nor said to be


@pytest.mark.parametrize(
    ("line", "gathered"),
    [
        ("train pars T --steps 5 seed=0..4 --quiet a=1", "train pars seed=0..4 a=1 T --steps 5 --quiet"),
        ("train a=1 pars T --steps 5", "train pars a=1 T --steps 5"),
        ("train pars --data a=b.npz --out=x=y c=1", "train pars c=1 --data a=b.npz --out=x=y"),
        ("train seed=1 --data my.npz", "train seed=1 --data my.npz"),
        ("eval a=1 run", "eval a=1 run"),
    ],
)
def test_settings_may_stand_anywhere(line: str, gathered: str) -> None:
    assert cli.gather(line.split()) == gathered.split()


@pytest.mark.parametrize("line", [["trian", "pars"], ["train", "pars", "--step", "5"], ["data", "chek"], ["eval"]])
def test_commands_and_options_that_do_not_exist(pars: Pars, line: list[str]) -> None:
    said = pars(*line)
    assert said.code == 2 and "Traceback" not in said.err and said.out == ""


def test_an_error_is_one_line_and_with_debug_a_traceback(pars: Pars) -> None:
    line = [sys.executable, "-m", "pars.cli", "train", "par", TASK]
    done = subprocess.run(line, capture_output=True, text=True, timeout=100)
    one_line(Said(done.returncode, done.stdout, done.stderr), 2, "unknown algorithm 'par'; did you mean pars?")
    with pytest.raises(UsageError, match="unknown algorithm 'par'"):  # Python shows it with its traceback
        pars("train", "par", TASK, "--debug")


def test_a_gpu_alone_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pars.cli", "algos"],
        env=os.environ | {"JAX_PLATFORMS": "cuda"}, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    one_line(Said(done.returncode, done.stdout, done.stderr), 2, "where policies act; set cuda,cpu")


def test_own_errors_are_one_line_too(pars: Pars, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*options: object) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr("pars.cli.commands.algos", broken)
    said = pars("algos")
    assert (said.code, said.err) == (1, "pars: internal error: RuntimeError: first line (--debug shows where)\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device", "/data/x"), "no space left for /data/x; free some"),
        (PermissionError(13, "Permission denied", "/data"), "/data: permission denied; use another folder"),
        (MemoryError(), "out of memory; train fewer members at once or smaller networks"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory\nallocating"), "out of memory"),
    ],
)
def test_resources_that_run_out(pars: Pars, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str) -> None:
    def broken(*options: object) -> None:
        raise error

    monkeypatch.setattr("pars.cli.commands.algos", broken)
    one_line(pars("algos"), 7, message)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("NoSuchRobot-v7", "cannot make the Gymnasium environment 'NoSuchRobot-v7'"),
        ("CartPole-v1", "the action space is Discrete, pars needs a Box"),
    ],
)
def test_environments_that_cannot_be_used(pars: Pars, own_folders: Path, env: str, message: str) -> None:
    file = write_npz(own_folders / "my.npz", columns())
    one_line(pars("train", "pars", "--data", file, "--env", env), 5, message)


def test_online_steps_need_an_environment(pars: Pars, own_folders: Path) -> None:
    file = write_npz(own_folders / "my.npz", columns())
    one_line(pars("train", "pars", "--data", file, "--online-steps", "5"), 5, "name a task or give --env")


def test_a_folder_in_use_is_left_alone(pars: Pars, own_folders: Path) -> None:
    (bc,) = make_groups(["bc"], TASK, {"actor_hidden": ["8"]}, [0])
    with lock(Path("run") / bc.name):
        said = pars("train", "bc", TASK, "actor_hidden=8", "--quiet", "--data", few_rows_file(), "--out", "run")
    one_line(said, 4, "is in use by process")


@pytest.mark.parametrize("command", ["eval", "report"])
def test_what_is_not_a_run(pars: Pars, own_folders: Path, command: str) -> None:
    one_line(pars(command, "absent"), 4, "absent is not a run; give the folder that `pars train` printed")
    folder = own_folders / "run" / "pars-123456"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{")
    one_line(pars(command, "run"), 4, "run.json")


def test_train_goes_all_the_way_in_plain_lines(pars: Pars, own_folders: Path) -> None:
    """Not a terminal here: no colours, no cursor movements, one line for every evaluation."""
    plan = ["--steps", "20", "--online-steps", "10", "--eval-every", "20", "--online-eval-every", "10"]
    line = ["train", "pars", TASK, *words(), "seed=0..1", "--data", few_rows_file(), *plan, "--eval-episodes", "2"]
    said = pars(*line)
    assert said.code == 0 and said.err == "", said
    assert "\x1b" not in said.out and "\r" not in said.out
    lines = said.out.splitlines()
    run = Path(next(text for text in lines if text.startswith("run: ")).removeprefix("run: "))
    assert re.fullmatch(rf"runs/pars-{TASK}-[0-9a-f]{{6}}", str(run))
    assert sum(bool(re.match(r"(off|on)line  \d+/\d+  .*score ", text)) for text in lines) == 3
    assert lines[-1] == f"report: {run / 'report.html'}" and (run / "report.html").exists()
    again = pars(*line)
    assert again.code == 0 and f"already finished: {group(run)}" in again.out
    other = pars(*line, "--steps", "80", "--out", run)
    one_line(Said(other.code, "", other.err), 4, "holds another run (its plan differs); use a new --out")


def test_eval_prints_every_member_with_its_number_of_episodes(pars: Pars) -> None:
    said = pars("eval", finished_run(), "--episodes", "3", "--first-episode", "100")
    assert said.code == 0 and said.err == ""
    rows = [line for line in said.out.splitlines() if "online 30" in line]
    assert len(rows) == 2
    for seed, row in enumerate(rows):
        cells = row.split()
        assert ["pars", str(seed), "3", "stock"] == [cells[i] for i in (0, 1, -3, -1)], row
    one_line(pars("eval", finished_run(), "--episodes", "0"), 2, "give at least one")


def test_eval_writes_every_episode(pars: Pars, tmp_path: Path) -> None:
    files = "--csv", tmp_path / "a.csv", "--json", tmp_path / "a.json"
    assert pars("eval", finished_run(), "--episodes", "3", *files).code == 0
    records = json.loads((tmp_path / "a.json").read_text())
    assert [(one["seed"], one["episode"]) for one in records] == [(s, e) for s in (0, 1) for e in range(3)]
    (result,) = api.evaluate(finished_run(), 3)
    assert [one["return"] for one in records] == result.evaluation.returns.ravel().tolist()
    with open(tmp_path / "a.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["return"]) for row in rows] == [one["return"] for one in records] and rows[0]["step"] == "30"


def test_one_episode_has_no_spread(pars: Pars, monkeypatch: pytest.MonkeyPatch) -> None:
    once = Evaluation(np.ones((1, 1)), np.full((1, 1), 7), None)
    result = api.Result("pars", make_task(TASK), Position(1, "online", 30), [0], np.full((1, 1), 100.0), once)
    monkeypatch.setattr(api, "evaluate", lambda *options: [result])
    said = pars("eval", "run", "--episodes", "1")
    assert said.code == 0 and said.err == "" and re.search(r"30 +100\.0 +1\.00 +- +1 +7 ", said.out), said.out


def test_numbers_of_an_evaluation_are_whole_in_a_narrow_terminal(
    pars: Pars, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = Evaluation(np.array([[-123456.75, 123456.75]]), np.full((1, 2), 1000), None)
    at = Position(1, "offline", 1_000_000)
    result = api.Result("gcpc_long", make_task(TASK), at, [2147483647], np.full((1, 2), -98765.25), many)
    monkeypatch.setattr(api, "evaluate", lambda *options: [result])
    monkeypatch.setattr("pars.cli.outcome.wide_console", lambda: Console(width=80))
    said = pars("eval", "run")
    assert all(len(line) <= 80 for line in said.out.splitlines())
    assert all(number in said.out for number in ("2147483647", "-98765.2", "0.00", "174594.21", "1000")), said.out


def test_report_writes_a_page_and_a_summary(pars: Pars, tmp_path: Path) -> None:
    shutil.copytree(finished_run(), tmp_path / "run")
    said = pars("report", tmp_path / "run")
    assert said.code == 0 and said.err == ""
    assert said.out.splitlines()[-1] == f"report: {tmp_path / 'run' / 'report.html'}"
    assert (tmp_path / "run" / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_report_of_several_runs(pars: Pars, tmp_path: Path) -> None:
    for name in ("A", "B"):
        shutil.copytree(finished_run(), tmp_path / name)
    said = pars("report", tmp_path / "A", tmp_path / "B", "--out", tmp_path / "both.html")
    assert said.code == 0 and said.out.splitlines()[-1] == f"report: {tmp_path / 'both.html'}"
    assert "[B]" in said.out and "A + B" in (tmp_path / "both.html").read_text()
    one_line(pars("report"), 2, "name a run")
    one_line(pars("report", tmp_path / "A", "--out", "x.html"), 2, "is for a page of several runs")


def test_algos_and_tasks(pars: Pars) -> None:
    said = pars("algos")
    assert said.code == 0 and all(part in said.out for part in (*ALGORITHMS, "2507.08761", "corl, tuned", "LN+PA on"))
    said = pars("algos", "--presets", "bc", "rebrac")
    assert said.code == 0 and "  antmaze: discount=0.999 critic_lr=5e-05 reward_scale=100" in said.out.splitlines()
    assert said.out.count("hopper-medium-v2") == 2 and said.out.count("fallback: ") == 4 and "iql:" not in said.out
    one_line(pars("algos", "--presets", "rebrc"), 2, "unknown algorithm 'rebrc'; did you mean rebrac")
    said = pars("tasks")
    assert said.code == 0 and said.out.count("pointmaze-") == 8 and "stock" in said.out
    one_line(pars("tasks", "--measure", "--seconds", "0"), 2, "measure each task for a time above 0")


def test_data_commands(pars: Pars, own_folders: Path) -> None:
    said = pars("data", "collect", TASK, "--rows", "600")
    path = dataset_path(TASK, 600)
    assert said.code == 0 and said.out.splitlines()[-1] == str(path) and path.exists()
    before = path.stat().st_mtime_ns
    assert pars("data", "collect", TASK, "--rows", "600").code == 0 and path.stat().st_mtime_ns == before
    listed = pars("data", "list")
    assert listed.code == 0 and TASK in listed.out and f"{TASK}-600-seed0" in listed.out.replace("\n", "")
    for command in ("show", "check"):
        said = pars("data", command, path, "--task", TASK)
        assert said.code == 0 and said.out.startswith("rows         600 (") and "free cells visited" in said.out
    one_line(pars("data", "collect", "pointmaze-umaze-divers"), 2, "did you mean pointmaze-umaze-diverse")
    one_line(pars("data", "collect", TASK, "--rows", "1"), 2, "rows=1 must be a whole number from 2 on")
    one_line(pars("data", "collect", TASK, "--policy", "mine.npz"), 2, "goes with the id of a twin")
    one_line(pars("data", "collect", "hopper-random-v2", "--policy", "mine.npz"), 2, "not made by one policy")
    one_line(pars("data", "check", path, "--task", "Pendulum-v1"), 3, "is 4 wide, Pendulum-v1 has 3")


def test_interrupted_by_the_keyboard_outside_training(pars: Pars, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pars.cli.commands.algos", stopped)
    assert pars("algos") == Said(130, "", "")


def test_output_into_a_pipe_that_closes() -> None:
    """`pars tasks | head -0`"""
    process = subprocess.Popen(
        [sys.executable, "-m", "pars.cli", "tasks"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert errors == ""
