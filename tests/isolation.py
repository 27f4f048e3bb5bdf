"""No test leaves anything behind: what is looked at before and after each of them, and the complaint."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

for _name in ("pars.cli.main", "pars.cli.selfcheck", "pars.presets.sets", "pars.reproduce.catalogue"):
    importlib.import_module(_name)  # and with them all others that hold a registry, so that it is known from the start

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1, signal.SIGCHLD)
# set by pytest for each test, and by PyOpenGL and pygame when they are first imported
OF_OTHERS = {"PYTEST_CURRENT_TEST", "PYOPENGL_PLATFORM", "SDL_AUDIODRIVER"}
Seen = dict[str, Mapping[str, Any]]


def look(root: Path) -> Seen:
    """What a test must leave as it was: kind -> name -> value. Takes a fraction of a millisecond.

    root: the checkout, where no test may leave files.
    """
    numbers = np.random.get_state(legacy=False)["state"]
    seen: Seen = {
        "environment": {name: value for name, value in os.environ.items() if name not in OF_OTHERS},
        "working folder": {"it": os.getcwd()},
        "file in the checkout": {name: "" for name in os.listdir(root) if not name.startswith((".", "__"))},
        "signal": {number.name: signal.getsignal(number) for number in SIGNALS},
        "generator": {"numpy.random": (numbers["pos"], numbers["key"].tobytes())},
        "numpy.seterr": np.geterr(),
        "thread": {thread.name: thread for thread in threading.enumerate() if not thread.daemon},
        "sys.path": dict.fromkeys(sys.path),
        "JAX setting": dict(jax.config.values),
        "module": sys.modules.copy(),
    }
    if "matplotlib" in sys.modules:
        seen["matplotlib setting"] = dict.copy(sys.modules["matplotlib"].rcParams)
    if "matplotlib.pyplot" in sys.modules:
        seen["figure"] = dict.fromkeys(map(str, sys.modules["matplotlib.pyplot"].get_fignums()))
    if "gymnasium" in sys.modules:
        registry = sys.modules["gymnasium"].registry
        homes = {name: getattr(spec.entry_point, "__module__", spec.entry_point) for name, spec in registry.items()}
        seen["gymnasium.registry"] = {
            name: registry[name] for name, home in homes.items() if "gymnasium" not in str(home)
        }
    for name, table in tables(len(sys.modules)):
        seen[name] = table.copy()
    return seen


@lru_cache(maxsize=1)
def tables(modules: int) -> list[tuple[str, dict[str, Any]]]:
    """The modules of pars and their registries, by name; looked up again when there are more `modules`."""
    found: dict[int, tuple[str, dict[str, Any]]] = {}  # by identity: a registry that is imported elsewhere counts once
    for name, module in sys.modules.copy().items():
        if name.startswith("pars."):  # pars itself takes in its public names when they are first used
            found[id(module)] = (name, vars(module))
            for table, value in vars(module).items():
                if type(value) is dict and table.isupper():
                    found.setdefault(id(value), (f"{name}.{table}", value))
    return list(found.values())


def changes(before: Seen, after: Seen) -> list[str]:
    """One line for each thing that was added, changed or taken away.

    A module that was imported since is no leak, nor is Python's note of where a warning was shown.
    """
    found = []
    for kind, was in before.items():
        now = after[kind]
        if was == now:
            continue
        for name in [*was, *(name for name in now if name not in was)]:
            if name not in now:
                found.append(f"{kind}: {name} is gone")
            elif name not in was:
                if name != "__warningregistry__" and not imported(now[name], before["sys.path"]):
                    found.append(f"{kind}: {name} is new")
            elif was[name] is not now[name] and was[name] != now[name]:
                found.append(f"{kind}: {name} is another")
    return found


def imported(value: Any, path: Iterable[str]) -> bool:
    """Whether `value` is a module of Python itself or of a folder on `path`."""
    spec = getattr(value, "__spec__", None)
    if spec is None and (whole := sys.modules.get(str(getattr(value, "__name__", "")).rpartition(".")[0])):
        return imported(whole, path)  # a part of a compiled module
    places = [spec.origin, *(spec.submodule_search_locations or [])] if spec else []
    return any(
        place and (place in ("built-in", "frozen") or place.startswith(tuple(filter(None, path)))) for place in places
    )


@contextmanager
def nothing_left(root: Path) -> Iterator[None]:
    """Fails the test that runs inside when it leaves something behind."""
    before = look(root)
    yield
    if found := changes(before, look(root)):
        pytest.fail("the test leaves behind:\n  " + "\n  ".join(found), pytrace=False)


@contextmanager
def no_warnings_left() -> Iterator[None]:
    """The same for warnings; pytest puts them back after each test, so they are looked at before it does."""
    before = (warnings.filters[:], warnings.showwarning)
    yield
    if before != (warnings.filters, warnings.showwarning):
        pytest.fail("the test leaves `warnings.filters` or `warnings.showwarning` behind", pytrace=False)
