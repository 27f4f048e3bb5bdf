"""The doctor: fields, verdicts, what can still be said of refused files, and D4RL's fingerprints."""

import io

import h5py
import numpy as np
import pytest
from rich.console import Console

from pars.cli.commands import print_pairs
from pars.data import collect_dataset
from pars.data.checking.doctor import check, page_lines
from pars.data.checking.fields import Field, list_fields, scan_values
from pars.data.checking.fingerprints import KNOWN, compare, named_like
from pars.data.d4rl import D4RL
from pars.data.formats.layout import OPTIONAL, REQUIRED
from pars.envs import make_task
from pars.errors import DataError, UsageError
from tests.data.files import columns, write_hdf5, write_npz

pytestmark = pytest.mark.usefixtures("own_folders")


def lines(found, width: int = 80) -> str:
    out = io.StringIO()
    print_pairs(page_lines(found), Console(file=out, width=width))
    return out.getvalue()


def test_a_healthy_file_is_ok(tmp_path):
    found = check(write_hdf5(tmp_path / "a.hdf5", columns()))
    assert (found.verdict, found.headline, found.refusal) == ("ok", "ok: nothing to mend", None)
    assert found.card is not None and found.card["rows"] == 200 and found.warnings == found.notes == []
    assert Field("observations", "float32", (200, 3)) in found.fields
    assert {field.name: field.dtype for field in found.fields}["metadata/algorithm"] == "text"


def test_warnings_and_the_page_in_a_terminal(tmp_path):
    found = check(write_npz(tmp_path / "a.npz", columns() | {"rewards": np.zeros((200, 1))}))
    assert found.verdict == "warnings" and found.headline.startswith("warnings (1): fit for training")
    page = lines(found)
    assert page.startswith("rows         200 (180 transitions, 20 episodes)")
    assert "warning      all rewards are 0" in page and "rewards       float64  200 x 1" in page
    assert "verdict      warnings (1)" in page.splitlines()[-1]
    assert all(len(line) <= 80 for line in page.splitlines())


def test_refused_data_shows_what_could_be_read(tmp_path):
    data = columns()
    data["observations"][17, 1], data["observations"][40:50, 2] = np.nan, np.inf
    for path in (write_npz(tmp_path / "a.npz", data), write_hdf5(tmp_path / "a.hdf5", data)):
        found = check(path)
        assert found.verdict == "refuse" and found.card is None and isinstance(found.refusal, DataError)
        assert found.headline.startswith(f"refuse: {path}: 'observations' has 11 NaN or infinite values")
        values = {value.field.name: value for value in found.values}
        obs = values["observations"]
        assert (obs.bad, obs.bad_rows) == (11, [17, 40, 41, 42, 43])
        good = data["observations"][np.isfinite(data["observations"])]
        assert (obs.low, obs.high) == (good.min(), good.max())
        assert values["actions"].bad == 0 and values["rewards"].high == data["rewards"].max()
        page = lines(found)
        assert "11 NaN or infinite values, first" in page and "verdict      refuse" in page


def test_a_missing_column_does_not_hide_the_others(tmp_path):
    data = columns()
    del data["rewards"]
    found = check(write_hdf5(tmp_path / "a.hdf5", data))
    assert "no 'rewards'" in str(found.refusal)
    assert {value.field.name for value in found.values} == {"observations", "actions", "terminals", "timeouts"}
    wrong = check(write_hdf5(tmp_path / "b.hdf5", columns()), make_task("pointmaze-umaze-diverse"))
    assert "'observations' is 3 wide" in str(wrong.refusal) and wrong.task == "pointmaze-umaze-diverse"


def test_files_that_say_nothing(tmp_path):
    (tmp_path / "text.npz").write_text("observations")
    cut = tmp_path / "cut.hdf5"
    cut.write_bytes(write_hdf5(tmp_path / "whole.hdf5", columns()).read_bytes()[:3000])
    for path in (tmp_path / "text.npz", cut, tmp_path / "absent.npz", tmp_path):
        found = check(path)
        assert found.verdict == "refuse" and found.values == [] and "refuse" in lines(found)
    with pytest.raises(UsageError, match="unknown dataset"):
        check("no-such-id")


def test_nothing_outside_the_file_is_looked_at(tmp_path):
    other = write_hdf5(tmp_path / "other.hdf5", columns())
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        file["observations"] = h5py.ExternalLink(str(other), "observations")
        file["rewards"] = h5py.SoftLink("/terminals")
        file["terminals"] = np.zeros(5, bool)
        layout = h5py.VirtualLayout(shape=(200, 2), dtype="f4")
        layout[:] = h5py.VirtualSource(str(other), "actions", shape=(200, 2))
        file.create_virtual_dataset("actions", layout)
    assert [field.name for field in list_fields(path)] == ["terminals"]
    assert [value.field.name for value in scan_values(path, (*REQUIRED, *OPTIONAL))] == ["terminals"]


def test_text_and_objects_are_not_read(tmp_path):
    record = np.zeros(2, [("a", "f4"), ("b", "i8")])
    strange = {"observations": np.array(["a", "b"]), "rewards": np.array([{}, 1]), "actions": record}
    path = write_npz(tmp_path / "a.npz", strange)
    assert [field.dtype for field in list_fields(path)] == ["text", "text", "other"]
    assert scan_values(path, REQUIRED) == []


