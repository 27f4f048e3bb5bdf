"""Whole commands that are killed at random moments of their time. `pars train` is begun again until it is done, and
must end as an undisturbed one; what the others were writing is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pars.position import Position
from pars.training.checkpoint import latest
from pars.training.folder import read_status
from tests.torture.common import Budget, Tally
from tests.torture.forked import ENDS, TASK, Ended, call, end, few_rows, over, start, train

NOWHERE = Position(0, "a start", -1)
BYTES = ("metrics.csv", "replay/transitions.f32")
Check = Callable[[], str]  # -> what is wrong with what a killed command has left; empty if nothing


def kill(words: Sequence[str], said: Path, after: float) -> Ended:
    """Start the command and kill it so many seconds later, if it has not ended."""
    child = start(words, said)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    return end(child, said)


def timed(words: Sequence[str], said: Path) -> float:
    """Seconds that the command takes. Raises RuntimeError if it does not end well."""
    begin = time.monotonic()
    if wrong := call(words, said).wrong(0):
        raise RuntimeError(f"{words[0]} {wrong}")
    return time.monotonic() - begin


def result(out: Path) -> list[object]:
    """What must be the same however often a run was killed."""
    (group,) = out.glob("pars-*")
    logs = [hashlib.sha256((group / name).read_bytes()).hexdigest() for name in BYTES]
    return [read_status(group)["state"], read_status(group)["digest"], *logs]


def newest(out: Path) -> Position:
    found = [latest(group / "checkpoints") for group in out.glob("pars-*")]
    return found[0].position if found and found[0] else NOWHERE


def training(root: Path, budget: Budget, tries: int, seed: int = 3) -> Tally:
    """Of `pars train`, offline and online: each start may write up to two checkpoints, and is killed a little later."""
    tally, rng, said = Tally("SIGKILL of `pars train`, by its newest checkpoint"), random.Random(seed), root / "said"
    data, out, reached = few_rows(), root / "killed", NOWHERE
    timed(train(root / "undisturbed", data), said)  # programs are compiled
    wanted = result(root / "undisturbed")
    while tally.tried < tries and not budget.over:
        child = start(train(out, data), said)
        ended = _killed_behind(child, out, said, rng.randrange(3), rng.uniform(0, 0.5))
        if ended.code is not None:
            wrong = ended.wrong(0) or ("" if result(out) == wanted else "ended otherwise")
            tally.add("came to their end, the same", wrong)
            shutil.rmtree(out)
            reached = NOWHERE
            continue
        found = newest(out)
        tally.add(f"in {found.phase}", "" if found >= reached else f"{reached} was saved, {found} is newest")
        reached = found
    return tally


def _killed_behind(child: int, out: Path, said: Path, saves: int, seconds: float) -> Ended:
    """Kill the child so many seconds after it has written so many checkpoints, if it has not ended."""
    known, until = _saved(out), time.monotonic() + ENDS
    while len(_saved(out) - known) < saves and time.monotonic() < until:
        if (ended := over(child, said)) is not None:
            return ended
        time.sleep(0.002)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return end(child, said)


def _saved(out: Path) -> set[str]:
    return {path.name for path in out.glob("pars-*/checkpoints/[0-9]*")}


def others(root: Path, budget: Budget, tries: int) -> list[Tally]:
    """Of the commands that work on a run that is there, or make data."""
    data, said, run = few_rows(), root / "said", root / "run"
    if not run.exists():
        timed(train(run, data), said)
    before = _tree(run)
    place = Path(os.environ["PARS_DATA_DIR"])
    made = ["data", "collect", TASK, "--rows", "3000", "--seed", "1"]
    timed(made, said)
    (file,) = [path for path in place.rglob("*.hdf5") if path != data]
    good = file.read_bytes()
    page, policy = run / "report.html", root / "policy"

    def unchanged() -> str:
        return "" if _tree(run) == before else "the run is another"

    def collected() -> str:
        there = file.exists() and file.read_bytes() != good
        file.unlink(missing_ok=True)
        return "another file" if there else ""

    def written() -> str:
        wrong = "" if not page.exists() or page.read_text().rstrip().endswith("</html>") else "half a page"
        page.unlink(missing_ok=True)
        return wrong or unchanged()

    def exported() -> str:
        wrong = call(["export", str(policy), "--check"], said).wrong(0) if policy.exists() else ""
        shutil.rmtree(policy, ignore_errors=True)
        return wrong or unchanged()

    commands: dict[str, tuple[list[str], Check]] = {
        "eval": (["eval", str(run), "--episodes", "2"], unchanged),
        "data collect": (made, collected),
        "report": (["report", str(run)], written),
        "export": (["export", str(run), "--out", str(policy)], exported),
    }
    return [_killed(name, *commands[name], said, own, tries) for name, own in budget.shared(commands)]


def _killed(name: str, words: list[str], check: Check, said: Path, budget: Budget, tries: int) -> Tally:
    tally, rng = Tally(f"SIGKILL of `pars {name}`"), random.Random(name)
    check()
    seconds = timed(words, said)
    while tally.tried < tries and not budget.over:
        check()
        ended = kill(words, said, rng.uniform(0, seconds))
        tally.add("whole or not there" if ended.code is None else "ended before", check() or ended.wrong(None, 0))
    last = call(words, said).wrong(0)
    tally.faults += [f"then: {last}"] if last else []
    return tally


def _tree(run: Path) -> dict[str, str]:
    """The files of a run but its page, by their content."""
    files = [path for path in run.rglob("*") if path.is_file() and path.suffix != ".html" and path.name[0] != "."]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
