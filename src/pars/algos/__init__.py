"""The table of algorithms. One file each; none inherits from another, variants of one stand in its file.

Others come from installed packages and from modules that a user names, see `outside`.
"""

import os
import sys
import traceback
import warnings
from collections.abc import Iterable
from typing import Any

import gymnasium

from pars.algos import (
    bc,
    cql,
    dwsl,
    edac,
    gc_bc,
    gc_iql,
    gcpc,
    hiql,
    iql,
    max_q,
    mcq,
    msg,
    off2on,
    outside,
    pars,
    pex,
    ppo,
    rebrac,
    rlpd,
    sac,
    sac_n,
    sac_rnd,
    spot,
    svr,
    td3,
    td3_bc,
    uni_o4,
    wgcsl,
)
from pars.core import Algorithm
from pars.errors import UsageError, unknown
from pars.presets import PRESETS

ALGORITHMS: dict[str, Algorithm] = {
    algo.name: algo
    for algo in (
        pars.ALGORITHM,
        td3_bc.ALGORITHM,
        rebrac.ALGORITHM,
        iql.ALGORITHM,
        cql.ALGORITHM,
        cql.CAL_QL,
        sac_n.ALGORITHM,
        edac.ALGORITHM,
        mcq.ALGORITHM,
        msg.ALGORITHM,
        spot.ALGORITHM,
        svr.ALGORITHM,
        sac_rnd.ALGORITHM,
        bc.ALGORITHM,
        bc.BEST_TENTH,
        pex.ALGORITHM,
        off2on.ALGORITHM,
        rlpd.ALGORITHM,
        sac.ALGORITHM,
        td3.ALGORITHM,
        ppo.ALGORITHM,
        uni_o4.ALGORITHM,
        max_q.ALGORITHM,
        gc_bc.ALGORITHM,
        gc_iql.ALGORITHM,
        wgcsl.ALGORITHM,
        dwsl.ALGORITHM,
        hiql.ALGORITHM,
        gcpc.ALGORITHM,
    )
}

OURS = frozenset(ALGORITHMS)
_homes: dict[str, dict[str, str]] = {}  # of algorithms from elsewhere, as far as they are known


def find_algorithm(name: str, origin: Any = None) -> Algorithm:
    """The algorithm called `name`: ours, registered, of a module in $PARS_IMPORT, or of an installed package.

    Raises UsageError, which tells the nearest names, or of a run's algorithm the module that it came from.

    Args:
        origin: of a run.json, see `origin_of`; never imported.
    """
    import_wanted()
    if name in OURS and name in outside.claims():
        names = _packages(name)
        warnings.warn(f"algorithm {name!r} of the installed package {names} is left out: pars has one", stacklevel=2)
    if name not in ALGORITHMS:
        points = outside.claims(fresh=True).get(name, [])
        if len(points) > 1:
            raise UsageError(f"algorithm {name!r} is in several packages ({_packages(name)}); uninstall all but one")
        if not points:
            known = {*ALGORITHMS, *outside.claims()}
            own = "; give one of your own with --import (or pars.register)"
            raise UsageError(outside.absent(name, origin) if origin else unknown("algorithm", name, known, own))
        _add(outside.load(points[0]))
        _homes[name] = outside.home(points[0].module, points[0].dist)
    return ALGORITHMS[name]


def every_algorithm() -> list[Algorithm]:
    """All there are, ours first; installed packages are imported for it.

    What cannot be loaded, or has a name that is taken, is left out with a warning of one line.
    """
    import_wanted()
    for name in outside.claims(fresh=True):
        try:
            find_algorithm(name)
        except UsageError as error:
            warnings.warn(str(error), stacklevel=2)
    return list(ALGORITHMS.values())