def test_ids_are_checked_with_their_own_task_and_say_how_they_were_made(monkeypatch):
    monkeypatch.setattr("pars.data.catalog.ROWS", 600)
    path = collect_dataset("pointmaze-umaze-fixed")
    found = check("pointmaze-umaze-fixed")
    assert found.task == "pointmaze-umaze-fixed" and found.fields == list_fields(path)
    assert found.card is not None and found.card["maze"]["name"] == "umaze"
    assert found.notes[0].startswith("made: waypoint controller from the map's start to its goal")
    assert found.notes[1].startswith("episodes go on after terminal rows")


def known_card(name: str, **changes) -> dict:
    """The parts of a card that D4RL's file of this name would have."""
    known = KNOWN[name]
    mean = [0.0] * 17
    if known.means and known.dim:
        mean[0], mean[known.dim] = known.means
    return {"rows": known.rows, "ends": known.ends or 0, "obs": {"mean": mean}} | changes


@pytest.mark.parametrize("name", [name for name, known in KNOWN.items() if known.means])
def test_files_of_d4rl_are_recognised_by_their_numbers(name):
    found = compare(known_card(name), "renamed.hdf5")
    assert found is not None and found.matches and found.name == name and f"matches D4RL's {name}" in found.sentence
    mean = known_card(name)["obs"]["mean"]
    near, far = ({"mean": [value + offset for value in mean]} for offset in (9e-4, 2e-3))
    assert compare(known_card(name, obs=near), "renamed.hdf5") is not None
    assert compare(known_card(name, obs=far), "renamed.hdf5") is None


def test_impostors_are_named_with_what_differs():
    name = "hopper-medium-replay-v2"
    found = compare(known_card(name, rows=402_001), "hopper_medium_replay-v2.hdf5")
    assert found is not None and not found.matches
    assert found.sentence == f"named like D4RL's {name} but differs: 402,001 rows instead of 402,000"
    short = compare(known_card(name, obs={"mean": [1.0]}, ends=1000), name)
    assert short is not None and "mean of observation column 0 is 1 instead of 1.2305" in short.sentence
    assert "no observation column 5" in short.sentence and "1,000 terminal or cut rows" in short.sentence
    assert compare(known_card(name), "hopper-medium-v2.hdf5").name == name  # numbers outrank names
    assert compare(known_card(name, rows=5), "mine.hdf5") is None


def test_names_of_files():
    assert named_like("hopper_medium-v2.hdf5") == "hopper-medium-v2"
    assert named_like("hopper_medium_expert-v2.hdf5") == "hopper-medium-expert-v2"
    assert named_like("hopper_expert-v2.hdf5") == "hopper-expert-v2"
    file = "Ant_maze_u-maze_noisy_multistart_True_multigoal_True_sparse_fixed.hdf5"
    assert named_like(file) == "antmaze-umaze-diverse-v2" and named_like("mine.hdf5") is None


@pytest.mark.parametrize(("name", "rows"), [("hopper-medium-expert-v2", 1_999_906), ("walker2d-medium-v2", 1_000_000)])
def test_row_counts_are_exact(name, rows):
    file = D4RL[name].name
    assert compare(known_card(name), file).matches and KNOWN[name].rows == rows
    assert compare(known_card(name, rows=rows - 1), file).sentence.endswith(f"{rows - 1:,} rows instead of {rows:,}")


def test_a_task_named_for_a_file_does_not_name_the_file(tmp_path):
    path = write_hdf5(tmp_path / "mine.hdf5", columns(obs_dim=11, action_dim=3))
    found = check(path, make_task("hopper-medium-v2"))
    assert not any("named like" in line or "agrees with" in line for line in found.warnings + found.notes)


def demonstrations(resets: float) -> dict:
    """Five walks of 30 rows with a timeout in their 20th, each beginning `resets` further on than the last ended."""
    data = columns(150)
    walk = np.full((150, 3), 0.1) * (1 + np.arange(150) % 2)[:, None]
    walk[30::30] += resets
    end = np.arange(150) % 30
    return data | {"observations": walk.cumsum(axis=0), "terminals": end == 29, "timeouts": end == 19}


def test_timeouts_inside_demonstrations_are_explained(tmp_path):
    found = check(write_npz(tmp_path / "a.npz", demonstrations(9.0)))
    assert found.card is not None and found.card["timeouts_inside"] == 5 and found.card["episodes"] == 10
    assert found.notes[0].startswith(
        "5 timeouts stand inside demonstrations that go on to a terminal row, as in D4RL's"
    )
    steady = demonstrations(9.0)
    steady["observations"][20:] += 50  # the first walk starts anew after its timeout, and so do the others
    for row in (50, 80, 110, 140):
        steady["observations"][row:] += 50
    found = check(write_npz(tmp_path / "b.npz", steady))
    assert found.card is not None and found.card["timeouts_inside"] == 0 and found.notes == []


def test_an_impostor_is_a_warning_unless_it_says_how_it_was_made(tmp_path):
    at_goal = {"rewards": np.arange(200) % 10 > 3, "terminals": np.arange(200) % 10 > 3}
    path = write_hdf5(tmp_path / "antmaze-umaze-v2.hdf5", columns() | at_goal)
    found = check(path)
    assert len(found.notes) == 1 and "named like D4RL's antmaze-umaze-v2 but differs" in found.warnings[-1]
    with h5py.File(path, "a") as file:
        file.attrs["made"] = "a twin"
    twin = check(path)
    assert twin.notes[0] == "made: a twin" and not any("named like" in line for line in twin.notes + twin.warnings)
    found = check(write_npz(tmp_path / "hopper-medium-v2.npz", columns()))
    assert (
        found.verdict == "warnings" and "named like D4RL's hopper-medium-v2 but differs: 200 rows" in found.warnings[-1]
    )
