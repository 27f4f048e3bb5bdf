"""Episodes that no training sees, so that what it makes of them can be measured."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from pars.data.dataset import Dataset
from pars.errors import DataError, UsageError


def split(data: Dataset, share: float) -> Dataset:
    """The dataset without a random `share` of its episodes, which are its `held_out`; the same ones for the same data.

    Raises UsageError for a share that is none, DataError for a single episode.
    """
    if not 0.0 < share < 1.0:
        raise UsageError(f"holdout={share:g}: is a share of the episodes, between 0 and 1, such as 0.1")
    number = np.cumsum(data.last) - data.last  # of each row's episode
    episodes = int(number[-1]) + 1
    if episodes < 2:
        raise DataError(f"{data.name} has one episode; none can be held out of training, leave out --holdout")
    count = min(max(1, round(share * episodes)), episodes - 1)
    held = np.isin(number, np.random.default_rng(0).permutation(episodes)[:count])
    sha256 = hashlib.sha256(f"{data.fingerprint} without {share:g}".encode()).hexdigest()
    kept = data.select(~held)
    card = data.card | {"trained_obs": _range(kept)}
    return replace(kept, card=card, fingerprint=sha256, held_out=data.select(held), holdout=share)


def _range(data: Dataset) -> dict[str, list[float]]:
    """Least and greatest value of each observation in the transitions."""
    both = data.columns.obs, data.columns.next_obs
    low = np.minimum(*(values.min(axis=0) for values in both))
    high = np.maximum(*(values.max(axis=0) for values in both))
    return {"min": low.tolist(), "max": high.tolist()}
