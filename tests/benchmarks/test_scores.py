"""`benchmarks scores` with a peer made up here: no real one is needed."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import score_table, scores
from benchmarks.peers import translations
from benchmarks.peers.base import Data, Job
from benchmarks.peers.catalog import OURS, TD3_BC, Entry
from benchmarks.peers.pairs import PAIRS, Pair
from benchmarks.score_table import Point
from benchmarks.scores import Trial
from pars.algos import ALGORITHMS
from pars.core import Column

ADAPTER = """
import numpy as np
class Adapter:
    def __init__(self, job):
        self.job, self.data, self.how, self.done = job, job.read(), job.settings, 0
        self.obs = None
    def steps(self, count):
        self.done += count
        if self.done > self.how.get("die_after", 10**9):
            raise RuntimeError("out of cheese")
        return count
    def interact(self, count):
        return self.steps(count)
    def explore(self, obs):
        self.obs = obs
        return np.full(2, 0.5)
    def learn(self, met):
        assert met.obs.tolist() == self.obs.tolist() and met.action.tolist() == [0.5, 0.5]
        assert met.next_obs.shape == (4,) and met.reward.shape == met.terminal.shape == ()
        return self.steps(1)
    def act(self, obs):
        return np.zeros((len(obs), 2))
"""


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """A pair of two stubs, one of which passes for ours."""
    (tmp_path / "made_up_trainer.py").write_text(ADAPTER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    monkeypatch.setenv("PARS_PEER_PYTHON", sys.executable)
    monkeypatch.setattr(scores, "PAUSE", 0.0)
    entries = [Entry(peer, "TD3+BC", "td3_bc", "made_up_trainer", lambda shape: 1.0) for peer in (OURS, "made-up")]
    yield Pair(*entries, lambda cfg, actions: {"seen": cfg.discount * actions}, {"discount": 0.5}, {})


def trial(**more: object) -> Trial:
    rng = np.random.default_rng(0)
    data = {"observations": rng.normal(size=(30, 4)), "actions": rng.uniform(-1, 1, (30, 2)), "rewards": np.zeros(30)}
    data |= {"terminals": np.zeros(30, bool), "timeouts": np.arange(30) % 10 == 9}
    settings = dict(steps=4, every=2, online_steps=4, online_every=2, episodes=1, seeds=range(2), over={})
    return Trial("pointmaze-umaze-fixed", data, **(settings | more))  # type: ignore[arg-type]


def where(points: list[Point]) -> list[tuple[str, int, int]]:
    return [(point.whose, point.seed, point.step) for point in points]


def test_both_take_turns_seed_by_seed(made_up: Pair) -> None:
    kept: list[int] = []
    points = scores.compete(trial(), [made_up], lambda line: None, lambda points: kept.append(len(points)))
    turns = [("ours", 2), ("made-up", 2), ("ours", 4), ("made-up", 4)]
    assert where(points) == [(whose, seed, step) for seed in range(2) for whose, step in turns]
    assert kept == list(range(1, 9))
    assert all(point.updates == 2 and point.seconds >= 0 and point.score == 0.0 for point in points)


def test_one_that_fails_is_left_out_and_the_other_goes_on(made_up: Pair) -> None:
    said: list[str] = []
    failing = replace(made_up, translate=lambda cfg, actions: {"die_after": 3})
    points = scores.compete(trial(), [failing], said.append)
    assert where(points) == [("ours", 0, 2), ("made-up", 0, 2), ("ours", 0, 4), ("ours", 1, 2), ("ours", 1, 4)]
    assert [line for line in said if "left out" in line] == [
        f"made-up TD3+BC: left out; died: RuntimeError: out of cheese; its interpreter is {sys.executable}, "
        "set PARS_PEER_MADE_UP_PYTHON"
    ]


def test_an_absent_peer_is_named_once(made_up: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    absent = replace(made_up, peer=replace(made_up.peer, file="algo.py"))
    points = scores.compete(trial(), [absent], said.append)
    assert {point.whose for point in points} == {"ours"} and len(points) == 4
    assert said[0] == "made-up: skipped; set PARS_PEER_MADE_UP to a checkout" and len(said) == 5


def test_online_the_peer_meets_the_environment_here(made_up: Pair) -> None:
    points = scores.compete(trial(seeds=range(1)), [replace(made_up, online=True)], lambda line: None)
    assert where(points) == [("ours", 0, 2), ("made-up", 0, 2), ("ours", 0, 4), ("made-up", 0, 4)]
    assert [point.updates for point in points] == [2, 2, 2, 2]


def test_a_pair_may_train_offline_before_it_goes_online(made_up: Pair) -> None:
    pair = replace(made_up, online=True, offline_first=True)
    contest = SimpleNamespace(trial=trial(online_steps=6), task=scores.make_task("pointmaze-umaze-fixed"))
    for entry in (pair.ours, pair.peer):
        fields, _ = scores.Contest.job_fields(contest, pair, entry, 0)  # type: ignore[arg-type]
        assert fields["total"] == 4 and fields["settings"]["online_steps"] == 6
    failing = replace(pair, translate=lambda cfg, actions: {"die_after": 3})
    points = scores.compete(trial(seeds=range(1), online_steps=6), [pair], lambda line: None)
    assert where(points) == [(whose, 0, step) for step in (2, 4, 6) for whose in ("ours", "made-up")]
    said: list[str] = []
    assert {point.whose for point in scores.compete(trial(seeds=range(1)), [failing], said.append)} == {"ours"}
    assert "out of cheese" in said[0]  # in the four steps before


def test_theirs_is_told_where_our_start_is(tmp_path: Path) -> None:
    pair = next(pair for pair in PAIRS if pair.one_start)
    contest = SimpleNamespace(trial=trial(), task=scores.make_task("pointmaze-umaze-fixed"), folder=tmp_path)
    ours, theirs = (
        scores.Contest.job_fields(contest, pair, entry, 1)[0]["settings"]  # type: ignore[arg-type]
        for entry in (pair.ours, pair.peer)
    )
    assert ours["handover"] == theirs["handover"] == str(tmp_path / "handover-1.npz")
    assert ours["agents"] == theirs["ensemble_size"] == 3


def test_updates_are_those_that_are_due() -> None:
    known = {pair.title: pair for pair in PAIRS if pair.online}
    cfg = known["RLPD"].algorithm.configure(dict(updates_per_step=20, random_steps=5))
    assert [scores.updates(known["RLPD"], cfg, first, first + 4) for first in (0, 4, 8)] == [0, 60, 80]
    assert scores.updates(PAIRS[0], cfg, 0, 4) == 4
    cfg = known["Off2On"].algorithm.configure(dict(epoch_steps=4, first_epoch_factor=3))
    assert [scores.updates(known["Off2On"], cfg, first, first + 3) for first in (0, 3, 6)] == [0, 12, 4]


@pytest.mark.slow
def test_columns_reach_both_sides(tmp_path: Path, made_up: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ALGORITHMS, "td3_bc", replace(ALGORITHMS["td3_bc"], columns=(Column("next_action"),)))
    contest = scores.Contest(
        trial(), scores.make_task("pointmaze-umaze-fixed"), None, {}, tmp_path, print, set()  # type: ignore[arg-type]
    )  # fmt: skip
    contest.dataset = scores.open_dataset(trial().data, contest.task, columns=scores.COLUMNS)
    file = contest._file(made_up, made_up.config("pointmaze-umaze-fixed", {})[1])
    data = Job("", "td3_bc", "", str(file), 2).read()
    assert list(data.extra) == ["next_action"] and data.next_action.shape == (27, 2)
    np.testing.assert_array_equal(data.next_action[:8], data.action[1:9])
    from benchmarks.peers.adapters.ours import Adapter

    tiny = dict(hidden=[8], actor_hidden=[8])
    adapter = Adapter(Job("", "td3_bc", "", str(file), 2, batch=8, settings=tiny))
    assert adapter.learner.extra == (("next_action", (2,)),) and adapter.steps(2) == 2


@pytest.mark.slow
def test_ours_waits_and_draws_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.peers.adapters.ours import Adapter

    rng = np.random.default_rng(0)
    action = rng.uniform(-1, 1, (30, 2)).astype(np.float32)
    zeros = np.zeros((30, 4), np.float32)
    Data(zeros, action, zeros[:, 0], zeros, zeros[:, 0]).write(tmp_path / "data.npz")
    settings = dict(hidden=[8], actor_hidden=[8], learning_starts=2, evaluation_chance=1.0)
    settings |= dict(task="pointmaze-umaze-fixed", online_steps=5, handover=str(tmp_path / "start.npz"))
    adapter = Adapter(Job("", "pex", "", str(tmp_path / "data.npz"), 2, batch=8, total=3, settings=settings))
    np.testing.assert_allclose(np.asarray(adapter.learner.facts["action_std"])[0], action.std(axis=0), rtol=1e-6)
    assert adapter.steps(3) == 3 and adapter.interact(0) == 0
    with np.load(tmp_path / "start.npz", allow_pickle=False) as agents:
        assert agents["critic/mlp/Dense_0/kernel"].shape == (2, 6, 8) and "actor/mlp/out/bias" in agents
    ran: list[tuple[int, int]] = []
    monkeypatch.setattr(adapter.learner, "run", lambda first, count, total, phase: ran.append((first, total)))
    monkeypatch.setattr(adapter.learner, "metrics", lambda *args: None)
    adapter.interact(5)
    assert ran == [(0, 3), (1, 3), (2, 3)]
    assert (adapter.act(zeros) != adapter.act(zeros)).any()


def test_data_survives_its_file(tmp_path: Path) -> None:
    zeros = np.zeros((3, 2), np.float32)
    data = Data(zeros, zeros + 1, zeros[:, 0], zeros, zeros[:, 0], {"next_action": zeros + 2})
    data.write(tmp_path / "data.npz")
    job = Job(
        "", "", "", str(tmp_path / "data.npz"), 2, settings={"reward_scale": 3.0, "reward_shift": -1.0, "rest": 4}
    )
    opened, rest = job.open()
    np.testing.assert_array_equal(opened.next_action, zeros + 2)
    np.testing.assert_array_equal(opened.reward, np.full(3, -1.0, np.float32))
    assert rest == {"rest": 4} and opened._replace(extra={}).next_action.tolist() == (zeros + 1).tolist()


def test_settings_of_a_pair() -> None:
    pair = PAIRS[0]
    assert (pair.ours, pair.title) == (TD3_BC, "TD3+BC")
    settings, cfg = pair.config("pointmaze-medium-diverse", {"discount": 0.9})
    assert settings["hidden"] == (256, 256) and cfg.discount == 0.9 and cfg.bc_reduce == "mean"
    theirs = pair.translate(cfg, 2)
    assert theirs["alpha"] == 10.0 and theirs["discount"] == 0.9 and theirs["normalize"] is False
    _, cfg = pair.config("hopper-medium-v2", {})
    assert pair.translate(cfg, 3)["alpha"] == 2.5 and pair.translate(cfg, 3)["normalize"] is True
    assert pair.translate(replace(cfg, bc_reduce="sum"), 3)["alpha"] == pytest.approx(2.5 / 3)


def test_translations_by_hand() -> None:
    shared = dict(reward_scale=2.0, reward_shift=-1.0, normalize_obs=False, actor_lr=1e-4, critic_lr=3e-4, polyak=0.01)
    cfg = SimpleNamespace(
        **shared, discount=0.9, temperature_lr=2e-4, hidden=(64, 64), actor_hidden=(64,), lagrange=True, target_gap=0.8,
        max_backup=False, sampled_actions=7, clip_gap=False, gap_min=-200.0, conservative_weight=5.0, bc_weight=0.3,
        critic_bc_weight=0.2, policy_noise=0.1, noise_clip=0.4, policy_delay=2, target_critics=1, backup_entropy=False,
        updates_per_step=20, offline_rows=128, random_steps=500, target_entropy=-0.5, diversity_weight=3.0,
        behaviour_steps=7, behaviour_lr=1e-3, behaviour_hidden=(32, 32), kl_weight=0.5, support_weight=0.25,
        dropout=False, dropout_rate=0.1, spread=0.2, least_value=-20.0, normalize_weights=True,
        rnd_lr=3e-4, rnd_width=16, rnd_embedding=8, rnd_steps=9, actor_bonus_weight=0.5, critic_bonus_weight=0.01,
        expectile=0.9, advantage_scale=10.0, choice_scale=5.0, learning_starts=40,
        online_lr=1e-4, ratio_lr=3e-4, ratio_temperature=5.0, agents=3, epoch_steps=200, first_epoch_factor=10,
        new_share=0.5,
        td_weight=0.7, pull="above", pull_margin=5.0, pull_distance=0.1,
    )  # fmt: skip
    theirs = translations.cql(cfg, 2)
    assert theirs["policy_lr"] == 1e-4 and theirs["q_layers"] == 2 and "cql_clip_diff_min" not in theirs
    cfg.clip_gap = True
    assert translations.cql(cfg, 2)["cql_clip_diff_min"] == -200.0
    theirs = translations.rebrac(cfg, 2)
    assert (theirs["gamma"], theirs["actor_n_hiddens"], theirs["critic_bc_coef"]) == (0.9, 1, 0.2)
    theirs = translations.rlpd(cfg, 2)
    assert (theirs["target_entropy"], theirs["num_min_qs"], theirs["hidden_dims"]) == (-1.0, 1, [64, 64])
    assert translations.edac(cfg, 2)["eta"] == 3.0 and translations.edac(cfg, 2)["alpha_learning_rate"] == 2e-4
    theirs = translations.spot(cfg, 2)
    assert (theirs["lambd"], theirs["beta"], theirs["actor_dropout"], theirs["lr"]) == (0.25, 0.5, 0.0, 3e-4)
    assert (theirs["behaviour_hidden"], theirs["behaviour_steps"], theirs["policy_freq"]) == (32, 7, 2)
    theirs = translations.svr(cfg, 2)
    assert (theirs["alpha"], theirs["sample_std"], theirs["Q_min"], theirs["snis"]) == (0.25, 0.2, -20.0, True)
    theirs = translations.mcq(cfg, 2)
    assert (theirs["lam"], theirs["num"], theirs["target_entropy"], theirs["vae_lr"]) == (0.7, 7, -1.0, 1e-3)
    assert (theirs["hidden_layer_size"], theirs["layer_num"]) == (64, 1)  # behind a first layer that it always has
    assert (theirs["vae_features"], theirs["vae_layers"], theirs["task"]) == (32, 2, "d4rl-hopper-medium-v2")
    theirs = translations.sac_rnd(cfg, 2)
    assert (theirs["actor_beta"], theirs["critic_beta"], theirs["target_entropy"]) == (0.5, 0.01, -1.0)
    assert (theirs["rnd_hidden_dim"], theirs["rnd_embedding_dim"], theirs["rnd_steps"]) == (16, 8, 9)
    theirs = translations.pex(cfg, 2)
    assert (theirs["tau"], theirs["beta"], theirs["inv_temperature"]) == (0.9, 10.0, 5.0)
    assert (theirs["initial_collection_steps"], theirs["hidden_dim"], theirs["hidden_num"]) == (40, 64, 2)
    theirs = translations.off2on(cfg, 2)
    assert (theirs["ensemble_size"], theirs["temperature"], theirs["qf_lr"], theirs["alpha_lr"]) == (3, 5.0, 1e-4, 1e-4)
    assert (theirs["epoch_steps"], theirs["first_epoch_multiplier"], theirs["init_online_fraction"]) == (200, 10, 0.5)


def test_goals_are_translated_by_hand() -> None:
    known = {pair.title: pair for pair in PAIRS if pair.algorithm.sees.goal}
    _, cfg = known["GCIVL"].config("pointmaze-medium-diverse", {})
    assert cfg.q_functions == 0 and cfg.layer_norm == "after" and cfg.hidden == (128, 128)
    theirs = known["GCIVL"].translate(cfg, 2)
    assert (theirs["alpha"], theirs["expectile"], theirs["value_p_trajgoal"]) == (10.0, 0.9, 0.5)
    assert theirs["value_p_randomgoal"] == pytest.approx(0.3) and theirs["actor_p_randomgoal"] == pytest.approx(0.3)
    assert theirs["goal_columns"] == [0, 1] and theirs["hierarchical"] is False
    _, cfg = known["GCIQL"].config("antmaze-giant-v0", {})
    theirs = known["GCIQL"].translate(cfg, 8)
    assert (theirs["alpha"], theirs["discount"], theirs["actor_hidden_dims"]) == (0.3, 0.995, [512, 512, 512])
    _, cfg = known["HIQL"].config("pointmaze-medium-diverse", {"high_advantage_scale": 3.0})
    theirs = known["HIQL"].translate(cfg, 2)
    assert (theirs["subgoal_steps"], theirs["high_alpha"], theirs["low_alpha"]) == (10, 3.0, 1.0)


@pytest.mark.slow
def test_a_goal_goes_beside_the_observation(tmp_path: Path) -> None:
    from benchmarks.peers.adapters.ours import Adapter
    from benchmarks.time_to_score import policy

    pair = next(pair for pair in PAIRS if pair.title == "HIQL")
    tiny = dict(hidden=(8, 8), actor_hidden=(8,), batch_size=8, representation=3)
    contest = scores.Contest(trial(), scores.make_task("pointmaze-umaze-fixed"), None, {}, tmp_path, print, set())  # type: ignore[arg-type]
    contest.dataset = scores.open_dataset(trial().data, contest.task)
    settings, cfg = pair.config("pointmaze-umaze-fixed", tiny)
    file = contest._file(pair, cfg)
    adapter = Adapter(Job("", "hiql", "", str(file), 2, batch=8, settings=settings))
    assert adapter.steps(2) == 2
    worker = SimpleNamespace(ask=lambda what, obs: {"action": adapter.act(np.asarray(obs, np.float32)).tolist()})
    obs, goal = np.zeros((1, 3, 4), np.float32), np.full((1, 3, 2), 0.5, np.float32)
    wanted = adapter.learner.act((obs, goal), 0, explore=0.0)
    np.testing.assert_allclose(policy(worker)((obs, goal)), wanted, rtol=1e-6)  # type: ignore[arg-type]


def test_settings_of_the_environment() -> None:
    asked = {"PARS_SCORES_SET": "discount=0.97 sac_n.critics=4 x=mean", "PARS_SCORES_STEPS": "10"}
    found = scores.read_trial(lambda name, default: asked.get(name, default))
    assert (found.task, found.data, found.steps) == ("pointmaze-medium-diverse", None, 10)
    assert found.over_of("sac_n", ["x", "discount"]) == {"discount": 0.97, "critics": 4, "x": "mean"}
    assert found.over_of("iql", ["discount"]) == {"discount": 0.97}  # it has no x


def test_report_by_hand(tmp_path: Path) -> None:
    points = [Point("IQL", "ours", seed, step, 10.0 * step * (1 + seed), 2.0, 30) for seed in (0, 1) for step in (1, 2)]
    points += [Point("IQL", "corl", 0, 2, 5.0, 3.0, 30), Point("IQL", "corl", 1, 1, 7.0, 0.0, 0)]
    assert score_table.finals(points[:4]) == [20.0, 40.0]
    ours, theirs = score_table.report(points, "t", "d", 5)[-2:]
    assert ours.split() == ["IQL", "ours", "30.0", "+-", "14.1", "2", "2", "15.0"]
    assert theirs.split() == ["IQL", "corl", "5.0", "+-", "nan", "1", "2", "10.0"]  # the other seed did not get there
    score_table.write_csv(tmp_path / "new" / "scores.csv", points, "t", "d")
    with (tmp_path / "new" / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and ",".join(rows[1].values()) == "t,d,ours,IQL,0,2,20.00,2.000,30"
    score_table.draw(tmp_path / "scores.png", points, "t")
    assert (tmp_path / "scores.png").stat().st_size > 5000


def test_seeds_by_number_or_by_range() -> None:
    assert list(scores.seeds("3")) == [0, 1, 2] and list(scores.seeds("6..8")) == [6, 7, 8]
