"""Collected PointMaze data: deterministic, in D4RL's layout, and true to the environment."""

import h5py
import numpy as np
import pytest

from pars.data import DATASETS, collect_dataset, list_datasets, load_dataset
from pars.data import pointmaze as collector
from pars.data.catalog import dataset_path
from pars.data.d4rl import D4RL
from pars.data.pointmaze import EPISODE, collect, control
from pars.envs import make_task
from pars.envs.maze import PLAY_GOALS
from pars.errors import UsageError

pytestmark = pytest.mark.usefixtures("own_folders")


def gather(dataset_id: str, rows: int, seed: int = 0, threads: int | None = None) -> dict[str, np.ndarray]:
    maze = make_task(dataset_id).maze
    assert maze is not None
    return collect(maze, DATASETS[dataset_id][1], rows, seed, threads=threads)


def equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return set(a) == set(b) and all(a[key].dtype == b[key].dtype and (a[key] == b[key]).all() for key in a)


def test_data_is_a_function_of_id_rows_and_seed():
    one = gather("pointmaze-umaze-diverse", 3000, threads=1)
    assert equal(one, gather("pointmaze-umaze-diverse", 3000, threads=3))
    assert not equal(one, gather("pointmaze-umaze-diverse", 3000, seed=1))


def test_more_rows_begin_with_the_same_episodes(monkeypatch):
    few = gather("pointmaze-umaze-diverse", 600)
    monkeypatch.setattr(collector, "BATCH", 7)  # and the size of the batch does not matter
    many = gather("pointmaze-umaze-diverse", 1800)
    assert equal(few, {key: values[:600] for key, values in many.items()})


def test_layout():
    data = gather("pointmaze-umaze-diverse", 150)
    shapes = {key: (values.shape, str(values.dtype)) for key, values in data.items()}
    assert shapes == {
        "observations": ((150, 4), "float32"),
        "actions": ((150, 2), "float32"),
        "rewards": ((150,), "float32"),
        "terminals": ((150,), "bool"),
        "timeouts": ((150,), "bool"),
        "infos/goal": ((150, 2), "float32"),
        "infos/qpos": ((150, 2), "float64"),
        "infos/qvel": ((150, 2), "float64"),
    }
    assert np.flatnonzero(data["timeouts"]).tolist() == [59, 119, 149]  # the last episode is cut short


@pytest.mark.parametrize("dataset_id", DATASETS)
def test_rewards_are_those_of_the_evaluation_goal_after_the_step(dataset_id):
    data, maze = gather(dataset_id, 4000), make_task(dataset_id).maze
    assert maze is not None
    inside = np.flatnonzero(~data["timeouts"])
    arrived = np.linalg.norm(data["infos/qpos"][inside + 1] - maze.goal, axis=1) <= maze.goal_radius
    assert (data["rewards"][inside] == arrived).all() and arrived.any()
    assert (data["terminals"] == data["rewards"]).all()


def test_recorded_actions_replayed_give_the_recorded_observations():
    task = make_task("pointmaze-medium-play")
    data = gather("pointmaze-medium-play", 240)
    env = task.make(1)
    env.place(np.array([0]), data["infos/qpos"][:1], data["infos/qvel"][:1])  # type: ignore[attr-defined]
    for t in range(119):
        assert (env.step(np.array([0]), data["actions"][t][None]).obs[0] == data["observations"][t + 1]).all()


