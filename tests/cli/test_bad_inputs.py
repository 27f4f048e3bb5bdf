"""The table of bad inputs: each ends with the right code of docs/guide.md and a line or two, without a traceback."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.said import Pars, one_line
from tests.data.files import columns, write_hdf5, write_npz
from tests.runs import finished_run, group

OWN = "train pars --data good.npz --quiet"
TABLE = {
    2: [
        "train",
        "train nope --data good.npz",
        "train bc nope-task",
        "train bc,bc --data good.npz",
        "train bc",
        "train bc,nope --data good.npz",
        "train bc a b --data good.npz",
        "train td3_bc pointmaze-umaze-diverse,pointmaze-umaze-diverse",
        f"{OWN} bogus=1",
        f"{OWN} discount=x",
        f"{OWN} discount=2",
        f"{OWN} discount=nan",
        f"{OWN} critics=0",
        f"{OWN} critics=1.5",
        f"{OWN} hidden=0x8",
        f"{OWN} hidden=",
        f"{OWN} reward_scale=inf",
        f"{OWN} actor_lr=-1",
        f"{OWN} seed=-1",
        f"{OWN} seed=1.5",
        f"{OWN} seed=99999999999",
        f"{OWN} seed=0,0",
        f"{OWN} --steps 0",
        f"{OWN} --steps -1",
        f"{OWN} --steps x",
        f"{OWN} --eval-every 0",
        f"{OWN} --preset nope",
        f"{OWN} --physics nope",
        f"{OWN} --verify sometimes",
        f"{OWN} --nonsense",
        f"{OWN} --holdout 2",
        f"{OWN} --probes nope",
        f"{OWN} --start-seed 0",
        f"{OWN} --import no_such_module",
        f"{OWN} --map nope",
        f"{OWN} --data-goal x",
        f"{OWN} --action-range 5..1",
        f"{OWN} --out good.npz",
        "train pars pointmaze-umaze-diverse --goal fixed",
        "train pars pointmaze-umaze-diverse --physics d4rl",
        "train pars pointmaze-umaze-diverse --isolate",
        "train pars pointmaze-umaze-diverse --env-arg size=3",
        "train pars pointmaze-umaze-diverse --eval-episodes -1",
        f"{OWN} --env Pendulum-v1 --env-timeout -1",
        f"{OWN} --env Pendulum-v1 --env-arg size",
        "data collect",
        "data collect nope",
        "data collect pointmaze-umaze-diverse --rows 0",
        "data collect pointmaze-umaze-diverse --out a.hdf5",
        "eval RUN --episodes 0",
        "eval RUN --first-episode -1",
        "eval RUN --env Pendulum-v1",
        "report",
        "report RUN --out a.html",
        "export RUN --member 9",
        "export RUN --fallback x",
        "reproduce nope",
        "frobnicate",
    ],
    3: [
        f"train bc --quiet --data {name}"
        for name in ("missing.npz", "empty.npz", "text.npz", "cut.npz", "text.hdf5", "cut.hdf5", "folder", "text.csv")
    ]
    + [f"data check {name}.npz" for name in ("norewards", "nan", "ragged", "norows", "objects", "textual", "deep")]
    + [
        f"{OWN} --env Pendulum-v1",
        "replay RUN --data good.npz",
        "data check missing.npz",
        "train bc --data good.npz,other.npz --quiet",
    ],
    4: [
        "eval missing",
        "eval folder",
        "eval DAMAGED",
        "eval EMPTY",
        "report missing",
        "report DAMAGED",
        "export missing",
        "export EMPTY",
        "judge missing",
        "judge EMPTY",
        f"{OWN} --start-from missing --steps 2",
        "replay missing --data good.npz",
    ],
    5: [
        f"{OWN} --env Nope-v0",
        f"{OWN} --env CartPole-v1",
        f"{OWN} --env no_such_module:Env-v0",
        f"{OWN} --online-steps 5",
        f"{OWN} --env Pendulum-v1 --env-arg nope=1",
    ],
    7: [f"{OWN} --steps 2 --out /proc/nothing", "export RUN --out /proc/nothing"],
}


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files and runs that are wrong in one way each."""
    here, rows = tmp_path_factory.mktemp("bad"), columns(40)
    good = write_npz(here / "good.npz", rows).read_bytes()
    whole = write_hdf5(here / "good.hdf5", rows).read_bytes()
    contents = {"empty.npz": b"", "text.npz": b"no numbers\n", "cut.npz": good[: len(good) // 2]}
    contents |= {"text.hdf5": b"no numbers\n", "cut.hdf5": whole[: len(whole) // 2], "text.csv": b"no\nnumbers\n"}
    for name, content in contents.items():
        (here / name).write_bytes(content)
    write_npz(here / "other.npz", columns(40, obs_dim=5))
    wrong = {
        "norewards": {"rewards": None},
        "nan": {"observations": np.full((40, 3), np.nan)},
        "ragged": {"rewards": np.zeros(39)},
        "norows": {name: values[:0] for name, values in rows.items()},
        "objects": {"rewards": np.array([{}] * 40)},
        "textual": {"actions": np.array([["a", "b"]] * 40)},
        "deep": {"observations": np.zeros((40, 2, 2))},
    }
    for name, changes in wrong.items():
        write_npz(here / f"{name}.npz", {k: v for k, v in {**rows, **changes}.items() if v is not None})
    (here / "folder").mkdir()
    described = (group(finished_run()) / "run.json").read_text()
    for name, text in {"DAMAGED": described.replace(":", ";", 3), "EMPTY": described}.items():
        (here / name / "pars-a").mkdir(parents=True)
        (here / name / "pars-a" / "run.json").write_text(text)
    return here


@pytest.mark.parametrize(("code", "line"), [(code, line) for code, lines in TABLE.items() for line in lines])
def test_a_bad_input_is_a_line_or_two_and_its_code(
    pars: Pars, bad: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch, code: int, line: str
) -> None:
    monkeypatch.chdir(bad)
    monkeypatch.setattr(sys, "path", [*sys.path])
    said = pars(*shlex.split(line.replace("RUN", str(finished_run()))))
    assert said.code == code, said
    assert len(said.err.splitlines()) <= 2 and "Traceback" not in said.err + said.out, said
    assert said.err.startswith("pars: ") and "internal error" not in said.err, said


UNREADABLE = {
    "train bc --steps": "Missing value for argument '--steps'. Expected 1 values.; For full",
    "train bc --hold-out 0.1": "unknown option '--hold-out'; did you mean --holdout? see pars train --help",
    "train bc --keep-polices": "unknown option '--keep-polices'; did you mean --keep-policies or --no-keep-",
    "ls --stat=new": "unknown option '--stat'; did you mean --state? see pars ls --help",
    "data check x --mpa y": "unknown option '--mpa'; did you mean --map? see pars data check --help",
    "report --nonsense": "unknown option '--nonsense'; see pars report --help",
    "replay one two --data x": "one word too many: 'two'; see pars replay --help",
    "--stepz": "unknown option '--stepz'; see pars --help",
    "trian bc": "unknown command 'trian'; did you mean train?; see pars --help",
    "data check x --map obs=x --map=action=u": "--map is given twice; join its parts by commas",
}


@pytest.mark.parametrize("line", UNREADABLE)
def test_words_that_cannot_be_read_are_named(line: str, pars: Pars) -> None:
    one_line(pars(*line.split()), 2, UNREADABLE[line])


def test_a_help_is_no_error(pars: Pars) -> None:
    said = pars("report", "--help")
    assert said.code == 0 and "positional arguments" in said.out and not said.err


def test_there_are_as_many_as_were_asked_for() -> None:
    assert sum(map(len, TABLE.values())) >= 62
