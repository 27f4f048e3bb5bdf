"""pars: reinforcement learning with offline data. Flagship: PARS (Kim et al. 2025, arXiv 2507.08761).

Names are imported when they are first used, so that `import pars` starts nothing.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

_HOME = {
    "ALGORITHMS": "pars.algos",
    "TASKS": "pars.envs",
    "Algorithm": "pars.core",
    "Dataset": "pars.data",
    "ParsError": "pars.errors",
    "Policy": "pars.train.restore",
    "Spec": "pars.core",
    "Step": "pars.core",
    "Transition": "pars.core",
    "collect_dataset": "pars.data",
    "evaluate": "pars.api",
    "from_arrays": "pars.data",
    "load_dataset": "pars.data",
    "load_policy": "pars.train.restore",
    "make_task": "pars.envs",
    "summary": "pars.report",
    "train": "pars.api",
    "write_report": "pars.report",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'pars' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Public(ModuleType):
    """`pars.train` is the function, also once the modules of that name were imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Public
