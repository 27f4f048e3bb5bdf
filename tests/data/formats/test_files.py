"""Reading HDF5 and npz: content, damage, size, files that point elsewhere, and the cut into transitions."""

import contextlib
import errno
import io
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import h5py
import numpy as np
import pytest

from pars.data import load_dataset
from pars.data.formats.files import read_columns
from pars.envs import make_task
from pars.errors import DataError, ResourceError
from tests.data.files import columns, write_hdf5, write_npz

WRITERS = [(write_hdf5, "a.hdf5"), (write_npz, "a.npz")]


def refused(path, words: str) -> None:
    with pytest.raises(DataError, match=re.escape(words)) as error:
        read_columns(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_reads_what_was_written_and_ignores_the_rest(tmp_path, write, name):
    data = columns()
    read = read_columns(write(tmp_path / name, data | {"extra": np.zeros(3)}))
    assert set(read) == set(data)
    for key in data:
        assert (read[key] == data[key]).all() and read[key].dtype == data[key].dtype


def test_content_decides_not_the_suffix(tmp_path):
    assert len(read_columns(write_hdf5(tmp_path / "a.data", columns()))) == 5


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_missing_key_lists_what_there_is(tmp_path, write, name):
    data = columns()
    del data["rewards"], data["terminals"]
    path = write(tmp_path / name, data)
    refused(path, "no 'rewards' and no 'terminals' (the file has actions, ")
    refused(path, "what looks at no reward, such as bc or hiql, trains with --map reward=0,terminal=0")


@pytest.mark.parametrize(("write", "name"), WRITERS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_truncated(tmp_path, write, name, share):
    path = write(tmp_path / name, columns())
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path, "truncated")


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_damaged_inside(tmp_path, write, name):
    path = write(tmp_path / name, columns(5000))
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : third + 2000] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_columns(path)


def test_not_a_dataset_at_all(tmp_path):
    refused(tmp_path / "absent.hdf5", "no such file")
    refused(tmp_path, "is a folder")
    (tmp_path / "page.hdf5").write_text("\n<!DOCTYPE html><title>404</title>")
    refused(tmp_path / "page.hdf5", "is a web page")
    (tmp_path / "a.hdf5").write_text("hello")
    refused(tmp_path / "a.hdf5", "neither HDF5 nor npz")
    (tmp_path / "b.npz").write_bytes(b"")
    refused(tmp_path / "b.npz", "empty")


def test_objects_are_not_unpickled(tmp_path):
    refused(write_npz(tmp_path / "a.npz", columns() | {"actions": np.array([None] * 200)}), "'actions' holds object")
    text = [b"x"] * 200
    refused(write_hdf5(tmp_path / "a.hdf5", columns() | {"actions": text}), "'actions' holds object values")


@pytest.mark.parametrize("target", ["outside", "absent"])
def test_links_are_refused(tmp_path, target):
    write_hdf5(tmp_path / "outside.hdf5", columns())
    path = tmp_path / "a.hdf5"
    for link in (h5py.ExternalLink(f"{target}.hdf5", "/actions"), h5py.SoftLink(f"/{target}")):
        data = columns()
        del data["actions"]
        write_hdf5(path, data)
        with h5py.File(path, "a") as file:
            file["actions"] = link
        refused(path, "'actions' is a link")


def test_virtual_and_external_storage_are_refused(tmp_path):
    write_hdf5(tmp_path / "outside.hdf5", columns())
    data = columns()
    del data["actions"]
    path = write_hdf5(tmp_path / "a.hdf5", data)
    layout = h5py.VirtualLayout((200, 2), np.float32)
    layout[:] = h5py.VirtualSource(str(tmp_path / "outside.hdf5"), "actions", (200, 2))
    with h5py.File(path, "a") as file:
        file.create_virtual_dataset("actions", layout)
    refused(path, "'actions' points into other files")
    with h5py.File(path, "a") as file:
        del file["actions"]
        (tmp_path / "raw").write_bytes(bytes(1600))
        file.create_dataset("actions", (200, 2), "f4", external=[(str(tmp_path / "raw"), 0, 1600)])
    refused(path, "'actions' points into other files")
    with h5py.File(path, "a") as file:
        del file["actions"]
        file.create_group("actions")
    refused(path, "'actions' is a group")


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"fillvalue": 1.0}])
def test_a_small_file_that_claims_to_be_huge_is_refused_before_it_is_read(tmp_path, options):
    data = columns()
    del data["actions"]
    path = write_hdf5(tmp_path / "a.hdf5", data)
    with h5py.File(path, "a") as file:
        file.create_dataset("actions", (10**12, 2), "f4", chunks=(1000, 2), **options)
        file["actions"][:1000] = 0.5
    refused(path, "'actions' claims 8,000,000,000,000 bytes, but only ")


