"""Models that are trained before the policy: small curves, a line among the speeds, and nothing else on the page."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from pars.report import summary
from pars.report.load import read_run
from pars.report.parts import whole
from pars.report.series import all_series
from tests.report.fabricate import write_group
from tests.report.pages.test_page import PARS, open_page

LOSS = {"behaviour": {50: [3, 4, 5], 100: [1, 2, 3]}, "world": {70: [9, 9, 9]}}
MORE = "behaviour,50,updates_per_second,900\n"


def write(run: Path, scores: object = PARS, **more: object) -> Path:
    metrics = {"loss": LOSS, "q_max": {"world": {70: [100, 200, 300]}}, "actor_loss": PARS}
    folder = write_group(run / "pars-1", "pars", scores, metrics=metrics, **more)  # type: ignore[arg-type]
    (folder / "timing.csv").write_text((folder / "timing.csv").read_text() + MORE)
    return folder


def test_they_have_small_curves_and_a_speed(tmp_path: Path):
    write(tmp_path)
    (group,), (one,) = read_run(tmp_path).groups, all_series(read_run(tmp_path))
    assert group.before == ["behaviour", "world"]
    curve = one.curve("behaviour", "loss")
    assert curve is not None and curve.values.tolist() == [[3, 1], [4, 2], [5, 3]]
    page = open_page(tmp_path)
    tables = page.tables()
    assert tables["loss-behaviour.csv"].splitlines()[:3] == [
        *("series,seed,phase,step,loss", "PARS,0,behaviour,50,3", "PARS,0,behaviour,100,1"),
    ]
    assert {"loss-world.csv", "q_max-world.csv", "actor_loss.csv", "score.csv"} <= set(tables)
    assert "loss.csv" not in tables and "behaviour" not in tables["actor_loss.csv"] + tables["score.csv"]
    assert "PARS,2,world,70,3" in tables["q_max-world.csv"]  # 300 scaled by 100
    titles = [caption for caption in ("Loss, behaviour", "Loss, world", "Max Q, world") if caption in page.text]
    assert len(titles) == 3 and "PARS, behaviour" in page.text


def test_what_is_said_of_the_policy_stays_the_same(tmp_path: Path):
    write(tmp_path / "with")
    metrics = {"actor_loss": PARS}
    write_group(tmp_path / "without" / "pars-1", "pars", PARS, metrics=metrics)
    assert summary(tmp_path / "with") == summary(tmp_path / "without")


@pytest.mark.parametrize("planned", [10_000, 0])
def test_a_run_that_is_still_before_its_policy(tmp_path: Path, planned: int):
    folder = write(
        tmp_path,
        None,
        state="running",
        status={"phase": "world", "step": 70},
        plan={"offline_steps": planned, "online_steps": 5, "eval_episodes": 2},
    )
    (folder / "metrics.csv").write_text("phase,step,member,name,value\nbehaviour,50,0,loss,3\n")
    (group,) = read_run(tmp_path).groups
    assert (group.phase, group.step) == ("world", 70)
    page = open_page(tmp_path)
    assert "PARS is unfinished: world step 70." in page.text and "Loss, behaviour" in page.text


def test_parts_stand_where_the_last_of_them_does(tmp_path: Path):
    for name, phase, step in (("a", "online", 5), ("b", "world", 70), ("c", "offline", 900)):
        status = {"phase": phase, "step": step}
        write_group(tmp_path / name, "pars", part_of="pars-whole", state="running", status=status, metrics={"x": LOSS})
    (joined,) = whole(read_run(tmp_path).programs)
    assert (joined.phase, joined.step) == ("world", 70)
    assert joined.metrics["behaviour"]["x"].values.shape == (9, 2)


def test_without_an_offline_phase_their_curves_are_their_own(tmp_path: Path):
    plan = {"offline_steps": 0, "online_steps": 3000, "eval_episodes": 2}
    scores = {"offline": {0: [1, 1, 1]}, "online": {3000: [2, 2, 2]}}
    write_group(tmp_path / "td3-1", "td3", scores, plan=plan, metrics={"loss": LOSS | {"offline": {0: [7, 7, 7]}}})
    (one,) = all_series(read_run(tmp_path))
    curve = one.curve("world", "loss")
    assert curve is not None and curve.steps.tolist() == [70]


def test_their_names_are_escaped(tmp_path: Path):
    evil = '<script>alert("x")</script>&$x$'
    write_group(tmp_path / "pars-1", "pars", PARS, metrics={"loss": {evil: {5: [1, 2, 3]}}})
    page = open_page(tmp_path)
    assert page.source.count("<script") <= 1 and f"Loss, {evil}" in page.text
    for svg in page.images():
        ElementTree.fromstring(svg)
