"""Every N-th write, fsync, rename, mkdir, truncate and read fails: with EIO once, with ENOSPC from there on, for every
N until nothing fails any more. What was saved must still be there, the command says 7, and the work can go on."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from pars.data import load_dataset
from pars.data.formats import hdf5
from pars.position import Position
from pars.training.checkpoint import latest
from pars.training.folder import RunFolder
from tests.data.files import columns, write_npz
from tests.torture.common import DESCRIPTION, PLACES, Budget, Tally, advance, make_run, tree, value_of, watched

KINDS = {"EIO once": (errno.EIO, False), "ENOSPC from then on": (errno.ENOSPC, True)}
Report = Callable[[object], None]
NEXT = Position(1, "online", 30)


def begin(folder: Path, report: Report) -> None:
    with closing(RunFolder(folder / "run", DESCRIPTION)) as run:
        for position in PLACES:
            advance(run, position)
            report(position.step if position.phase == "online" else 0)


def resume(folder: Path, report: Report) -> None:
    with closing(RunFolder(folder / "run", DESCRIPTION)) as run:
        run.status("running", PLACES[-1])
        advance(run, NEXT)
        report(NEXT.step)


def again(folder: Path, report: Report) -> None:
    with closing(RunFolder(folder / "run", DESCRIPTION)) as run:
        run.save(PLACES[-1], tree(value_of(PLACES[-1])))
        report(PLACES[-1].step)


def convert(folder: Path, report: Report) -> None:
    os.environ["PARS_DATA_DIR"] = str(folder / "data")
    load_dataset(folder.parent / "source.npz")


def write(folder: Path, report: Report) -> None:
    hdf5.write(folder / "made.hdf5", columns(), {"made": "by torture"})


def goes_on(folder: Path, acknowledged: int) -> str:
    """What is wrong with a run after a fault; empty if nothing is."""
    places = folder / "run" / "checkpoints"
    found = latest(places)
    step = -1 if found is None else found.position.step if found.position.phase == "online" else 0
    if step < acknowledged:
        return f"step {acknowledged} was saved, {step} is newest"
    if found and not np.all(found.restore(tree(0))["state"] == value_of(found.position)):
        return f"{found.position} holds other numbers"
    with closing(RunFolder(folder / "run", DESCRIPTION)) as run:
        advance(run, Position(1, "online", 40))
    end = latest(places)
    return "" if end and end.position.step == 40 else "cannot go on"


def converted_whole(folder: Path, acknowledged: int) -> str:
    os.environ["PARS_DATA_DIR"] = str(folder / "data")
    good = load_dataset(folder.parent / "source.npz", verify=True)
    left = [path.name for path in (folder / "data" / "converted").iterdir()]
    return "" if len(good.last) and len(left) == 1 else f"left behind: {left}"


def written_whole(folder: Path, acknowledged: int) -> str:
    made = folder / "made.hdf5"
    return "" if not made.exists() or len(load_dataset(made).last) else "half a file"


SCENES = {
    "a run that begins": (begin, goes_on, -1),
    "a run that is resumed": (resume, goes_on, PLACES[-1].step),
    "a position that is saved again": (again, goes_on, PLACES[-1].step),
    "a conversion": (convert, converted_whole, 0),
    "a dataset that is written": (write, written_whole, 0),
}


def prepare(scene: str, root: Path) -> Path:
    folder = root / "scene"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if SCENES[scene][0] in (resume, again):
        make_run(folder / "run")
    return folder


def run(root: Path, budget: Budget, every: int = 1) -> list[Tally]:
    """All scenes; `every`: of N alone every so many-th."""
    shim = ctypes.CDLL(None)
    write_npz(root / "source.npz", columns())
    both = budget.shared((scene, kind) for scene in SCENES for kind in KINDS)
    return [_scene(shim, scene, kind, root, own, every) for (scene, kind), own in both]


def _scene(shim: ctypes.CDLL, scene: str, kind: str, root: Path, budget: Budget, every: int) -> Tally:
    act, check, saved = SCENES[scene]
    tally, number = Tally(f"{scene}, {kind}"), 1
    code, lasting = KINDS[kind]
    while not budget.over:
        folder = prepare(scene, root)

        def acting(report: Report, folder: Path = folder, number: int = number) -> None:
            warnings.simplefilter("ignore")
            shim.torture_arm(os.fsencode(folder), ctypes.c_long(number), code, int(lasting))
            try:
                act(folder, report)
            finally:
                count = shim.torture_count()
                shim.torture_arm(b"", ctypes.c_long(0), 0, 0)
                report({"count": count})

        ended, reports = watched(acting)
        count = next((one["count"] for one in reports if isinstance(one, dict)), 0)
        if ended == 0 and count < number:
            break
        steps = [one for one in reports if not isinstance(one, dict)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                wrong = check(folder, max([saved, *steps]))
            except Exception as error:
                wrong = f"{type(error).__name__}: {error}"
        if ended not in (0, 7):
            wrong = f"ended with {ended}; {wrong}"
        outcome = {0: "went on unharmed", 7: "exit code 7"}.get(-1 if ended is None else ended, "other")
        tally.add(outcome, f"operation {number}: {wrong}" if wrong else "")
        number += every
    return tally
