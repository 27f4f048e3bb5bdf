"""Experiment trackers, off by default: Weights & Biases and MLflow, each member a run, all of a group together.

Both write below the working folder and send nothing (`wandb sync` does), unless the environment says otherwise by
WANDB_MODE or MLFLOW_TRACKING_URI. What goes wrong in one ends its curves with a warning, and never the run.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pars.errors import ResourceError, UsageError, unknown
from pars.training.board import Curves

PROJECT = "pars"
TRACKERS = ("wandb", "mlflow")  # modules, each of the extra of its name


def check(name: str | None) -> None:
    """Raises UsageError for a tracker that is not known, ResourceError for one that is not installed."""
    if name is None:
        return
    if name not in TRACKERS:
        raise UsageError(unknown("tracker", name, TRACKERS))
    try:
        importlib.import_module(name)
    except ImportError:
        raise ResourceError(f"--track {name} needs {name}: pip install 'pars[{name}]'") from None


def track(name: str, folder: Path, title: str, described: Mapping[str, Any], member: int) -> Curves:
    """The curves of one member of the group in `folder`, as a run called `title`."""
    own = described["members"][member]
    facts = {"algorithm": described["algorithm"], "task": described.get("task"), "seed": own["seed"], **own["settings"]}
    kind = Wandb if name == "wandb" else Mlflow
    return Guarded(name, lambda: kind(folder, title, facts, member))


class Guarded:
    """Curves that begin with the first number and end with the first error."""

    def __init__(self, name: str, begin: Callable[[], Curves]) -> None:
        self.name, self._begin, self._broken = name, begin, False
        self._curves: Curves | None = None

    def add(self, step: int, values: dict[str, float]) -> None:
        self._try(lambda curves: curves.add(step, values))

    def close(self) -> None:
        if self._curves is not None:
            self._try(lambda curves: curves.close())

    def _try(self, do: Callable[[Curves], None]) -> None:
        if self._broken:
            return
        try:
            self._curves = self._curves or self._begin()
            do(self._curves)
        except Exception as error:  # foreign code: whatever it raises, training goes on
            self._broken = True
            said = " ".join(str(error).split()) or type(error).__name__
            warnings.warn(f"no more curves for {self.name}: {said[:200]}", stacklevel=2)


class Wandb:
    """A run of Weights & Biases. Its own step counts what is logged; the axis of a phase is `PHASE/step`."""

    def __init__(self, folder: Path, title: str, facts: dict[str, Any], member: int) -> None:
        wandb: Any = importlib.import_module("wandb")
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            group=_group(folder),
            name=title,
            id=_identity(folder, member),  # a run that goes on is the same one
            resume="allow",
            config=facts,
            dir=str(folder),
            mode=os.environ.get("WANDB_MODE", "offline"),
            reinit="create_new",
            settings=wandb.Settings(console="off", silent=True),
        )
        self._phases: set[str] = set()

    def add(self, step: int, values: dict[str, float]) -> None:
        phase = next(iter(values)).partition("/")[0]
        if phase not in self._phases:
            self._phases.add(phase)
            self._run.define_metric(f"{phase}/*", step_metric=f"{phase}/step")
        self._run.log({**values, f"{phase}/step": step})

    def close(self) -> None:
        self._run.finish()


class Mlflow:
    """A run of MLflow, in the experiment `pars`."""

    def __init__(self, folder: Path, title: str, facts: dict[str, Any], member: int) -> None:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # plain files are all that mlflow-skinny can write
        place = os.environ.get("MLFLOW_TRACKING_URI") or (folder.parent / "mlruns").absolute().as_uri()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        self._client: Any = importlib.import_module("mlflow").MlflowClient(place)
        there = self._client.get_experiment_by_name(name)
        experiment = there.experiment_id if there else self._client.create_experiment(name)
        identity = _identity(folder, member)
        found = self._client.search_runs([experiment], f"tags.pars_id = '{identity}'", max_results=1)
        tags = {"pars_id": identity, "group": _group(folder)}
        run = found[0] if found else self._client.create_run(experiment, run_name=title, tags=tags)
        self._id = run.info.run_id
        if not found:
            for key, value in facts.items():
                self._client.log_param(self._id, key, value)

    def add(self, step: int, values: dict[str, float]) -> None:
        metric, now = importlib.import_module("mlflow.entities").Metric, int(time.time() * 1000)
        metrics = [metric(re.sub(r"[^\w./ -]", "_", name), value, now, step) for name, value in values.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def close(self) -> None:
        self._client.set_terminated(self._id)


def _group(folder: Path) -> str:
    """`RUN/GROUP`."""
    return f"{folder.parent.name}/{folder.name}"


def _identity(folder: Path, member: int) -> str:
    return hashlib.sha256(f"{folder.absolute()}:{member}".encode()).hexdigest()[:16]
