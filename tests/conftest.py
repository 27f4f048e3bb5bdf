"""What all tests share: a slow tier (`--slow`), any order (`--random-order`), folders of their own, a look at what each
leaves behind, programs kept compiled between sessions."""

from __future__ import annotations

import gc
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest

COMPILED_DAYS = 7  # older compiled programs belong to code that has changed since
# Half the processor time of a program of 8 x 8 units: LLVM's passes and the lowering of fusions through MLIR. Programs
# mean the same and round otherwise, so tests that hold the bits of two programs against each other go without.
QUICK = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the longer tier too")
    parser.addoption("--random-order", type=int, metavar="SEED", help="run the tests in an order drawn with SEED")
    parser.addoption("--quick-compile", action="store_true", help="all that is not `shipped`; XLA optimises little")


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment before any test module imports JAX; the commands that tests start inherit it.

    With `-n` every worker has a session of its own; the process that hands out the tests runs none.
    """
    if config.getoption("dist", "no") != "no":  # in a worker it is "no"
        return
    folder = tempfile.TemporaryDirectory(prefix="pars-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    root = Path(folder.name)
    os.environ["PARS_DATA_DIR"] = str(root / "data")
    os.environ["PARS_CACHE_DIR"] = str(root / "cache")
    os.environ["MPLBACKEND"] = "Agg"
    # flags of the locked XLA: another ends the process at one that it lacks
    if config.getoption("quick_compile") and version("jax").startswith("0.10."):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK}".strip()
    source = str(config.rootpath / "src")  # commands run this checkout too, whatever their working folder
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
    compiled = config.rootpath / ".pytest_cache" / "compiled"
    keep_compiled(compiled, root / "cache" / "compiled")
    # A worker ends without Python's own clean-up. The mark of a command that it ran would stay, and the next session
    # would take it for one that was killed and drop all programs compiled since.
    config.add_cleanup(lambda: (compiled / f"running-{os.getpid()}").unlink(missing_ok=True))

    from pars import system

    system.setup(
        cache=True
    )  # as the command does; before the first test computes: the device count is fixed from then on


def keep_compiled(stable: Path, seen: Path) -> None:
    """Compiled programs outlive the session in `stable`. The command looks for them in `seen`, in `$PARS_CACHE_DIR`."""
    stable.mkdir(parents=True, exist_ok=True)
    for entry in stable.iterdir():
        with suppress(FileNotFoundError):  # another worker was faster
            if time.time() - entry.stat().st_mtime > COMPILED_DAYS * 86400:
                entry.unlink()
    seen.parent.mkdir(parents=True)
    seen.symlink_to(stable, target_is_directory=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(seen)  # as the command sets it
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.02"  # as the command
    # The path of XLA's GPU caches is hashed into the key of every program, and `seen` has another one each session.
    os.environ["JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES"] = "none"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m shipped` imports the few modules that have such tests, not all."""
    if config.getoption("markexpr") != "shipped" or not collection_path.match("test_*.py"):
        return None
    return "mark.shipped" not in collection_path.read_text(encoding="utf-8") or None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What modules hold stays: each full collection of garbage would look at all of it again, for 0.2 s."""
    gc.disable()
    yield
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.getoption("random_order")
    if seed is not None:
        random.Random(seed).shuffle(items)
    if config.getoption("quick_compile"):
        items[:] = [item for item in items if "shipped" not in item.keywords]
    if config.getoption("--slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: runs with --slow"))


@pytest.fixture(autouse=True)
def leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    from tests import isolation

    with isolation.nothing_left(request.config.rootpath):
        yield


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    from tests import isolation

    with isolation.no_warnings_left():
        return (yield)


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Empty data and working folders for this test alone. Yields the working folder."""
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path / "data"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    yield work


@pytest.fixture
def no_png(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures without their PNG, which takes longer than the drawing: for tests that do not look at it."""
    monkeypatch.setattr("pars.report.charts.plot.to_png", lambda fig: b"")


@pytest.fixture
def gl() -> None:
    """Skips a test that draws where there is no OpenGL."""
    from pars.envs import render
    from pars.errors import ResourceError

    try:
        render.make_context(16, 16).free()
    except ResourceError as error:
        pytest.skip(str(error))
