"""Returns of recorded episodes by hand; `mc_return` is tested with the other columns in tests/data/test_extras.py."""

from __future__ import annotations

import numpy as np

from pars.rl.returns import best_episodes, episode_returns

REWARD = np.array([1.0, 2.0, 0.0, 5.0, 1.0, 1.0, 9.0])
LAST = np.array([0, 1, 1, 0, 1, 0, 0], bool)  # the last two rows are of an episode without an end


def test_episode_returns() -> None:
    assert episode_returns(REWARD, LAST).tolist() == [3.0, 0.0, 6.0, 10.0]


def test_the_best_episodes_are_whole_and_finished() -> None:
    assert np.flatnonzero(best_episodes(REWARD, LAST, 0.1)).tolist() == [3, 4]  # at least one
    assert np.flatnonzero(best_episodes(REWARD, LAST, 0.67)).tolist() == [0, 1, 3, 4]
    assert np.flatnonzero(best_episodes(REWARD, LAST, 1.0)).tolist() == [0, 1, 2, 3, 4]
    assert best_episodes(REWARD, np.zeros(7, bool), 0.1).all()  # nothing to choose from