def register(*algorithms: Algorithm) -> None:
    """Add algorithms under their names, presets included: for `train`, `load_policy` and everything else.

    Raises UsageError if a name is taken: by ours, by one registered before, or by an installed package. The same one
    may come again, and in a notebook a new version of it.
    """
    for algo in algorithms:
        if not isinstance(algo, Algorithm):
            raise UsageError(f"register takes a pars.Algorithm, got a {type(algo).__name__}")
        outside.check(algo)
        there = ALGORITHMS.get(algo.name)
        if there is None:
            others = [point for point in outside.claims().get(algo.name, []) if not outside.brings(point, algo)]
            owner = f"the installed package {outside.package(others[0])}" if others else ""
        else:
            again = there is algo or there.config.__module__ == algo.config.__module__ == "__main__"
            owner = "" if again else f"the module {origin_of(there)['module']}"
        if owner:
            raise UsageError(f"algorithm {algo.name!r} of {algo.config.__module__}: {owner} has one; rename it")
        _add(algo)


def _add(algo: Algorithm) -> None:
    ALGORITHMS[algo.name] = algo
    if algo.presets is not None:
        PRESETS[algo.name] = algo.presets


def import_modules(names: Iterable[str]) -> None:
    """Import modules, each by its name or by the path of its file, and register their algorithms: what a module
    registers itself, its ALGORITHM and its ALGORITHMS. Raises UsageError, and then has added nothing of that module.

    A new module that brings none, and no environment either, is warned of."""
    for name in names:
        before, loaded, tasks = dict(ALGORITHMS), set(sys.modules), len(gymnasium.registry)
        try:
            module = outside.import_module(name)
            if replaced := [other for other in before if ALGORITHMS.get(other) is not before[other]]:
                raise UsageError(f"cannot import {name!r}: it replaces the algorithm {replaced[0]!r}; rename its own")
            found = outside.algorithms_of(module)
            register(*found)
        except UsageError:
            for new in ALGORITHMS.keys() - before.keys():
                PRESETS.pop(new, None)
            ALGORITHMS.clear()
            ALGORITHMS.update(before)
            raise
        for new in ALGORITHMS.keys() - before.keys():
            _homes[new] = outside.home(module.__name__)
        brought = found or len(ALGORITHMS) > len(before) or len(gymnasium.registry) > tasks
        if module.__name__ not in loaded and not brought:
            what = "no algorithm: it has no ALGORITHM or ALGORITHMS and calls no pars.register"
            warnings.warn(f"{name!r} is imported and brings {what}", stacklevel=2)


def import_wanted() -> None:
    """Import what $PARS_IMPORT names: modules and files, separated as in $PYTHONPATH."""
    import_modules(filter(None, os.environ.get("PARS_IMPORT", "").split(os.pathsep)))


def origin_of(algo: Algorithm) -> dict[str, str]:
    """Where an algorithm comes from: its module, and of others than ours file, package and version, as far as known."""
    module = algo.config.__module__
    if algo.name in OURS and ALGORITHMS[algo.name] is algo:
        return {"module": module}
    return _homes.get(algo.name) or outside.home(module)


def fault(error: BaseException) -> str | None:
    """One line about an error in an algorithm from elsewhere: which, and where in its code; None if it is in none."""
    roots = {name: _root(origin_of(algo)["module"]) for name, algo in ALGORITHMS.items() if name not in OURS}
    frames = [(frame.f_code, number, _root(frame.f_globals.get("__name__", "")))
              for frame, number in traceback.walk_tb(error.__traceback__)]  # fmt: skip
    theirs = [(code, number, root) for code, number, root in frames if root in roots.values() and root != "pars"]
    if not theirs:
        return None
    last, number, root = theirs[-1]
    beside = [name for name, own in roots.items() if own == root]
    codes = {code for code, _, _ in theirs}
    names = [name for name in beside if codes & {getattr(x, "__code__", None) for x in vars(ALGORITHMS[name]).values()}]
    who = " or ".join(repr(name) for name in names or beside)
    return f"algorithm {who} failed at {last.co_filename}:{number}: {outside.one_line(error)}"


def _root(module: str) -> str:
    return module.partition(".")[0]


def _packages(name: str) -> str:
    return ", ".join(outside.package(point) for point in outside.claims()[name])
