"""The harness of benchmarks/peers and benchmarks/time_to_score, with peers made up here: no real one is needed."""

from __future__ import annotations

import csv
import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import flops, time_to_score
from benchmarks.flops import PAPER
from benchmarks.peers import base, catalog, harness, table, work
from benchmarks.peers.base import Data, Job
from benchmarks.peers.catalog import ENTRIES, PARS, STAND_IN, Entry
from benchmarks.peers.table import Row
from benchmarks.peers.wire import PeerError, Worker
from benchmarks.time_to_score import Goal, Outcome
from pars.errors import UsageError

PEER = """
import gym
print("a line on stdout that is no JSON")
class Env(gym.Env):
    pass
def update(total, count):
    return total + count
"""
ADAPTER = """
import os, time
from benchmarks.peers.base import load_module, stand_in
stand_in("gym")
class Adapter:
    def __init__(self, job):
        self.peer, self.total, self.how = load_module(job.folder, "algo.py"), 0, job.settings
        self.rows = len(job.read().obs)
    def steps(self, count):
        self.total = self.peer.update(self.total, count)
        time.sleep(1e-4 * count + self.how.get("sleep", 0.0))
        if self.total > self.how.get("die_after", 10**9):
            raise RuntimeError("out of cheese")
        if self.total > self.how.get("babble_after", 10**9):
            os.write(3, b"not JSON\\n")  # the worker's own way out: the first descriptor it opens
        return count
    def act(self, obs):
        return obs[:, :1] * self.rows
"""
SHAPE = PAPER[1]


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout of a peer, an adapter for it that workers can import, and no variable of real peers."""
    for name in [name for name in os.environ if name.startswith("PARS_PEER")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "peer"
    folder.mkdir()
    (folder / "algo.py").write_text(PEER)
    (tmp_path / "made_up_adapter.py").write_text(ADAPTER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    monkeypatch.setenv("PARS_PEER_MADE_UP", str(folder))
    yield folder


def entry(title: str, **settings: float) -> Entry:
    return Entry(
        "made-up", title, "x", "made_up_adapter", lambda shape: 2e9, "algo.py", settings=lambda shape: dict(settings)
    )


def job(folder: Path, **settings: float) -> Job:
    data = folder / "data.npz"
    harness.write_data(data, SHAPE, rows=7)
    return entry("fine", **settings).job(data, SHAPE)


def test_worker_answers_whatever_its_peer_prints(peer: Path) -> None:
    with closing(Worker(entry("fine").python, job(peer))) as worker:
        found = worker.ask("run", seconds=0.05)
        assert found["steps"] > 0 and 0.05 <= found["seconds"] < 5
        assert worker.ask("steps", count=3)["steps"] == 3
        assert worker.ask("act", obs=[[1.0, 5.0], [2.0, 5.0]])["action"] == [[7.0], [14.0]]
    assert worker.process.returncode == 0 and worker.start > 0


def test_worker_that_hangs_is_ended(peer: Path) -> None:
    worker = Worker(entry("slow").python, job(peer, sleep=0.3))
    with closing(worker), pytest.raises(PeerError, match="no answer in 0 s"):
        worker.ask("steps", patience=0.1, count=1)
    assert worker.process.returncode == -9
    with pytest.raises(PeerError, match="no answer in 0 s"):
        Worker(entry("fine").python, job(peer), patience=0.01)


def test_what_is_absent_is_skipped_with_the_variable_to_set(peer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    kept = harness.present([*ENTRIES, entry("fine")], said.append)
    assert {other.peer for other in kept} == {"ours", "d3rlpy", "made-up"}
    assert said == [
        "td3-jax: skipped; set PARS_PEER_TD3_JAX to a checkout",
        "corl: skipped; set PARS_PEER_CORL to a checkout",
        "jax-corl: skipped; set PARS_PEER_JAX_CORL to a checkout",
        "unifloral: skipped; set PARS_PEER_UNIFLORAL to a checkout",
        "sac-n-jax: skipped; set PARS_PEER_SAC_N_JAX to a checkout",
    ]
    monkeypatch.setenv("PARS_PEER_TD3_JAX", str(peer))
    assert STAND_IN.absent == f"PARS_PEER_TD3_JAX={peer} has no TD3.py; set it to a checkout"


def test_interpreters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARS_PEER_PYTHON", raising=False)
    monkeypatch.delenv("PARS_PEER_TD3_JAX_PYTHON", raising=False)
    assert STAND_IN.python == PARS.python
    monkeypatch.setenv("PARS_PEER_PYTHON", "all")
    assert STAND_IN.python == "all" != PARS.python
    monkeypatch.setenv("PARS_PEER_TD3_JAX_PYTHON", "own")
    assert STAND_IN.python == "own"


def test_the_others_go_on_when_one_fails(peer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "ROWS", 7)
    monkeypatch.setenv("PARS_PEER_LOST", str(peer))
    monkeypatch.setenv("PARS_PEER_LOST_PYTHON", str(peer / "no-python"))
    everyone = [entry("dies", die_after=1), entry("fine"), replace(entry("lost"), peer="lost")]
    said: list[str] = []
    rows = harness.compare(everyone, PAPER[:2], repeats=3, seconds=0.01, say=said.append)
    assert [(row.entry.title, row.shape, len(row.rates)) for row in rows] == [("fine", s, 3) for s in PAPER[:2]]
    assert all(rate > 0 for row in rows for rate in row.rates)
    assert said[0] == (
        f"lost lost: skipped; cannot start {peer}/no-python: No such file or directory; "
        f"its interpreter is {peer}/no-python, set PARS_PEER_LOST_PYTHON"
    )
    assert said[1] == "made-up dies: left out; died: RuntimeError: out of cheese"
    assert len(said) == 4 and all("made-up fine" in line for line in said[2:])  # told once, not at every shape


def test_an_answer_that_is_no_json_is_refused(peer: Path) -> None:
    worker = Worker(entry("babbles").python, job(peer, babble_after=1))
    with closing(worker), pytest.raises(PeerError, match="answered 'not JSON' instead of JSON"):
        worker.ask("steps", count=1)


def rows() -> list[Row]:
    ours = Row(replace(PARS, flop=lambda shape: 5e9), SHAPE, [19.0, 20.0, 90.0], 1.0)
    stand_in = Row(replace(STAND_IN, flop=lambda shape: 2.5e9), SHAPE, [10.0], 2.0)
    other = Row(replace(catalog.JAX_CORL, flop=lambda shape: 1e9), SHAPE, [200.0, 100.0], 3.0)
    return [ours, stand_in, other]


def test_ratios_by_hand() -> None:
    ours, stand_in, other = measured = rows()
    assert table.ratios(stand_in, measured) == (2.0, 4.0)  # 20 / 10 steps, 100 / 25 GFLOP/s
    assert table.ratios(other, measured) == (None, 100 / 150)  # ours has no TD3+BC here
    assert table.ratios(stand_in, [stand_in, replace(ours, shape=PAPER[0])]) == (None, None)
    assert table.line(stand_in, measured).split()[-4:] == ["25.0", "2.00", "4.00", "2.0s"]


def test_csv(tmp_path: Path) -> None:
    table.write_csv(tmp_path / "peers.csv", rows())
    with (tmp_path / "peers.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [row["peer"] for row in read] == ["ours", "td3-jax", "jax-corl"]
    assert (read[1]["steps_per_second"], read[1]["ours_over_peer"], read[1]["ours_over_peer_per_flop"]) == (
        "10",
        "2",
        "4",
    )
    assert read[2]["ours_over_peer"] == "" and read[2]["least"] == "100" and read[2]["repeats"] == "2"


def test_flop_of_the_peers() -> None:
    """Ours is counted twice, here and in benchmarks.flops; the rest against sums made by hand for 29/8 and N = 4."""
    antmaze = PAPER[0]
    cfg = replace(antmaze.config("pars"), target_critics=4, actor_hidden=(256, 256))
    assert work.stand_in(antmaze) == flops.work("pars", cfg, antmaze).step
    assert work.td3_bc(antmaze) == flops.work("td3_bc", antmaze.config("td3_bc"), antmaze).step == 512 * 838_528
    assert work.rebrac(antmaze) == 512 * 1_729_280
    assert work.unifloral_rebrac(antmaze) == 512 * 3_458_560
    assert work.iql(antmaze) == 512 * 1_086_208
    critic, actor, to_action = 140_800, 142_592, 133_376
    sac_n = actor + 4 * critic + 4 * (3 * critic - 9_472) + 3 * actor - 7_424 + 4 * (critic + to_action)
    assert work.sac_n(antmaze) == 512 * sac_n
    assert work.corl_sac_n(antmaze) == 512 * (sac_n + actor + 4 * critic)
    assert work.unifloral_edac(antmaze) == 512 * (sac_n + actor + 4 * (critic + 3 * to_action))


def test_stand_ins_let_old_modules_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("gym_of_old", "peer_old_algo"):  # taken out again at the end
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    base.stand_in("gym_of_old")
    (tmp_path / "old_algo.py").write_text(
        "from gym_of_old import Env, wrap\nimport gym_of_old\n"
        "class Wrapper(gym_of_old.Wrapper):\n    pass\n"
        "@wrap()\ndef train(x):\n    return x + 1\n"
        "run = gym_of_old.init(config={})\nrun.log(1, step=2)\n"
    )
    module = base.load_module(str(tmp_path), "old_algo.py")
    assert module.train(1) == 2 and module.Wrapper(3)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.py is not there; is the folder a checkout of this peer"):
        base.load_module(str(tmp_path), "nowhere.py")


def test_words_choose() -> None:
    assert harness.chosen(None, ["a", "b"]) == harness.chosen(" ", ["a", "b"]) == [True, True]
    assert harness.chosen("ours, td3+bc", ["ours PARS", "corl TD3+BC", "corl IQL"]) == [True, True, False]


def test_pars_loss_added_to_td3_jax_by_hand() -> None:
    """Critics that say params * (sum of the action), two of them; the policy always plays 0.5."""
    from benchmarks.peers.adapters import td3_jax

    module = ModuleType("TD3")
    module.TD3 = object  # type: ignore[attr-defined]
    agent = SimpleNamespace(
        critic_model=SimpleNamespace(apply=lambda p, s, a: p[:, None, None] * a.sum(axis=-1, keepdims=True)),
        actor_model=SimpleNamespace(apply=lambda p, s: jnp.full((len(s), 1), 0.5)),
        policy_noise=0.0, noise_clip=0.5, reward_scale=10.0, discount=0.5, infeasible_distance=0.0,
        penalty_weight=2.0, q_min=-3.0, bc_weight=0.1,
    )  # fmt: skip
    state, action, reward, not_done = jnp.zeros((2, 3)), jnp.array([[1.0], [-1.0]]), jnp.ones((2, 1)), jnp.ones((2, 1))
    not_done = not_done.at[1].set(0.0)
    params, target, key = jnp.array([1.0, 2.0]), jnp.array([4.0, 2.0]), jax.random.PRNGKey(0)
    kind = td3_jax.pars(module)
    loss = kind._critic_loss(agent, params, target, None, (state, action, state, reward, not_done), key)
    # targets 10 + 0.5 min(2, 1) and 10; Q of (1, -1) under both critics; Q at the infeasible action 0 is 0
    td = np.mean([(1 - 10.5) ** 2, (-1 - 10.0) ** 2, (2 - 10.5) ** 2, (-2 - 10.0) ** 2])
    assert float(loss) == pytest.approx(td + 2.0 * 9.0)
    loss = kind._actor_loss(agent, None, params, (state, action))
    assert float(loss) == pytest.approx(-1.0 + 0.1 * (0.25 + 2.25) / 2)


@pytest.mark.slow
def test_our_adapter_trains_acts_and_goes_online(tmp_path: Path) -> None:
    from benchmarks.peers.adapters.ours import Adapter

    rng = np.random.default_rng(0)
    obs, action = rng.normal(size=(50, 4)).astype(np.float32), rng.uniform(-1, 1, (50, 2)).astype(np.float32)
    zeros = np.zeros(50, np.float32)
    Data(obs, action, zeros, obs, zeros).write(tmp_path / "data.npz")
    tiny = dict(hidden=[8], actor_hidden=[8], updates_per_step=2, offline_share=0.5)
    settings = tiny | dict(task="pointmaze-umaze-diverse", online_steps=4)
    adapter = Adapter(Job("", "td3_bc", "", str(tmp_path / "data.npz"), 2, batch=16, settings=settings))
    assert adapter.steps(3) == 3 and adapter.act(obs).shape == (50, 2)
    before = adapter.act(obs)
    assert adapter.interact(0) == 0
    np.testing.assert_array_equal(adapter.act(obs), before)  # compiling is not training
    assert adapter.interact(4) == 4
    assert adapter.learner.replay is not None and adapter.learner.replay.filled == 4
    assert np.abs(adapter.act(obs) - before).max() > 0


class Clock:
    """A worker that takes a second per ten steps and scores what `scores` says."""

    start = 5.0

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, do: str, patience: float = 0.0, **request: object) -> dict[str, float]:
        self.asked.append(do)
        count = request["count"]
        assert isinstance(count, int)
        return {"seconds": count / 10 if count else 3.0}


def outcome(scores: list[float], plan: time_to_score.Plan, limit: float = 100.0) -> Outcome:
    left = iter(scores)
    return time_to_score.reach(Clock(), plan, lambda act: next(left), 90.0, limit)  # type: ignore[arg-type]


def test_time_until_a_score() -> None:
    forever = itertools.repeat(("steps", 50))
    assert outcome([10, 80, 95, 20], forever) == Outcome(True, 15.0, 5.0, 95)
    assert outcome([10, 80, 30], forever, limit=12.0) == Outcome(False, 15.0, 5.0, 80)
    goal = Goal("t", None, 90.0, 5, every=50, offline_steps=100, online_steps=20, online_every=10)
    plan = [("steps", 50)] * 2 + [("interact", 0)] + [("interact", 10)] * 2
    assert goal.plan(online=True) == plan
    assert outcome([10, 20, 30, 90], plan) == Outcome(True, 12.0, 8.0, 90)  # compiling counts to the start
    assert outcome([10, 20, 30, 40], plan) == Outcome(False, 12.0, 8.0, 40)


def test_report_says_what_was_not_reached() -> None:
    goal = Goal("t", None, 90.0, 5, every=50)
    found = {"ours PARS": [Outcome(True, 12.0, 5.0, 91.0), Outcome(False, 300.0, 5.0, 42.0)]}
    line = time_to_score.report(goal, found, 300.0)[-1]
    assert line.split() == ["ours", "PARS", "1", "of", "2", "12.0,", ">300.0", "17.0,", ">305.0", "91,", "42"]


def test_settings_in_the_words_of_the_peers() -> None:
    goal = time_to_score.maze(0, 0)
    assert goal.target == 90.0 and goal.online_steps > 0
    assert time_to_score.options(PARS, goal)["settings"]["discount"] == 0.95
    theirs = time_to_score.options(catalog.CORL_TD3_BC, goal)["settings"]
    assert theirs == {"discount": 0.95, "alpha": pytest.approx(10.0), "normalize": False}  # 1 / (0.05 x 2 dimensions)
    theirs = time_to_score.options(STAND_IN, goal)
    assert theirs["critics"] == 4 and theirs["settings"]["hidden"] == (128, 128)
    loco = replace(goal, task="hopper-medium-v2")
    assert time_to_score.options(catalog.JAX_CORL, loco)["settings"] == {
        "discount": 0.99, "alpha": 2.5, "normalize_state": True
    }  # fmt: skip


def test_a_twin_that_is_not_there_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARS_SCORE_DATA", str(tmp_path / "none.hdf5"))
    said: list[str] = []
    assert time_to_score.locomotion(0, 0, said.append) is None
    assert len(said) == 1 and "none.hdf5 is not there" in said[0] and "PARS_SCORE_DATA" in said[0]


def test_goals_are_chosen_by_name() -> None:
    assert [goal.task for goal in time_to_score.goals(" maze", 5, 50)] == [time_to_score.maze(5, 50).task]
    with pytest.raises(UsageError, match=r"PARS_SCORE_GOALS=maze,moon: unknown 'moon'; known: maze, locomotion"):
        time_to_score.goals("maze,moon", 0, 0)
