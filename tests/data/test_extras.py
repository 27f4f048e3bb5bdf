"""Extra columns by hand, and one training that asks for them."""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import jax.numpy as jnp
import numpy as np
import pytest

from pars import api
from pars.algos import ALGORITHMS
from pars.config import config
from pars.core import Algorithm, Column, LoopSettings
from pars.data import from_arrays, from_file
from pars.data.cache import data_folder
from pars.errors import DataError, UsageError
from pars.position import Position
from pars.rl.returns import mc_return
from pars.training.learner import Learner
from pars.training.restore import restore
from tests.data.files import columns, write_hdf5
from tests.runs import description

pytestmark = pytest.mark.usefixtures("own_folders")


def nine_rows() -> dict[str, np.ndarray]:
    """Rows 0 to 3 end in a timeout, 4 and 5 in a terminal, 6 to 8 are unfinished. Kept: 0 1 2 4 5 6 7."""
    flags = {key: np.zeros(9, bool) for key in ("terminals", "timeouts")}
    flags["timeouts"][3] = flags["terminals"][5] = True
    goal = np.stack([np.arange(9.0), -np.arange(9.0)], axis=1)
    action = np.arange(9.0)[:, None] / 10 * np.ones(2)
    return columns(9) | flags | {"actions": action, "infos/goal": goal}


def test_extra_columns_of_transitions_by_hand():
    data = from_arrays(nine_rows(), columns=("goal", "next_action", "episode"))
    assert list(data.columns.extra) == ["goal", "next_action", "episode"]
    assert data.shapes(("next_action", "episode")) == (("next_action", (2,)), ("episode", ()))
    np.testing.assert_allclose(10 * data.columns.action[:, 0], [0, 1, 2, 4, 5, 6, 7])
    # row 2 takes the action of the dropped row 3, the terminal row 5 its own, row 7 that of the dropped last row
    np.testing.assert_allclose(10 * data.columns.extra["next_action"], np.outer([1, 2, 3, 5, 5, 7, 8], [1, 1]))
    assert data.columns.extra["goal"][:, 0].tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert data.columns.extra["episode"].tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert from_arrays(nine_rows()).columns.extra == {}


def test_rows_that_are_all_kept_take_no_action_of_another_episode():
    arrays = nine_rows()
    data = from_arrays(
        arrays | {"next_observations": arrays["observations"]}, next_obs="file", columns=("next_action",)
    )
    np.testing.assert_allclose(10 * data.extra["next_action"][:, 0], [1, 2, 3, 3, 5, 5, 7, 8, 8])


def test_a_file_s_columns_are_kept_apart_from_its_copy(tmp_path, monkeypatch):
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        for key, values in nine_rows().items():
            file[key] = values
    plain = from_file(path)
    with_goal = from_file(path, columns=("goal", "episode"))
    both = from_file(path, columns=("next_action", "goal"))
    want = from_arrays(nine_rows(), columns=("next_action", "goal"))
    for name in ("next_action", "goal"):
        np.testing.assert_array_equal(both.extra[name], want.extra[name])
    assert plain.fingerprint == with_goal.fingerprint == both.fingerprint == want.fingerprint
    assert len(list((data_folder() / "converted").iterdir())) == 3  # the packed rows once, and a column each
    monkeypatch.setattr("pars.data.dataset.read_columns", None)  # calling it would fail
    again = from_file(path, columns=("next_action", "goal", "episode"))
    assert isinstance(again.extra["goal"], np.memmap) and again.extra["episode"].tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_what_cannot_be_had_is_said(tmp_path):
    path = write_hdf5(tmp_path / "a.hdf5", columns())
    with pytest.raises(DataError, match=r"a\.hdf5: no 'infos/goal', and the algorithm asks for goals"):
        from_file(path, columns=("goal",))
    with pytest.raises(UsageError, match="unknown column 'next_actoin'; did you mean next_action"):
        from_file(path, columns=("next_actoin",))
    data = from_file(path)
    with pytest.raises(UsageError, match="a has no column goal; load it with columns="):
        data.shapes(("goal",))
    with pytest.raises(UsageError, match=r"column mc_return has shape \(3,\); a has 180 transitions"):
        data.with_extra(mc_return=np.zeros(3))
    assert data.with_extra(mc_return=np.zeros(180)).columns.extra["mc_return"].shape == (180,)


REWARD = np.array([1.0, 2.0, 4.0, 0.0, 8.0, 0.0, 0.0])
TERMINAL = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
LAST = np.array([False, False, True, False, True, False, True])


