"""The data card, from files small enough to count by hand."""

import dataclasses
import json

import numpy as np
import pytest

from pars.data.checking import drawn, scan
from pars.data.checking.card import data_card
from pars.data.checking.scan import duplicates
from pars.data.rows import checked_rows
from pars.envs import make_task
from tests.data.files import columns

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
    assert warned(card(actions=saturated), "6% of the action values are at their bounds")
    assert not warned(card(actions=np.clip(saturated, -0.99, 0.99)), "at their bounds")
    assert (
        warned(card(next_obs="file", next_observations=np.zeros((200, 3)), terminals=np.arange(200) == 3), "") is False
    )


def test_values_that_nothing_measures_are_named():
    data = columns(2000)
    assert not warned(card(**data), "no likely values")
    data["observations"][70, 1], data["observations"][80, 2], data["rewards"][3] = 1e30, -9999, 50
    made = card(**data)
    assert warned(made, "no likely values: observation 1 is 1e+30 in row 70 (nearly always -")
    coded = columns(2000)["observations"]
    coded[1000:1015, 0] = -999  # often, and not so far: seen by its number
    assert warned(card(**data | {"observations": coded}), "observation 0 is -999 in row 1000")
    assert warned(made, "observation 2 is -9999 in row 80") and not warned(made, "reward is")
    data["rewards"][3], units = -1e12, 50.0 + 50.0 * data["actions"]
    units[5, 0] = 1e30
    made = data_card(checked_rows(data | {"actions": units}, "test", None, "shift", "0..1e30,0..100"), None, "shift")
    assert warned(made, "action 0 is 1e+30 in row 5 (nearly always") and warned(made, " and 1 more columns; where they")


def test_codes_are_seen_however_many_there_are():
    """They must not count for what is usual: above 1 % they would be it, and in few rows quantiles lean to them."""
    for rows, codes in ((2000, 100), (2000, 1400), (60, 3)):
        coded = columns(rows)["observations"]
        coded[7 : 7 + codes, 0] = -9999
        assert warned(card(**columns(rows) | {"observations": coded}), "observation 0 is -9999 in row 7 (nearly always")
    coded[7:10, 0] = 1e30
    assert warned(card(**columns(rows) | {"observations": coded}), "observation 0 is 1e+30 in row 7 (nearly always -")
    coded[:, 0] = -9999
    assert warned(card(**columns(rows) | {"observations": coded}), "observation 0 is -9999 in row 0")
    coded[:, 0] = np.arange(rows) % 2 * 65535  # off and on
    assert not warned(card(**columns(rows) | {"observations": coded}), "no likely values")


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


def test_off_the_map_and_chunks(monkeypatch):
    """Positions outside count as such, and the size of a chunk does not matter."""
    obs = np.random.default_rng(0).uniform(-3, 5, (200, 4)).astype(np.float32)
    whole = card(UMAZE, observations=obs)
    assert np.sum(whole["maze"]["coverage"]["counts"]) < 200 and whole["maze"]["outside"] > 0.5
    monkeypatch.setattr(scan, "CHUNK", 7)
    small = card(UMAZE, observations=obs)
    assert small["maze"] == whole["maze"] and small["warnings"] == whole["warnings"]
    np.testing.assert_allclose(small["obs"]["std"], whole["obs"]["std"], rtol=1e-12)
    assert small["obs"]["min"] == whole["obs"]["min"] and small["duplicate_rows"] == whole["duplicate_rows"]


def test_duplicate_rows():
    assert card()["duplicate_rows"] == {"copies": 0, "first": -1, "earlier": -1, "looked_at": 200}
    assert not warned(card(), "repeat an earlier one")
    data = columns()
    data["observations"][[50, 40, 30]] = data["observations"][3]
    data["actions"][[50, 40]] = data["actions"][3]  # row 30 acts differently
    data["observations"][120], data["actions"][120] = 0.0, 0.0
    data["observations"][121], data["actions"][121] = -0.0, 0.0
    made = card(**data)
    assert made["duplicate_rows"] == {"copies": 3, "first": 40, "earlier": 3, "looked_at": 200}
    assert warned(made, "3 rows repeat an earlier one, the first is row 40 (= row 3); drop them")


