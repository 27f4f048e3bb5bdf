"""A run that is killed at any time and started again ends, bit for bit, where the undisturbed one ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pars.cli import main as cli
from pars.training.folder import read_status
from tests.runs import SESSION, TASK, digest, few_rows_file, group, train, words

PLAN = {"steps": 24_000, "eval_every": 4000, "online_steps": 720, "online_eval_every": 120, "eval_episodes": 1}
PREFIX = {"offline": "0-offline-", "online": "1-online-"}  # of a phase's checkpoints
ASIDE = "."  # begins the name of what is being written
LIMIT = 100.0  # seconds until a process must have come to the place where it is to be stopped
PROMPT = 10.0  # seconds in which a signal is answered, on a busy machine


def command(out: Path, algorithms: str = "pars") -> list[str]:
    plan = [word for name, value in PLAN.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    own = ["--data", str(few_rows_file()), "--quiet", "--out", str(out)]
    return ["train", algorithms, TASK, *words(), *plan, *own]


def start(out: Path, algorithms: str = "pars") -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "pars.cli", *command(out, algorithms)]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(out: Path, algorithms: str = "pars") -> str:
    """Train to the end in this process, from wherever the folder stands. -> the digests."""
    train(out, algorithms, data=few_rows_file(), **PLAN)
    return " ".join(digest(out, name) for name in algorithms.split(","))


@cache
def undisturbed(algorithms: str = "pars") -> str:
    """What a run ends with that nobody disturbs."""
    return finish(SESSION / "runs" / f"undisturbed-{algorithms}", algorithms)


def checkpoints(out: Path) -> set[Path]:
    """Those on disk and those being written."""
    return set(out.glob("*/checkpoints/*"))


def wait_for(process: subprocess.Popen[str], out: Path, place: str) -> None:
    """Until the process has written a checkpoint of a phase, or is about to write any (`place` "save")."""
    before, begin = checkpoints(out), time.monotonic()
    prefix, pause = (ASIDE, 0.0005) if place == "save" else (PREFIX[place], 0.01)
    while process.poll() is None:
        if time.monotonic() - begin > LIMIT:
            process.kill()  # else it would go on behind the tests that follow
            process.communicate()
            pytest.fail(f"no {place} after {LIMIT:.0f} s")
        if any(path.name.startswith(prefix) for path in checkpoints(out) - before):
            return
        time.sleep(pause)


def kill(out: Path, place: str, rng: np.random.Generator, algorithms: str = "pars") -> str:
    """Start the run and kill it at `place`, a random while after it has got on. -> where the kill hit."""
    process = start(out, algorithms)
    wait_for(process, out, place)
    if place != "save":
        time.sleep(rng.uniform(0.0, 0.4))
    process.kill()
    process.communicate()
    if process.returncode != -signal.SIGKILL:
        return "too late"
    left = [path.name for path in checkpoints(out)]
    if any(name.startswith(ASIDE) for name in left):
        return "save"
    return "online" if any(name.startswith(PREFIX["online"]) for name in left) else "offline"


def interrupt(out: Path, place: str, number: signal.Signals) -> None:
    """Start the run, send it a signal in the phase `place`, and see that it stops in good order."""
    process = start(out)
    wait_for(process, out, place)
    with pytest.raises(SystemExit) as refused:  # meanwhile nobody else gets at the folder
        cli.main(command(out))
    assert refused.value.code == 4
    begin = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 75, errors
    assert time.monotonic() - begin < PROMPT
    assert errors.startswith(f"pars: stopped at {place} step") and len(errors.splitlines()) == 1, errors
    status = read_status(group(out))
    assert (status["state"], status["phase"]) == ("interrupted", place)


def kill_until(hits: Counter[str], wanted: dict[str, int], out: Path, rng: np.random.Generator) -> None:
    """Kill until every place was hit as often as wanted; a kill may hit another place than the one it was meant for."""
    for place, count in wanted.items():
        for _ in range(2 * count):
            if hits[place] < count:
                hits[kill(out, place, rng)] += 1
    assert all(hits[place] >= count for place, count in wanted.items()), hits


def test_killed_and_interrupted_offline_online_and_during_a_save(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, rng, hits = tmp_path / "run", np.random.default_rng(0), Counter[str]()
    kill_until(hits, {"offline": 2, "save": 1, "online": 1}, out, rng)
    interrupt(out, "online", signal.SIGTERM)
    assert "is in use by process" in capsys.readouterr().err
    assert finish(out) == undisturbed()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_killed_twenty_times(tmp_path: Path, seed: int) -> None:
    """At least 10 kills offline, 5 online, 5 during a save; in runs of their own, so that each still has work to do."""
    rng, total = np.random.default_rng(seed), Counter[str]()
    for number in range(5):
        out, hits = tmp_path / f"run-{number}", Counter[str]()
        kill_until(hits, {"offline": 2, "save": 1, "online": 1}, out, rng)
        assert finish(out) == undisturbed(), hits
        total += hits
    print(f"kills: {dict(total)}")
    assert total["offline"] >= 10 and total["online"] >= 5 and total["save"] >= 5


@pytest.mark.slow
def test_two_algorithms_in_one_command(tmp_path: Path) -> None:
    """Killed in the first group's phases, then in the second group."""
    out, both, rng = tmp_path / "run", "pars,td3_bc", np.random.default_rng(1)
    for place in ("offline", "online", "save", "offline", "online"):
        assert kill(out, place, rng, both) != "too late"
    assert finish(out, both) == undisturbed(both)
