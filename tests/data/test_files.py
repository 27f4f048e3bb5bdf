"""Reading files: both formats, damage, and files that point elsewhere."""

import re

import h5py
import numpy as np
import pytest

from pars.data.files import read_columns
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
    refused(write(tmp_path / name, data), "no 'rewards' and no 'terminals' (the file has actions, ")


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


def test_a_small_file_that_claims_to_be_huge_is_refused_before_it_is_read(tmp_path):
    data = columns()
    del data["actions"]
    path = write_hdf5(tmp_path / "a.hdf5", data)
    with h5py.File(path, "a") as file:
        file.create_dataset("actions", (10**12, 2), "f4", chunks=(1000, 2))
    with pytest.raises(ResourceError, match="of memory; keep fewer rows"):
        read_columns(path)
