"""Twins: D4RL's layout and protocols, labelled as what they are, a function of id, rows and seed."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from pars.collect import antmaze
from pars.collect.twins import collect_twin, twin_path
from pars.data import load_dataset
from pars.envs import make_task
from pars.envs.antmaze import draw_goal
from pars.envs.maze import PLAY_GOALS, Maze
from pars.errors import UsageError


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path))


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    with h5py.File(path) as file:
        columns: dict[str, np.ndarray] = {}
        file.visititems(lambda name, item: columns.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        return columns, dict(file.attrs)


def test_an_antmaze_twin_is_a_walk_with_d4rls_columns() -> None:
    rows = 2 * 701
    columns, about = read(collect_twin("antmaze-umaze-v2", rows))
    assert {len(column) for column in columns.values()} == {rows}
    assert columns["observations"].shape == (rows, 29) and columns["actions"].shape == (rows, 8)
    assert np.flatnonzero(columns["timeouts"]).tolist() == [700, 1401]
    np.testing.assert_allclose(columns["observations"][:, :15], columns["infos/qpos"], rtol=1e-6, atol=1e-6)
    goal = draw_goal(Maze.named("umaze", cell=4.0, goal_radius=0.5), np.random.default_rng(0))
    near = np.linalg.norm(columns["observations"][:, :2] - goal, axis=1) <= 0.5
    np.testing.assert_array_equal(columns["terminals"], near)
    np.testing.assert_array_equal(columns["rewards"], near)
    starts = columns["observations"][[0, 701], :2]
    assert np.abs(starts).max() < 0.11 and np.abs(columns["observations"][300, :2]).max() > 1.0
    assert about["twin"] and "not D4RL's file" in str(about["made"]) and about["physics"] == "d4rl"


def test_rows_are_steps_of_the_task() -> None:
    columns, _ = read(collect_twin("antmaze-medium-play-v2", 60))
    env = make_task("antmaze-medium-play-v2").make(1)
    for row in (0, 30, 57):
        env.place(np.array([0]), columns["infos/qpos"][row : row + 1], columns["infos/qvel"][row : row + 1])  # type: ignore[attr-defined]
        result = env.step(np.array([0]), columns["actions"][row : row + 1])
        np.testing.assert_allclose(result.obs[0], columns["observations"][row + 1], atol=1e-5)


def test_a_twin_depends_on_its_seed_and_is_made_once() -> None:
    first = collect_twin("antmaze-umaze-diverse-v2", 30)
    made = first.stat().st_mtime_ns
    assert collect_twin("antmaze-umaze-diverse-v2", 30).stat().st_mtime_ns == made
    before, _ = read(first)
    after, _ = read(collect_twin("antmaze-umaze-diverse-v2", 30, force=True))
    for key in before:
        np.testing.assert_array_equal(before[key], after[key])
    other, _ = read(collect_twin("antmaze-umaze-diverse-v2", 30, seed=1))
    assert not np.array_equal(before["actions"], other["actions"])
    assert twin_path("antmaze-umaze-v2") != twin_path("antmaze-umaze-v2", seed=1) != twin_path("antmaze-umaze-v2", 5)


@pytest.mark.parametrize("name", ["umaze", "medium", "large", "ultra"])
def test_routes_keep_to_their_protocol(name: str) -> None:
    maze, rng = Maze.named(name, cell=4.0, goal_radius=0.5), np.random.default_rng(0)
    for protocol in ("fixed", "play", "diverse") if name in PLAY_GOALS else ("fixed", "diverse"):
        pairs = [antmaze.routes(maze, protocol, rng) for _ in range(200)]
        starts, goals = {tuple(s) for s, _ in pairs}, {tuple(g) for _, g in pairs}
        assert all(tuple(s) != tuple(g) and maze.steps_to[tuple(g)][tuple(s)] > 0 for s, g in pairs)
        if protocol == "fixed":
            assert starts == {maze.start_cell} and goals == {maze.goal_cell}
        else:
            assert len(starts) > 5 and goals <= (
                set(PLAY_GOALS[name]) if protocol == "play" else set(map(tuple, maze.free_cells))
            )


@pytest.mark.parametrize("name", ["medium", "large", "ultra"])
def test_play_goals_are_free_cells(name: str) -> None:
    maze = Maze.named(name, cell=4.0, goal_radius=0.5)
    assert not any(maze.wall[cell] for cell in PLAY_GOALS[name])
    assert len(set(PLAY_GOALS[name])) == {"medium": 4, "large": 7, "ultra": 21}[name]


def test_a_random_twin_loads_as_the_tasks_data() -> None:
    path = collect_twin("walker2d-random-v2", 1500)
    dataset = load_dataset(path, task=make_task("walker2d-random-v2"))
    assert dataset.columns.obs.shape[1] == 17 and len(dataset.last) > 1300
    _, about = read(path)
    assert "uniform actions" in str(about["made"])


def test_a_replay_twin_is_a_learning_run_and_says_what_it_reached() -> None:
    columns, about = read(collect_twin("hopper-medium-replay-v2", 400))
    assert len(columns["rewards"]) == 400 and columns["timeouts"][-1] | columns["terminals"][-1]
    assert "while it learned for 400 steps" in str(about["made"]) and "mean return" in str(about["made"])


@pytest.mark.parametrize(
    ("bad", "words"),
    [("pointmaze-umaze-diverse", "are ours already"), ("hopper-medum-v2", "did you mean hopper-medium")],
)
def test_other_ids_have_no_twin(bad: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        collect_twin(bad)


@pytest.mark.parametrize("options", [{"rows": 1}, {"seed": -1}])
def test_impossible_numbers(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="at least 2 rows and a seed from 0"):
        collect_twin("hopper-random-v2", **options)
