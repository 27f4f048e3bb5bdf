"""The fixture that fails a test which leaves something behind: each kind of leak is caught, and what is none is not."""

from __future__ import annotations

import importlib
import os
import random
import signal
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.cli import main as cli
from pars.data.catalog import DATASETS
from pars.envs import TASKS
from tests.isolation import no_warnings_left, nothing_left

Leak = Callable[[Path, pytest.MonkeyPatch], object]


def own_module(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "own_module.py").write_text("")
    with pytest.MonkeyPatch.context() as context:
        context.syspath_prepend(folder)
        importlib.import_module("own_module")


def figure() -> object:
    from matplotlib import pyplot

    return pyplot.figure()


def style(name: str, value: object) -> None:
    import matplotlib

    matplotlib.rcParams[name] = value


def waiting(done: threading.Event) -> None:
    threading.Thread(target=done.wait, name="waiting").start()


DONE = threading.Event()
LEAKS: dict[str, Leak] = {  # the complaint, and what leads to it; `patch` takes it back
    "pars.algos.ALGORITHMS: mine is new": lambda folder, patch: patch.setitem(ALGORITHMS, "mine", ALGORITHMS["bc"]),
    "pars.algos.ALGORITHMS: bc is another": lambda folder, patch: patch.setitem(ALGORITHMS, "bc", ALGORITHMS["td3"]),
    "DATASETS: mine is new": lambda folder, patch: patch.setitem(DATASETS, "mine", ("a", "b")),
    "TASKS: pen-expert-v1 is gone": lambda folder, patch: patch.delitem(TASKS, "pen-expert-v1"),
    "pars.cli.main: COMMANDS is another": lambda folder, patch: patch.setattr(cli, "COMMANDS", {}),
    "pars.system: cores is another": lambda folder, patch: patch.setattr("pars.system.cores", lambda: 1),
    "environment: PARS_OTHER is new": lambda folder, patch: patch.setenv("PARS_OTHER", "1"),
    "environment: PARS_DATA_DIR is gone": lambda folder, patch: patch.delenv("PARS_DATA_DIR"),
    "working folder: it is another": lambda folder, patch: patch.chdir(folder),
    "file in the checkout: left.txt is new": lambda folder, patch: (folder / "checkout" / "left.txt").touch(),
    "signal: SIGUSR1 is another": lambda folder, patch: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    "generator: numpy.random is another": lambda folder, patch: np.random.rand(),
    "numpy.seterr: over is another": lambda folder, patch: np.seterr(over="ignore"),
    "thread: waiting is new": lambda folder, patch: waiting(DONE),
    "sys.path: here is new": lambda folder, patch: patch.setattr(sys, "path", [*sys.path, "here"]),
    "JAX setting: jax_debug_nans is another": lambda folder, patch: jax.config.update("jax_debug_nans", True),
    "module: made is new": lambda folder, patch: patch.setitem(sys.modules, "made", types.ModuleType("made")),
    "module: json is another": lambda folder, patch: patch.setitem(sys.modules, "json", types.ModuleType("json")),
    "module: own_module is new": own_module,
    "matplotlib setting: axes.grid is another": lambda folder, patch: style("axes.grid", True),
    "figure: 1 is new": lambda folder, patch: figure(),
}


@pytest.fixture
def taken_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What LEAKS leave behind on purpose, `leaves_nothing` must not find."""
    import matplotlib
    from matplotlib import pyplot

    before = np.random.get_state(), np.geterr(), signal.getsignal(signal.SIGUSR1), matplotlib.rcParams["axes.grid"]
    yield monkeypatch
    np.random.set_state(before[0])
    np.seterr(**before[1])
    signal.signal(signal.SIGUSR1, before[2])
    matplotlib.rcParams["axes.grid"] = before[3]
    jax.config.update("jax_debug_nans", False)
    pyplot.close("all")
    sys.modules.pop("own_module", None)
    DONE.set()
    for thread in threading.enumerate():
        if thread.name == "waiting":
            thread.join()
    DONE.clear()


@pytest.mark.parametrize("complaint", LEAKS)
def test_a_leak_fails_the_test(complaint: str, tmp_path: Path, taken_back: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkout").mkdir()
    with pytest.raises(pytest.fail.Exception, match=complaint), nothing_left(tmp_path / "checkout"):
        LEAKS[complaint](tmp_path, taken_back)


def filtered() -> None:
    warnings.simplefilter("ignore")


def shown() -> None:
    warnings.showwarning = print  # type: ignore[assignment]


@pytest.mark.parametrize("leak", [filtered, shown])
def test_warnings_that_are_shown_otherwise_fail_the_test(leak: Callable[[], None]) -> None:
    with (
        warnings.catch_warnings(),
        pytest.raises(pytest.fail.Exception, match="warnings"),
        no_warnings_left(),
    ):
        leak()


def test_what_is_taken_back_and_what_is_imported_is_no_leak(tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "wave"]:
        del sys.modules[name]
    with nothing_left(tmp_path), no_warnings_left():
        with pytest.MonkeyPatch.context() as context:
            context.setenv("PARS_OTHER", "1")
            context.chdir(tmp_path)
        importlib.import_module("wave")
        random.random()


def test_every_test_is_watched(request: pytest.FixtureRequest) -> None:
    assert "leaves_nothing" in request.fixturenames
    assert os.environ["PYTEST_CURRENT_TEST"]  # which changes from test to test, and is none of theirs


def test_the_command_leaves_warnings_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with no_warnings_left(), pytest.raises(SystemExit):
        cli.main(["--help"])


def test_warnings_of_the_command_are_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pars.cli.commands.algos", lambda *options: warnings.warn("mind this", stacklevel=1))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        cli.main(["algos"])
    assert capsys.readouterr().err == "pars: warning: mind this\n"
