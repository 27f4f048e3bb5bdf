"""A run from its first step to its last: what it leaves on disk, and what happens when it is stopped or goes wrong."""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pars.training.run
from pars import api
from pars.data import from_arrays
from pars.errors import CheckpointError, DivergenceError, Interrupted, ResourceError, TaskError, UsageError
from pars.export.load import load_policy
from pars.training import checkpoint
from pars.training.checkpoint import latest
from pars.training.folder import read_status
from pars.training.progress import make_view
from pars.training.restore import restore
from pars.training.view import Stop
from pars.units import Output
from tests import runs
from tests.data.files import columns
from tests.runs import BOUNDARIES, TASK, digest, finished_run, group, metrics, train


def test_a_finished_run_has_every_file() -> None:
    folder = group(finished_run())
    assert {path.name for path in folder.iterdir()} >= {
        *("run.json", "status.json", "metrics.csv", "timing.csv", "probes", "tensorboard", "checkpoints", "replay")
    }
    kept = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert kept == ["0-offline-000000060", "1-online-000000020-000000040", "1-online-000000030-000000060"]
    assert {path.name for path in (folder / "probes").iterdir()} == {
        *(f"landscape-{phase}-{step}.npz" for phase, step in BOUNDARIES),
        *("trajectories-offline-60.npz", "trajectories-online-30.npz"),
    }
    assert all(any((folder / "tensorboard" / f"seed={m}").iterdir()) for m in (0, 1))
    status = read_status(folder)
    assert (status["state"], status["phase"], status["step"]) == ("finished", "online", 30)
    assert len(status["digest"]) == 64


def test_run_json_says_what_was_trained() -> None:
    described = runs.description(group(finished_run()))
    assert (described["format"], described["algorithm"], described["task"]) == (3, "pars", TASK)
    assert [member["seed"] for member in described["members"]] == [0, 1]
    assert described["members"][0]["settings"]["hidden"] == [8, 8]
    assert described["varied"] == []
    assert described["plan"] == {
        "offline_steps": 60,
        "online_steps": 30,
        "eval_every": 20,
        "online_eval_every": 10,
        "eval_episodes": 2,
        "updates_per_step": 2,
    }
    assert described["dataset"]["fingerprint"] == runs.few_rows().fingerprint
    assert described["dataset"]["rows"] == len(runs.few_rows().last)
    assert described["task_card"]["max_return"] == 1.0 and described["task_card"]["maze"]["name"] == "umaze"
    assert described["physics"] == "stock"
    assert {"pars", "jax", "mujoco"} <= set(described["versions"])


def test_metrics_have_every_boundary_once_for_every_member() -> None:
    folder = group(finished_run())
    assert (folder / "metrics.csv").read_text().startswith("phase,step,member,name,value\n")
    for name in ("score", "return_mean", "return_std", "length_mean", "action_norm", "dormant_share", "zero_share"):
        assert list(metrics(folder, name)) == BOUNDARIES, name
    for name in ("critic_loss", "penalty_loss", "actor_loss", "bc_loss", "q_mean", "q_max", "q_infeasible"):
        found = metrics(folder, name)
        assert list(found) == BOUNDARIES[1:], name  # nothing is trained before the first boundary
        assert np.isfinite(list(found.values())).all()
    assert all(len(values) == 2 for values in metrics(folder, "score").values())
    scores, returns = metrics(folder, "score"), metrics(folder, "return_mean")
    assert all(np.allclose(scores[place], 100 * np.array(returns[place])) for place in BOUNDARIES)


def test_timing_is_plain_numbers() -> None:
    header, *lines = (group(finished_run()) / "timing.csv").read_text().splitlines()
    assert header == "phase,step,name,value"
    found = {line.split(",")[2] for line in lines}
    assert {"updates_per_second", "env_steps_per_second", "compile_seconds", "elapsed_seconds"} <= found
    assert all(float(line.split(",")[3]) > 0 for line in lines)


def test_pictures_are_arrays_as_the_report_reads_them() -> None:
    probes = group(finished_run()) / "probes"
    with np.load(probes / "landscape-offline-60.npz", allow_pickle=False) as picture:
        k, line = len(picture["grid"]), len(picture["line"])
        assert picture["q"].shape == (2, k, k) and picture["q_line"].shape == (2, line)
        assert picture["policy_action"].shape == (2, 2) and picture["obs"].shape == (4,)
        assert np.isfinite(picture["q"]).all() and np.isfinite(picture["q_line"]).all()
    with np.load(probes / "trajectories-online-30.npz", allow_pickle=False) as picture:
        assert picture["positions"].shape[:2] == (2, 2) and picture["success"].shape == (2, 2)


def test_online_transitions_are_logged() -> None:
    """30 steps of 2 members: obs 4, action 2, next_obs 4, reward, terminal, last."""
    records = np.fromfile(group(finished_run()) / "replay" / "transitions.f32", np.float32).reshape(30, 2, 13)
    assert np.isfinite(records).all() and np.abs(records[..., 4:6]).max() <= 1.0
    goes_on = records[:-1, :, 12] == 0
    assert np.array_equal(records[:-1, :, 6:10][goes_on], records[1:, :, :4][goes_on])


