"""Every hook of an algorithm through the whole loop: a population is its members, a run that is cut off goes on bit for
bit, streamed rows are those in memory, offline and online."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pars.training.run
from pars import api
from pars.algos import ALGORITHMS
from pars.core import Algorithm, Sight
from pars.envs import make_task
from pars.errors import TaskError, UsageError
from pars.export.load import load_policy
from pars.training import rollout
from pars.training.progress import make_view
from pars.training.restore import restore
from tests import runs
from tests.training import toys

PLAN: dict[str, Any] = dict(steps=12, online_steps=20, eval_every=6, online_eval_every=10, eval_episodes=2, probes=())
NAMES = list(toys.TOYS)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, toy in toys.TOYS.items():
        monkeypatch.setitem(ALGORITHMS, name, toy)
    monkeypatch.setattr(pars.training.run, "CHUNK_SECONDS", 0.0)  # looks up after every step
    monkeypatch.setattr(pars.training.run, "FIRST", 1)
    monkeypatch.setattr(pars.training.run, "BURST", 4)


def train(out: Path, name: str, seeds: tuple[int, ...] = (0, 1), **changes: Any) -> Path:
    """A run of a toy; returns its group's folder."""
    toy, last = toys.TOYS[name], np.asarray(runs.few_rows().last, np.float32)
    data = replace(runs.few_rows(), extra={"last": last} if toy.columns else {})
    options: dict[str, Any] = {"data": data, "seeds": seeds, "quiet": True, **PLAN, **changes}
    api.train(name, runs.TASK, out=out, **options)
    return runs.group(out, name)


class Cut(BaseException):
    """Ends a run as a kill does: nothing is saved on the way out."""


class CutAt:
    """A view that ends the run when it first comes to each of some places."""

    def __init__(self, places: list[tuple[str, int]]) -> None:
        self.places, self.heard = places, make_view(quiet=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.heard, name)

    def advance(self, phase: str, step: int, rate: float | None) -> None:
        if (phase, step) in self.places:
            self.places.remove((phase, step))
            raise Cut


