"""A goal-conditioned method through the whole loop: what its policy is shown, by the task and by a user."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pars import api
from pars.data import check
from pars.errors import DataError, TaskError, UsageError
from pars.export.folder import export
from pars.export.load import load_policy
from pars.training.launch import make_variants
from pars.training.named_goals import with_goals
from tests import runs
from tests.cli.said import Pars

SMALL: dict[str, Any] = dict(actor_hidden=(8,), batch_size=16)


@cache
def trained() -> Path:
    """GC-BC without an environment, on play data that have no rewards: numbers 3 and 0 of the observation are goals."""
    return play(runs.SESSION / "goals", SMALL, goal_columns="observation 3,0")


def play(out: Path, settings: dict[str, Any], goal_columns: str | None = None) -> Path:
    rng = np.random.default_rng(0)
    last = np.arange(200) % 20 == 19
    arrays = dict(observations=rng.normal(size=(200, 4)), actions=rng.uniform(-1, 1, (200, 2)), timeouts=last)
    data = arrays | dict(rewards=np.zeros(200), terminals=np.zeros(200))
    options: dict[str, Any] = dict(seeds=[0, 1], steps=20, eval_every=20, out=out, quiet=True)
    api.train("gc_bc", None, data=data, settings=settings, goal_columns=goal_columns, **options)
    return out


def test_a_policy_is_called_with_a_goal() -> None:
    policy, obs = load_policy(trained(), 1), np.ones((5, 4), np.float32)
    here, there = policy(obs, np.zeros((5, 2))), policy(obs, np.ones((5, 2)))
    assert here.shape == (5, 2) and not np.array_equal(here, there)
    np.testing.assert_array_equal(policy((obs, np.ones((5, 2)))), there)
    np.testing.assert_allclose(policy(obs[0], np.ones(2)), there[0], rtol=1e-4)
    np.testing.assert_array_equal(policy(obs, np.ones(2)), there)
    assert policy(obs[:0], np.ones(2)).shape == (0, 2)
    for seen, words in (
        ((obs,), "needs a goal; call it with"),
        ((obs, np.ones(3)), r"sees 2 numbers of a goal \(policy.goals\), not shape \(3,\)"),
        ((obs[:, :3], np.ones(2)), r"sees 4 observations \(policy.inputs\), not shape \(5, 3\)"),
        ((obs, np.ones((4, 2))), r"goals of shape \(4, 2\) do not fit observations \(5, 4\)"),
    ):
        with pytest.raises(UsageError, match=words):
            policy(*seen)


def test_goals_are_given_by_name_or_number() -> None:
    members = runs.description(runs.group(trained(), "gc_bc"))["members"]
    assert [member["settings"]["goal_columns"] for member in members] == [[3, 0]] * 2


def test_names_that_are_not_there_are_refused_in_one_line() -> None:
    data, names = runs.few_rows(), "goal_columns=x,y"

    def named(algorithms: list[str], given: Any, **settings: Any) -> list[tuple[int, ...]]:
        found = with_goals(make_variants(algorithms, None, settings), data, given)
        return [cfg.goal_columns for one in found if one.algo.sees.goal for cfg in one.configs]

    assert named(["bc", "gc_bc"], ["observation 2", "1"]) == [(2, 1)] and named(["gc_bc"], None) == [(0, 1)]
    with pytest.raises(
        UsageError, match="goal_columns=observation 9: unknown observation 'observation 9'; did you mean"
    ):
        named(["gc_bc"], "observation 9")
    with pytest.raises(UsageError, match=f"{names}: unknown observation 'x'; known: .*, or their numbers, 0 to 3"):
        named(["gc_bc"], "x,y")
    with pytest.raises(UsageError, match=f"{names}: bc is told no goals"):
        named(["bc"], "x,y")
    with pytest.raises(UsageError, match=f"{names}: goal_columns is given as a setting too"):
        named(["gc_bc"], "x,y", goal_columns=["1"])


def test_a_policy_that_sees_no_goals_says_so() -> None:
    policy = load_policy(runs.finished_run())
    with pytest.raises(UsageError, match="sees no goals"):
        policy(np.zeros(4), np.zeros(2))


def test_goals_that_do_not_fit_are_refused_in_one_line(tmp_path: Path) -> None:
    """And before anything is written, also of what would have been trained before them."""
    with pytest.raises(UsageError, match=r"goal_columns=9: the data's observations have numbers 0 to 3; name these"):
        play(tmp_path / "a", SMALL | dict(goal_columns="9"))
    with pytest.raises(UsageError, match="goal_columns=0x0: 0 is named twice"):
        play(tmp_path / "a", SMALL, goal_columns="0,observation 0")
    with pytest.raises(UsageError, match=r"goal_columns=1: the task's goals have 2 numbers, and 1 of the"):
        runs.train(tmp_path / "a", "gc_bc", settings={"goal_columns": ["1"]})
    data = dict(
        observations=np.eye(3)[np.arange(40) % 3], actions=np.cos(np.arange(40.0))[:, None], rewards=np.ones(40)
    )
    data |= dict(terminals=np.zeros(40), timeouts=np.arange(40) % 10 == 9)
    with pytest.raises(TaskError, match="Pendulum-v1 has no goals to show to the policy; choose a task with goals"):
        api.train(["bc", "gc_bc"], "Pendulum-v1", data=data, out=tmp_path / "a", steps=2, eval_every=2, quiet=True)
    assert not [*tmp_path.iterdir()]


def ogbench_play(path: Path, episode: int = 20) -> Path:
    """OGBench's layout: no rewards, an end after so many rows."""
    rng = np.random.default_rng(0)
    arrays = dict(observations=rng.normal(size=(80, 4)), actions=rng.uniform(-1, 1, (80, 2)))
    np.savez(path, **arrays, terminals=np.arange(80) % episode == episode - 1)  # type: ignore[arg-type]
    return path


