"""`pars train` and `pars report` under low limits: few open files, little address space, no home or one that cannot be
written to, another user, folders with other letters, a full folder for temporary files. Whole processes."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.torture.common import Budget, Tally
from tests.torture.forked import ENDS, Ended, few_rows, train
from tests.torture.whole import SHORT

NOBODY = 65534
READ_ALL = 2  # CAP_DAC_READ_SEARCH: Python may lie in root's home; what may be written is nobody's alone
KEEP_CAPS, AMBIENT, RAISE = 8, 47, 2  # of prctl
GB = 2**30
LETTERS = "Läufe 走る ‮«'%s{}»"
HOME = ("HOME", "XDG_CACHE_HOME", "PARS_CACHE_DIR")

Limit = tuple[Callable[[], None] | None, dict[str, str | None]]  # called before it starts; environment, None: not set


def run(root: Path, budget: Budget) -> list[Tally]:
    """Of each limit a run and its page."""
    tally, source = Tally("a run under low limits"), few_rows()
    for number, (name, (before, changes)) in enumerate(_limits(root).items()):
        if budget.over:
            break
        folder = root / f"limit-{number}" / (LETTERS if "letters" in name else "plain")
        folder.mkdir(parents=True)
        data = shutil.copy(source, folder / "rows.hdf5")
        for path in (folder.parent, folder, data):
            os.chown(path, NOBODY, NOBODY)
        changes = {"PARS_DATA_DIR": str(folder / "data"), **changes}
        env = {**{k: v for k, v in os.environ.items() if k not in changes}, **{k: v for k, v in changes.items() if v}}
        lines = (train(folder / "run", folder / "rows.hdf5", SHORT), ["report", str(folder / "run")])
        faults = [wrong for words in lines if (wrong := _called(words, before, env).wrong(0))]
        tally.add(name, "; ".join(faults))
    return [tally]


def _limits(root: Path) -> dict[str, Limit]:
    homes = {name: root / name for name in ("home", "temporary")}
    for path in homes.values():
        path.mkdir()
    homes["home"].chmod(0o555)
    full = {"TORTURE_UNDER": str(homes["temporary"]), "TORTURE_AT": "1", "TORTURE_ERRNO": str(errno.ENOSPC)}
    return {
        "64 open files": (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)), {}),
        "4 GB of address space": (lambda: resource.setrlimit(resource.RLIMIT_AS, (4 * GB, 4 * GB)), {}),
        "no home": (None, dict.fromkeys(HOME)),
        "a home that is not there, another user": (_nobody, {**dict.fromkeys(HOME), "HOME": "/nonexistent"}),
        "a home that cannot be written to, another user": (
            _nobody,
            {**dict.fromkeys(HOME), "HOME": str(homes["home"])},
        ),
        "other letters": (None, {}),
        "other letters, LC_ALL=C": (None, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        "a full temporary folder": (None, {**full, "TORTURE_LASTING": "1", "TMPDIR": str(homes["temporary"])}),
    }


def _called(words: list[str], before: Callable[[], None] | None, env: dict[str, str]) -> Ended:
    line = [sys.executable, "-m", "pars.cli", *words]
    options: dict[str, Any] = dict(env=env, capture_output=True, text=True, errors="replace", timeout=ENDS)
    done = subprocess.run(line, preexec_fn=before, **options)
    return Ended(done.returncode, done.stdout, done.stderr)


def _nobody() -> None:
    """Another user, who may read everything and write what is his."""
    libc = ctypes.CDLL(None)
    libc.prctl(KEEP_CAPS, 1)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    capability = 1 << READ_ALL
    header, wanted = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[capability] * 3, 0, 0, 0)
    libc.capset(header, wanted)
    libc.prctl(AMBIENT, RAISE, READ_ALL, 0, 0)