def test_duplicates_of_many_rows_are_those_of_numpy():
    values = np.random.default_rng(0).integers(0, 40, (70_000, 3)).astype(np.float32)
    _, first = np.unique(values, axis=0, return_index=True)
    found = duplicates(values[:, :2], values[:, 2:])
    copies = np.setdiff1d(np.arange(len(values)), first)
    assert (found.copies, found.first) == (len(copies), copies[0])
    assert (values[found.earlier] == values[found.first]).all() and found.earlier in first
    assert duplicates(values[:, :2], values[:, 2:], most=30).looked_at == 30


def test_time_limits_recorded_as_terminals():
    ends = np.arange(200) % 20 == 19
    marked = card(terminals=ends, timeouts=np.zeros(200, bool))
    assert warned(marked, "10 of 10 terminals stand in row 20 of an episode, the longest there is")
    early = ends.copy()
    early[[5, 45, 105]] = True  # episodes do end before: but most do not
    assert not warned(card(terminals=early, timeouts=np.zeros(200, bool)), "the longest there is")
    assert not warned(card(), "the longest there is")


def test_rows_that_are_terminal_and_cut():
    made = card(terminals=np.isin(np.arange(200), (9, 13)))
    assert (made["terminals"], made["timeouts"], made["terminal_timeouts"], made["ends"]) == (2, 20, 1, 21)


def test_actions_of_another_scale_and_at_the_bound_by_dimension():
    tiny = columns()["actions"] * 0.05
    assert warned(card(actions=tiny), "no action is beyond +-0.04") and not warned(card(), "no action is beyond")
    assert not warned(card(actions=0.0 * tiny), "no action is beyond")
    half = columns()["actions"]
    half[:100, 1] = -1
    made = card(actions=half)
    assert made["action"]["at_bound"] == [0, 0.5] and made["action"]["saturation"] == 0.25
    assert warned(made, "25% of the action values are at their bounds (most in action 1, 50%)")


def test_rewards_of_two_values():
    """As in mazes that cost 1 a step: the higher value is the reward."""
    assert warned(card(rewards=np.where(np.arange(200) < 99, 0.0, -1.0)), "only 99 rows carry a reward")
    assert not warned(card(rewards=np.where(np.arange(200) < 100, 0.0, -1.0)), "carry a reward")
    assert warned(card(rewards=np.full(200, -1.0)), "all rewards are -1")


def test_memory_maps_of_other_types_are_looked_at_as_float32(tmp_path):
    data = columns()
    whole = card()
    np.save(tmp_path / "obs.npy", data["observations"].astype(np.float64))
    rows = checked_rows(data, "test", None, "shift")
    rows = dataclasses.replace(rows, obs=np.load(tmp_path / "obs.npy", mmap_mode="r"))
    assert data_card(rows, None, "shift") == whole


def test_what_pictures_are_drawn_from_by_hand():
    action = np.tile([[0.0, 10.0], [50.0, 20.0], [100.0, 30.0], [50.0, 40.0]], (50, 1))
    rewards, terminals = np.arange(200.0), np.arange(200) == 19
    rows = checked_rows(
        columns() | {"actions": action, "rewards": rewards, "terminals": terminals}, "a", None, "shift", "0..100,0..80"
    )
    made = data_card(rows, None, "shift")
    first, second = made["columns"]["actions"]
    assert made["columns"]["rows"] == 200 and (first["low"], first["high"]) == (0, 100)
    assert {i: n for i, n in enumerate(first["histogram"]) if n} == {0: 50, 12: 100, 23: 50}
    assert second["course"]["least"][0] == 10 and second["course"]["greatest"][0] == 30  # of three rows
    assert made["action"]["mean"] == pytest.approx([50, 25]) and made["action"]["std"][0] == pytest.approx(1250**0.5)
    assert made["columns"]["reward"]["course"]["mean"][-1] == pytest.approx(198.5)
    timeline = made["timeline"]
    assert timeline["together"] == 1 and timeline["rows"] == [10] * 20
    assert timeline["returns"][:3] == [45, 145, 245] and timeline["terminal"] == [0, 1] + [0] * 18


def test_many_episodes_share_the_entries_of_the_timeline():
    found = drawn.timeline(np.full(700, 2), np.arange(700.0), np.arange(700) % 7 == 0)
    assert found["together"] == 3 and sum(found["rows"]) == 1400 and sum(found["terminal"]) == 100
    assert found["returns"][:2] == [1, 4] and found["returns"][-1] == 699 and len(found["rows"]) == 234