def test_several_files_of_ogbench_are_checked_trained_on_and_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    Path("play").mkdir()
    for name in ("a", "b"):
        ogbench_play(Path(f"play/{name}.npz"))
    options: dict[str, Any] = dict(steps=20, eval_every=20, quiet=True, settings=SMALL)
    for data in ("play", "play/*.npz", "play/a.npz,play/b.npz"):
        api.train("gc_bc", None, data=data, out=tmp_path / "run", **options)  # one run: the data are the same
    assert runs.description(runs.group(tmp_path / "run", "gc_bc"))["dataset"]["rows"] == 152
    pars = Pars(capsys)
    said = pars("data", "check", "play")
    assert said.code == 0 and "read as goal-conditioned methods do" in said.out and "8 episodes" in said.out, said
    assert "there is nothing to learn" not in said.out and "gradient steps" not in said.out
    assert pars("replay", "run", "--data", "play", "--episode", "7").code == 0


def test_play_data_without_any_end_are_said(tmp_path: Path) -> None:
    path = ogbench_play(tmp_path / "play.npz", episode=1000)
    (said,) = (one for one in check(path).warnings if "no row ends an episode" in one)
    assert said.startswith(
        "no row ends an episode: all 79 are taken for one, in which returns and goals reach from end"
    )


def test_play_data_of_ogbench_need_no_goal_and_others_still_do(tmp_path: Path) -> None:
    path = ogbench_play(tmp_path / "play.npz")
    options: dict[str, Any] = dict(data=path, steps=20, eval_every=20, quiet=True)
    api.train("gc_bc", None, settings=SMALL, out=tmp_path / "run", **options)
    card = runs.description(runs.group(tmp_path / "run", "gc_bc"))["dataset"]
    assert (card["rows"], card["card"]["terminals"]) == (76, 0)
    with pytest.raises(DataError, match="give its position by --data-goal"):
        api.train(["gc_bc", "bc"], None, out=tmp_path / "both", **options)


def test_a_play_file_trains_hiql_and_is_evaluated_on_ogbenchs_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pars.envs.ogbench.TIME_LIMIT", 5)
    rng, path = np.random.default_rng(0), tmp_path / "antmaze-giant-navigate-v0.npz"
    arrays = dict(observations=rng.normal(size=(80, 29)), actions=rng.uniform(-1, 1, (80, 8)))
    np.savez(path, **arrays, terminals=np.arange(80) % 20 == 19)  # type: ignore[arg-type]
    small = SMALL | dict(hidden=(8,), representation=2)
    options: dict[str, Any] = dict(steps=4, eval_every=4, eval_episodes=5, settings=small, quiet=True)
    run = api.train("hiql", "antmaze-giant-v0", data=path, out=tmp_path / "run", goal="task2", **options)
    (result,) = api.evaluate(run, episodes=2)
    assert result.task.physics == "stock, task2" and result.evaluation.lengths.tolist() == [[5, 5]]
    start = result.evaluation.positions[0, :, 0]
    assert np.abs(start - result.task.maze.xy(np.array([1, 14]))).max() <= 1.0


@pytest.mark.shipped
def test_streamed_goals_are_those_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a population, with every kind of draw that HIQL has."""
    monkeypatch.setattr("pars.training.prefetch.CHUNK_STEPS", 5)
    small = SMALL | dict(hidden=(8,), representation=2, subgoal_steps=[3])
    options: dict[str, Any] = dict(data=runs.few_rows(), seeds=(0, 1), settings=small, steps=12, eval_every=12)
    for place in ("memory", "stream"):
        api.train("hiql", None, out=tmp_path / place, data_in=place, quiet=True, **options)
    assert runs.digest(tmp_path / "stream", "hiql") == runs.digest(tmp_path / "memory", "hiql")


def test_a_delivered_policys_goals_are_named_as_the_runs(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    run, delivered = load_policy(trained()), load_policy(export(trained(), tmp_path / "policy", member=1).folder)
    assert (repr(delivered), delivered.goals) == (repr(run), ("observation 3", "observation 0"))
    assert "goal observation 3" in repr(delivered) and "goal goal" not in repr(delivered)
