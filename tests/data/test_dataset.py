"""Loading through the converted copy: same content, memory-mapped, verified, renewed when the source changes."""

import json
import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from pars.cli.explain import explain
from pars.data import cache, from_arrays, from_file, load_dataset
from pars.data.cache import SETTLED, data_folder, file_sha256
from pars.data.checking import scan
from pars.data.formats.files import read_columns
from pars.envs import make_task
from pars.errors import DataError, ResourceError, UsageError
from tests.data.files import columns, write_hdf5, write_npz

pytestmark = pytest.mark.usefixtures("own_folders")


def converted() -> list:
    return sorted((data_folder() / "converted").iterdir())


def same(a, b) -> bool:
    pairs = zip([*a.columns[:5], a.last], [*b.columns[:5], b.last], strict=True)
    return all((x == y).all() and x.dtype == y.dtype for x, y in pairs)


def test_both_formats_and_arrays_are_the_same_dataset(tmp_path):
    data = columns()
    loaded = [
        from_file(write_hdf5(tmp_path / "a.hdf5", data)),
        from_file(write_npz(tmp_path / "a.npz", data)),
        from_arrays(data),
    ]
    assert same(loaded[0], loaded[1]) and same(loaded[0], loaded[2])
    assert len({dataset.fingerprint for dataset in loaded}) == 1 and len(loaded[0].fingerprint) == 64
    assert loaded[0].card == loaded[2].card
    assert [dataset.name for dataset in loaded] == ["a", "a", "arrays"]
    assert loaded[0].source == str(tmp_path / "a.hdf5")
    other = from_arrays(data | {"rewards": data["rewards"] + 1})
    assert other.fingerprint != loaded[0].fingerprint


def test_second_load_maps_the_copy(tmp_path, monkeypatch):
    path = write_npz(tmp_path / "a.npz", columns())
    first = from_file(path)
    monkeypatch.setattr("pars.data.dataset.read_columns", None)  # calling it would fail
    second = from_file(path)
    assert same(first, second) and first.fingerprint == second.fingerprint and first.card == second.card
    assert isinstance(second.columns.obs, np.memmap) and not second.columns.obs.flags.writeable
    assert len(converted()) == 1


def test_options_and_task_have_copies_of_their_own(tmp_path):
    data = columns(obs_dim=4)
    path = write_npz(tmp_path / "a.npz", data | {"next_observations": data["observations"]})
    assert len(from_file(path).last) == 180
    assert len(from_file(path, next_obs="file").last) == 200
    assert from_file(path, task=make_task("pointmaze-umaze-diverse")).card["maze"]["name"] == "umaze"
    assert from_file(path, task=make_task("pointmaze-large-play")).card["maze"]["name"] == "large"
    assert len(converted()) == 4


def test_a_changed_source_is_converted_anew(tmp_path):
    path = write_npz(tmp_path / "a.npz", columns())
    first = from_file(path)
    stamp = path.stat().st_mtime_ns
    write_npz(path, columns(seed=1))  # same size
    os.utime(path, ns=(stamp, stamp))  # and, as on coarse clocks, the same time
    second = from_file(path)
    assert not same(first, second) and first.fingerprint != second.fingerprint


def test_hashes_are_remembered_for_files_at_rest(tmp_path):
    path = write_npz(tmp_path / "a.npz", columns())
    digest = file_sha256(path)
    assert not (data_folder() / "index").exists()  # just written
    past = path.stat().st_mtime - 10 * SETTLED
    os.utime(path, (past, past))
    assert file_sha256(path) == digest
    (entry,) = (data_folder() / "index").iterdir()
    recorded = json.loads(entry.read_text())
    entry.write_text(json.dumps([*recorded[:3], "remembered"]))
    assert file_sha256(path) == "remembered"
    entry.write_text("{ damaged")
    assert file_sha256(path) == digest


@pytest.mark.parametrize("damage", ["shorter", "missing", "manifest"])
def test_a_damaged_copy_is_made_again(tmp_path, damage):
    path = write_npz(tmp_path / "a.npz", columns())
    good = from_file(path)
    column = converted()[0] / "packed.npy"
    if damage == "shorter":
        column.write_bytes(column.read_bytes()[:-4])
    elif damage == "missing":
        column.unlink()
    else:
        (converted()[0] / "manifest.json").write_text('{"columns": ')
    assert same(from_file(path), from_arrays(columns()))
    assert from_file(path).fingerprint == good.fingerprint and len(converted()) == 1


def flip(path, at, bits=1):
    content = bytearray(path.read_bytes())
    content[at] ^= bits
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "at"), [("packed.npy", -40), ("last.npy", -40), ("manifest.json", -40), ("last.npy", 67)]
)  # 67: in the header, which then is no Python
def test_a_flipped_bit_is_found_before_the_copy_is_used(tmp_path, name, at):
    path = write_npz(tmp_path / "a.npz", columns())
    good = np.array(from_file(path).packed)
    flip(converted()[0] / name, at, 8)
    again = from_file(path)
    assert (again.packed == good).all() and again.fingerprint == from_arrays(columns()).fingerprint
    assert (np.load(converted()[0] / "packed.npy") == good).all()  # mended


