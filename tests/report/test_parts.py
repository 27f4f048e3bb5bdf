"""A population that was trained in parts is one series, and every part still tells where it stands."""

from pathlib import Path

import numpy as np

from pars.report import summary
from pars.report.load import read_run
from pars.report.pages.verdict import verdict
from pars.report.series import all_series
from tests.report.fabricate import write_group, write_probes
from tests.report.pages.test_page import open_page

FIRST = {"offline": {5000: [10, 20], 10000: [40, 50]}, "online": {3000: [60, 70]}}
SECOND = {"offline": {5000: [30, 40], 10000: [60, 70]}, "online": {3000: [80, 90]}}


def write_parts(run: Path, second: object = SECOND, state: str = "finished", probes: bool = False) -> None:
    write_group(run / "pars-a", "pars", FIRST, seeds=[0, 1], part_of="pars-whole", probes=probes)
    write_group(run / "bc", "bc", {"offline": {10000: [1, 2]}}, seeds=[0, 1])
    write_group(run / "pars-b", "pars", second, seeds=[2, 3], part_of="pars-whole", state=state, probes=probes)


def test_parts_are_one_series(tmp_path: Path):
    write_parts(tmp_path, probes=True)
    run = read_run(tmp_path)
    pars, bc = all_series(run)
    assert (pars.label, pars.seeds, bc.label) == ("PARS", [0, 1, 2, 3], "BC")
    curve = pars.curve("offline", "score")
    assert curve is not None and curve.values.tolist() == [[10, 40], [20, 50], [30, 60], [40, 70]]
    assert verdict(run).headline.startswith("PARS reached 75 ± 13 (mean ± sample std of 4 seeds")
    (landscape,), (paths,) = pars.group.landscapes, pars.group.trajectories
    assert landscape.arrays["q"].shape == (4, 61, 61) and landscape.arrays["data_action"].shape == (30, 2)
    assert paths.arrays["success"].shape == (4, 10) and run.problems == []


def test_the_page_names_every_part(tmp_path: Path):
    write_parts(tmp_path)
    page = open_page(tmp_path)
    for part in ("PARS (pars-a), offline", "PARS (pars-b), offline", "2 members in one program", "60, 70, 80, 90"):
        assert part in page.text, part
    assert "PARS (pars-a), PARS (pars-b) finished at online step 3,000" in summary(tmp_path)[-1]


def test_a_part_that_is_behind(tmp_path: Path):
    write_parts(tmp_path, {"offline": {5000: [30, 40]}}, state="running")
    run = read_run(tmp_path)
    (pars, _) = all_series(run)
    assert run.groups[0].state == "running" and run.groups[0].step == 5000
    curve = pars.curve("offline", "score")
    assert curve is not None and np.isnan(curve.values[2:, 1]).all() and curve.values[2:, 0].tolist() == [30, 40]
    found = verdict(run)
    assert "65 ± 7 (mean ± sample std of 2 seeds" in found.headline
    assert found.caveats[0] == "PARS (pars-b) is unfinished: offline step 5,000 of 10,000."


def test_pictures_of_different_steps_are_not_mixed(tmp_path: Path):
    write_parts(tmp_path)
    write_probes(tmp_path / "pars-a" / "probes", "online", 3000, 2)
    write_probes(tmp_path / "pars-b" / "probes", "online", 2000, 2)
    run = read_run(tmp_path)
    assert run.groups[0].landscapes == [] and len(run.problems) == 2
    assert run.problems[0] == "pars-a: the landscapes of its parts are of different online steps and were left out"


def test_groups_of_other_populations_stay_apart(tmp_path: Path):
    for name, whole in (("a", "pars-1"), ("b", "pars-2"), ("c", None)):
        write_group(tmp_path / name, "pars", FIRST, seeds=[0, 1], part_of=whole)
    assert len(read_run(tmp_path).groups) == 3
