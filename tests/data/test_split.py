"""Episodes that are held out of training."""

import numpy as np
import pytest

from pars.data import from_arrays
from pars.data.split import split
from pars.errors import DataError, UsageError
from tests.runs import few_rows


def test_whole_episodes_are_held_out_and_nothing_is_lost():
    data = few_rows()
    kept = split(data, 0.2)
    episodes = int(data.last.sum())
    held = kept.held_out
    assert held is not None and kept.holdout == 0.2
    assert int(held.last.sum()) == round(0.2 * episodes) == episodes - int(kept.last.sum())
    both = np.concatenate([kept.packed, held.packed])
    assert sorted(map(bytes, both)) == sorted(map(bytes, np.asarray(data.packed)))
    assert not {*map(bytes, kept.packed)} & {*map(bytes, held.packed)}
    np.testing.assert_allclose(kept.obs_mean, kept.columns.obs.mean(axis=0), atol=1e-4)
    rows = np.concatenate([kept.columns.obs, kept.columns.next_obs])
    assert kept.card["trained_obs"] == {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}


def test_the_same_data_is_split_alike_and_counts_as_other_data():
    data = few_rows()
    once, again, other = split(data, 0.1), split(data, 0.1), split(data, 0.2)
    np.testing.assert_array_equal(once.packed, again.packed)
    assert once.fingerprint == again.fingerprint and len({data.fingerprint, once.fingerprint, other.fingerprint}) == 3


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 2.0])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(UsageError, match="between 0 and 1"):
        split(few_rows(), share)


def test_one_episode_is_not_split():
    rows = {"observations": np.eye(9), "actions": np.linspace(-1, 1, 9)[:, None], "rewards": np.arange(9.0)}
    ends = np.arange(9) == 8
    with pytest.raises(DataError, match="has one episode"):
        split(from_arrays({**rows, "terminals": ends, "timeouts": np.zeros(9, bool)}), 0.5)
