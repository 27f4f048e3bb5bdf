"""Benchmarks compare what is the same, count what is done, and write what they found.

Those that train or compile networks are in the longer tier; they guard no user.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmarks import __main__ as dispatch
from benchmarks import evaluation, limit, methods, physics, scaling, training
from benchmarks.case import Case
from benchmarks.count import count, twice
from benchmarks.flops import FORMULAS, Shape, Work, pars_step, work
from pars.algos import find_algorithm
from pars.envs import make_task
from pars.envs.base import MujocoBatch


@pytest.mark.parametrize("task_id", ["antmaze-umaze-v2", "pen-cloned-v1", "hopper-medium-v2"])
def test_all_ways_end_in_the_same_states(task_id: str) -> None:
    """Torques, angles of a hand: what the simulator is told is what the task makes of actions."""
    task = make_task(task_id)
    env = task.make(5, threads=2)
    assert isinstance(env, MujocoBatch)
    case = physics.make_case(task, env, 4)
    found = {way.__name__: way(case) for way in (physics.bare, physics.floor, physics.batch)}
    env.close()
    np.testing.assert_allclose(found["bare"], found["floor"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["bare"], found["batch"], rtol=1e-3, atol=1e-3)  # which starts its solver cold
    assert np.abs(found["batch"] - case.start).max() > 0.01


def test_environments_keep_models_of_their_own() -> None:
    task = make_task("relocate-cloned-v1")
    env = task.make(4, threads=2)
    assert isinstance(env, MujocoBatch)
    case = physics.make_case(task, env, 4)
    next(iter(env.physics.own.values()))[1, 2] += 0.1  # this ball hangs in the air and falls, the others lie
    found = {way.__name__: way(case) for way in (physics.bare, physics.floor, physics.batch)}
    env.close()
    size = env.physics.model.nq
    falls = {name: states[:, 1 + size :][:, env.physics.model.nv - 4] for name, states in found.items()}
    for name, speed in falls.items():
        assert speed[1] < -0.1 < speed[0], name


@pytest.mark.parametrize("task_id", ["hopper-medium-v2", "relocate-cloned-v1"])
def test_the_bare_loop_takes_an_evaluations_actions(task_id: str) -> None:
    evaluator = evaluation.Recorder(make_task(task_id), 2, 4)
    evaluator.limit(6)
    result = evaluator(lambda obs: np.sin(7 * obs[..., : evaluator.task.action_dim]))
    evaluator.close()
    assert result.lengths.tolist() == [[6] * 4] * 2
    assert sum(len(track.lengths) for track in evaluator.tracks) == result.lengths.size
    for track in evaluator.tracks:
        states = track.env.physics.state
        np.testing.assert_allclose(evaluation.bare(track), states, rtol=1e-3, atol=1e-3)
        assert np.abs(states - track.start).max() > 0.01


@pytest.mark.slow
def test_an_evaluation_is_parted_into_physics_policy_and_rest(tmp_path: Path) -> None:
    evaluation.run(["--quick", "--tasks", "hopper-medium-v2", "--members", "2", "--out", str(tmp_path)])
    (row,) = csv.DictReader((tmp_path / "evaluation.csv").read_text().splitlines())
    assert (row["environment"], row["members"], row["episodes"]) == ("hopper", "2", "10")
    assert int(row["actions"]) >= 2 * 10 * evaluation.TRIAL
    assert sum(float(row[name]) for name in ("physics", "policy", "rest")) == pytest.approx(1.0)


def test_only_our_own_physics_can_be_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch.main(["evaluation", "--quick", "--tasks", "Pendulum-v1"]) == 2
    assert "Pendulum-v1 is not one of the library's own MuJoCo tasks" in capsys.readouterr().err


def test_rates_count_every_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr(physics.time, "perf_counter", lambda: next(now))
    task = make_task("hopper-medium-v2")
    env = task.make(3, threads=1)
    case = physics.make_case(task, env, 4)  # type: ignore[arg-type]
    speed = physics.rates(case, {"still": lambda case: case.start}, 2)
    assert speed == {"still": [12.0, 12.0]}  # 4 actions of 3 environments in a "second"


TINY = Shape("tiny 5/3, N=3", 5, 3, 3, batch=4, width=8, layers=2)


def test_formulas_counted_by_hand() -> None:
    """Multiply-adds of a row: critic 8x8 + 8x8 + 8 = 136, actor 5x8 + 8x8 + 8x3 = 128. Two FLOP each, 4 rows."""
    pars = work("pars", TINY.config("pars"), TINY)
    assert pars.always == 8 * (2 * 136 + 128 + 2 * 3 * (3 * 136 - 64))  # two targets, both kinds of rows for 3 critics
    assert pars.delayed == 8 * (3 * 128 - 40 + 3 * (2 * 136 - 64 + 24))  # the actor, and Q up to its action
    assert pars.step == pars.always + pars.delayed / 2 == pars_step(TINY)
    td3_bc = work("td3_bc", TINY.config("td3_bc"), TINY)
    assert td3_bc == Work(8 * (2 * 136 + 128 + 2 * (3 * 136 - 64)), 8 * (3 * 128 - 40 + 2 * 136 - 64 + 24), 2)
    assert work("bc", TINY.config("bc"), TINY).step == 8 * (3 * 128 - 40)
    value = 5 * 8 + 8 * 8 + 8  # V
    iql = 2 * 136 + (3 * value - 40) + 2 * value + (3 * 128 - 40) + 2 * (3 * 136 - 64)
    assert work("iql", TINY.config("iql"), TINY).step == 8 * iql


def test_formulas_of_several_parts_counted_by_hand() -> None:
    """Actors with 2 A outputs have 5x8 + 8x8 + 8x6 = 152. MSG's critics have targets and draws of their own; MCQ's
    VAE is 8x9 + 9x12 and 11x9 + 9x3, its critics meet 2 x 2 drawn rows of policy and decoder each."""
    small = TINY.config("msg")
    msg = 2 * 152 + 3 * (136 + 2 * (3 * 136 - 64)) + (3 * 152 - 40) + 3 * (2 * 136 - 64 + 24)
    assert work("msg", small, TINY) == Work(8 * msg)
    mcq = replace(TINY.config("mcq"), behaviour_hidden=(9,), sampled_actions=2)
    encoder, decoder = 8 * 9 + 9 * 12, 11 * 9 + 9 * 3
    vae = 3 * encoder - 8 * 9 + 3 * decoder - 5 * 9  # the decoder's gradient goes on to its 6 latents
    drawn = 2 * 2 * (152 + decoder + 2 * 136)
    sac = 152 + 2 * 136 + (1 + 2 * 2) * 2 * (3 * 136 - 64) + (3 * 152 - 40) + 2 * (2 * 136 - 64 + 24)
    assert work("mcq", mcq, TINY) == Work(8 * (vae + 152 + drawn + sac))


def test_formulas_of_phases_counted_by_hand() -> None:
    """V 5x8 + 8x8 + 8 = 112. PPO: minibatches of 4 and the window of 8 in front of two of them."""
    ppo = replace(TINY.config("ppo"), rollout=8, epochs=1)
    assert work("ppo", ppo, TINY, "online") == Work(8 * (3 * 128 - 40 + 3 * 112 - 40), 16 * (128 + 2 * 112), 2)
    pex = 2 * 136 + (3 * 112 - 40) + 112 + 2 * (3 * 136 - 64) + 2 * 128 + 6 * 136 + 112 + (3 * 128 - 40)
    assert work("pex", TINY.config("pex"), TINY, "online") == Work(8 * pex)
    svr = 128 + 3 * 136 + 2 * 128 + 3 * 2 * (3 * 136 - 64)
    assert work("svr", TINY.config("svr"), TINY).always == 8 * svr
    for name in FORMULAS:
        assert set(FORMULAS[name]) <= {phase.name for phase in find_algorithm(name).course}


QUICK = {("bc", "offline"), ("svr", "behaviour"), ("spot", "behaviour"), ("sac_rnd", "rnd"), ("uni_o4", "behaviours")}
PHASES = [(name, phase) for name, phases in FORMULAS.items() for phase in phases]


@pytest.mark.parametrize(
    "algorithm, phase", [pytest.param(*one, marks=() if one in QUICK else pytest.mark.slow) for one in PHASES]
)
def test_formulas_agree_with_the_programs_and_with_xla(algorithm: str, phase: str) -> None:
    """At a width where products already outweigh the rest."""
    shape = replace(TINY, batch=256, width=128)
    cfg = shape.config(algorithm)
    found, second = count(algorithm, cfg, shape, phase), twice(algorithm, cfg, shape, phase)
    assert 1 - 1e-9 <= (found.program - second) / found.formula < 1.04
    assert 0 <= found.elementwise < 0.1
    if algorithm in training.ALGORITHMS and phase == "offline":
        compiled = count(algorithm, cfg, shape, compiled=True)
        assert 0 <= compiled.elementwise < 0.12


def test_limit_counts_every_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "CHUNK", 10 * 2 * 8 * 4 * 4)  # ten products [8, 4] @ [4, 4]
    for mix, devices, flop in (("forward", 1, 10 * 256), ("training", 2, 2 * 4 * 3 * 256)):
        measure = limit.chain(devices, 8, 4, mix)
        now = iter(range(100))
        with monkeypatch.context() as patch:
            patch.setattr(limit.time, "perf_counter", lambda now=now: next(now))
            assert measure(3) == pytest.approx(3 * flop / 4 / 1e9)  # three calls until "3 s", the clock read at 4
    x, w = np.ones((2, 4), np.float32), np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    np.testing.assert_allclose(limit._training(x, w.astype(np.float32))[0], x, rtol=1e-5)


@pytest.mark.slow
def test_training_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    case = Case("bc", TINY, 2)
    monkeypatch.setattr(training, "cases", lambda algorithms: [case])
    training.run(["--quick", "--out", str(tmp_path)])
    (row,) = read_csv(tmp_path / "training.csv")
    assert row["shape"] == "tiny 5/3" and row["members"] == "2"  # cloning has no critics
    rate, gflops = float(row["rate"]), float(row["gflops"])
    assert rate > 0 and gflops == pytest.approx(rate * case.gflop, rel=1e-6)
    assert float(row["ms"]) == pytest.approx(2e3 / rate, rel=1e-6)
    assert float(row["of_limit"]) == pytest.approx(gflops / float(row["limit"]), rel=1e-6)
    assert float(read_csv(tmp_path / "flops.csv")[0]["agreement"]) >= 1
    assert (tmp_path / "training.png").read_bytes().startswith(b"\x89PNG")
    assert "tiny 5/3" in capsys.readouterr().out


@pytest.mark.slow
def test_methods_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    methods.run(["--quick", "--algorithms", "pex", "ppo", "--out", str(tmp_path)])
    rows = read_csv(tmp_path / "methods.csv")
    named = [(row["algorithm"], row["phase"]) for row in rows]
    assert named == [("pex", "offline"), ("pex", "online"), ("ppo", "online")]
    for row in rows:
        assert float(row["gflops"]) == pytest.approx(float(row["gflop"]) * float(row["rate"]), rel=1e-6)
        assert float(row["of_limit"]) == pytest.approx(float(row["gflops"]) / float(row["limit"]), rel=1e-6)
        assert float(row["compile"]) > 0 and float(row["processor"]) > 0 and float(row["memory"]) >= 0
        assert float(row["agreement"]) == pytest.approx(float(row["program"]) / float(row["gflop"]))
    assert "of limit" in capsys.readouterr().out


def test_rates_beside_other_work_are_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, own = iter((0.0, 10.0) * 2), iter((0.0, 2.0))
    monkeypatch.setattr(methods.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(methods.time, "process_time", lambda: next(own, 0.0))
    assert methods.paced(lambda: 3.0, shared=True) == 15.0  # 2 of 10 seconds were its own
    assert methods.paced(lambda: 3.0, shared=False) == 3.0


def test_methods_are_measured_in_the_phases_they_have() -> None:
    found = list(methods.cases(["bc", "uni_o4", "ppo", "max_q", "rlpd"]))
    before = [("uni_o4", name) for name in ("critic", "behaviours", "dynamics")]
    assert found == [
        ("bc", "offline"), *before, ("uni_o4", "offline"), ("uni_o4", "online"), ("ppo", "online"),
        ("max_q", "offline"), ("rlpd", "online"),
    ]  # fmt: skip


@pytest.mark.slow
def test_scaling_compares_with_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "BASE", Case("bc", TINY))
    monkeypatch.setattr(scaling, "AXES", {"batch": (4, 6, 8), "members": (1, 2)})
    scaling.run(["--quick", "--out", str(tmp_path)])
    rows = read_csv(tmp_path / "scaling.csv")
    assert [(row["axis"], row["value"]) for row in rows] == [
        ("batch", "4"), ("batch", "8"), ("members", "1"), ("members", "2")
    ]  # fmt: skip
    assert [float(row["flops"]) for row in rows] == [1, 2, 1, 2]
    assert all(
        float(row["excess"]) == pytest.approx(float(row["time"]) / float(row["flops"]), rel=1e-6) for row in rows
    )
    assert (tmp_path / "scaling.png").read_bytes().startswith(b"\x89PNG")


def test_parts_are_found_by_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch.main(["trainign"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert dispatch.main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in dispatch.PARTS)

    given: list[Any] = []
    takes, alone = ModuleType("benchmarks.takes"), ModuleType("benchmarks.alone")
    takes.run = lambda args: given.append(list(args))  # type: ignore[attr-defined]
    alone.run = lambda: given.append("alone")  # type: ignore[attr-defined]
    for module in (takes, alone):
        name = module.__name__.rpartition(".")[2]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(dispatch.PARTS, name, "a part")
    assert dispatch.main(["takes", "--out", "x"]) == 0 and dispatch.main(["alone"]) == 0
    assert given == [["--out", "x"], "alone"]


def test_several_parts_run_in_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def call(line: list[str]) -> int:
        started.append(line[3:])
        return len(started) - 1

    monkeypatch.setattr(dispatch.subprocess, "call", call)
    assert dispatch.main(["physics", "training", "--quick"]) == 1
    assert started == [["physics", "--quick"], ["training", "--quick"]]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
