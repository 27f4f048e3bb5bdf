"""Scores from returns."""

import dataclasses

import numpy as np
import pytest

from pars.envs import make_task

D4RL = {  # raw returns of a random and of an expert policy
    "antmaze": (0.0, 1.0),
    "halfcheetah": (-280.178953, 12135.0),
    "hopper": (-20.272305, 3234.3),
    "walker2d": (1.629008, 4592.3),
    "pen": (96.262799, 3076.8331017826877),
    "door": (-56.512833, 2880.5693087298737),
    "hammer": (-274.856578, 12794.134825156867),
    "relocate": (-6.425911, 4233.877797728884),
}


@pytest.mark.parametrize("name", D4RL)
def test_scores_of_the_references_are_0_and_100_and_come_back(name):
    low, high = D4RL[name]
    task = dataclasses.replace(make_task("pointmaze-umaze-fixed"), reference=(low, high))
    assert task.score(np.array([low, high, (low + high) / 2])) == pytest.approx([0, 100, 50])
    returns = np.random.default_rng(0).uniform(low - 1, high + 1, (2, 5))
    assert low + task.score(returns) / 100 * (high - low) == pytest.approx(returns)


def test_without_references_the_score_is_the_return():
    task = dataclasses.replace(make_task("pointmaze-umaze-fixed"), reference=None)
    assert task.score(np.array([-3.5, 7.0])).tolist() == [-3.5, 7.0]
