"""Every refusal: one line with the place and the remedy."""

import re

import numpy as np
import pytest

from pars.data.checking import scan
from pars.data.dataset import from_arrays
from pars.data.rows import checked_rows
from pars.envs import make_task
from pars.errors import DataError
from tests.data.files import columns


def changed(key: str, row: object, value: float) -> dict[str, np.ndarray]:
    data = columns()
    data[key] = data[key].astype(np.float32)
    data[key][row] = value
    return data


def without(*keys: str) -> dict[str, np.ndarray]:
    return {key: value for key, value in columns().items() if key not in keys}


no_ends = columns() | {"timeouts": np.zeros(200, bool)}

REFUSED = [
    (without("rewards"), "no 'rewards'; needed are observations, actions, rewards, terminals"),
    (columns() | {"rewards": np.zeros(199)}, "differ in length (observations 200, actions 200, rewards 199"),
    (columns() | {"rewards": np.float32(1)}, "'rewards' is a single value"),
    (columns(1), "has 1 rows, a transition takes at least 2"),
    (columns(0), "has 0 rows"),
    (changed("observations", (17, 1), np.nan), "'observations' has 1 NaN or infinite values, the first in row 17"),
    (changed("actions", 5, np.inf), "'actions' has 2 NaN or infinite values, the first in row 5"),
    (changed("rewards", 199, -np.inf), "'rewards' has 1 NaN or infinite values, the first in row 199"),
    (changed("terminals", 3, np.nan), "'terminals' has 1 NaN"),
    (columns() | {"observations": np.full((200, 3), 1e300)}, "'observations' has 600 NaN or infinite values"),
    (columns() | {"observations": np.zeros(200)}, "'observations' has shape (200,), expected [rows, width]"),
    (columns() | {"actions": np.zeros((200, 2, 1))}, "'actions' has shape (200, 2, 1), expected [rows, width]"),
    (columns() | {"observations": np.zeros((200, 0))}, "'observations' has shape (200, 0)"),
    (columns() | {"rewards": np.zeros((200, 2))}, "'rewards' has shape (200, 2), expected [rows]"),
    (columns() | {"actions": np.full((200, 2), "left")}, "'actions' holds <U4 values, expected plain numbers"),
    (columns() | {"observations": np.full((200, 3), None)}, "'observations' holds object values"),
    (changed("actions", (42, 1), -3.5), "action 1 reaches from -3.5 to 0.89"),
    (
        changed("actions", (42, 1), -3.5),
        "first outside in row 42), expected [-1, 1]; give --action-range LOW..HIGH,.., or scale them",
    ),
    (changed("actions", (0, 0), 1.002), "row 0"),
    (changed("terminals", 8, 0.5), "'terminals' is 0.5 in row 8, expected 0 or 1"),
    (changed("timeouts", 8, 2.0), "'timeouts' is 2 in row 8, expected 0 or 1"),
    (no_ends, "no row ends an episode ('terminals' and 'timeouts' are all 0 or absent); set 'timeouts' to 1"),
    (without("timeouts"), "no row ends an episode"),
    (no_ends | {"next_observations": np.zeros((200, 3))}, "or train with next_obs=file"),
    (columns() | {"next_observations": np.zeros((200, 4))}, "'next_observations' is 4 wide, 'observations' 3"),
]


@pytest.mark.parametrize(("data", "words"), REFUSED)
def test_refused(data, words):
    with pytest.raises(DataError, match=re.escape(words)) as error:
        checked_rows(data, "my.npz", None, "shift")
    assert str(error.value).startswith("my.npz: ") and "\n" not in str(error.value)


def test_widths_must_be_those_of_the_task():
    task = make_task("pointmaze-umaze-diverse")
    assert len(checked_rows(columns(obs_dim=4), "a", task, "shift").obs) == 200
    with pytest.raises(DataError, match="'observations' is 3 wide, pointmaze-umaze-diverse has 4"):
        checked_rows(columns(), "a", task, "shift")
    with pytest.raises(DataError, match="'actions' is 5 wide, pointmaze-umaze-diverse has 2"):
        checked_rows(columns(obs_dim=4, action_dim=5), "a", task, "shift")


def test_next_obs_from_the_file_must_be_there_and_finite():
    with pytest.raises(DataError, match="no 'next_observations'"):
        checked_rows(columns(), "a", None, "file")
    with pytest.raises(DataError, match="'next_observations' has 600 NaN"):
        checked_rows(columns() | {"next_observations": np.full((200, 3), np.nan)}, "a", None, "file")
    own = no_ends | {"next_observations": np.zeros((200, 3))}
    assert checked_rows(own, "a", None, "file").next_obs is not None  # needs no ends


def test_actions_a_hair_outside_are_accepted_as_they_are():
    data = changed("actions", (1, 1), 1.0009)
    assert checked_rows(data, "a", None, "shift").action[1, 1] == np.float32(1.0009)


def test_nothing_but_timeouts_leaves_no_transition():
    with pytest.raises(DataError, match="every row is a timeout"):
        from_arrays(columns() | {"timeouts": np.ones(200)})


@pytest.mark.parametrize(("data", "words"), REFUSED)
def test_refused_a_chunk_at_a_time(data, words, monkeypatch):
    monkeypatch.setattr(scan, "CHUNK", 4)
    test_refused(data, words)
