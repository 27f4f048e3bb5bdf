"""Run folders are read as written, also unfinished or damaged ones."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from pars.errors import CheckpointError, UsageError
from pars.report.load import read_group, read_run
from pars.training.checkpoint import lock
from tests.report.fabricate import write_group, write_probes

SCORES = {"offline": {1000: [10.0, 20.0, 30.0], 2000: [40.0, 50.0, 60.0]}, "online": {500: [70.0, 80.0, 90.0]}}


def test_scores_are_members_by_evaluations(tmp_path: Path):
    group = read_group(write_group(tmp_path / "pars-1", scores=SCORES))
    curve = group.metrics["offline"]["score"]
    assert curve.steps.tolist() == [1000, 2000]
    assert curve.values.tolist() == [[10.0, 40.0], [20.0, 50.0], [30.0, 60.0]]
    assert curve.of([2, 0]).values.tolist() == [[30.0, 60.0], [10.0, 40.0]]
    assert group.metrics["online"]["score"].values.tolist() == [[70.0], [80.0], [90.0]]
    assert group.timing["offline"]["updates_per_second"].values.tolist() == [[400.0, 420.0]]
    assert [member.seed for member in group.members] == [0, 1, 2]
    assert "seed" not in group.members[0].settings
    assert group.max_return == 1.0


def test_groups_follow_the_command_line(tmp_path: Path):
    for name in ("bc", "pars", "td3_bc"):
        write_group(tmp_path / f"{name}-1", name, SCORES, command="pars train td3_bc,pars,bc pointmaze seed=0..2")
    assert [group.algorithm for group in read_run(tmp_path).groups] == ["td3_bc", "pars", "bc"]


def test_one_group_folder_is_a_run_too(tmp_path: Path):
    run = read_run(write_group(tmp_path / "pars-1", scores=SCORES))
    assert run.folder == tmp_path / "pars-1" and len(run.groups) == 1


def test_a_killed_run_is_interrupted_where_it_would_go_on(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", scores=SCORES, state="running", status={"phase": "offline", "step": 0})
    for name in ("0-offline-000000400", "0-offline-000000500"):
        (folder / "checkpoints" / name).mkdir(parents=True)
    stands = lambda: (read_group(folder).state, read_group(folder).step)  # noqa: E731
    assert stands() == ("running", 0)  # no lock: perhaps on another machine
    with lock(folder):
        assert stands() == ("running", 0)
    assert stands() == ("interrupted", 500)


def test_half_written_last_line_is_left_out(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", scores=SCORES)
    with open(folder / "metrics.csv", "a") as file:
        file.write("online,1000,0,score,9")  # of 95.0
    group = read_group(folder)
    assert group.metrics["online"]["score"].steps.tolist() == [500]
    assert group.problems == ["metrics.csv ends in a half-written line, which was left out"]


def test_unreadable_lines_are_counted_and_a_repeated_row_replaces(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", scores=SCORES)
    with open(folder / "metrics.csv", "a") as file:
        file.write("online,500,0,score,71\nonline,x,0,score,1\nonline,500,7,score,1\nonline,500\n\xff,,\n")
    group = read_group(folder)
    assert group.metrics["online"]["score"].values[0].tolist() == [71.0]
    assert group.problems == ["metrics.csv has 4 unreadable lines, which were left out"]


def test_missing_values_are_nan(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", scores={"offline": {1000: [1.0, 2.0, 3.0], 2000: [4.0, 5.0]}})
    values = read_group(folder).metrics["offline"]["score"].values
    assert np.isnan(values[2, 1]) and values[2, 0] == 3.0


def test_a_run_that_just_started_is_a_run(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1")
    for name in ("metrics.csv", "timing.csv", "status.json"):
        (folder / name).unlink()
    group = read_group(folder)
    assert group.metrics == {} and group.timing == {} and group.state == "unknown" and group.problems == []


@pytest.mark.parametrize("damage", ["header", "folder"])
def test_wall_clock_figures_are_no_obstacle(tmp_path: Path, damage: str):
    folder = write_group(tmp_path / "pars-1", scores=SCORES)
    path = folder / "timing.csv"
    text = path.read_text()
    path.unlink()
    path.mkdir() if damage == "folder" else path.write_text(text.replace("value", "valuf"))
    group = read_group(folder)
    assert group.timing == {} and group.metrics["offline"]["score"].steps.tolist() == [1000, 2000]
    assert len(group.problems) == 1 and "wall-clock figures are left out" in group.problems[0]


def test_a_torn_status_is_no_obstacle(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", scores=SCORES)
    (folder / "status.json").write_text('{"state": "runn')
    group = read_group(folder)
    assert group.state == "unknown" and "status.json" in group.problems[0]


def test_folders_that_are_no_run(tmp_path: Path):
    with pytest.raises(UsageError, match="no run folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is not a run"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"format": 1, "alg', "cannot be read"),
        ("[1]", "holds a list"),
        ('{"format": 4}', "has format 4, this version of pars reads 1, 2, 3"),
        ('{"format": 1, "algorithm": "pars", "members": []}', "names no members"),
        ('{"format": 1, "algorithm": "pars", "members": [3]}', "names no members"),
        ('{"format": 1, "algorithm": "pars", "members": [{"seed": []}]}', "names no members"),
    ],
)
def test_damaged_run_json_is_one_line(tmp_path: Path, text: str, reason: str):
    folder = write_group(tmp_path / "pars-1", scores=SCORES)
    (folder / "run.json").write_text(text)
    with pytest.raises(CheckpointError, match=reason) as error:
        read_run(tmp_path)
    assert "\n" not in str(error.value) and "run.json" in str(error.value)


def test_a_disk_that_does_not_answer_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = write_group(tmp_path / "pars-1", scores=SCORES)

    def fail(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr("pars.report.load.read_sealed", fail)
    with pytest.raises(OSError, match=f"Input/output error: '{folder}/run.json'"):
        read_run(tmp_path)


def test_a_log_of_another_kind_is_refused(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", scores=SCORES)
    (folder / "metrics.csv").write_text("step,loss\n1,2\n")
    with pytest.raises(CheckpointError, match="starts with 'step,loss'"):
        read_run(tmp_path)


def test_a_step_beyond_all_numbers_is_an_unreadable_line(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", scores=SCORES)
    with (folder / "metrics.csv").open("a") as file:
        file.write(f"offline,{2**70},0,score,1.0\noffline,-1,0,score,1.0\n")
    group = read_group(folder)
    assert group.problems == ["metrics.csv has 2 unreadable lines, which were left out"]


def test_a_log_that_is_a_link_is_not_followed(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", scores=SCORES)
    (folder / "metrics.csv").rename(tmp_path / "secret")
    (folder / "metrics.csv").symlink_to(tmp_path / "secret")
    with pytest.raises(CheckpointError, match=r"metrics\.csv is a link; put what it leads to in its place"):
        read_group(folder)


def test_newest_readable_probe_of_each_phase(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", scores=SCORES)
    write_probes(folder / "probes", "offline", 1000, 3)
    write_probes(folder / "probes", "offline", 10000, 3)
    write_probes(folder / "probes", "online", 500, 3)
    write_probes(folder / "probes", "online", 9000, 2)  # of another population
    (folder / "probes" / "landscape-offline-20000.npz").write_bytes(b"PK\x03\x04 cut")
    group = read_group(folder)
    assert [(p.phase, p.step) for p in group.landscapes] == [("offline", 10000), ("online", 500)]
    assert [(p.phase, p.step) for p in group.trajectories] == [("offline", 10000), ("online", 500)]
    assert len(group.problems) == 3


def test_a_probe_cannot_run_code(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", scores=SCORES)
    (folder / "probes").mkdir()
    np.savez(folder / "probes" / "trajectories-offline-1.npz", positions=np.array([{}], dtype=object), success=[True])
    group = read_group(folder)
    assert group.trajectories == [] and "allow_pickle" in group.problems[0]


def test_settings_survive(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", scores=SCORES, settings=[{"reward_scale": 10.0}] * 3)
    info = json.loads((folder / "run.json").read_text())
    assert read_group(folder).members[1].settings == {"reward_scale": 10.0}
    assert info["members"][1]["settings"]["seed"] == 1
