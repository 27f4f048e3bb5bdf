"""The user's home, where there is one, and the folders that variables name."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from pars.data import d4rl
from pars.data.cache import data_folder
from pars.data.formats import minari
from pars.errors import UsageError
from pars.places import cache_folder, user_folder, user_path
from tests.data.files import columns, write_npz

FOLDERS = {"PARS_DATA_DIR": data_folder, "PARS_CACHE_DIR": cache_folder, "MINARI_DATASETS_PATH": minari.data_folder}


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without an account, as in a container that runs under any number."""

    def nobody(uid: int) -> None:
        raise KeyError(uid)

    for name in ("HOME", "XDG_CACHE_HOME", "D4RL_DATASET_DIR", *FOLDERS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)


def test_a_folder_is_said_or_lies_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLACE", "~/mine")
    assert user_folder("PLACE", "datasets") == tmp_path / "mine"
    monkeypatch.delenv("PLACE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert user_folder("PLACE", "datasets") == tmp_path / ".cache" / "pars" / "datasets"


@pytest.mark.parametrize("name", FOLDERS)
def test_without_a_home_the_variable_is_named(homeless: None, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(UsageError, match=f"no home folder is known; set {name} to a folder, or HOME"):
        FOLDERS[name]()
    monkeypatch.setenv(name, "/there")
    assert FOLDERS[name]() == Path("/there")


@pytest.mark.parametrize("name", [*FOLDERS, "D4RL_DATASET_DIR"])
def test_a_home_that_nobody_has_is_said(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "~nobody-of-that-name/x")
    with pytest.raises(UsageError, match=f"{name}=~nobody-of-that-name/x: there is no such home"):
        FOLDERS.get(name, lambda: d4rl.find("hopper-medium-v2"))()


def test_d4rls_files_are_found_without_a_home(homeless: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path))
    assert d4rl.find("hopper-medium-v2") is None


def test_a_file_may_begin_like_a_home() -> None:
    assert user_path("~$rows.csv") == Path("~$rows.csv")
    assert user_path("~/rows.csv") == Path.home() / "rows.csv"


def test_without_a_cache_folder_the_command_goes_on(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "own.npz", columns())
    line = [sys.executable, "-m", "pars.cli", "data", "check", str(file)]
    told = os.environ | {"PARS_CACHE_DIR": "~nobody-of-that-name/x"}
    done = subprocess.run(line, env=told, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done
    assert "warning: compiled programs are not kept: PARS_CACHE_DIR=~nobody-of-that-name/x: there is" in done.stderr
