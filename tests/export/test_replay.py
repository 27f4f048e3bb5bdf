"""`pars replay`: logs beside what the policy would have done."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pars.data import from_arrays
from pars.errors import DataError, UsageError
from pars.export.load import load_policy
from pars.export.replay import apart, render, replay
from pars.training.restore import restore
from tests import runs
from tests.cli.said import Pars, one_line
from tests.data.files import columns, write_npz


def logs(**changes: Any) -> dict[str, Any]:
    """Four episodes of ten rows."""
    return columns(40, obs_dim=4) | changes


def test_each_row_has_what_was_done_what_would_be_and_what_the_critic_thinks() -> None:
    data, run = from_arrays(logs(), next_obs="shift"), runs.finished_run()
    found = replay(run, data, 2, member=1)
    assert len(found.obs) == 9 and found.would.shape == (2, 9, 2)  # of ten rows the last one has no successor
    np.testing.assert_array_equal(found.obs, data.columns.obs[18:27])
    np.testing.assert_array_equal(found.would[0], load_policy(run, 1)(found.obs))
    np.testing.assert_array_equal(found.would[1], load_policy(run, 0)(found.obs))
    assert found.q_done is not None and found.q_would is not None
    assert found.q_done.shape == (2, 9) and not np.array_equal(found.q_done, found.q_would)
    state = restore(runs.group(run)).state.critic.params["mlp"]["out"]["bias"]
    assert np.asarray(state).shape[:2] == (2, 2)  # members, critics
    np.testing.assert_allclose(apart(found), 50 * np.abs(found.would[0] - found.done).mean(axis=0), rtol=1e-5)
    page = render(found)
    assert "least of the 2 critics" in page and "Band: all 2 members" in page
    assert len(re.findall("<figure>", page)) == 3


def test_rows_outside_of_what_training_saw_are_counted() -> None:
    obs = logs()["observations"]
    obs[3, 1] = 1e4
    found = replay(runs.finished_run(), from_arrays(logs(observations=obs)), 0)
    assert found.outside[3, 1] and "observation 1" in render(found)


def test_logs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="has 3 observations and 2 actions, the policy takes 4 and gives 2; see --map"):
        replay(runs.finished_run(), from_arrays(columns(obs_dim=3, action_dim=2)), 0)
    with pytest.raises(UsageError, match=r"--episode 4: .* has episodes 0 to 3"):
        replay(runs.finished_run(), from_arrays(logs()), 4)


def test_the_command_writes_a_page(pars: Pars, tmp_path: Path) -> None:
    file, page = write_npz(tmp_path / "logs.npz", logs()), tmp_path / "page.html"
    said = pars("replay", runs.finished_run(), "--data", file, "--episode", "1", "--out", page)
    assert said.code == 0 and "apart: action 0 " in said.out and page.stat().st_size > 10_000, said
    one_line(pars("replay", runs.finished_run(), "--data", file, "--member", "9"), 2, "members are 0 to 1")


def test_a_delivered_policy_is_no_run(pars: Pars, tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "contract.json").write_text("{}")
    said = pars("replay", tmp_path / "policy", "--data", write_npz(tmp_path / "logs.npz", logs()))
    one_line(said, 4, "policy is what `pars export` wrote", "; give the run that it was exported from")
