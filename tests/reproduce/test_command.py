"""`pars reproduce` on the command line: plans, bad input, settings."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.cli import main as cli
from pars.errors import UsageError
from pars.reproduce import say
from pars.reproduce.asked import Asked, make_job
from pars.reproduce.catalogue import CATALOGUE
from pars.reproduce.command import parse_budget
from pars.reproduce.cost import Machine
from pars.reproduce.grid import make_configs, make_groups, make_plan, small_grade
from pars.reproduce.paper.claims import CLAIMS
from pars.reproduce.paper.figure9 import FIGURE9
from pars.reproduce.paper.printed import relative


def run(words: list[str]) -> int:
    try:
        cli.main(["reproduce", *words])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["figure55"], "unknown experiment 'figure55'; did you mean figure"),
        (["hidden=8x8"], "name the tables and figures to reproduce, such as figure5 table12, or all"),
        (["table14", "--budget", "soon"], "--budget 'soon' is not a time such as 90s, 30m or 2h"),
        (["table14", "--seeds", "0"], "--seeds=0 must be a whole number from 1 on"),
        (["table14", "--steps-scale", "2"], "a share up to 1"),
        (["table14", "--small", "--tasks", "Hopper-v5"], "unknown task 'Hopper-v5'; did you mean hopper"),
        (["figure1", "--out", __file__], "is, or lies below, a file where a folder is needed"),
        (["table14", "--rows", "1000"], "--rows is the size of a twin; add --data twin"),
        (["table14", "--small", "--rows", "0"], "--rows=0 must be a whole number from 1 on"),
        (
            ["figure4", "figure5", "--tasks", "hopper-medium-v2"],
            "figure4, figure5: computed, not trained; only --seeds",
        ),
        (["figure4", "hidden=8"], "figure4: computed, not trained"),
        (["table12", "--small", "penalty_weight=0.5"], "penalty_weight does nothing while penalty=false"),
        (["table14", "bc_weight=0.1,0.2"], "takes one value of a setting; its own axis is penalty_weight"),
        (["table14", "--small", "hiden=8"], "table14: unknown setting 'hiden'; did you mean hidden"),
        (["table14", "--small", "--workers", "0"], "--workers=0 must be a whole number from 1 on"),
        (["table14", "--small", "--cores", "2"], "add --workers 2 or --ray auto"),
        (["table14", "--small", "--tasks", "antmaze-huge"], "unknown task 'antmaze-huge'"),
    ],
)
def test_bad_input_is_one_line(words: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = [] if "--out" in words else ["--out", str(tmp_path / "out")]
    assert run([*words, *out]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and line in said[0], said
    assert not (tmp_path / "out").exists()


def test_without_ray_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    assert run(["table14", "--small", "--ray", "auto", "--out", str(tmp_path / "out")]) == 7
    assert "pip install 'pars[sweep]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_dry_run_prints_the_plan_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["table14", "figure1", "--small", "--dry-run", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "table14" in said and "our own maze data" in said and "on one GPU" in said
    assert not (tmp_path / "out").exists()


def test_what_fits_no_budget_is_said_with_one_that_would_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["figure5", "--seeds", "2", "--budget", "2s", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert (
        "0 units finished" in said and "cannot be stopped halfway" in said and re.search(r"give --budget [12]m", said)
    )
    index = (tmp_path / "index.html").read_text()
    assert "0 of 7" in index


def test_printed_numbers_need_no_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["figure1", "--out", str(tmp_path), "--quiet"]) == 0
    (page,) = tmp_path.glob("figure1/*/report.html")
    assert "PARS is best on 17 of 28 datasets offline" in page.read_text()
    assert {path.suffix for path in page.parent.glob("figures/*")} == {".svg", ".png", ".csv"}
    families = {path.stem for path in page.parent.glob("figures/*.svg")}
    assert families == {
        f"figure1-{table}-{one}" for table in ("table2", "table3") for one in ("antmaze", "adroit", "mujoco")
    }
    best, ours = relative("table2")["antmaze-ultra-play-v0"]  # ReBRAC's 22.4 beside 66.4
    assert (best, ours) == (pytest.approx(22.4 / 66.4), 1.0)


def test_settings_take_the_type_of_the_arm_that_has_them(tmp_path: Path) -> None:
    job = make_job(
        FIGURE9, Asked((), {"seeds": 2}, axes={"hidden": ["8x8"], "critic_lr": ["1e-3"]}, small=True), tmp_path
    )
    assert job.grade is not None and job.grade.seeds == 2
    assert job.grade.settings["hidden"] == (8, 8) and job.grade.settings["critic_lr"] == 1e-3
    assert job.grade.settings["critics"] == 4  # of the small form
    study = make_job(CATALOGUE["figure5"], Asked((), {"seeds": 3, "data": "twin"}), tmp_path)
    assert study.seeds == 3 and study.grade is None
    assert make_job(FIGURE9, Asked((), {"data": "d4rl"}, small=True), tmp_path).grade.rows is None  # type: ignore[union-attr]


def test_the_axis_of_an_experiment_can_be_given_other_values(tmp_path: Path) -> None:
    job = make_job(FIGURE9, Asked((), axes={"reward_scale": ["5", "50"]}, small=True), tmp_path)
    assert job.grade is not None and job.grade.values == (5.0, 50.0)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5", 90), (None, None)])
def test_budgets(text: str | None, seconds: float | None) -> None:
    assert parse_budget(text) == seconds
    with pytest.raises(UsageError):
        parse_budget("0m")


def test_costs_grow_with_steps_and_members() -> None:
    machine = Machine(speeds={"pointmaze umaze": 1e4, "hopper": 1e4})
    machine.__dict__["flops"] = 1e11
    grade = small_grade(FIGURE9)

    def cost(**changes: object) -> float:
        changed = replace(grade, **changes)  # type: ignore[arg-type]
        task = changed.tasks[0]
        plan = make_plan(FIGURE9, changed, task, ALGORITHMS["pars"])
        return sum(machine.group(group, plan, task).here for group in make_groups(FIGURE9, changed, task))

    compiling = 4 * 8.0
    base = cost() - compiling
    assert cost(seeds=6) - compiling == pytest.approx(2 * base)
    longer = cost(steps_scale=0.02) - compiling
    assert base < longer < 2 * base  # as many evaluations


def test_sentences_follow_the_numbers() -> None:
    low, high = np.array([1.0, 2.0, 3.0]), np.array([11.0, 12.0, 13.0])
    assert say.against("A", high, "B", low).startswith("A 12 ± 1 (n = 3) is above B 2.0 ± 1.0 (n = 3): +10")
    assert "is below" in say.against("A", low, "B", high)
    assert "not clearly different" in say.against("A", low, "B", np.asarray([2.0, 3.0, 1.5]))
    assert "not finished" in say.against("A", np.zeros(0), "B", high)
    assert say.holds([True, True], "It helps") == "It helps: in 2 of 2; here the claim holds."
    assert say.holds([True, False], "It helps").endswith("holds in part.")
    assert say.holds([False], "It helps").endswith("does not hold.")
    assert say.holds([], "It helps").endswith("nothing to judge by yet.")
    assert say.holds([None, None], "It helps") == "It helps: undecided in all 2."
    assert say.holds([True, None], "It helps") == (
        "It helps: in 1 of 1, undecided in 1 more; here the claim holds where decided."
    )
    assert (say.clearly_above(high, low), say.clearly_above(low, high)) == (True, False)
    assert say.clearly_above(high[:1], low) is None  # one seed has no spread
    assert say.clearly_above(np.array([10.0, 40.0]), np.array([5.0, 17.0])) is None  # +14 [-164 +192] or so
    same = low + 1e-3
    assert (say.alike(low, same, 10.0), say.alike(low, same, 0.1), say.alike(high, low, 5.0)) == (True, None, False)
    assert not say.told([np.asarray([0.0, 1.0]), np.zeros(0)]) and say.told([np.asarray([0.0, 30.0])])


def test_arms_can_be_named(tmp_path: Path) -> None:
    job = make_job(CLAIMS, Asked((), tasks=["antmaze-umaze-v2"], arms=["PARS", "RS-LN alone"], small=True), tmp_path)
    assert job.grade is not None and job.grade.arms == ("PARS", "RS-LN alone")
    assert {key.arm for key in make_configs(CLAIMS, job.grade, "antmaze-umaze-v2")} == {"PARS", "RS-LN alone"}
    with pytest.raises(UsageError, match="claims: unknown arm 'RS-LN'"):
        make_job(CLAIMS, Asked((), arms=["RS-LN"], small=True), tmp_path)
