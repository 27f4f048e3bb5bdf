"""pars: reinforcement learning with offline data. Flagship: PARS (Kim et al. 2025, arXiv 2507.08761).

Names are imported when they are first used, so that `import pars` starts nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names for type checkers and editors
    from pars.algos import ALGORITHMS as ALGORITHMS
    from pars.algos import register as register
    from pars.api import evaluate as evaluate
    from pars.api import train as train
    from pars.collect.twins import collect_twin as collect_twin
    from pars.core import Algorithm as Algorithm
    from pars.core import Spec as Spec
    from pars.core import Step as Step
    from pars.core import Transition as Transition
    from pars.data import Dataset as Dataset
    from pars.data import collect_dataset as collect_dataset
    from pars.data import from_arrays as from_arrays
    from pars.data import load_dataset as load_dataset
    from pars.envs import TASKS as TASKS
    from pars.envs import make_task as make_task
    from pars.errors import CheckpointError as CheckpointError
    from pars.errors import DataError as DataError
    from pars.errors import DivergenceError as DivergenceError
    from pars.errors import Interrupted as Interrupted
    from pars.errors import InUse as InUse
    from pars.errors import ObservationError as ObservationError
    from pars.errors import ParsError as ParsError
    from pars.errors import ResourceError as ResourceError
    from pars.errors import TaskError as TaskError
    from pars.errors import UsageError as UsageError
    from pars.export.load import load_policy as load_policy
    from pars.export.policy import Policy as Policy
    from pars.presets import Preset as Preset
    from pars.report import summary as summary
    from pars.report import write_report as write_report
    from pars.report.frame import metrics as metrics

    __version__: str

_HOME = {
    "ALGORITHMS": "pars.algos",
    "TASKS": "pars.envs",
    "Algorithm": "pars.core",
    "CheckpointError": "pars.errors",
    "DataError": "pars.errors",
    "Dataset": "pars.data",
    "DivergenceError": "pars.errors",
    "InUse": "pars.errors",
    "Interrupted": "pars.errors",
    "ObservationError": "pars.errors",
    "ParsError": "pars.errors",
    "Policy": "pars.export.policy",
    "Preset": "pars.presets",
    "ResourceError": "pars.errors",
    "Spec": "pars.core",
    "Step": "pars.core",
    "TaskError": "pars.errors",
    "Transition": "pars.core",
    "UsageError": "pars.errors",
    "collect_dataset": "pars.data",
    "collect_twin": "pars.collect.twins",
    "evaluate": "pars.api",
    "from_arrays": "pars.data",
    "load_dataset": "pars.data",
    "load_policy": "pars.export.load",
    "make_task": "pars.envs",
    "metrics": "pars.report.frame",
    "register": "pars.algos",
    "summary": "pars.report",
    "train": "pars.api",
    "write_report": "pars.report",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value = importlib.import_module("importlib.metadata").version("pars")
    elif name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module 'pars' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
