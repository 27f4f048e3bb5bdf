"""The cut of rows into transitions, against a slow reference that goes row by row as `qlearning_dataset` does."""

import numpy as np
import pytest

from pars.core import Transition
from pars.data.rows import Rows, checked_rows
from pars.data.transitions import counted_cuts, episode_ends, kept_rows, terminals_end_episodes, transitions
from tests.data.files import columns


def rows(**changes) -> Rows:
    return checked_rows(columns() | changes, "test", None, "shift")


def to_transitions(data: Rows, next_obs: str, time_limit: int | None) -> tuple[Transition, np.ndarray]:
    kept, last = kept_rows(data, next_obs, time_limit)
    return transitions(data, kept, next_obs), last


def reference(data: Rows, time_limit: int | None) -> list[tuple[int, int, bool]]:
    """(row, row of the next observation, terminal) of every kept row, one row at a time."""
    kept, counter = [], 0
    for i in range(len(data.obs) - 1):
        terminal = bool(data.terminal[i])
        final = bool(data.timeout[i]) if data.timeout is not None else counter + 1 == time_limit
        if final:
            counter = 0
            continue
        if terminal:
            counter = 0
        kept.append((i, i + 1, terminal))
        counter += 1
    return kept


def check(data: Rows, time_limit: int | None) -> None:
    got, last = to_transitions(data, "shift", time_limit)
    expected = reference(data, time_limit)
    i, j, terminal = map(np.array, zip(*expected, strict=True))
    assert (got.obs == data.obs[i]).all() and (got.next_obs == data.obs[j]).all()
    assert (got.action == data.action[i]).all() and (got.reward == data.reward[i]).all()
    assert (got.terminal == terminal).all() and last[-1] and len(last) == len(expected)
    assert all(a.dtype == np.float32 for a in (got.obs, got.action, got.reward, got.next_obs, got.terminal))


def random_flags(n: int, share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(n) < share


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
def test_with_timeouts(seed, share):
    check(rows(terminals=random_flags(200, share, seed), timeouts=random_flags(200, 0.1, seed + 9)), 10)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 500])
@pytest.mark.parametrize("share", [0.01, 0.2, 0.7])
def test_without_timeouts_steps_are_counted(seed, limit, share):
    data = columns() | {"terminals": random_flags(200, share, seed)}
    data["terminals"][50] = True
    del data["timeouts"]
    if limit > 1:
        check(checked_rows(data, "test", None, "shift"), limit)
    else:  # everything up to the first terminal row is cut; nothing to compare when all is
        assert counted_cuts(data["terminals"], 1)[0]


def test_counter_is_zero_after_a_cut_and_one_after_a_terminal():
    terminal = np.zeros(12, bool)
    assert np.flatnonzero(counted_cuts(terminal, 5)).tolist() == [4, 9]
    terminal[2] = True  # counter at row 3 is 1, so row 6 is the fifth
    assert np.flatnonzero(counted_cuts(terminal, 5)).tolist() == [6, 11]
    terminal[6] = True  # the cut row is terminal: the cut decides, the counter restarts at 0
    assert np.flatnonzero(counted_cuts(terminal, 5)).tolist() == [6, 11]


def test_quirks_of_published_files():
    terminals = random_flags(200, 0.1, 1)
    terminals[9] = True  # on a timeout row
    check(rows(terminals=terminals, rewards=np.arange(200.0)[:, None]), None)
    check(rows(terminals=terminals.astype(np.float64)), None)


def test_number_of_rows():
    """N - 1 - #timeouts; one more when the last row is itself a timeout."""
    assert len(to_transitions(rows(), "shift", None)[1]) == 200 - 20
    unfinished = columns()["timeouts"]
    unfinished[-1] = False
    assert len(to_transitions(rows(timeouts=unfinished), "shift", None)[1]) == 200 - 1 - 19


def test_last_marks_the_last_kept_row_of_each_episode():
    flags = {key: np.zeros(9, bool) for key in ("terminals", "timeouts")}
    flags["timeouts"][3] = True  # rows 0-3: row 3 is dropped, so row 2 is last
    flags["terminals"][5] = True  # rows 4-5: the terminal row is kept and last
    data = checked_rows(columns(9) | flags, "test", None, "shift")  # rows 6-8: unfinished, row 8 is dropped
    got, last = to_transitions(data, "shift", None)
    assert got.obs[:, 0].tolist() == data.obs[[0, 1, 2, 4, 5, 6, 7], 0].tolist()
    assert np.flatnonzero(last).tolist() == [2, 4, 6]
    assert got.terminal.tolist() == [0, 0, 0, 0, 1, 0, 0]


def test_lingering_at_the_goal_does_not_end_episodes():
    """As in D4RL's AntMaze files: the recorded agent stays at the goal, each such row is terminal."""
    terminals = np.zeros(200, bool)
    terminals[4:10] = terminals[25:30] = True
    data = rows(terminals=terminals)
    assert not terminals_end_episodes(data)
    assert np.flatnonzero(episode_ends(data, None)).tolist() == list(range(9, 200, 10))
    last = to_transitions(data, "shift", None)[1]
    assert last.sum() == 20
    falls = np.zeros(200, bool)
    falls[[4, 25]] = True  # alone: a fall, and the next row is a new episode
    assert terminals_end_episodes(rows(terminals=falls))
    assert episode_ends(rows(terminals=falls), None).sum() == 22


def test_own_next_observations_keep_every_row():
    data = columns()
    own = data["observations"] + 100
    checked = checked_rows(data | {"next_observations": own}, "test", None, "file")
    got, last = to_transitions(checked, "file", None)
    assert (got.next_obs == own).all() and (got.obs == data["observations"]).all()
    assert (last == data["timeouts"]).all()
    with pytest.raises(ValueError, match="no next_obs"):
        to_transitions(rows(), "file", None)