def places(toy: Algorithm) -> list[tuple[str, int]]:
    before = [("behaviour", 3)] if toy.before else []
    return [*before, ("offline", 5), ("offline", 8), ("online", 4), ("online", 10), ("online", 16)]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_cut_off_goes_on_bit_for_bit(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut without a word, and with a checkpoint before every dispatch; in bursts also between the updates of a step."""
    train(tmp_path / "whole", name)
    for saves, seconds in (("seldom", 1e9), ("always", -1.0)):
        monkeypatch.setattr(pars.training.run, "SAVE_SECONDS", seconds)
        view = CutAt(places(toys.TOYS[name]))
        monkeypatch.setattr(api, "make_view", lambda quiet, view=view: view)
        cuts = 0
        while cuts < 9:
            try:
                train(tmp_path / saves, name)
                break
            except Cut:
                cuts += 1
        assert cuts >= 4
        assert runs.digest(tmp_path / saves, name) == runs.digest(tmp_path / "whole", name)


@pytest.mark.parametrize("name", NAMES)
def test_streamed_rows_are_those_in_memory(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pars.training.prefetch.CHUNK_STEPS", 5)
    if toys.TOYS[name].weights is not None:
        with pytest.raises(UsageError, match=r"does not stream data: .*give data_in=memory"):
            train(tmp_path / "streamed", name, data_in="stream")
        return
    train(tmp_path / "memory", name, data_in="memory")
    train(tmp_path / "streamed", name, data_in="stream")
    assert runs.digest(tmp_path / "streamed", name) == runs.digest(tmp_path / "memory", name)


@pytest.mark.parametrize("name", NAMES)
def test_a_population_is_its_members(name: str, tmp_path: Path) -> None:
    both = train(tmp_path / "both", name)
    for member, seed in enumerate((0, 1)):
        alone = train(tmp_path / f"alone-{seed}", name, seeds=(seed,))
        for metric in ("score", "size"):
            got, want = runs.metrics(both, metric), runs.metrics(alone, metric)
            assert got.keys() == want.keys()
            np.testing.assert_allclose([v[member] for v in got.values()], [v[0] for v in want.values()], rtol=1e-4)


def of(folder: Path, name: str) -> dict[tuple[str, int], list[float]]:
    return runs.metrics(folder, name)


def test_a_model_is_trained_first(tmp_path: Path) -> None:
    folder = train(tmp_path, "toy_pretrained")
    assert list(of(folder, "model_size")) == [("behaviour", 6)]
    assert next(iter(of(folder, "score"))) == ("offline", 0)  # nothing is evaluated before there is a policy
    names = [path.name for path in (folder / "checkpoints").iterdir()]
    assert any(name.startswith("0-behaviour-000000006") for name in names), names
    one, other = (
        runs.saved_state(train(tmp_path / str(k), "toy_pretrained", settings={"model_steps": [k]})) for k in (6, 7)
    )
    assert not np.array_equal(one["['state'].other"], other["['state'].other"])  # its steps are a setting


def test_goals_lie_ahead_in_the_episode_and_policies_see_the_task_s(tmp_path: Path) -> None:
    folder = train(tmp_path, "toy_goals")
    for metric in ("left_max", "wrong_max"):
        assert not any(map(any, of(folder, metric).values())), metric
    reached = np.array([value for place, value in of(folder, "reached").items() if place[0] == "offline"])
    assert 0.15 < reached.mean() < 0.35  # here with probability .2, and at ends of episodes
    policy, obs = load_policy(folder), np.ones((5, 4), np.float32)
    assert not np.array_equal(policy((obs, np.zeros((5, 2)))), policy((obs, np.ones((5, 2)))))
    with pytest.raises(TaskError, match="has no goals to show to the policy"):
        rollout.Interaction(make_task("Pendulum-v1"), [0], sees=Sight(goal=True))


def test_windows_are_whole_and_the_last_row_is_known_online_at_once(tmp_path: Path) -> None:
    folder = train(tmp_path, "toy_windows", online_steps=220, online_eval_every=110)  # episodes have 200 steps
    assert not any(map(any, of(folder, "torn_max").values()))
    last = of(folder, "last")
    assert 0 < np.mean(last["offline", 12]) < 0.1
    assert np.isfinite(last["online", 220]).all()
    replay = np.fromfile(folder / "replay" / "transitions.f32", np.float32).reshape(220, 2, -1)
    ends = replay[..., -1].sum(axis=0)  # the flag in the log
    assert (ends >= 1).all() and np.sum(np.array(last["online", 220])) > 0


def test_priorities_count_what_was_drawn_and_reach_the_replay(tmp_path: Path) -> None:
    folder = train(tmp_path, "toy_priorities", settings={"keep": [0.5]})
    drawn, rows = runs.saved_state(folder)["['state'].other"], len(runs.few_rows().last)
    assert drawn.shape == (2, rows + 20)
    assert drawn.sum(axis=1).tolist() == [8.0 * (12 + 40)] * 2  # batch size times updates
    assert drawn[:, rows:].sum() > 0 and drawn.max() <= 4  # a row that was drawn is drawn half as often


def test_bursts_come_when_they_are_due(tmp_path: Path) -> None:
    folder = train(tmp_path, "toy_bursts")
    at = of(folder, "at")
    assert {step: values[0] for (phase, step), values in at.items() if phase == "online"} == {10: 24.5, 20: 74.5}
    replay = np.fromfile(folder / "replay" / "transitions.f32", np.float32).reshape(20, 2, -1)  # 10 turns of 2
    assert not np.array_equal(replay[0], replay[1])
    names = [path.name for path in (folder / "checkpoints").iterdir()]
    assert "1-online-000000020-000000100" in names, names


def test_a_second_policy_comes_with_the_switch_and_evaluations_draw(tmp_path: Path) -> None:
    folder = train(tmp_path, "toy_two_policies")
    apart = of(folder, "apart")
    assert list(apart) == [("online", 10), ("online", 20)] and all(np.array(apart["online", 20]) > 0)
    policies, obs = restore(folder).policies, np.ones((2, 40, 4), np.float32)
    chosen = policies(obs, np.arange(40), 3)[..., 0]
    assert all(len(np.unique(np.round(row, 5))) == 2 for row in chosen)  # one of two in each episode
    np.testing.assert_array_equal(policies(obs, np.arange(40), 3)[..., 0], chosen)
    assert not np.array_equal(policies(obs, np.arange(40), 4)[..., 0], chosen)
    assert api.evaluate(folder, 2)[0].scores.tolist() == api.evaluate(folder, 2)[0].scores.tolist()


def test_an_evaluation_that_draws_does_not_depend_on_the_number_of_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found = train(tmp_path, "toy_two_policies"), []
    for cores in (1, 3):
        monkeypatch.setattr(rollout, "cores", lambda cores=cores: cores)
        found.append(api.evaluate(folder, 7)[0].evaluation)
    np.testing.assert_array_equal(found[0].positions, found[1].positions)


def test_a_policy_with_a_history_sees_nan_before_the_episode(tmp_path: Path) -> None:
    folder = train(tmp_path, "toy_history")
    policy, obs = load_policy(folder), np.ones((toys.HISTORY, 4), np.float32)
    young = obs.copy()
    young[:-1] = np.nan
    np.testing.assert_allclose(policy(young), policy(obs))  # the mean of what is there
    assert policy(np.stack([obs, young])).shape == (2, 2)
    with pytest.raises(UsageError, match=rf"sees a history \[{toys.HISTORY}, 4\] .*, not shape \(4,\)"):
        policy(obs[0])


def test_what_is_due_from_the_start_waits_for_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = replace(toys.PLAIN, due=lambda cfg, steps: 4 + steps)
    monkeypatch.setitem(toys.TOYS, toy.name, toy)
    monkeypatch.setitem(ALGORITHMS, toy.name, toy)
    folder = train(tmp_path / "memory", toy.name, data_in="memory")
    assert of(folder, "at")["online", 10] == [6.5, 6.5]  # the mean of 0 to 13
    train(tmp_path / "streamed", toy.name, data_in="stream")
    assert runs.digest(tmp_path / "streamed", toy.name) == runs.digest(tmp_path / "memory", toy.name)