def test_what_compresses_well_is_no_false_claim(tmp_path):
    data = columns(10) | {key: np.zeros(70_000_000, bool) for key in ("terminals",)}
    assert len(read_columns(write_hdf5(tmp_path / "a.hdf5", data))["terminals"]) == 70_000_000


def test_more_than_the_memory_is_refused_unless_there_is_a_scratch_folder(tmp_path, monkeypatch):
    path = write_hdf5(tmp_path / "a.hdf5", columns())
    monkeypatch.setattr("os.sysconf", lambda name: 50)
    with pytest.raises(ResourceError, match="of memory are free; keep fewer rows"):
        read_columns(path)
    assert len(read_columns(path, scratch=tmp_path / "scratch", in_memory=0)) == 5
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("usage", (), {"free": 99}))
    with pytest.raises(ResourceError, match="free some, or set PARS_DATA_DIR"):
        read_columns(path, scratch=tmp_path / "scratch", in_memory=0)


@pytest.mark.parametrize(("write", "name"), WRITERS)
@pytest.mark.parametrize("block", [1, 100, 2**25])
def test_block_by_block_into_memory_maps(tmp_path, monkeypatch, write, name, block):
    monkeypatch.setattr("pars.data.formats.layout.BLOCK", block)
    data = columns() | {"observations": np.asfortranarray(columns()["observations"])}
    read = read_columns(write(tmp_path / name, data), scratch=tmp_path / "scratch", in_memory=0)
    for key, values in data.items():
        assert isinstance(read[key], np.memmap) and not read[key].flags.writeable
        assert (read[key] == values).all() and read[key].dtype == values.dtype
    assert not isinstance(read_columns(tmp_path / name, scratch=tmp_path / "other")["actions"], np.memmap)


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_a_full_disk_is_not_taken_for_a_damaged_file(tmp_path, monkeypatch, write, name):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = write(tmp_path / name, columns())
    monkeypatch.setattr("numpy.ascontiguousarray", full)
    with pytest.raises(OSError, match="No space left"):
        read_columns(path, scratch=tmp_path / "scratch", in_memory=0)


@pytest.mark.parametrize(("write", "name", "reads"), [
    (write_npz, "a.npz", "zipfile.ZipExtFile.read"),
    (write_npz, "a.npz", "zipfile.ZipFile.__init__"),
    (write_npz, "a.npz", "zipfile._EndRecData"),
    (write_hdf5, "a.hdf5", "h5py.Dataset.__getitem__"),
    (write_hdf5, "a.hdf5", "h5py.File.__init__"),
])  # fmt: skip
def test_a_disk_that_does_not_answer_is_not_taken_for_a_damaged_file(tmp_path, monkeypatch, write, name, reads):
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = write(tmp_path / name, columns())
    monkeypatch.setattr(reads, fail)
    with pytest.raises(OSError, match=f"Input/output error: '{path}'"):
        read_columns(path)