def test_a_copy_at_rest_is_hashed_once_unless_asked(tmp_path, monkeypatch):
    path = write_npz(tmp_path / "a.npz", columns())
    from_file(path)
    for column in converted()[0].glob("*.npy"):
        os.utime(column, (0, 0))
    from_file(path)
    hashed = []
    monkeypatch.setattr(cache, "array_sha256", lambda array, real=cache.array_sha256: hashed.append(1) or real(array))
    from_file(path)
    assert not hashed
    from_file(path, verify=True)
    assert len(hashed) == 2
    flip(converted()[0] / "packed.npy", -1)
    os.utime(converted()[0] / "packed.npy", (0, 0))  # its size and its time say nothing
    from_file(path)
    assert (np.load(converted()[0] / "packed.npy") == from_arrays(columns()).packed).all()


def test_no_trace_of_a_refused_file(tmp_path):
    path = write_npz(tmp_path / "a.npz", columns() | {"rewards": np.full(200, np.nan)})
    for _ in range(2):
        with pytest.raises(DataError, match=re.escape(f"{path}: 'rewards' has 200 NaN")):
            from_file(path)
    assert not (data_folder() / "converted").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    path = write_npz(tmp_path / "a.npz", columns())
    (tmp_path / "file").touch()
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(ResourceError, match=r"cannot write .*; free some space, or set PARS_DATA_DIR"):
        from_file(path)


def test_wrong_choice_of_next_obs(tmp_path):
    with pytest.raises(UsageError, match="next_obs='both'; choose shift"):
        from_file(write_npz(tmp_path / "a.npz", columns()), next_obs="both")  # type: ignore[arg-type]


def test_load_dataset_takes_paths(tmp_path, monkeypatch):
    write_npz(tmp_path / "a.npz", columns())
    assert load_dataset(tmp_path / "a.npz").name == "a"
    monkeypatch.chdir(tmp_path)
    assert load_dataset("a.npz").fingerprint == load_dataset("./a.npz").fingerprint
    with pytest.raises(DataError, match="no such file"):
        load_dataset("b.npz")
    with pytest.raises(DataError, match="no such file"):
        load_dataset("folder/b")
    with pytest.raises(UsageError, match="a file is taken as it is"):
        load_dataset("a.npz", rows=10)


def test_the_card_says_how_the_file_was_made(tmp_path):
    path = write_hdf5(tmp_path / "a.hdf5", columns())
    before = from_file(path)
    assert "made" not in before.card
    for said in ("a twin,\nnot D4RL's file", "a twin, not D4RL's file"):
        with h5py.File(path, "a") as file:
            file.attrs["made"] = said
        assert from_file(path).card == before.card | {"made": "a twin, not D4RL's file"}
    with h5py.File(path, "a") as file:
        file.attrs["made"] = np.zeros(3)
    assert "made" not in from_file(path).card


def test_folder_for_data(monkeypatch, tmp_path):
    assert data_folder() == tmp_path / "data"
    monkeypatch.delenv("PARS_DATA_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert str(data_folder()) == "/x/pars/datasets"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_folder().parts[-3:] == (".cache", "pars", "datasets")


def test_statistics_are_those_of_the_transitions(tmp_path, monkeypatch):
    """In chunks as in one piece, and where the mean is large beside the spread."""
    monkeypatch.setattr(scan, "CHUNK", 7)
    data = columns() | {"observations": columns()["observations"] + np.array([0, 1000, -3], np.float32)}
    data["observations"][:, 2] = 4.0
    loaded = [from_arrays(data), from_file(write_npz(tmp_path / "a.npz", data))]
    for dataset in [*loaded, from_file(tmp_path / "a.npz")]:
        obs = np.asarray(dataset.columns.obs, np.float64)
        np.testing.assert_allclose(dataset.obs_mean, obs.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(dataset.obs_std, obs.std(axis=0), rtol=1e-6, atol=1e-12)
        assert dataset.obs_mean.dtype == dataset.obs_std.dtype == np.float32
    assert same(loaded[0], loaded[1]) and loaded[0].fingerprint == loaded[1].fingerprint


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_too_large_for_memory_give_the_same_dataset(tmp_path, monkeypatch, dtype):
    """They come as memory maps, from a folder that is gone afterwards."""
    data = {key: values.astype(dtype) for key, values in columns().items()}
    path = write_npz(tmp_path / "a.npz", data)
    want = from_arrays(data, columns=("next_action",))
    monkeypatch.setattr(scan, "CHUNK", 7)
    seen = []

    def on_disk(*args, **options):
        seen.append(read_columns(*args, **options, in_memory=1))
        return seen[-1]

    monkeypatch.setattr("pars.data.dataset.read_columns", on_disk)
    got = from_file(path, columns=("next_action",))
    assert isinstance(seen[0]["observations"], np.memmap)
    assert same(got, want) and got.fingerprint == want.fingerprint
    np.testing.assert_array_equal(got.extra["next_action"], want.extra["next_action"])
    np.testing.assert_array_equal(got.obs_mean, want.obs_mean)
    assert all(not folder.name.startswith(".") for folder in converted())


def test_columns_are_views_of_the_packed_rows():
    dataset = from_arrays(columns())
    assert dataset.packed.shape == (180, 10) and dataset.packed.dtype == np.float32
    assert all(np.shares_memory(column, dataset.packed) for column in dataset.columns[:5])


def test_arrays_are_no_path() -> None:
    with pytest.raises(UsageError, match="takes an id or a path, not a dict; of arrays `from_arrays` makes"):
        load_dataset({"observations": np.zeros((2, 1))})  # type: ignore[arg-type]


def test_a_disk_that_does_not_answer_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pars.data.dataset.digest", fails)
    with pytest.raises(OSError, match="Input/output error") as caught:
        load_dataset(tmp_path / "a.npz")
    assert caught.value.filename == str(tmp_path / "a.npz") and explain(caught.value) == 7
