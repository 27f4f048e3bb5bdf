"""The loop around the authors' Uni-O4, with modules made up here in the place of theirs and of torch; and once with
theirs, where PARS_PEER_UNI_O4 says where it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest

from benchmarks import scores
from benchmarks.peers.base import Data, Job
from benchmarks.peers.pairs import PAIRS
from benchmarks.peers.wire import Worker

PAIR = next(pair for pair in PAIRS if pair.title == "Uni-O4")
TINY = dict(hidden=(8, 8), value_hidden=(8,), actor_hidden=(8,), model_hidden=(8, 8, 8), batch_size=16, horizon=3)
TINY |= dict(critic_steps=2, behaviour_steps=3, model_steps=10, model_batch=16, policies=2, estimate_every=2)
ROWS, TOTAL = 80, 4


class Peer:
    """What happened, in order; and their modules, which do nothing but say so."""

    def __init__(self, estimates: list[list[float]]):
        self.said: list[Any] = []
        self.left = iter(estimates)
        self.kept: list[Any] = []

    def modules(self) -> dict[str, Any]:
        adam = SimpleNamespace(Adam=lambda parameters, lr: lr)
        torch = {"device": str, "manual_seed": lambda seed: None, "no_grad": lambda: lambda act: act, "optim": adam}
        torch |= {"float32": np.float32, "as_tensor": np.asarray}
        dynamics = {"EnsembleDynamics": self.dynamics, "EnsembleDynamicsModel": self.model, "StandardScaler": object}
        parts = {"critic": {"IQL_Q_V": self.critics}, "dynamics_eval": dynamics | {"dynamics_eval": None}}
        parts |= {"buffer": {"OfflineReplayBuffer": Buffer}, "BC_ensemble": {"BC_ensemble": self.clones}}
        parts |= {"abppo": {"AdaptiveBehaviorProximalPolicyOptimization": self.policies}, "torch": torch}
        return {name: SimpleNamespace(**part) for name, part in parts.items()}

    def critics(self, *sizes: Any) -> Any:
        self.said.append(("critics", sizes))
        return SimpleNamespace(update=lambda buffer: self.said.append(("value", buffer.seen())), minQ="q")

    def model(self, *sizes: Any, weight_decays: list[float]) -> Any:
        self.said.append(("model", sizes, weight_decays))
        return SimpleNamespace(parameters=lambda: None)

    def dynamics(self, model: Any, adam: float, scaler: Any, rule: Any) -> Any:
        self.rule = rule
        return SimpleNamespace(train=lambda rows, log, **more: self.said.append(("dynamics", rows, more)))

    def clones(self, count: int, *sizes: Any, **more: Any) -> Any:
        policies = [SimpleNamespace(_policy=SimpleNamespace(state_dict=lambda i=i: i)) for i in range(count)]
        train = lambda buffer, alpha: self.said.append(("clone", buffer.seen(), alpha))  # noqa: E731
        return SimpleNamespace(ensemble=policies, joint_train=train)

    def policies(self, *sizes: Any, belief_dim: int, **more: Any) -> Any:
        def one(i: int) -> Any:
            net = SimpleNamespace(load_state_dict=lambda weights: self.kept.append((i, weights)))
            answer = lambda obs, is_sample: SimpleNamespace(numpy=lambda: obs[:, :2] + i)  # noqa: E731
            return SimpleNamespace(
                _policy=net, set_old_policy=lambda: self.kept.append((i, "old")), select_action=answer
            )

        def estimate(args: Any, judge: Any, q: Any, dynamics: Any, buffer: Any, env: Any, *moments: Any) -> np.ndarray:
            self.said.append(("estimate", buffer.seen(), args.rollout_length))
            return np.array(next(self.left))

        train = lambda buffer, value, iql, **now: self.said.append(("step", buffer.seen(), now))  # noqa: E731
        replace = lambda better: self.said.append(("replace", better.tolist()))  # noqa: E731
        ensemble = [one(i) for i in range(belief_dim)]
        return SimpleNamespace(bppo_ensemble=ensemble, ope_dynamics_eval=estimate, joint_train=train, replace=replace)


class Buffer:
    _state: np.ndarray

    def __init__(self, device: str, obs: int, action: int, rows: int):
        self.standard = False

    def normalize_state(self) -> tuple[float, float]:
        self.standard = True
        return 1.0, 2.0

    def sample_all(self) -> int:
        return len(self._state)

    def seen(self) -> str:
        return "standard" if self.standard else "raw"


def job(folder: Path, **more: Any) -> Job:
    rng = np.random.default_rng(0)
    obs, action = rng.normal(size=(ROWS, 4)).astype(np.float32), rng.uniform(-1, 1, (ROWS, 2)).astype(np.float32)
    reward, terminal = rng.normal(size=ROWS).astype(np.float32), (np.arange(ROWS) % 9 == 8).astype(np.float32)
    Data(obs, action, reward, obs, terminal).write(folder / "data.npz")
    _, cfg = PAIR.config("pointmaze-umaze-diverse", TINY)
    settings = PAIR.translate(cfg, 2) | {"task": "pointmaze-umaze-diverse", "goal": [0.0, 2.0, 0.5]}
    return PAIR.peer.job(
        folder / "data.npz", SimpleNamespace(critics=2, batch=16), settings=settings, total=TOTAL, **more
    )  # type: ignore[arg-type]


@pytest.fixture
def adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    peer = Peer([[1.0, 2.0], [3.0, 1.5], [2.5, 2.25]])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    with mock.patch.dict(sys.modules, peer.modules()):
        name = "benchmarks.peers.adapters.uni_o4_torch"
        sys.modules.pop(name, None)
        yield import_module(name).Adapter(job(tmp_path)), peer


def test_models_are_trained_in_their_order(adapter: Any) -> None:
    _, peer = adapter
    assert [event[0] for event in peer.said] == [
        "critics",
        "value",
        "value",
        "model",
        "dynamics",
        *["clone"] * 3,
        "estimate",
    ]
    critics, value, _, model, dynamics, clone, *_, estimate = peer.said
    assert critics[1] == ("cpu", 4, 2, 8, 2, 3e-4, 2, 0.005, 0.95, 16, 8, 1, 3e-4, 0.9, True)
    assert model[1:] == ((4, 2, [8, 8, 8], 3, 2), [2.5e-5, 5e-5, 7.5e-5, 1e-4])
    assert dynamics[1:] == (ROWS, {"max_epochs": 2, "batch_size": 16})  # 10 steps of 16 of 80 rows
    assert value[1] == "standard" and clone[1:] == ("standard", 0.1) and estimate[1:] == ("raw", 3)
    assert peer.kept == [(0, 0), (0, "old"), (1, 1), (1, "old")]


def test_steps_fall_and_better_policies_are_kept(adapter: Any) -> None:
    theirs, peer = adapter
    peer.said.clear()
    obs = np.array([[1.0, 5.0, 0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(theirs.act(obs), [[0.0 + 1, 2.0 + 1]])  # the second is best; (obs - 1) / 2
    assert theirs.steps(TOTAL) == TOTAL
    assert [event[0] for event in peer.said] == ["step", "step", "estimate", "replace"] * 2
    steps = [event[2] for event in peer.said if event[0] == "step"]
    assert [step["bppo_lr_now"] for step in steps] == pytest.approx([1e-4, 0.75e-4, 0.5e-4, 0.25e-4])
    assert [step["clip_ratio_now"] for step in steps] == pytest.approx([0.25, 0.1875, 0.125, 0.0625])
    assert all(step["is_clip_decay"] and step["is_linear_decay"] and not step["is_lr_decay"] for step in steps)
    assert [event[1] for event in peer.said if event[0] == "replace"] == [[0], [1]]  # 3 > 1; 2.25 > 2, and 2.5 < 3
    np.testing.assert_array_equal(theirs.act(obs), [[0.0, 2.0]])  # by the last estimates
    theirs.done = 201
    peer.left = iter([[0.0, 0.0]])
    theirs.steps(1)
    assert not peer.said[-3][2]["is_clip_decay"]


def test_imagined_episodes_end_at_the_goal(adapter: Any) -> None:
    _, peer = adapter
    found = peer.rule(None, None, np.array([[0.0, 1.6, 9.0, 9.0], [0.4, 1.6, 0.0, 0.0]]), None)
    assert found.tolist() == [[True], [False]]


def contest(folder: Path) -> scores.Contest:
    rng = np.random.default_rng(0)
    data = {"observations": rng.normal(size=(30, 4)), "actions": rng.uniform(-1, 1, (30, 2)), "rewards": np.zeros(30)}
    data |= {"terminals": np.zeros(30, bool), "timeouts": np.arange(30) % 10 == 9}
    trial = scores.Trial("pointmaze-umaze-fixed", data, 4, 2, 4, 2, 1, range(1), TINY)
    task = scores.make_task(trial.task)
    dataset = scores.open_dataset(data, task, columns=scores.COLUMNS)
    return scores.Contest(trial, task, dataset, {}, folder, print, set())


def test_theirs_is_told_when_the_task_ends(tmp_path: Path) -> None:
    found = contest(tmp_path)
    ours, theirs = (found.job_fields(PAIR, entry, 0)[0]["settings"] for entry in (PAIR.ours, PAIR.peer))
    assert (theirs["task"], theirs["goal"]) == ("pointmaze-umaze-fixed", [0.0, 2.0, 0.45]) and "goal" not in ours
    found.task = replace(found.task, maze=None)
    assert found.job_fields(PAIR, PAIR.peer, 0)[0]["settings"]["goal"] is None


def test_rows_on_file_say_which_end_an_episode(tmp_path: Path) -> None:
    file = contest(tmp_path)._file(PAIR, PAIR.config("pointmaze-umaze-fixed", TINY)[1])
    assert Job("", "", "", str(file), 2).read().extra["last"].sum() == 3


@pytest.mark.slow
def test_ours_learns_from_the_same_file(tmp_path: Path) -> None:
    from benchmarks.peers.adapters.ours import Adapter

    settings, cfg = PAIR.config("pointmaze-umaze-fixed", TINY | {"holdout": 5})
    file = contest(tmp_path)._file(PAIR, cfg)
    adapter = Adapter(Job("", "uni_o4", "", str(file), 2, batch=16, total=TOTAL, settings=settings))
    assert adapter.steps(2) == 2 and adapter.act(np.zeros((3, 4), np.float32)).shape == (3, 2)


@pytest.mark.skipif(bool(PAIR.peer.absent), reason=PAIR.peer.absent)
def test_theirs_trains(tmp_path: Path) -> None:
    with closing(Worker(PAIR.peer.python, job(tmp_path, first=0))) as worker:
        assert worker.ask("steps", count=TOTAL)["steps"] == TOTAL
        assert np.shape(worker.ask("act", obs=np.zeros((3, 4)).tolist())["action"]) == (3, 2)
