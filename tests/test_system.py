"""What the machine has, and files written whole or not at all."""

import errno
import importlib.util
import os
import stat
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pars import system
from pars.system import LEFT_BEHIND, free_on_host, replacing, write_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_free_memory_is_within_the_machine_and_its_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(system, "CONTAINER", tmp_path)
    free = free_on_host()
    assert 0 < free <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    facts = {"max": "5000\n", "current": "3000\n", "stat": "anon 1000\nactive_file 700\ninactive_file 300\n"}
    for name, text in facts.items():
        (tmp_path / f"memory.{name}").write_text(text)
    assert free_on_host() == 5000 - 3000 + 1000  # what is cached of files counts as free
    (tmp_path / "memory.max").write_text("max\n")
    assert free_on_host() > 5000


def test_a_gpu_is_one_that_jax_will_look_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(system, "DEVICES", tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "jax_cuda13_plugin" or None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "nvidiactl").touch()
    assert not system.has_gpu()
    (tmp_path / "nvidia0").touch()
    assert system.has_gpu()
    for allowed, found in (("cpu", False), ("cuda,cpu", True)):
        monkeypatch.setattr(system.jax, "config", SimpleNamespace(jax_platforms=allowed))
        assert system.has_gpu() == found
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not system.has_gpu()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not system.has_gpu()


def test_a_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "below" / "status.json"
    write_whole(file, "old")
    mode = file.stat().st_mode
    (tmp_path / "plain").touch()
    assert mode == (tmp_path / "plain").stat().st_mode

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(system, "sync", full)
        with pytest.raises(OSError) as refused:
            write_whole(file, "new")
    assert refused.value.filename == str(file)
    assert file.read_text() == "old" and names(file.parent) == ["status.json"]
    write_whole(file, "ä".encode())
    assert file.read_text(encoding="utf-8") == "ä" and names(file.parent) == ["status.json"]


def test_what_fails_leaves_no_trace(tmp_path: Path) -> None:
    file = tmp_path / "data.npz"
    with pytest.raises(RuntimeError), replacing(file) as aside:
        assert aside.suffix == ".npz" and aside.parent != tmp_path
        aside.write_text("half")
        raise RuntimeError
    assert names(tmp_path) == []


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    for name in ("first", "second"):
        with replacing(folder) as aside:
            (aside / "deep").mkdir(parents=True)
            (aside / "deep" / name).touch()
        assert names(folder / "deep") == [name] and names(tmp_path) == ["copy"]


def test_a_file_takes_no_folders_place(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    with pytest.raises(IsADirectoryError) as refused:
        write_whole(tmp_path / "pages", "text")
    assert refused.value.filename == str(tmp_path / "pages") and names(tmp_path) == ["pages"]


def test_an_error_about_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as refused, replacing(tmp_path / "copy"):
        (tmp_path / "source").read_text()
    assert refused.value.filename == str(tmp_path / "source")


def test_what_a_killed_process_left_goes_after_a_day(tmp_path: Path) -> None:
    for name, age in (
        (".run[1].json.killed_1", LEFT_BEHIND + 60),
        (".run[1].json.living_1", 60),
        (".run1.json.others_1", 1e6),
    ):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, time.time() - age))
    write_whole(tmp_path / "run[1].json", "{}")
    assert names(tmp_path) == [".run1.json.others_1", ".run[1].json.living_1", "run[1].json"]


def test_a_cache_that_cannot_be_written_to_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARS_CACHE_DIR", "/proc/nothing")
    with pytest.warns(UserWarning, match="compiled programs are not kept .*/proc/nothing.*set PARS_CACHE_DIR"):
        system.setup(cache=True)


def test_names_of_files_in_another_encoding_can_be_written(tmp_path: Path) -> None:
    write_whole(tmp_path / "page", os.fsdecode(b"L\xe4ufe") + "ü")
    assert (tmp_path / "page").read_text(encoding="utf-8") == "L\\udce4ufeü"


def test_nothing_takes_the_place_of_a_device_or_a_pipe(tmp_path: Path) -> None:
    """As root, /dev/null itself would be a file afterwards."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="is a device or a pipe; name a file") as refused, replacing(tmp_path / name):
            pass
        assert refused.value.filename == str(tmp_path / name)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        write_whole(tmp_path / name, "text")
        assert os.read(reader, 10) == b"text"
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode) and sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]


def test_a_folder_that_another_process_has_put_there_in_between_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two conversions of one file do that end together."""
    real, calls = Path.replace, list[Path]()

    def late(new: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 1:
            target.mkdir()
            (target / "theirs").write_text("1")
        return real(new, target)

    monkeypatch.setattr(Path, "replace", late)
    with replacing(tmp_path / "rows") as aside:
        aside.mkdir()
        (aside / "ours").write_text("2")
    assert len(calls) == 2 and [path.name for path in tmp_path.rglob("*")] == ["rows", "ours"]