def test_a_finished_run_returns_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    out, before = finished_run(), digest(finished_run())
    monkeypatch.setattr(pars.training.run, "_Run", None)  # nothing is built
    assert train(out, seeds=(0, 1)) == out
    assert digest(out) == before


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"steps": 80}, "its plan differs"),
        ({"eval_episodes": 3}, "its plan differs"),
        ({"data": from_arrays(columns(obs_dim=4))}, "with other data"),
        ({"task": None, "online_steps": 0}, f"holds a run on {TASK}"),
    ],
)
def test_another_run_is_not_written_into_a_folder(change: dict[str, Any], differs: str) -> None:
    with pytest.raises(CheckpointError, match=differs) as caught:
        train(finished_run(), seeds=(0, 1), **change)
    assert "use a new --out" in str(caught.value) and "\n" not in str(caught.value)


def test_offline_only_without_a_task(tmp_path: Path) -> None:
    out = train(tmp_path, task=None, steps=20, online_steps=0, seeds=(0, 1))
    folder = group(out)
    assert read_status(folder)["state"] == "finished"
    assert runs.description(folder)["task"] is None
    assert metrics(folder, "score") == {}
    assert list(metrics(folder, "critic_loss")) == [("offline", 20)]
    with pytest.raises(TaskError, match="trained without an environment"):
        api.evaluate(out)
    with pytest.raises(TaskError, match="online steps need an environment"):
        train(tmp_path / "online", task=None)


def test_behaviour_cloning_has_no_online_phase(tmp_path: Path) -> None:
    folder = group(train(tmp_path, "bc"), "bc")
    assert list(metrics(folder, "bc_loss")) == [("offline", step) for step in (20, 40, 60)]
    assert runs.description(folder)["plan"]["online_steps"] == 0
    assert read_status(folder)["phase"] == "offline"


def test_a_gymnasium_environment_with_own_data(tmp_path: Path) -> None:
    data = tmp_path / "random.npz"
    np.savez(data, **columns(400, obs_dim=3, action_dim=1, episode=200))
    options = {"steps": 20, "online_steps": 4, "eval_every": 20, "online_eval_every": 4, "eval_episodes": 1}
    out = train(tmp_path / "run", task="Pendulum-v1", data=data, **options)
    folder = group(out)
    assert read_status(folder)["state"] == "finished"
    assert runs.description(folder)["plan"]["updates_per_step"] == 2
    assert list(metrics(folder, "score")) == [("offline", 0), ("offline", 20), ("online", 4)]
    assert metrics(folder, "score") == metrics(folder, "return_mean")  # no reference scores: the score is the return
    assert all(-2000 < values[0] < 0 for values in metrics(folder, "score").values())
    assert metrics(folder, "length_mean")["offline", 0] == [200.0]
    told = runs.description(folder)
    rules = ["normalize_obs", "reward_scale", "bc_weight", "bc_weight_online", "q_min"]
    assert [one["name"] for one in told["from_data"]] == rules
    assert told["members"][0]["settings"]["normalize_obs"] and told["dataset"]["card"]["action"]["range"]
    policy, obs = load_policy(folder), np.ones((4, 3), np.float32)
    assert policy.outputs == (Output("action 0", -2.0, 2.0),) and policy.inputs[2] == "observation 2"
    np.testing.assert_array_equal(policy([0.5, 0.5, 0.0]), policy(np.array([0.5, 0.5, 0.0])))
    assert policy(np.empty((0, 3))).shape == (0, 1)
    for wrong in ({"a": 1}, ["x", "y", "z"], [1.0, 2.0]):
        with pytest.raises(UsageError, match=r"the policy sees 3 observations \(policy.inputs\), not"):
            policy(wrong)
    np.testing.assert_allclose(policy(obs), 2.0 * restore(folder).policies.member(0)(obs), rtol=1e-6)
    with pytest.raises(UsageError, match="the policy sees 3 observations"):
        policy(np.ones((3, 1)))
    rows = (folder / "metrics.csv").read_text()
    train(out, task="Pendulum-v1", data=data, **options)  # finds the same settings, so that nothing is left to do
    assert (folder / "metrics.csv").read_text() == rows
    with pytest.raises(TaskError, match=r"observations and actions of widths \(3, 1\), .* has \(4, 2\)"):
        train(tmp_path / "other", data=from_arrays(columns(obs_dim=3, action_dim=1)))


def test_divergence_stops_the_group_and_keeps_the_last_finite_checkpoint(tmp_path: Path) -> None:
    options = {"settings": {"critic_lr": [3e-4, 1e30]}, "steps": 40, "online_steps": 0}
    with pytest.raises(DivergenceError) as caught:
        train(tmp_path, "pars,bc", **options)
    message = str(caught.value)
    assert "member 1 (seed 0) is not finite at offline step 8" in message and "\n" not in message
    assert "the checkpoint at offline step 0 is kept" in message
    status = read_status(group(tmp_path))
    assert (status["state"], status["message"]) == ("diverged", message)
    assert digest(tmp_path, "bc")  # the other group is trained all the same
    state = runs.saved_state(group(tmp_path))
    assert all(np.isfinite(array).all() for name, array in state.items() if name.startswith("['state']"))
    assert np.isfinite(load_policy(group(tmp_path))(np.zeros(4))).all()
    with pytest.raises(DivergenceError) as again:  # and stays diverged
        train(tmp_path, "pars,bc", **options)
    assert str(again.value) == message


