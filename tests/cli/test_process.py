"""What a process is started with: streams that are closed or full, and variables that libraries read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pars.cli.explain import explain
from tests.data.files import columns, write_npz

COMMAND = [sys.executable, "-m", "pars.cli"]


def run(*words: str, streams: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    line = ["sh", "-c", f'exec "$@" {streams}', "sh", *COMMAND, *words]
    return subprocess.run(line, env={**os.environ, **variables}, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("streams", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_streams_that_are_closed_or_full_change_no_exit_code(own_folders: Path, streams: str) -> None:
    done = run("data", "check", "nope.npz", streams=streams)
    assert done.returncode == 3
    assert "pars:" not in done.stdout and ("nope.npz: no such file" in done.stderr) == (streams == ">&-")


def test_what_a_closed_stream_is_told_is_in_no_file(own_folders: Path) -> None:
    file = write_npz(own_folders / "own.npz", columns())
    before = file.read_bytes()
    done = run("data", "clean", "own.npz", "--out", "clean.hdf5", streams=">&- 2>&-")
    assert done.returncode == 0 and file.read_bytes() == before
    assert run("data", "check", "clean.hdf5").returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("JAX_ENABLE_X64", "maybe", "JAX_ENABLE_X64=maybe: invalid truth value"),
        ("JAX_PLATFORMS", "bogus,cpu", "JAX_PLATFORMS=bogus,cpu: Unable to initialize backend 'bogus'"),
    ],
)
def test_a_variable_that_a_library_refuses_is_named(own_folders: Path, name: str, value: str, words: str) -> None:
    write_npz(own_folders / "own.npz", columns())
    done = run("train", "bc", "--data", "own.npz", "--steps", "2", "--quiet", **{name: value})
    assert done.returncode == 2, done
    assert done.stderr.startswith(f"pars: {words}") and done.stderr.endswith("; correct it, or unset it\n")
    assert done.stderr.count("\n") == 1


def test_a_notebooks_drawing_is_no_matter_of_ours(own_folders: Path) -> None:
    write_npz(own_folders / "own.npz", columns())
    done = run("data", "check", "own.npz", "--html", "own.html", MPLBACKEND="bogus")
    assert done.returncode == 0 and (own_folders / "own.html").exists(), done


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RuntimeError("invalid value for environment variable MUJOCO_GL: bogus"), 2, "MUJOCO_GL=bogus: invalid value"),
        (ValueError('Invalid value "x" for JAX flag jax_logging_level'), 2, "JAX_LOGGING_LEVEL=x: Invalid value"),
        (ValueError("shapes differ"), 1, "internal error: ValueError: shapes differ"),
        (ValueError("jax_enable_checks"), 1, "internal error: ValueError: jax_enable_checks"),  # is not set
        (KeyError("MUJOCO_GL"), 1, "internal error: KeyError"),
    ],
)
def test_only_what_names_a_variable_that_is_set_is_laid_to_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int, words: str
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "bogus")
    monkeypatch.setenv("JAX_LOGGING_LEVEL", "x")
    assert explain(error) == code
    assert capsys.readouterr().err.startswith(f"pars: {words}")
