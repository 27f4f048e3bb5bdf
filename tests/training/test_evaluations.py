"""Evaluations while training goes on: the same files as without, whatever stops the run."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pars.training.run
from pars import api
from pars.errors import DivergenceError, Interrupted
from pars.training import evaluations as overlap
from pars.training.checkpoint import latest
from pars.training.folder import read_status
from pars.training.progress import make_view
from pars.training.rollout import Evaluator
from tests.runs import BOUNDARIES, digest, few_rows, finished_run, group, metrics, train


def test_overlap_changes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pars.training.run, "CHUNK_SECONDS", 0.0)  # looks up after every step
    with_overlap, without = group(train(tmp_path, seeds=(0, 1), overlap=True)), group(finished_run())
    assert digest(tmp_path) == digest(finished_run())
    assert (with_overlap / "metrics.csv").read_bytes() == (without / "metrics.csv").read_bytes()
    kept = [sorted(path.name for path in (folder / "checkpoints").iterdir()) for folder in (with_overlap, without)]
    assert kept[0] == kept[1]


def test_training_goes_on_meanwhile_and_the_checkpoint_is_the_boundarys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first evaluation waits until training has come to step 10; its row and its checkpoint are those of step 0."""
    reached, real = threading.Event(), Evaluator.__call__
    came: list[bool] = []

    def slow(self: Evaluator, act: Any) -> Any:
        if not came:
            came.append(reached.wait(60.0))
        return real(self, act)

    class Watcher:
        def __getattr__(self, name: str) -> Any:
            return getattr(make_view(quiet=True), name)

        def advance(self, phase: str, step: int, rate: float | None) -> None:
            if step >= 10:
                reached.set()

    monkeypatch.setattr(Evaluator, "__call__", slow)
    monkeypatch.setattr(api, "make_view", lambda quiet: Watcher())
    monkeypatch.setattr(pars.training.run, "CHUNK_SECONDS", 0.0)
    train(tmp_path, seeds=(0, 1), overlap=True)
    assert came == [True]
    assert digest(tmp_path) == digest(finished_run())


def test_a_run_stopped_while_it_evaluates_ends_where_the_undisturbed_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Signals:
        def __getattr__(self, name: str) -> Any:
            return getattr(make_view(quiet=True), name)

        def advance(self, phase: str, step: int, rate: float | None) -> None:
            if (phase, step) == ("offline", 29):
                os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as context:
        context.setattr(api, "make_view", lambda quiet: Signals())
        context.setattr(pars.training.run, "CHUNK_SECONDS", 0.0)
        with pytest.raises(Interrupted, match="stopped at offline step 29"):
            train(tmp_path, seeds=(0, 1), overlap=True)
    saved = latest(group(tmp_path) / "checkpoints")
    assert saved is not None and saved.position.step == 29
    assert list(metrics(group(tmp_path), "score")) == BOUNDARIES[:2]
    train(tmp_path, seeds=(0, 1), overlap=False)  # the switch may change where a run continues
    assert digest(tmp_path) == digest(finished_run())


def test_a_killed_run_repeats_the_evaluation_it_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation that fails stands for the kill: nothing of its boundary is on disk."""
    real, calls = overlap.Evaluations._run, []

    def failing(self: overlap.Evaluations, policy: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("killed")
        return real(self, policy)

    with monkeypatch.context() as context, pytest.raises(RuntimeError, match="killed"):
        context.setattr(overlap.Evaluations, "_run", failing)
        train(tmp_path, seeds=(0, 1), overlap=True)
    saved = latest(group(tmp_path) / "checkpoints")
    assert saved is not None and saved.position.step == 20
    train(tmp_path, seeds=(0, 1), overlap=True)
    assert digest(tmp_path) == digest(finished_run())


def test_divergence_is_noticed_with_the_same_words(tmp_path: Path) -> None:
    plain = few_rows()
    packed = np.array(plain.packed)
    packed[:, -2] = 1e38  # rewards are scaled by 10 inside the loss: infinite
    huge, said = dataclasses.replace(plain, packed=packed), []
    for switch in (True, False):
        out = tmp_path / str(switch)
        with pytest.raises(DivergenceError, match="is not finite at offline step 8") as caught:
            train(out, seeds=(0, 1), data=huge, overlap=switch)
        said.append(str(caught.value))
        assert read_status(group(out))["state"] == "diverged"
        saved = latest(group(out) / "checkpoints")
        assert saved is not None and saved.position.step == 0
        assert list(metrics(group(out), "score")) == BOUNDARIES[:1]
    assert said[0] == said[1]


def test_simulators_outlive_the_evaluation_that_uses_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where an error ends the run while an evaluation is under way."""
    running: list[int] = []

    def slow(self: Any, act: Any) -> None:
        running.append(1)
        time.sleep(0.5)
        running.pop()

    def freed(self: Any) -> None:
        assert not running

    def broken(*args: Any) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr("pars.training.rollout.Evaluator.__call__", slow)
    monkeypatch.setattr("pars.training.evaluations.Evaluations.close", freed)
    monkeypatch.setattr("pars.training.learner.Learner.run", broken)
    with pytest.raises(RuntimeError, match=r"^it broke$"):
        train(tmp_path, overlap=True, online_steps=0)