def test_a_csv_file_on_a_disk_that_does_not_answer(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def opened(path: object) -> Iterator[object]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
        yield

    (tmp_path / "a.csv").write_text("obs_0,action_0,reward,done\n" + "1,0,0,0\n" * 9)
    monkeypatch.setattr("pars.data.formats.tables.opened", opened)
    with pytest.raises(OSError, match=f"Input/output error: '{tmp_path}/a.csv'"):
        read_columns(tmp_path / "a.csv")


def test_an_npz_member_that_is_not_what_its_header_says(tmp_path):
    path = write_npz(tmp_path / "a.npz", columns())
    content = io.BytesIO()
    np.save(content, columns()["actions"])
    for claim in (b"(300, 2)", b"(100, 2)", b"(200, 9)"):
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "b.npz", "w") as new:
            for name in old.namelist():
                changed = content.getvalue().replace(b"(200, 2)", claim)
                new.writestr(name, changed if name == "actions.npy" else old.read(name))
        refused(tmp_path / "b.npz", "'actions' claims ")


def test_what_the_simulator_recorded_only_when_asked_for(tmp_path):
    data = columns(20)
    states = {"infos/qpos": np.arange(40.0).reshape(20, 2), "infos/door_body_pos": np.ones((20, 3))}
    passed_over = {
        "infos/short": np.zeros(3),
        "infos/text": [b"x"] * 20,
        "metadata/policy/fc0/weight": np.zeros((9, 9)),
    }
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        for key, values in (data | states | passed_over).items():
            file[key] = values
        file["infos/elsewhere"] = h5py.ExternalLink("b.hdf5", "/actions")
    np.savez(tmp_path / "a.npz", **(data | states | {"infos/short": np.zeros(3)}))
    for name in ("a.hdf5", "a.npz"):
        assert set(read_columns(tmp_path / name)) == set(data)
        read = read_columns(tmp_path / name, infos=True)
        assert set(read) == set(data) | set(states)
        assert (read["infos/qpos"] == states["infos/qpos"]).all()


def reference(data: dict[str, np.ndarray], time_limit: int) -> list[tuple[int, bool]]:
    """D4RL's `qlearning_dataset`, one row at a time: (row, terminal) of every transition; its next row follows."""
    kept, step = [], 0
    for i in range(len(data["rewards"]) - 1):
        terminal = bool(np.reshape(data["terminals"][i], ()))
        final = bool(np.reshape(data["timeouts"][i], ())) if "timeouts" in data else step == time_limit - 1
        if final:
            step = 0
            continue
        if terminal:
            step = 0
        kept.append((i, terminal))
        step += 1
    return kept


def quirks(seed: int) -> dict[str, np.ndarray]:
    """150 rows with the peculiarities of published files, each present in about half of the seeds."""
    rng = np.random.default_rng(seed)
    data = columns(150, obs_dim=4, episode=13, seed=seed)  # 150 is no multiple of 13: the last episode is unfinished
    data["terminals"] = rng.random(150) < (0.05, 0.5)[seed % 2]
    data["terminals"][25] = True  # also a timeout
    own, column, floats, without = (bool(seed & bit) for bit in (2, 4, 8, 16))
    if own:
        data["next_observations"] = rng.normal(size=(150, 4)).astype(np.float32)  # must be passed over
    if column:
        data = {key: values[:, None] if values.ndim == 1 else values for key, values in data.items()}
    if floats:
        data["terminals"] = data["terminals"].astype(np.float64)
        data["observations"] = data["observations"].astype(np.float64)
    if without:
        del data["timeouts"]
    return data


@pytest.mark.usefixtures("own_folders")
@pytest.mark.parametrize("seed", range(32))
def test_loading_equals_qlearning_dataset_row_by_row(tmp_path, seed):
    data = quirks(seed)
    write, name = WRITERS[seed % 3 == 0]
    task = replace(make_task("pointmaze-umaze-diverse"), time_limit=11)
    loaded = load_dataset(write(tmp_path / name, data), task=task, next_obs="shift")
    rows, terminal = map(np.array, zip(*reference(data, task.time_limit), strict=True))
    expected = (
        data["observations"][rows],
        data["actions"][rows],
        data["rewards"].reshape(-1)[rows],
        data["observations"][rows + 1],
        terminal,
    )
    assert len(rows) == len(loaded.last)
    for got, want in zip(loaded.columns[:5], expected, strict=True):
        assert got.dtype == np.float32 and (got == want.astype(np.float32)).all()
