"""Where algorithms from elsewhere are found: in packages that are installed, and in modules that a user names.

A package says in its metadata what it brings, one entry point of the group `pars.algorithms` for each algorithm, under
the algorithm's name: `awac = "pars_awac:ALGORITHM"`. Nothing of it is imported before that name is asked for.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from pars.core import Algorithm, LoopSettings
from pars.errors import ParsError, UsageError

GROUP = "pars.algorithms"
LONGEST = 200  # characters of a name from a run.json that a message repeats


def claims(fresh: bool = False) -> Mapping[str, list[EntryPoint]]:
    """What installed packages bring, by the algorithm's name. Reads their metadata and imports none of them.

    fresh: read again, as packages may have been installed since.
    """
    if fresh:
        _claims.cache_clear()
    return _claims(tuple(sys.path))


@cache
def _claims(path: tuple[str, ...]) -> Mapping[str, list[EntryPoint]]:
    found = defaultdict(list)
    for point in importlib.metadata.entry_points(group=GROUP):
        found[point.name].append(point)
    return dict(found)


def package(point: EntryPoint) -> str:
    """Name and version of the package that an entry point belongs to."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def load(point: EntryPoint) -> Algorithm:
    """The algorithm of an entry point, whose package is imported. Raises UsageError that names the package."""
    what = f"algorithm {point.name!r} of the installed package {package(point)}"
    try:
        algo = point.load()
    except Exception as error:
        raise UsageError(f"{what} cannot be loaded: {one_line(error)}; mend the package or uninstall it") from error
    if not isinstance(algo, Algorithm):
        raise UsageError(f"{what}: {point.value} is a {type(algo).__name__} and no pars.Algorithm; mend the package")
    check(algo)
    if algo.name != point.name:
        raise UsageError(f"{what} calls itself {algo.name!r}; give the entry point the same name")
    return algo


def check(algo: Algorithm) -> None:
    """Raises UsageError for a name that cannot be a folder's and a word of the command, a config that is none, and
    phases that one could not tell apart."""
    if not _is_word(algo.name):
        raise UsageError(f"an algorithm is called {algo.name!r}; a name has letters, digits and _, such as my_method")
    if not (isinstance(algo.config, type) and issubclass(algo.config, LoopSettings)):
        raise UsageError(f"algorithm {algo.name!r}: its config is no class that inherits from pars.core.LoopSettings")
    phases = [phase.name for phase in algo.course]
    if len({*phases}) < len(phases) or not all(map(_is_word, phases)):
        known = ", ".join(map(repr, phases))
        raise UsageError(
            f"algorithm {algo.name!r}: its phases are {known}; each needs a name of its own, such as model"
        )


def _is_word(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII))


def brings(point: EntryPoint, algo: Algorithm) -> bool:
    """Whether an entry point means this very algorithm."""
    try:
        return load(point) is algo
    except UsageError:
        return False


def import_module(name: str) -> ModuleType:
    """A module by its name or by the path of its file. Raises UsageError."""
    try:
        return _from_file(Path(name)) if name.endswith(".py") or os.sep in name else importlib.import_module(name)
    except ParsError:
        raise
    except (Exception, SystemExit) as error:
        absent = isinstance(error, ModuleNotFoundError) and (name + ".").startswith(f"{error.name}.")
        hint = f"install it or give the path of its file, such as ./{name}.py" if absent else "mend it"
        raise UsageError(f"cannot import {name!r}: {one_line(error)}; {hint}") from error


def _from_file(path: Path) -> ModuleType:
    """Its name is that of the file; what stands beside the file is not found by it."""
    if path.suffix != ".py" or not path.is_file():
        what = "it is not a .py file" if path.exists() else "there is no such file"
        raise UsageError(f"cannot import {str(path)!r}: {what}; give one, or the name of a module")
    path, name = path.resolve(), path.stem
    there = sys.modules.get(name)
    if there is not None:
        if there.__dict__.get("__file__") == str(path):
            return there
        raise UsageError(f"cannot import {str(path)!r}: another module is called {name!r}; rename the file")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def algorithms_of(module: ModuleType) -> list[Algorithm]:
    """A module's ALGORITHM, and its ALGORITHMS: several, or a dict of them. Raises UsageError for anything else."""
    several: Any = getattr(module, "ALGORITHMS", ())
    if isinstance(several, Mapping):
        several = several.values()
    found = [*([module.ALGORITHM] if hasattr(module, "ALGORITHM") else []), *_listed(several)]
    for algo in found:
        if not isinstance(algo, Algorithm):
            raise UsageError(f"{module.__name__}: ALGORITHM is a {type(algo).__name__} and no pars.Algorithm")
    return list(dict.fromkeys(found))


def _listed(several: Any) -> Iterable[Any]:
    return several if isinstance(several, Iterable) else [several]


def home(module: str, dist: Distribution | None = None) -> dict[str, str]:
    """Where an algorithm comes from, as a run.json has it: module, and file, package and version as far as known."""
    there = sys.modules.get(module)
    known = {
        "module": module,
        "file": getattr(there, "__file__", None),
        "package": dist.name if dist else None,
        "version": dist.version if dist else getattr(there, "__version__", None),
    }
    return {name: str(value) for name, value in known.items() if value}


def absent(name: str, origin: Any) -> str:
    """One line about a run whose algorithm is not here. origin: as `home`, but out of a run.json, which may hold
    anything: it is quoted, and never imported."""
    known = origin if isinstance(origin, Mapping) else {}
    module, file, dist, version = (
        str(known.get(key, ""))[:LONGEST] for key in ("module", "file", "package", "version")
    )
    where = f" of the package {f'{dist} {version}'!r}" if dist else f" in the file {file!r}" if file else ""
    remedy = "install that package, or " if dist else ""
    return (
        f"unknown algorithm {name[:LONGEST]!r}; the run was trained with the module {module!r}{where}, and what a run "
        f"names is never imported by itself: {remedy}give --import (or PARS_IMPORT) if you trust it"
    )


def one_line(error: BaseException) -> str:
    """Type and first line of an error."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}".removesuffix(": ")
