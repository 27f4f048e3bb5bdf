"""Everything that can be wrong with data, in one table: each fault ends the command with its exit code and one line.

The line says what is wrong, where, and how to mend it. What only may spoil a training is in the second table.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from pars.cli import main as cli
from pars.data import from_file
from pars.errors import DataError
from tests.data.files import columns, minari_episodes, write_csv, write_hdf5, write_minari, write_npz

pytestmark = pytest.mark.usefixtures("own_folders")

Build = Callable[[Path], Path]
N = 200  # rows of a healthy file
TASK = "pointmaze-umaze-diverse"


def put(key: str, index: Any, value: float) -> Build:
    """One value of a column replaced."""

    def build(folder: Path) -> Path:
        data = columns()
        data[key] = data[key].astype(np.float64)
        data[key][index] = value
        return write_hdf5(folder / "a.hdf5", data)

    return build


def having(**changes: Any) -> Build:
    """Columns replaced; None takes one away."""
    return lambda folder: write_hdf5(
        folder / "a.hdf5", {key: value for key, value in (columns() | changes).items() if value is not None}
    )


def of_width(obs_dim: int, action_dim: int) -> Build:
    return lambda folder: write_hdf5(folder / "a.hdf5", columns(obs_dim=obs_dim, action_dim=action_dim))


def rows(n: int) -> Build:
    return lambda folder: write_hdf5(folder / "a.hdf5", columns(n))


def cut(write: Callable[[Path, Mapping[str, Any]], Path], name: str) -> Build:
    """Only the first half of the file."""

    def build(folder: Path) -> Path:
        path = write(folder / name, columns())
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return path

    return build


def content(name: str, text: bytes) -> Build:
    def build(folder: Path) -> Path:
        (folder / name).write_bytes(text)
        return folder / name

    return build


def changed(change: Callable[[h5py.File, Path], None]) -> Build:
    """A file without actions, in which `change` puts something in their place."""

    def build(folder: Path) -> Path:
        write_hdf5(folder / "outside.hdf5", columns())
        path = having(actions=None)(folder)
        with h5py.File(path, "a") as file:
            change(file, folder)
        return path

    return build


def link(target: Any) -> Build:
    return changed(lambda file, folder: file.__setitem__("actions", target))


def virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((N, 2), np.float32)
    layout[:] = h5py.VirtualSource(str(folder / "outside.hdf5"), "actions", (N, 2))
    file.create_virtual_dataset("actions", layout)


def outside(file: h5py.File, folder: Path) -> None:
    (folder / "raw").write_bytes(bytes(8 * N))
    file.create_dataset("actions", (N, 2), "f4", external=[(str(folder / "raw"), 0, 8 * N)])


def oversize(file: h5py.File, folder: Path) -> None:
    file.create_dataset("actions", (10**12, 2), "f4", chunks=(1000, 2), compression="gzip", fillvalue=0.5)


def pickled(folder: Path) -> Path:
    return write_npz(folder / "a.npz", columns() | {"actions": np.array([{}] * N)})


def empty_folder(folder: Path) -> Path:
    folder.joinpath("x").mkdir()
    return folder / "x"


def csv(header: str, *lines: tuple[Any, ...]) -> Build:
    return lambda folder: write_csv(folder / "a.csv", header, lines)


def damaged_parquet(folder: Path) -> Path:
    path = folder / "a.parquet"
    parquet.write_table(pyarrow.table({"rewards": np.arange(1000.0)}), path)
    path.write_bytes(path.read_bytes()[:-50])
    return path


def minari(**changes: Any) -> Build:
    """A Minari folder with one of its episodes changed."""

    def build(folder: Path) -> Path:
        episodes = minari_episodes([4, 3])
        episodes[1] = {key: value for key, value in (episodes[1] | changes).items() if value is not None}
        return write_minari(folder / "x-v0", episodes)

    return build


NAMES = "observations,actions_0,rewards,terminals"
EVERY = np.ones(N, bool)
NONE = np.zeros(N, bool)

# fault -> (how to make the file, words of the line, further words of the command)
FAULTS: dict[str, tuple[Build, list[str], list[str]]] = {
    "a missing key": (having(rewards=None), ["no 'rewards' (the file has actions, ", "needed are observations"], []),
    "unequal lengths": (having(rewards=np.zeros(N - 1)), ["columns differ in length", "rewards 199"], []),
    "NaN": (
        put("observations", (17, 1), np.nan),
        ["'observations' has 1 NaN", "row 17, observation 1; drop those episodes"],
        [],
    ),
    "infinity": (put("rewards", 3, np.inf), ["'rewards' has 1 NaN or infinite", "first in row 3"], []),
    "too large for float32": (put("actions", (5, 0), 1e300), ["'actions' has 1 NaN or infinite", "row 5"], []),
    "observations of another task": (
        of_width(3, 2),
        ["'observations' is 3 wide", "has 4; choose the task"],
        ["--task", TASK],
    ),
    "actions of another task": (of_width(4, 3), ["'actions' is 3 wide", "choose the task"], ["--task", TASK]),
    "no vectors": (having(observations=np.zeros((N, 8, 8))), ["'observations' has shape (200, 8, 8)", "flatten"], []),
    "discrete actions": (
        having(actions=np.zeros(N, np.int64)),
        ["action 0 has the whole numbers 0 to 0 alone and looks discrete", "give its bounds"],
        [],
    ),
    "observations without a width": (having(observations=np.zeros((N, 0))), ["has shape (200, 0)"], []),
    "text": (having(actions=[b"left"] * N), ["'actions' holds object values", "save it as one float32 array"], []),
    "complex numbers": (having(rewards=np.zeros(N, complex)), ["'rewards' holds complex128 values"], []),
    "actions out of range": (put("actions", (42, 1), -3.5), ["action 1 reaches from -3.5", "row 42", "scale them"], []),
    "terminals between 0 and 1": (
        put("terminals", 9, 0.5),
        ["'terminals' is 0.5 in row 9, expected 0 or 1", "write it as bool"],
        [],
    ),
    "timeouts that count": (put("timeouts", 9, 2), ["'timeouts' is 2 in row 9, expected 0 or 1"], []),
    "timeouts everywhere": (having(timeouts=EVERY), ["every row is a timeout", "mark only the ends"], []),
    "no ends": (having(timeouts=NONE), ["no row ends an episode", "set 'timeouts' to 1 in the last row"], []),
    "no ends and no timeouts": (having(timeouts=None), ["no row ends an episode"], []),
    "rewards of several goals": (having(rewards=np.zeros((N, 2))), ["'rewards' has shape (200, 2)", "one value"], []),
    "a single row": (rows(1), ["has 1 rows", "at least 2"], []),
    "no row": (rows(0), ["has 0 rows", "at least 2"], []),
    "a single value": (
        changed(lambda file, _: file.__setitem__("actions", 1.0)),
        ["'actions' is a single value, expected one row per step"],
        [],
    ),
    "next observations of another width": (
        having(next_observations=np.zeros((N, 2))),
        ["'next_observations' is 2 wide, 'observations' 3", "alike"],
        [],
    ),
    "no next observations": (having(), ["no 'next_observations'", "leave next_obs at 'shift'"], ["--next-obs", "file"]),
    "truncated HDF5": (cut(write_hdf5, "a.hdf5"), ["truncated or damaged; copy or download it again"], []),
    "truncated npz": (cut(write_npz, "a.npz"), ["truncated or damaged; copy or download it again"], []),
    "another kind of file": (content("a.hdf5", b"GIF89a"), ["neither HDF5 nor npz", "save the arrays with h5py"], []),
    "a web page": (content("a.hdf5", b"<html>404</html>"), ["is a web page", "download it again"], []),
    "an empty file": (content("a.npz", b""), ["the file is empty"], []),
    "an empty folder": (empty_folder, ["is a folder without Minari's data", "give such a folder"], []),
    "no file": (lambda folder: folder / "a.hdf5", ["no such file; give the path"], []),
    "an external link": (link(h5py.ExternalLink("outside.hdf5", "/actions")), ["'actions' is a link", "store"], []),
    "a soft link": (link(h5py.SoftLink("/rewards")), ["'actions' is a link", "store the values"], []),
    "a dangling link": (link(h5py.SoftLink("/nowhere")), ["'actions' is a link", "store the values"], []),
    "a virtual dataset": (changed(virtual), ["'actions' points into other files", "store the values"], []),
    "external storage": (changed(outside), ["'actions' points into other files", "store the values"], []),
    "a group for an array": (changed(lambda file, _: file.create_group("actions")), ["'actions' is a group"], []),
    "no values": (changed(lambda file, _: file.create_dataset("actions", dtype="f4")), ["a single value"], []),
    "oversize declaration": (changed(oversize), ["'actions' claims 8,000,000,000,000 bytes", "write it again"], []),
    "pickled npz": (pickled, ["'actions' holds object values", "save it as one float32 array"], []),
    "CSV with text": (csv(NAMES, (1, 0, 0, 0), (2, "up", 0, 1)), ["'actions_0' holds 'up' in line 3", "mend"], []),
    "CSV with a gap": (
        csv(NAMES, (1, 0, "", 0), (2, 0, 0, 1)),
        ["no value in column 'rewards' in 1 (the first in line 2)", "--fill"],
        [],
    ),
    "ragged CSV": (csv(NAMES, (1, 0, 0, 0), (2, 0)), ["line 3 has 2 cells, the header has 4", "drop"], []),
    "CSV without a header": (csv("1,0,0,0", (2, 0, 0, 1)), ["the first line is no header", "write the names"], []),
    "CSV with other names": (csv("x,u,r,done", (2, 0, 0, 1)), ["no 'observations' and no 'actions'", "--map obs="], []),
    "damaged Parquet": (damaged_parquet, ["this Parquet file is truncated or damaged"], []),
    "Minari with an episode cut short": (
        minari(observations=np.zeros((3, 3))),
        ["'episode_1/observations' has 3 rows, expected 4; drop that episode"],
        [],
    ),
    "Minari without actions": (minari(actions=None), ["no 'episode_1/actions'"], []),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_must_not_be_trained_on(tmp_path, capsys, fault):
    build, words, further = FAULTS[fault]
    path = build(tmp_path)
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        cli.main(["data", "check", str(path), *further])
    said = capsys.readouterr().err
    assert stop.value.code == 3
    assert said.startswith(f"pars: {path}") and said.count("\n") == 1 and said.endswith("\n"), said
    for part in words:
        assert part in said, f"{part!r} is not in {said!r}"
    assert re.search(r"; |needed are|expected", said), f"no remedy in {said!r}"


def test_more_faults_than_a_file_can_have_at_once():
    assert len(FAULTS) >= 26


@pytest.mark.parametrize(
    ("build", "mapping", "words"),
    [
        (csv("x,u,r,done", (2, 0, 0, 1)), {"obs": "y", "action": "u"}, "--map observations: unknown column 'y'"),
        (having(), {"obs": "observation"}, "unknown column 'observation'; did you mean observations"),
        (having(extra=np.zeros((N + 1, 1))), {"obs": "observations+extra"}, "joins columns of the shapes (200, 3), "),
        (having(), {"episode": "infos/qpos"}, "'episode' has shape (3, 2)"),
    ],
)
def test_mappings_to_what_is_not_there(tmp_path, build, mapping, words):
    with pytest.raises(DataError, match=re.escape(words)) as error:
        from_file(build(tmp_path), mapping=mapping)
    assert str(error.value).startswith(str(tmp_path)) and "\n" not in str(error.value)


def jumping(folder: Path) -> Path:
    """As AntMaze's v0 files: no timeouts, so that every new start is a jump within an episode."""
    data = columns(N, obs_dim=4, episode=10)
    data["observations"] = np.tile(np.linspace(0, 0.1, 10)[:, None] + 0.5, (20, 4)).astype(np.float32)
    data["observations"][:, :2] += np.repeat(np.arange(20) % 2, 10)[:, None] * 2.0
    data["terminals"][5] = True
    del data["timeouts"]
    return write_hdf5(folder / "a.hdf5", data)


