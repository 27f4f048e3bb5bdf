"""Twins: D4RL's layout and protocols, labelled as what they are, a function of id, rows and seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from pars.collect import antmaze, locomotion
from pars.collect.skill import Skill
from pars.collect.twins import collect_twin, listed_twin, twin_path
from pars.collect.walker import load_walker
from pars.data import card_lines, check, load_dataset
from pars.data.yardsticks import MEASURED, PUBLIC
from pars.envs import make_task
from pars.envs.antmaze import draw_goal
from pars.envs.maze import PLAY_GOALS, Maze
from pars.errors import CheckpointError, DataError, UsageError
from pars.report.pages.data_card import sentences


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path))


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    with h5py.File(path) as file:
        columns: dict[str, np.ndarray] = {}
        file.visititems(lambda name, item: columns.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        return columns, dict(file.attrs)


def test_an_antmaze_twin_is_a_walk_with_d4rls_columns() -> None:
    columns, about = read(collect_twin("antmaze-umaze-v2", 1402))
    assert {len(column) for column in columns.values()} == {1402}
    assert columns["observations"].shape == (1402, 29) and columns["actions"].shape == (1402, 8)
    ends = np.flatnonzero(columns["timeouts"])
    begins = np.append(0, ends[:-1] + 1)
    assert ends[-1] == 1401 and (np.diff(ends) <= 701).all()
    arrived = np.linalg.norm(columns["infos/qpos"][:, :2] - columns["infos/goal"], axis=1) <= 0.5
    assert arrived[ends[:-1]].sum() >= 4 and not arrived[~columns["timeouts"].astype(bool)].any()  # it ends an episode
    assert len(np.unique(columns["infos/goal"], axis=0)) == len(ends)  # a point of its own for every episode
    goals = columns["infos/goal"] - [0.0, 8.0]
    assert (goals >= 0.0).all() and (goals <= 1.5).all()
    goal = draw_goal(Maze.named("umaze", cell=4.0, goal_radius=0.5), np.random.default_rng(0))
    near = np.linalg.norm(columns["observations"][1:, :2] - goal, axis=1) <= 0.5
    near[ends[:-1]] = False  # 0 where an episode ends
    np.testing.assert_array_equal(columns["terminals"], np.append(near, False))
    np.testing.assert_array_equal(columns["rewards"], columns["terminals"])
    assert columns["rewards"].sum() > 0 and np.abs(columns["observations"][begins, :2]).max() < 0.11
    assert about["twin"] and "not D4RL's file" in str(about["made"]) and about["physics"] == "d4rl"
    assert "% of the rows rewarded for one goal (D4RL's file: 0.87 %)" in str(about["made"])


@pytest.mark.parametrize(
    ("name", "ending", "until"),
    [
        ("antmaze-umaze-v2", "arrival", "each episode until it arrives, "),
        ("antmaze-umaze-diverse-v2", "reward", "each episode until it arrives or is rewarded, "),
        ("antmaze-medium-diverse-v2", "limit", "for as long as an episode lasts, "),
        ("antmaze-large-play-v2", "limit", "for as long as an episode lasts, "),
    ],
)
def test_a_twin_says_when_its_episodes_end(name: str, ending: str, until: str) -> None:
    assert antmaze.ending_of(name) == ending
    _, about = read(collect_twin(name, 20))
    assert until in str(about["made"]) and about["recipe"] == (3 if ending == "limit" else 2)


def test_a_listed_twin_of_an_older_recipe_is_collected_again(tmp_path: Path) -> None:
    path = collect_twin("antmaze-large-play-v2", 20)
    content = path.read_bytes()
    assert listed_twin("antmaze-large-play-v2-20") == path and path.read_bytes() == content
    with h5py.File(path, "r+") as file:
        file.attrs["recipe"] = 2
    assert listed_twin("antmaze-large-play-v2-20") == path and read(path)[1]["recipe"] == 3
    other = path.with_name("antmaze-large-play-v2-20-by-mine.hdf5")
    with h5py.File(path, "r+") as file:
        file.attrs["recipe"] = 2
    path.rename(other)
    with pytest.raises(DataError, match="older recipe; collect it again"):
        listed_twin("antmaze-large-play-v2-20-by-mine")
    with h5py.File(other, "r+") as file:
        del file.attrs["rows"], file.attrs["seed"], file.attrs["recipe"]  # a file of somebody's own
    with pytest.raises(DataError, match="or give the path"):
        listed_twin("antmaze-large-play-v2-20-by-mine")


def test_episodes_go_on_where_they_arrive() -> None:
    maze = Maze.named("umaze", cell=4.0, goal_radius=0.5)
    columns = antmaze.collect(maze, "fixed", 1402, 0, walker=load_walker(), ending="limit")
    assert np.flatnonzero(columns["timeouts"]).tolist() == [700, 1401]
    (position, arrived), *_ = antmaze.arrivals(columns)
    assert arrived and len(position) < 400 and antmaze.near(position[-1], columns["infos/goal"][0])
    assert antmaze.near(columns["infos/qpos"][:701], columns["infos/goal"][0]).sum() > 50  # it stays about there


def test_rows_are_steps_of_the_task_and_infos_the_state_after_them() -> None:
    columns, _ = read(collect_twin("antmaze-medium-play-v2", 60))
    env, ends = make_task("antmaze-medium-play-v2").make(1), set(np.flatnonzero(columns["timeouts"]).tolist())
    for row in (1, 30, 57):
        obs = columns["observations"][row].astype(np.float64)
        env.place(np.array([0]), obs[None, :15], obs[None, 15:])  # type: ignore[attr-defined]
        result = env.step(np.array([0]), columns["actions"][row : row + 1])
        after = np.concatenate([columns["infos/qpos"][row], columns["infos/qvel"][row]])
        np.testing.assert_allclose(result.obs[0], after, atol=2e-3)
        if row not in ends:
            np.testing.assert_array_equal(columns["observations"][row + 1], after.astype(np.float32))


def test_an_episode_depends_on_its_number_alone() -> None:
    few, _ = read(collect_twin("antmaze-umaze-diverse-v2", 400))
    more, _ = read(collect_twin("antmaze-umaze-diverse-v2", 900))
    for key in set(few) - {"rewards", "terminals", "timeouts"}:  # the last row that is asked for ends an episode
        np.testing.assert_array_equal(few[key], more[key][:400])
    for key in ("rewards", "terminals", "timeouts"):
        np.testing.assert_array_equal(few[key][:-1], more[key][:399])


def test_umaze_diverse_has_single_rewards() -> None:
    columns, _ = read(collect_twin("antmaze-umaze-diverse-v2", 4000))
    paid, ends = np.flatnonzero(columns["rewards"]), np.flatnonzero(columns["timeouts"])
    assert len(paid) and set(paid + 1) <= set(ends)  # the row after it is an episode's last


def test_another_walker_makes_another_file_and_is_named(tmp_path: Path) -> None:
    rng, file = np.random.default_rng(0), tmp_path / "mine.npz"
    sizes = [(256, 29), (256, 256), (8, 256), (8, 256)]
    arrays = {f"w{i}": rng.normal(size=size, scale=0.1) for i, size in enumerate(sizes)}
    np.savez(file, **arrays, **{f"b{i}": np.zeros(size[0]) for i, size in enumerate(sizes)})
    path = collect_twin("antmaze-umaze-v2", 20, walker=file)
    assert path != collect_twin("antmaze-umaze-v2", 20) and path.stem == "antmaze-umaze-v2-20-by-mine"
    made, columns = path.stat().st_mtime_ns, read(path)
    assert "the walker mine.npz (SHA-256 " in str(columns[1]["made"])
    assert collect_twin("antmaze-umaze-v2", 20, walker=file).stat().st_mtime_ns == made
    np.savez(file, **arrays, **{f"b{i}": np.ones(size[0]) for i, size in enumerate(sizes)})  # other weights
    after, _ = read(collect_twin("antmaze-umaze-v2", 20, walker=file))
    assert not np.array_equal(after["actions"], columns[0]["actions"])


def test_no_walker_is_called_like_rows_or_a_seed() -> None:
    umaze = "antmaze-umaze-v2"
    assert twin_path(umaze, 40, weights=Path("seed1.npz")) != twin_path(umaze, 40, seed=1)
    assert twin_path(umaze, weights=Path("40.npz")) != twin_path(umaze, 40)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"w2": (9, 8), "w3": (7, 8)}, r"w2, the mean, has shape \(9, 8\) and w3, .*\(7, 8\): both give 8 numbers"),
        ({"w3": (9, 8)}, r"w3, the log standard deviation, \(9, 8\): both give 8 numbers"),
        ({"w3": (8, 5)}, "of the same inputs"),
        ({"w3": None}, "w3 is missing"),
        ({"w1": (8, 7)}, "layers do not fit together: layer 0 gives 8, w1 takes 7"),
        ({"w0": (8, 5)}, "a walker sees 29 numbers and gives 8, this one 5 and 8"),
        ({"norm": (8,)}, "what is norm"),
        ({"w1": complex}, "w1 does not hold numbers of a float or int type"),
    ],
)
def test_a_walker_whose_arrays_do_not_fit_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    sizes: dict[str, Any] = {"w0": (8, 29), "w1": (8, 8), "w2": (8, 8), "w3": (8, 8)}
    sizes |= {name: size for name, size in change.items() if size is not complex}
    arrays = {name: np.zeros(size) for name, size in sizes.items() if size}
    arrays |= {f"b{name[1:]}": np.zeros(size[0] if size else 8) for name, size in sizes.items() if name[0] == "w"}
    arrays |= {name: arrays[name].astype(complex) for name, size in change.items() if size is complex}
    file = tmp_path / "mine.npz"
    np.savez(file, **arrays)
    with pytest.raises(CheckpointError, match=words) as error:
        collect_twin("antmaze-umaze-v2", 20, walker=file)
    assert "\n" not in str(error.value) and "mine.npz" in str(error.value)


def test_a_walker_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.npz"
    np.savez(file, w0=np.zeros((8, 29)), b0=np.zeros(8))
    with pytest.raises(CheckpointError, match=r"no readable walker .*w1 is missing"):
        collect_twin("antmaze-umaze-v2", 20, walker=file)
    file.write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match=r"no readable walker .*it is no \.npz archive"):
        collect_twin("antmaze-umaze-v2", 20, walker=file)
    other = tmp_path / "other.safetensors"
    save_file({"weight": np.zeros((8, 27), np.float32), "bias": np.zeros(8, np.float32)}, other)
    with pytest.raises(CheckpointError, match="no readable weights"):
        collect_twin("antmaze-umaze-v2", 20, walker=other)
    with pytest.raises(UsageError, match="nobody walks in hopper-random-v2"):
        collect_twin("hopper-random-v2", 20, walker=file)


def test_a_card_puts_d4rls_numbers_beside_the_twins_own() -> None:
    path = collect_twin("antmaze-umaze-v2", 1500)
    columns, about = read(path)
    shares = {name: float(str(about[name])) for name in MEASURED}
    assert shares["saturated"] == np.mean(np.abs(columns["actions"]) == 1.0) and 0.5 < shares["arrived"] <= 1.0
    rewarded = f"{100 * columns['rewards'].mean():.3g} %"
    said = load_dataset(path).card["yardsticks"]
    assert said == {
        "rows rewarded": f"{rewarded}, D4RL's 0.87 %",
        "episodes that arrive": f"{100 * shares['arrived']:.3g} % (D4RL's walker 78 %)",
        "rows upside down": f"{100 * shares['upside_down']:.3g} % (D4RL's walker 18 %)",
        "action values at the bound": f"{100 * shares['saturated']:.3g} % (D4RL's walker 33 %)",
        "BC there": "55",
    }
    found = check(path)
    assert found.card and ("beside D4RL", "; ".join(map(" ".join, said.items()))) in card_lines(found.card)
    assert any(line.startswith(f"Beside D4RL's: rows rewarded {rewarded}, ") for line in sentences(found.card, "x", []))
    with h5py.File(path, "r+") as file:  # as an earlier version left it
        for name in MEASURED:
            del file.attrs[name]
    assert load_dataset(path).card["yardsticks"] == {name: said[name] for name in ("rows rewarded", "BC there")}
    assert "yardsticks" not in load_dataset(collect_twin("walker2d-random-v2", 1500)).card


def test_the_docs_have_the_same_public_numbers() -> None:
    """Share of rewarded rows, BC's score there, and what D4RL's walker does."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    for name, public in PUBLIC.items():
        lines = [line for line in page.splitlines() if line.startswith(f"| {name[8:-3]} | ")]
        rewarded, cloned, ants = ([cell.strip(" %") for cell in line.strip("|").split("|")] for line in lines)
        found = [rewarded[1], cloned[1], ants[7], ants[10], ants[11]]
        assert [float(cell) for cell in found] == list(public)


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
    low, high = (-1.0, 0.5) if name == "ultra" else (0.0, 1.5)
    free = set(map(tuple, maze.free_cells.tolist()))
    for protocol in ("fixed", "play", "diverse") if name in PLAY_GOALS else ("fixed", "diverse"):
        ways = [antmaze.route(maze, protocol, rng) for _ in range(200)]
        goals = {"fixed": {maze.goal_cell}, "play": set(PLAY_GOALS.get(name, ())), "diverse": free}[protocol]
        for start, goal in ways:
            offset = goal - maze.xy(np.array(sorted(goals)))
            assert ((offset >= low) & (offset <= high)).all(axis=1).any()
            if start is not None:
                beyond = start - maze.xy(np.array(sorted(free - goals if protocol == "play" else free)))
                assert ((beyond >= 0) & (beyond <= 1)).all(axis=1).any()
        assert all((start is None) == (protocol == "fixed") for start, _ in ways)


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


def test_a_medium_policy_that_is_none_says_so() -> None:
    skill = Skill((), {"return": 1399.0})
    assert "1,399, which never became medium (1,400)" in locomotion.reached("hopper", "medium", skill)
    assert locomotion.reached("hopper", "expert", skill) == "samples of a policy of mean return 1,399"
    assert "never" not in locomotion.reached("hopper", "medium", Skill((), {"return": 1400.0}))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("pointmaze-umaze-diverse", "are ours already"),
        ("hopper-medum-v2", "did you mean hopper-medium"),
        ("antmaze-giant-v0", "unknown dataset"),
    ],
)
def test_other_ids_have_no_twin(bad: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        collect_twin(bad)


@pytest.mark.parametrize("options", [{"rows": 1}, {"seed": -1}])
def test_impossible_numbers(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=r"=(1|-1) must be a whole number from (2|0) on"):
        collect_twin("hopper-random-v2", **options)
