"""The data card, from files small enough to count by hand."""

import json

import numpy as np
import pytest

from pars.data.card import data_card
from pars.data.doctor import card_lines, check
from pars.data.rows import checked_rows
from pars.envs import make_task
from pars.errors import DataError
from tests.data.files import columns, write_npz

UMAZE = make_task("pointmaze-umaze-diverse")


def card(task=None, next_obs="shift", **changes):
    made = data_card(checked_rows(columns() | changes, "test", task, next_obs), task, next_obs)
    assert json.loads(json.dumps(made)) == made
    return made


def warned(made, words: str) -> bool:
    return any(words in warning for warning in made["warnings"])


def test_counts_by_hand():
    rewards = np.ones(200)
    rewards[:10] = 0
    made = card(rewards=rewards)
    assert (made["rows"], made["transitions"], made["episodes"]) == (200, 180, 20)
    histogram = made["episode_length"].pop("histogram")
    assert made["episode_length"] == {"min": 10, "median": 10, "mean": 10, "max": 10}
    assert histogram == {"counts": [made["episodes"]], "edges": [9.5, 10.5]}
    assert made["returns"]["min"] == 0 and made["returns"]["max"] == 10 and made["returns"]["mean"] == 9.5
    assert sum(made["returns"]["histogram"]["counts"]) == 20
    assert made["reward"]["density"] == 0.95 and made["reward"]["positive_rows"] == 190
    assert made["terminals"] == 0 and made["timeouts"] == 20 and made["terminals_end_episodes"]
    assert made["warnings"] == [] and made["maze"] is None


def test_statistics_of_observations_and_actions():
    data = columns()
    made = card()
    np.testing.assert_allclose(made["obs"]["mean"], data["observations"].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(made["obs"]["std"], data["observations"].std(axis=0), rtol=1e-5)
    assert made["action"]["max"] == data["actions"].max(axis=0).tolist()
    assert made["action"]["saturation"] == 0


def test_return_counts_up_to_the_first_terminal_row():
    """Three rows at the goal pay once, as in the evaluation."""
    at_goal = np.zeros(200)
    at_goal[5:8] = 1
    made = card(rewards=at_goal, terminals=at_goal)
    assert not made["terminals_end_episodes"]
    assert made["returns"]["max"] == 1 and made["returns"]["mean"] == 1 / 20


def test_warnings():
    assert warned(card(rewards=np.zeros(200)), "all rewards are 0")
    assert warned(card(rewards=(np.arange(200) < 99)), "only 99 rows carry a reward")
    assert not warned(card(rewards=(np.arange(200) < 100)), "carry a reward")
    saturated = columns()["actions"]
    saturated[:11] = 1
    assert warned(card(actions=saturated), "6% of the action values are at the bound")
    assert not warned(card(actions=np.clip(saturated, -0.99, 0.99)), "at the bound")
    assert (
        warned(card(next_obs="file", next_observations=np.zeros((200, 3)), terminals=np.arange(200) == 3), "") is False
    )


def test_missing_timeouts_are_said_with_what_is_done_instead():
    data = columns() | {"terminals": np.arange(200) % 20 == 19, "observations": np.zeros((200, 4))}
    del data["timeouts"]
    for task, words in ((None, "cut only at terminals"), (UMAZE, "cut by counting 120 steps")):
        assert warned(data_card(checked_rows(data, "a", task, "shift"), task, "shift"), words)


def test_jumps_inside_episodes():
    walk = np.zeros((200, 4), np.float32)
    walk[:, 0] = np.linspace(0, 2, 200)
    walk[100:, 1] = 2.0  # row 99 ends an episode: no jump inside
    assert not warned(card(UMAZE, observations=walk), "jump")
    ends = np.arange(200) == 199
    assert warned(
        card(UMAZE, observations=walk, timeouts=ends),
        "1 jumps between successive rows of one episode, the first after row 99",
    )
    generic = np.random.default_rng(0).normal(size=(200, 3)).cumsum(axis=0).astype(np.float32)
    generic[150:] += 1000
    assert warned(card(observations=generic, timeouts=ends), "the first after row 149")
    assert not warned(card(), "jump")


def test_idle_columns():
    obs = columns(obs_dim=4)["observations"]
    obs[:, 1], obs[:, 3] = 5, obs[:, 0]
    made = card(observations=obs)
    assert warned(made, "observation columns that never change: 1")
    assert warned(made, "observation columns that are copies: 3 = 0")


def test_maze_coverage_by_hand():
    obs = np.zeros((200, 4), np.float32)
    obs[:50, :2] = [2, 0]  # cell (1, 3)
    obs[50:60, :2] = [0.9, 0.4]  # cell (1, 2)
    obs[60:70, :2] = [0, 1]  # inside the wall at (2, 1)
    made = card(UMAZE, observations=obs)["maze"]
    counts = np.array(made["coverage"]["counts"])
    assert counts.shape == (20, 20) and counts.sum() == 200
    assert len(made["coverage"]["x_edges"]) == 21 and made["coverage"]["x_edges"][0] == -1.5
    assert counts[4:8, 12:16].sum() == 50 and counts[7, 9] == 10  # row 1 and column 2, four bins each
    assert made["free_cells_visited"] == pytest.approx(3 / 7)
    assert made["outside"] == pytest.approx(0.05)
    assert made["goal"] == [0, 2]
    assert warned(card(UMAZE, observations=obs), "5.0% of the positions are in walls")


def test_check_reads_a_file_and_lines_fit_a_terminal(tmp_path):
    path = write_npz(tmp_path / "a.npz", columns() | {"rewards": np.zeros(200)})
    lines = card_lines(check(path))
    assert lines[0] == "rows         200 (180 transitions, 20 episodes)"
    assert lines[-1].startswith("warning      all rewards are 0")
    assert all("\n" not in line and len(line) < 140 for line in lines)
    with pytest.raises(DataError, match=r"a\.npz: 'observations' is 3 wide"):
        check(str(path), UMAZE)