# what may spoil a training -> (how to make the file, words of the warning, further words of the command)
WARNINGS: dict[str, tuple[Build, str, list[str]]] = {
    "no rewards": (having(rewards=np.zeros(N)), "all rewards are 0", []),
    "few rewards": (having(rewards=(np.arange(N) == 7) * 1.0), "only 1 rows carry a reward", []),
    "no timeouts": (having(timeouts=None, terminals=np.arange(N) % 10 == 9), "no 'timeouts'", []),
    "actions at the bound": (having(actions=np.sign(columns()["actions"])), "are at their bounds", []),
    "a column that never changes": (having(actions=columns()["actions"] * [1, 0]), "action columns that never", []),
    "a column twice": (having(actions=columns()["actions"][:, [0, 0]]), "action columns that are copies", []),
    "jumps as in AntMaze's first files": (jumping, "jumps between successive rows of one episode", ["--task", TASK]),
    "off the map": (
        lambda folder: write_hdf5(folder / "a.hdf5", columns(obs_dim=4) | {"observations": np.full((N, 4), 99.0)}),
        "are in walls or off the map",
        ["--task", TASK],
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_what_may_spoil_a_training(tmp_path, capsys, monkeypatch, name):
    build, words, further = WARNINGS[name]
    monkeypatch.setenv("COLUMNS", "400")
    cli.main(["data", "check", str(build(tmp_path)), *further])
    said = capsys.readouterr()
    assert words in said.out and not said.err, said
