"""Chunks that are unpacked in threads hold what the HDF5 library reads, and damage is said in the same words."""

from __future__ import annotations

import errno
import os
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pars.data.formats import hdf5
from pars.data.formats.files import read_columns
from pars.errors import DataError, ResourceError
from tests.data.files import columns, write_hdf5

RNG = np.random.default_rng(0)
SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {  # of the array, of a chunk
    "vector": ((100,), (7,)),
    "columns of their own": ((100, 5), (8, 1)),
    "whole rows": ((100, 5), (8, 5)),
    "neither": ((100, 5), (9, 2)),
    "three axes": ((40, 5, 3), (9, 2, 2)),
}
PACKINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "gzip": {"compression": "gzip"},
    "shuffled": {"compression": "gzip", "shuffle": True},
    "with sums": {"compression": "gzip", "fletcher32": True},
    "shuffled only": {"shuffle": True},
}
DTYPES = ("<f4", ">f8", "<i8", "u1", "?", "<f2")


def read(path: Path, step: int, key: str = "x") -> np.ndarray:
    with hdf5.opened(path) as file:
        return np.concatenate([*hdf5.column(path, file, key).blocks(step)])


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_as_the_library_reads_it(tmp_path: Path, shape: str, packing: str, dtype: str) -> None:
    whole, chunks = SHAPES[shape]
    array = RNG.integers(0, 200, whole).astype(dtype)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.create_dataset("x", data=array, chunks=chunks, **PACKINGS[packing])
    for step in (100, 33):
        np.testing.assert_array_equal(read(tmp_path / "a.hdf5", step), array)


def test_which_files_are_unpacked_here(tmp_path: Path) -> None:
    """D4RL's are: gzip, single columns of numbers."""
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        for name, packing in PACKINGS.items():
            file.create_dataset(name, data=np.zeros((100, 2), np.float32), chunks=(10, 1), **packing)
        file.create_dataset("flags", data=np.zeros(100, bool), chunks=(10,))
        file.create_dataset("whole", data=np.zeros(100, np.float32))
        assert {name for name in file if hdf5._in_common_chunks(file[name])} == {"plain", "gzip", "shuffled"}


def test_chunks_that_were_never_written_hold_the_fill_value(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        item = file.create_dataset("x", (100, 3), "f4", chunks=(10, 1), compression="gzip", fillvalue=0.5)
        item[35:52, 1] = 2.0
    want = np.full((100, 3), 0.5, np.float32)
    want[35:52, 1] = 2.0
    np.testing.assert_array_equal(read(tmp_path / "a.hdf5", 40), want)


def test_chunks_that_could_not_be_packed_are_read(tmp_path: Path) -> None:
    """HDF5 stores a chunk as it is where a filter failed, and notes that with the chunk."""
    array = np.arange(40, dtype=np.float32)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        item = file.create_dataset("x", data=array, chunks=(10,), compression="gzip")
        item.id.write_direct_chunk((10,), array[10:20].tobytes(), filter_mask=1)
    np.testing.assert_array_equal(read(tmp_path / "a.hdf5", 40), array)


def test_a_damaged_group_or_name_and_a_type_that_numpy_lacks_are_one_line(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.hdf5", columns())
    content = path.read_bytes()
    for old, new in {b"rewards\0": b"\xffewards\0", b"HEAP": b"HEAQ", b"SNOD": b"SNOE"}.items():
        assert old in content
        path.write_bytes(content.replace(old, new))
        with pytest.raises(DataError, match=r"a.hdf5: (this HDF5 file is damaged|no 'rewards')") as caught:
            read_columns(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(content)
    with h5py.File(path, "a") as file:
        del file["rewards"]
        h5py.h5d.create(file.id, b"rewards", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((200,)))
    with pytest.raises(DataError, match=r"a.hdf5: this HDF5 file is damaged, or holds what NumPy has no type for"):
        read_columns(path)


def test_a_full_disk_is_a_line_whatever_hdf5_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 itself touches no disk: at some errors of one it ends the process."""
    hdf5.write(tmp_path / "a.hdf5", columns(), {"made": "here"})

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ResourceError, match=r"cannot write .*b.hdf5: No space left on device; free some space"):
        hdf5.write(tmp_path / "b.hdf5", columns(), {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.hdf5"]


@pytest.mark.parametrize("packing", ["gzip", "shuffled"])
@pytest.mark.parametrize("damage", ["bits", "short", "long"])
def test_a_damaged_chunk_is_one_line(tmp_path: Path, packing: str, damage: str) -> None:
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        item = file.create_dataset("x", data=RNG.normal(size=100), chunks=(10,), **PACKINGS[packing])
        stored = item.id.read_direct_chunk((30,))[1]
        changed = {
            "bits": stored[:20] + bytes(9) + stored[29:],
            "short": zlib.compress(bytes(7)),
            "long": stored[: len(stored) // 2],
        }[damage]
        item.id.write_direct_chunk((30,), changed)
    with pytest.raises(DataError, match=r"a.hdf5: 'x' is truncated or damaged; copy or download the file again"):
        read(path, 100)