def test_return_to_go_by_hand():
    half = mc_return(REWARD, TERMINAL, LAST, 0.5)
    assert half.dtype == np.float32 and half.tolist() == [2, 2, 4, 4, 8, 0, 0]
    on = mc_return(REWARD, TERMINAL, LAST, 0.5, cut_at_terminals=False)
    assert on.tolist() == [3, 4, 4, 4, 8, 0, 0]
    scaled = mc_return(REWARD, TERMINAL, LAST, 0.5, scale=10.0, shift=-5.0)
    assert scaled.tolist() == [5 + 7.5, 15, 35, -5 + 37.5, 75, -7.5, -5]
    lost = mc_return(REWARD, TERMINAL, LAST, 0.5, scale=10.0, shift=-5.0, failure=-5.0)
    assert lost.tolist() == [12.5, 15, 35, 32.5, 75, -10, -10]  # for ever -5: -5 / (1 - 0.5)
    unfinished = mc_return(REWARD[:2], np.zeros(2), np.zeros(2, bool), 1.0)
    assert unfinished.tolist() == [3, 2]


def test_return_to_go_equals_a_slow_loop():
    rng = np.random.default_rng(0)
    reward, terminal, last = rng.normal(size=500), rng.random(500) < 0.02, rng.random(500) < 0.05
    got = mc_return(reward, terminal, last, 0.9, scale=2.0, shift=0.1)
    want = 0.0
    for i in reversed(range(500)):
        following = 0.0 if terminal[i] or last[i] or i == 499 else want
        want = 2.0 * reward[i] + 0.1 + 0.9 * following
        assert got[i] == pytest.approx(want, rel=1e-5, abs=1e-6)


@config
class Config(LoopSettings):
    batch_size: int = 8
    offline_rows: int = 4
    updates_per_step: int = 1
    gain: float = 1.0


class State(NamedTuple):
    actor: Any
    seen: Any  # of the last batch: next action minus action, and episode


def update(cfg, state, batch, key, step):
    apart = 1024 * (batch.extra["next_action"] - batch.action)[:, 0]
    metrics = {"neither": jnp.mean((apart != 0) & (apart != 1)), "none": jnp.mean(apart == 0)}
    late = jnp.mean(batch.extra["episode"] > 9) * cfg.gain
    return State(state.actor, jnp.stack([apart, batch.extra["episode"]])), metrics | {"late": late}


def act(cfg, state, obs, key, explore):
    return jnp.zeros((*obs.shape[:-1], 2)) + state.actor


def init(cfg, spec, key):
    return State(jnp.zeros(1), jnp.zeros((2, 8)))


TOY = Algorithm("toy", "Toy", "", Config, init, update, act, columns=(Column("next_action"), Column("episode")))


@pytest.mark.parametrize("data_in", ["memory", "stream"])
def test_an_algorithm_gets_the_columns_it_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_in: Any):
    """The action of row i is i / 1024, and every tenth row is terminal and so has its own as the next."""
    monkeypatch.setitem(ALGORITHMS, "toy", TOY)
    arrays = columns() | {"actions": np.arange(200)[:, None] / 1024 * np.ones(2)}
    arrays["terminals"], arrays["timeouts"] = arrays["timeouts"], np.zeros(200, bool)
    options = {"steps": 40, "eval_every": 20, "probes": (), "quiet": True, "data_in": data_in}
    out = api.train("toy", data=arrays, out=tmp_path / "run", seeds=(0, 1), **options)  # type: ignore[arg-type]
    (folder,) = api.run_folders(out)
    averages: dict[str, list[float]] = {}
    for row in csv.DictReader((folder / "metrics.csv").read_text().splitlines()):
        averages.setdefault(row["name"], []).append(float(row["value"]))
    assert averages["neither"] == [0.0] * 4  # two intervals, two members
    assert np.mean(averages["none"]) == pytest.approx(0.1, abs=0.05)
    assert np.mean(averages["late"]) == pytest.approx(0.5, abs=0.1)  # ten of the twenty episodes
    assert description(folder)["columns"] == [["next_action", [2]], ["episode", []]]
    there = restore(folder)
    assert there.algo is TOY and there.seeds == [0, 1] and there.position == Position(0, "offline", 40)
    np.testing.assert_array_equal(there.policies(np.ones((2, 3, 3), np.float32)), np.zeros((2, 3, 2)))


def test_transitions_met_online_have_zeros_in_extra_columns():
    cfg = Config(offline_rows=0)
    learner = Learner.on(from_arrays(columns(), columns=TOY.stored_columns(cfg)), TOY, [cfg], [0], capacity=4)
    learner.go_online(4, np.full((1, 1, 10), 2.0, np.float32))
    assert learner.replay is not None
    learner.replay.push(np.full((1, 10), 2.0, np.float32))
    learner.start_interval("online")
    learner.run(0, 1, 1, "online")
    assert learner.placement.take(learner.state).seen.tolist() == [[[-2048.0] * 8, [0.0] * 8]]
