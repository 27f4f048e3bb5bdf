"""Bits flip and files are cut. Whatever is used afterwards must be what it was, or the damage must be said before."""

from __future__ import annotations

import json
import os
import random
import shutil
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from pars.data import load_dataset
from pars.errors import ParsError
from pars.report.load import read_group
from pars.training.folder import RunFolder, read_description, read_status
from tests.data.files import columns, write_hdf5, write_npz
from tests.torture.common import DESCRIPTION, Budget, Tally, make_run, tree

LOGS = ("metrics.csv", "replay/transitions.f32")
MEMBER = {"seed": 0, "settings": {"reward_scale": 10.0}}
SAID = "said, or fallen back with a warning"


def use_run(folder: Path) -> Any:
    """Everything that resuming, evaluating and reporting read of a run."""
    described, status = read_description(folder), read_status(folder)
    with closing(RunFolder(folder, described)) as run:
        assert run.checkpoint is not None
        arrays = {name: array.tobytes() for name, array in run.checkpoint.restore(tree(0)).items()}
        logs = [(folder / name).read_bytes()[: run.checkpoint.logs[name].bytes] for name in LOGS]
        return described, status["state"], run.checkpoint.position, arrays, logs, run.elapsed() >= 0


def use_report(folder: Path) -> Any:
    """What a report reads, without wall-clock figures."""
    found = read_group(folder)
    curves = [
        (phase, name, curve.steps.tobytes(), curve.values.tobytes())
        for phase, of in found.metrics.items()
        for name, curve in of.items()
    ]
    return curves, found.state, found.problems, found.members


def use_data(folder: Path) -> Any:
    """A dataset, converted or not."""
    os.environ["PARS_DATA_DIR"] = str(folder / "data")
    (source,) = folder.glob("source.*")
    data = load_dataset(source)
    return data.fingerprint, data.packed.tobytes(), data.last.tobytes()


def a_run(folder: Path) -> None:
    make_run(folder)
    path = folder / "run.json"
    path.unlink()
    with closing(RunFolder(folder, DESCRIPTION | {"members": [MEMBER], "task": "maze", "spec": [4, 2]})) as run:
        run.status("finished", run.checkpoint.position)  # type: ignore[union-attr]


def from_npz(folder: Path) -> None:
    folder.mkdir()
    write_npz(folder / "source.npz", columns())
    use_data(folder)


def from_hdf5(folder: Path) -> None:
    folder.mkdir()
    write_hdf5(folder / "source.hdf5", columns())
    use_data(folder)


NEWEST = "checkpoints/1-online-000000020"
FILES: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any], str]] = {
    "arrays of a checkpoint": (a_run, use_run, f"{NEWEST}/state.safetensors"),
    "manifest of a checkpoint": (a_run, use_run, f"{NEWEST}/manifest.json"),
    "run.json": (a_run, use_run, "run.json"),
    "status.json": (a_run, use_run, "status.json"),
    "metrics.csv": (a_run, use_run, "metrics.csv"),
    "timing.csv": (a_run, use_run, "timing.csv"),
    "replay": (a_run, use_run, "replay/transitions.f32"),
    "status.json, reported": (a_run, use_report, "status.json"),
    "converted rows": (from_npz, use_data, "data/converted/*/packed.npy"),
    "converted ends": (from_npz, use_data, "data/converted/*/last.npy"),
    "converted manifest": (from_npz, use_data, "data/converted/*/manifest.json"),
    "npz": (from_npz, use_data, "source.npz"),
    "HDF5": (from_hdf5, use_data, "source.hdf5"),
}


def run(root: Path, budget: Budget, flips: int, cuts: int) -> list[Tally]:
    """Every kind of file, with so many flipped bits and cuts of each."""
    return [_kind(name, root, own, flips, cuts) for name, own in budget.shared(FILES)]


def _kind(name: str, root: Path, budget: Budget, flips: int, cuts: int) -> Tally:
    make, use, pattern = FILES[name]
    whole, damaged, rng = root / "whole", root / "damaged", random.Random(name)
    shutil.rmtree(whole, ignore_errors=True)
    make(whole)
    good, tally = use(whole), Tally(f"bits and cuts of: {name}")
    for number in range(flips + cuts):
        if budget.over:
            break
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(whole, damaged)
        (path,) = damaged.glob(pattern)
        data = bytearray(path.read_bytes())
        if number < flips:
            place = (rng.randrange(len(data)), rng.randrange(8))
            data[place[0]] ^= 1 << place[1]
        else:
            place = (rng.randrange(len(data)), -1)
            del data[place[0] :]
        path.write_bytes(data)
        outcome, wrong = _outcome(lambda: use(damaged), good)
        tally.add(outcome, f"{place}: {wrong}" if wrong else "")
    return tally


def _outcome(use: Callable[[], Any], good: Any) -> tuple[str, str]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = use()
        except ParsError:
            return SAID, ""
        except Exception as error:
            return "internal error", f"{type(error).__name__}: {error}"
    if json.dumps(found, default=str) == json.dumps(good, default=str):
        return "harmless", ""
    if said or _told_apart(found, good):
        return SAID, ""
    return "believed", "used as if it were whole"


def _told_apart(found: Any, good: Any) -> bool:
    """Whether the damage shows where it is looked for: a status that counts as none, another fingerprint of a dataset
    (so that no run goes on with it), problems in a report."""
    state = found[1] != good[1] and found[1] in ("new", "unknown")
    return bool(state or (isinstance(found[0], str) and found[0] != good[0]) or (len(found) == 4 and found[2]))
