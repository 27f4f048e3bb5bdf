"""Normalised scores, as others logged them beside the raw returns."""

import numpy as np

from pars.envs import make_task
from tests.real.files import real


def test_scores_are_d4rls() -> None:
    logs = np.load(real("dt-return-score-logs.npz"))
    for name, (raw, _, score) in ((name, logs[name].T) for name in logs):
        task = make_task(name.split("_log_")[0])
        np.testing.assert_allclose(task.score(raw), score, rtol=0, atol=1e-12)
