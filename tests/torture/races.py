"""Two commands at once on one run, two converters of one file, two reports; locks that others have left."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

from pars.data import load_dataset
from tests.data.files import columns, write_npz
from tests.torture.common import DESCRIPTION, Budget, Tally, watched
from tests.torture.forked import call, copied, end, few_rows, start, train
from tests.torture.killed import result
from tests.torture.whole import SHORT

LONGER = [*SHORT[:4], "--online-steps", "16", "--online-eval-every", "4"]
LOCKS = {
    "a stale lock": b"process 999999999",
    "a reused process id": b"process 1",
    "the lock of another host": b"process 4711 on elsewhere",
    "a lock that is no text": bytes(range(256)),
}


def run(root: Path, budget: Budget, pairs: int) -> list[Tally]:
    """So many pairs of commands, each on a copy of one unfinished run; then as many of converters and reports."""
    first, second = (own for _, own in budget.shared([0, 1]))
    return [_commands(root, first, pairs), _converters(root, second, pairs)]


def _commands(root: Path, budget: Budget, pairs: int) -> Tally:
    tally, rng, data = Tally("two commands at once on one run"), random.Random(4), few_rows()
    out, begun = root / "run", root / "begun"
    for plan in (SHORT, LONGER):
        if wrong := call(train(out, data, plan), root / "said").wrong(0):
            raise RuntimeError(wrong)
        if plan is SHORT:
            copied(out, begun)
    wanted = result(out)
    kinds = {
        "train": (train(out, data, LONGER), (0, 4)),
        "eval": (["eval", str(out), "--episodes", "1"], (0,)),
        "report": (["report", str(out)], (0,)),
        "export": (["export", str(out), "--out", str(root / "policy")], (0,)),
    }
    while tally.tried < pairs and not budget.over:
        copied(begun, out)
        shutil.rmtree(root / "policy", ignore_errors=True)
        pair = ["train" if tally.tried % 2 else rng.choice([*kinds]), rng.choice([*kinds])]
        said = [root / f"said-{number}" for number in range(2)]
        children = []
        for name, place in zip(pair, said, strict=True):
            children.append(start(kinds[name][0], place))
            time.sleep(rng.uniform(0, 0.5))
        ended = [end(child, place) for child, place in zip(children, said, strict=True)]
        wrong = "; ".join(filter(None, (one.wrong(*kinds[name][1]) for name, one in zip(pair, ended, strict=True))))
        if "train" in pair and result(out) != wanted:
            wrong += "; the run is another"
        tally.add("both right" if all(one.code == 0 for one in ended) else "one is told of the other", wrong)
    return tally


def _converters(root: Path, budget: Budget, pairs: int) -> Tally:
    """Children that convert one file at the same moment."""
    tally, source = Tally("two converters of one file"), write_npz(root / "shared.npz", columns(20_000))
    os.environ["PARS_DATA_DIR"] = str(root / "converters")
    wanted = load_dataset(source).fingerprint
    while tally.tried < pairs and not budget.over:
        shutil.rmtree(root / "converters")
        other = os.fork()
        if not other:
            code, _ = watched(lambda report: load_dataset(source))
            os._exit(99 if code is None else code)
        code, _ = watched(lambda report: load_dataset(source))
        theirs = os.waitstatus_to_exitcode(os.waitpid(other, 0)[1])
        same = load_dataset(source, verify=True).fingerprint == wanted
        left = [path.name for path in (root / "converters" / "converted").iterdir()]
        right = (code, theirs) == (0, 0) and same and len(left) == 1
        tally.add("both right", "" if right else f"ended with {code} and {theirs}, {left} there")
    return tally


def locks(root: Path, budget: Budget) -> list[Tally]:
    """What a lock says keeps nobody out; only a process that holds it does."""
    from contextlib import closing

    from pars.training.checkpoint import lock
    from pars.training.folder import RunFolder

    tally = Tally("a lock that others have left")

    def begin(folder: Path) -> None:
        with lock(folder), closing(RunFolder(folder, DESCRIPTION)):
            pass

    for number, (name, text) in enumerate(LOCKS.items()):
        folder = root / f"locked-{number}"
        folder.mkdir()
        (folder / "lock").write_bytes(text)
        code, _ = watched(lambda _, folder=folder: begin(folder))
        with lock(folder):
            held, _ = watched(lambda _, folder=folder: begin(folder))
        tally.add(name, "" if (code, held) == (0, 4) else f"ended with {code}, and with {held} while it was held")
    return [tally]