@pytest.mark.parametrize("dataset_id", DATASETS)
def test_protocols(dataset_id):
    name, protocol = DATASETS[dataset_id]
    maze = make_task(dataset_id).maze
    assert maze is not None
    length, episodes = EPISODE[name], 60
    data = gather(dataset_id, length * episodes)
    goals = {tuple(cell) for cell in maze.cell_of(data["infos/goal"][::length]).tolist()}
    starts = {tuple(cell) for cell in maze.cell_of(data["observations"][::length, :2]).tolist()}
    if protocol == "fixed":
        assert goals == {maze.goal_cell} and starts == {maze.start_cell}
    else:
        assert len(starts) > 5
        assert goals <= {*PLAY_GOALS[name], maze.goal_cell} if protocol == "play" else len(goals) > 5
    distance = np.linalg.norm(data["observations"][:, :2] - data["infos/goal"], axis=1).reshape(episodes, length)
    assert (distance.min(axis=1) < 0.45).mean() == 1.0  # the controller always arrives
    assert (distance[:, -1] < 0.45).mean() == 1.0  # and stays


def test_controller_by_hand():
    offset = np.array([[1.0, 0.0], [0.15, 0.0], [0.0, 0.0], [-2.0, 0.0]])
    velocity = np.array([[3.0, 0.0], [1.0, 0.0], [0.6, 0.0], [0.0, 0.0]])
    noise = np.array([[0.1, 0.2], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    expected = [[0.5 / 1.2 + 0.1, 0.2], [0.75 / 1.2, 0.0], [-0.5, 0.0], [-1.0, 0.0]]
    np.testing.assert_allclose(control(offset, velocity, noise), expected, rtol=1e-6)


def test_collected_once_and_again_when_forced_damaged_or_out_of_date():
    calls: list[tuple[int, int]] = []

    def get(**options) -> int:
        calls.clear()
        collect_dataset("pointmaze-umaze-fixed", 600, progress=lambda *p: calls.append(p), **options)
        return len(calls)

    path = dataset_path("pointmaze-umaze-fixed", 600)
    assert get() > 0 and calls[-1] == (600, 600) and path.exists()
    content = path.read_bytes()
    assert get() == 0
    assert get(force=True) > 0 and path.read_bytes() == content
    path.write_bytes(content[:1000])
    assert get() > 0 and path.read_bytes() == content
    with h5py.File(path, "a") as file:
        file.attrs["recipe"] = -1
    assert get() > 0 and path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing left aside


def test_load_by_id_collects_and_tells_how_it_was_made(monkeypatch):
    monkeypatch.setattr("pars.data.catalog.ROWS", 1200)
    listed = {entry["id"]: entry for entry in list_datasets()}
    assert set(listed) == {*DATASETS, *D4RL} and not any(entry["cached"] for entry in listed.values())
    dataset = load_dataset("pointmaze-umaze-diverse")
    assert dataset.name == dataset.source == "pointmaze-umaze-diverse"
    assert len(dataset.last) == 1200 - 20 and dataset.last.sum() == 20
    assert dataset.card["maze"]["name"] == "umaze" and not dataset.card["terminals_end_episodes"]
    assert load_dataset("pointmaze-umaze-diverse").fingerprint == dataset.fingerprint
    other = load_dataset("pointmaze-umaze-diverse", rows=600, seed=3)
    assert len(other.last) == 590
    listed = {entry["id"]: entry for entry in list_datasets()}
    assert listed["pointmaze-umaze-diverse"]["cached"] and listed["pointmaze-umaze-diverse"]["rows"] == 1200
    assert "from any cell to any other" in listed["pointmaze-umaze-diverse"]["made"]
    assert listed["pointmaze-umaze-diverse-600-seed3"]["rows"] == 600


def test_wrong_requests():
    with pytest.raises(
        UsageError, match=r"unknown dataset 'pointmaze-umaze-divers'; did you mean pointmaze-umaze-diverse"
    ):
        load_dataset("pointmaze-umaze-divers")
    with pytest.raises(UsageError, match=r"a file is given by its path"):
        load_dataset("mydata")
    with pytest.raises(UsageError, match="rows=1"):
        collect_dataset("pointmaze-umaze-diverse", 1)
    with pytest.raises(UsageError, match="seed=-1"):
        collect_dataset("pointmaze-umaze-diverse", 10, -1)
