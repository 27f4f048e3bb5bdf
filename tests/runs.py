"""Tiny runs for the tests: networks of 2 x 8, two thousand rows, a few steps."""

from __future__ import annotations

import csv
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pars import api
from pars.data import Dataset, collect_dataset, load_dataset
from pars.files import read_sealed
from pars.probes import LANDSCAPE
from pars.training.checkpoint import MANIFEST, latest
from pars.training.folder import read_status
from pars.training.plan import How

TASK = "pointmaze-umaze-diverse"
ROWS = 2000
TINY: dict[str, list[Any]] = {
    "hidden": ["8x8"],
    "actor_hidden": ["8x8"],
    "critics": [2],
    "batch_size": [16],
    "updates_per_step": [2],
}
TINY_ACTOR = {name: TINY[name] for name in ("actor_hidden", "batch_size")}
PLAN = {"steps": 60, "online_steps": 30, "eval_every": 20, "online_eval_every": 10, "eval_episodes": 2}
BOUNDARIES = [("offline", step) for step in (0, 20, 40, 60)] + [("online", step) for step in (10, 20, 30)]
SESSION = Path(os.environ["PARS_DATA_DIR"]).parent  # the test session's folder; a test's own folders come and go


@cache
def few_rows() -> Dataset:
    with pytest.MonkeyPatch.context() as context:  # the test that asks first may have folders of its own
        context.setenv("PARS_DATA_DIR", str(SESSION / "data"))
        return load_dataset(TASK, rows=ROWS)


@cache
def few_rows_file() -> Path:
    with pytest.MonkeyPatch.context() as context:
        context.setenv("PARS_DATA_DIR", str(SESSION / "data"))
        return collect_dataset(TASK, rows=ROWS)


def train(out: Path | None, algorithms: str = "pars", task: str | None = TASK, **changes: Any) -> Path:
    """`api.train` of a tiny run; `settings` are added to TINY."""
    settings = (TINY if "pars" in algorithms else TINY_ACTOR) | changes.pop("settings", {})
    options: dict[str, Any] = {"data": few_rows(), "quiet": True, **PLAN, **changes}
    return api.train(algorithms.split(","), task, settings=settings, out=out, **options)


@cache
def finished_run() -> Path:
    """An undisturbed run of two seeds, looked at for a film. Do not write below it."""
    return train(SESSION / "runs" / "finished", seeds=(0, 1), probes=(*How.probes, LANDSCAPE))


def as_format_2(folder: Path) -> Path:
    """Rewrite a group's folder as an earlier version would have left it. -> where it is now"""
    folder = folder.rename(folder.with_name(f"{folder.name.partition('-')[0]}-abc123"))  # made of other settings
    described = description(folder)
    for settings in (member["settings"] for member in described["members"]):
        settings.pop("actor_initializer", None)
        settings["offline_rows"] = int(settings.pop("offline_share") * settings["batch_size"])
    (folder / "run.json").write_text(json.dumps(described | {"format": 2}))
    return folder


def as_format_1(folder: Path) -> Path:
    """As the version before that would have left it."""
    folder = as_format_2(folder)
    described = {name: value for name, value in description(folder).items() if name not in ("origin", "goal_dim")}
    for member in described["members"]:
        del member["settings"]["environments"]
    (folder / "run.json").write_text(json.dumps(described | {"format": 1}))
    for path in list((folder / "checkpoints").iterdir()):
        manifest = json.loads((path / MANIFEST).read_text())
        place = manifest["position"]
        phase, step = place["phase"], place["step"]
        known = {"files": manifest["files"], "logs": {name: log["bytes"] for name, log in manifest["logs"].items()}}
        (path / MANIFEST).write_text(json.dumps({"format": 1, "phase": phase, "step": step, **known}))
        path.rename(path.with_name(f"{phase}-{step:09d}"))
    return folder


def group(out: Path, algorithm: str = "pars") -> Path:
    """The only group of `algorithm` in a run."""
    (folder,) = out.glob(f"{algorithm}-*")
    return folder


def digest(out: Path, algorithm: str = "pars") -> str:
    status = read_status(group(out, algorithm))
    assert status["state"] == "finished", status
    return str(status["digest"])


def metrics(folder: Path, name: str) -> dict[tuple[str, int], list[float]]:
    """(phase, step) -> values by member of one name in metrics.csv, which has each of them once."""
    found: dict[tuple[str, int], dict[int, float]] = {}
    with open(folder / "metrics.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["name"] == name:
                members = found.setdefault((row["phase"], int(row["step"])), {})
                assert int(row["member"]) not in members, f"{row} is there twice"
                members[int(row["member"])] = float(row["value"])
    return {place: [members[m] for m in sorted(members)] for place, members in found.items()}


def saved_state(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of the newest checkpoint."""
    from safetensors.numpy import load_file

    saved = latest(folder / "checkpoints")
    assert saved is not None
    return load_file(saved.folder / "state.safetensors")


def words(settings: dict[str, list[Any]] | None = None) -> list[str]:
    """Settings as they are written on the command line."""
    return [f"{name}={','.join(map(str, values))}" for name, values in (settings or TINY).items()]


def description(folder: Path) -> dict[str, Any]:
    """run.json, without its checksum, so that it may be changed."""
    return read_sealed(folder / "run.json")
