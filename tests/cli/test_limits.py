"""Absurd sizes are refused before any work, errors of the system name a file and a number, and nothing that a file
holds reaches the terminal as a command to it."""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from pars.errors import printable
from tests.cli.said import Pars, one_line
from tests.data.files import columns, write_hdf5, write_npz

LIMITS = {
    "seed=0..1000000000": "range '0..1000000000' in 'seed=0..1000000000' has more than 10,000 values",
    "discount=0.9,0.99 polyak=0.1,0.2 critics=1..5000": "are more than 10,000 combinations",
    "--steps 1000000000000000000": "steps=1000000000000000000 must be at most 2,147,483,647",
    "--eval-episodes 10000000": "eval_episodes=10000000 must be at most 100,000",
    "hidden=99999999999x8": "setting hidden=99999999999x8 is too large",
    "critics=99999999999": "setting critics=99999999999 is too large",
    "reward_scale=0": "setting reward_scale=0 must be above 0",
    "infeasible_distance=-0.5": "setting infeasible_distance=-0.5 must be at least 1",
    "infeasible_distance=0.5": "setting infeasible_distance=0.5 must be at least 1",
    "batch_size=100000": "batch_size=100000 is more than the 180 rows of my; give at most 180",
}


@pytest.mark.parametrize("words", LIMITS)
def test_absurd_sizes_are_refused_at_once(pars: Pars, own_folders: Path, words: str) -> None:
    file = write_npz(own_folders / "my.npz", columns())
    begin = time.process_time()
    one_line(pars("train", "pars", *words.split(), "--data", file, "--quiet"), 2, LIMITS[words])
    assert time.process_time() - begin < 5.0
    assert not (own_folders / "runs").exists()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(5, "Input/output error", "x/metrics.csv"),
            "x/metrics.csv: Input/output error (error 5, EIO); nothing",
        ),
        (OSError(24, "Too many open files"), "a file: Too many open files (error 24, EMFILE); nothing"),
        (FileNotFoundError(2, "No such file or directory", "x"), "x: No such file or directory (error 2, ENOENT)"),
    ],
)
def test_whatever_the_system_refuses_is_one_line(
    pars: Pars, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def broken(*options: object) -> None:
        raise error

    monkeypatch.setattr("pars.cli.commands.algos", broken)
    one_line(pars("algos"), 7, message)


ESCAPE = "\x1b]0;owned\x07"


def test_nothing_in_a_file_commands_the_terminal(pars: Pars, own_folders: Path) -> None:
    file = write_hdf5(own_folders / "my.hdf5", columns())
    with h5py.File(file, "a") as stream:
        stream.attrs["made"] = f"by {ESCAPE}\nsomebody"
        stream.create_dataset(f"infos/{ESCAPE}", data=np.zeros(200))
    said = pars("data", "check", file)
    assert said.code == 0 and "\\x1b]0;owned" in said.out
    assert not any(c in said.out + said.err for c in "\x1b\x07")
    with h5py.File(file, "a") as stream:
        stream.create_dataset(f"a{ESCAPE}\nb", data=np.zeros(7))
        del stream["rewards"]
    said = pars("data", "check", file)
    assert said.code == 3 and not any(c in said.out + said.err for c in "\x1b\x07")
    assert said.err.count("\n") == 1


def test_control_characters_are_written_out_and_letters_stay() -> None:
    assert printable("Größe 1\u00a0000 \u202eevil\r\n\x9b\udcff") == "Größe 1\u00a0000 \\u202eevil\\r\\n\\x9b\\udcff"
    assert printable("two\nlines\x1b", keep="\n") == "two\nlines\\x1b"