def test_rewards_beyond_float32_diverge(tmp_path: Path) -> None:
    """10 x 1e38 is infinite; rewards are scaled by 10 inside the loss."""
    plain = runs.few_rows()
    packed = np.array(plain.packed)
    packed[:, -2] = 1e38  # the reward
    huge = dataclasses.replace(plain, packed=packed)
    with pytest.raises(DivergenceError, match=r"member 0 .seed 0., 1 .seed 1. is not finite at offline step 8"):
        train(tmp_path, seeds=(0, 1), data=huge)


class Signals:
    """A view that sends this process a signal when training has come to a place."""

    def __init__(self, *places: tuple[str, int]) -> None:
        self.places = list(places)
        self.heard = make_view(quiet=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.heard, name)

    def advance(self, phase: str, step: int, rate: float | None) -> None:
        if self.places and (phase, step) == self.places[0]:
            self.places.pop(0)
            os.kill(os.getpid(), signal.SIGINT if step % 20 else signal.SIGTERM)


def test_a_run_stopped_anywhere_ends_where_the_undisturbed_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops in the middle of an interval and on arrival at a boundary, before its evaluation; offline and online."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    places = [("offline", 29), ("offline", 40), ("offline", 60), ("online", 7), ("online", 20)]
    view = Signals(*places)
    monkeypatch.setattr(api, "make_view", lambda quiet: view)
    monkeypatch.setattr(pars.training.run, "CHUNK_SECONDS", 0.0)  # arrives after every step
    for phase, step in places:
        with pytest.raises(Interrupted, match=f"stopped at {phase} step {step}; run the same command to continue"):
            train(tmp_path, seeds=(0, 1))
        status = read_status(group(tmp_path))
        assert (status["state"], status["phase"], status["step"]) == ("interrupted", phase, step)
        saved = latest(group(tmp_path) / "checkpoints")
        assert saved is not None and (saved.position.phase, saved.position.step) == (phase, step)
        timing = group(tmp_path) / "timing.csv"
        if (phase, step) == places[0]:  # as if the first process had taken nine seconds and more
            timing.write_text(re.sub(r"(?<=elapsed_seconds,)\d(?=.*\n\Z)", "9", timing.read_text()))
    monkeypatch.setattr(pars.training.view, "GRACE", -1.0)  # no time for the evaluation: it is given up
    view.places.append(("online", 30))
    with pytest.raises(Interrupted, match="stopped during an evaluation; run the same command to continue"):
        train(tmp_path, seeds=(0, 1))
    status, saved = read_status(group(tmp_path)), latest(group(tmp_path) / "checkpoints")
    assert saved is not None and saved.position.step < 30
    assert (status["state"], status["step"]) == ("interrupted", saved.position.step)
    train(tmp_path, seeds=(0, 1))
    assert list(metrics(group(tmp_path), "score")) == BOUNDARIES
    assert digest(tmp_path) == digest(finished_run())
    assert {number: signal.getsignal(number) for number in before} == before
    elapsed = [float(line.split(",")[3]) for line in timing.read_text().splitlines() if "elapsed_seconds" in line]
    assert elapsed == sorted(elapsed) and elapsed[1] > 9 and len(elapsed) == len(BOUNDARIES)  # time counts on


def test_a_damaged_checkpoint_and_a_full_disk_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished_run(), out)
    folder = group(out)
    (folder / "status.json").unlink()  # as if it had been killed before the end
    newest = latest(folder / "checkpoints")
    assert newest is not None
    (newest.folder / checkpoint.MANIFEST).write_text("{")

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        monkeypatch.context() as context,
        pytest.warns(UserWarning, match="damaged checkpoint .*1-online-000000030-000000060"),
    ):
        context.setattr(checkpoint, "save_file", full)
        with pytest.raises(
            ResourceError, match=r"1-online-000000030-000000060: .*No space left on device; free some space"
        ):
            train(out, seeds=(0, 1))
    with pytest.warns(UserWarning, match="damaged checkpoint .*1-online-000000030-000000060"):
        train(out, seeds=(0, 1))
    assert digest(out) == digest(finished_run())


@pytest.mark.parametrize(
    "options",
    [{"steps": 0, "online_steps": 0}, {"steps": -5}, {"online_steps": -1}, {"eval_every": -1}, {"eval_episodes": -1}],
)
def test_impossible_plans_are_usage_errors(tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(UsageError) as caught:
        train(tmp_path, **options)
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_a_second_signal_of_either_kind_acts_as_before() -> None:
    acted: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, frame: acted.append(number)) for number in numbers]
    try:
        stop = Stop()
        with stop.listening():
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.asked and not acted
            os.kill(os.getpid(), signal.SIGTERM)
        assert acted == [signal.SIGTERM]
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
