"""Time and memory of the algorithms: extrapolation and peers by hand, and every algorithm's step for real."""

from pathlib import Path

import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.reproduce.paper import figure19, speed
from pars.reproduce.paper.figure19 import FIGURE19, PEERS, Peer, peers

pytestmark = pytest.mark.usefixtures("no_png")

CSV = """shape,peer,algorithm,critics,steps_per_second,least,most,repeats
"antmaze 29/8, N=4",ours,PARS,4,40,39,41,3
"antmaze 29/8, N=4",corl,TD3+BC,4,100,80,125,3
"hopper 11/3, N=10",corl,TD3+BC,10,50,40,60,3
"""
TINY = {"hidden": (8, 8), "actor_hidden": (8, 8), "critics": 2, "batch_size": 16, "sampled_actions": 2}


def round_of(*rates: float) -> dict[str, np.ndarray]:
    need = np.array([[20e6, 30e6, 10e6]] * len(rates))
    names = np.array(["pars", "sac_n", "rebrac"][: len(rates)])
    return {
        "names": names, "rate": np.array(rates), "load": np.array(1.5), "first": np.ones(len(rates)),
        "base": np.array(4e8), "need": need, "device": np.array("2 x cpu"),
        "flop": np.full(len(rates), 2e9), "limit": np.full(len(rates), 4e11),
    }  # fmt: skip


def test_seconds_are_extrapolated_from_the_median_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PEERS, raising=False)
    rounds = {f"round {i + 1}": round_of(rate, 10.0, 200.0) for i, rate in enumerate((25.0, 50.0, 100.0))}
    memory = {f"memory {name}": {"bytes": np.array(size)} for name, size in (("pars", 2e8), ("rebrac", 1e8))}
    finding = FIGURE19.show(rounds | memory)
    lines = dict(line.rsplit(",", 3)[::3] for line in finding.pictures[0].csv.splitlines())  # name -> most
    assert lines['"PARS, 4 critics"'] == "200"
    assert '"PARS, 4 critics",100,50,200' in finding.pictures[0].csv  # 5000 / 50, and 5000 / 100 and 5000 / 25
    assert '"PARS, 4 critics",400,20,30,10,200' in finding.pictures[1].csv
    text = " ".join(finding.reading)
    assert "SAC-N, 25 critics takes 5.00 times the time of PARS: PARS is faster, as in the paper." in text
    assert "ReBRAC takes 0.50 times the memory of PARS, where the paper has PARS take less." in text
    assert PEERS in text and "No other library" in text


def test_shares_of_the_limit_by_hand() -> None:
    rounds = {f"round {i + 1}": round_of(rate, 10.0) for i, rate in enumerate((40.0, 50.0, 100.0))}
    finding = FIGURE19.show(rounds | {"memory pars": {"bytes": np.array(2e8)}})
    header, *rows = finding.pictures[2].csv.splitlines()
    assert header.startswith("algorithm,gflop_per_step,gflop_per_second,share,share_least,share_most")
    assert rows[0] == '"PARS, 4 critics",2,100,0.25,0.2,0.5,1,200'  # 2 GFLOP at 40, 50 and 100 steps/s of 400 GFLOP/s
    assert rows[1] == '"SAC-N, 25 critics",2,20,0.05,0.05,0.05,1,'
    of_before = {name: {key: x for key, x in one.items() if key != "flop"} for name, one in rounds.items()}
    assert len(FIGURE19.show(of_before).pictures) == 2


def test_rows_of_peers_stand_beside_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "peers.csv"
    path.write_text(CSV)
    assert peers(None) == []
    assert peers(str(path)) == [Peer("corl: TD3+BC", 100.0, 80.0, 125.0)]
    monkeypatch.setenv(PEERS, str(path))
    finding = FIGURE19.show({"round 1": round_of(50.0)})
    assert "corl: TD3+BC,50,40,62.5" in finding.pictures[0].csv
    assert "corl: TD3+BC, 50.0 s" in finding.reading[-1]


def test_transitions_have_every_column_that_is_asked_for() -> None:
    for name, algo in ALGORITHMS.items():
        cfg, data = speed.prepared(name, rows=2000)
        assert {column.name for column in algo.columns_of(cfg)} <= set(data.extra), name
        assert data.packed.shape[1] == 2 * speed.OBS + speed.ACTION + 2


def test_an_algorithm_without_an_offline_phase_takes_the_steps_that_are_timed() -> None:
    trainer = speed.Trainer("td3", rows=2000, changes=TINY)
    rate = trainer.turn(0.05)
    assert rate > 0 and trainer.at == 1
    assert (
        trainer.first > 0 and trainer.processor > 0 and trainer.need.data == 1998 * 4 * trainer.learner.width
    )  # two rows end an episode


def test_a_turn_counts_as_steps_of_mean_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = speed.Trainer("td3_bc", rows=2000, changes=TINY, phase="online")
    assert trainer.learner.replay is not None and trainer.learner.replay.filled == trainer.learner.replay.capacity
    without, with_actor = (trainer.costs.flop[due,] for due in (False, True))
    monkeypatch.setattr(trainer, "steps", lambda count: 0.5)
    share = without / (0.5 * (without + with_actor))
    assert trainer.turn(2.0) == pytest.approx(share / 0.5) and trainer.count == 4


def test_a_round_times_all_algorithms_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "trainer", lambda name: made[name])
    made = {name: speed.Trainer(name, rows=2000, changes=TINY) for name in ("bc",)}
    found = speed.measure_round([0, 1], number=1, seconds=0.02, names=["bc"])
    assert found["names"].tolist() == ["bc"] and found["rate"].shape == (1,) and found["need"].shape == (1, 3)
    assert found["flop"] == made["bc"].costs.mean > 0 and found["limit"][0] > 0
    assert found["rate"][0] > 0 and found["device"].dtype.kind == "U"


def test_there_is_a_part_for_every_algorithm() -> None:
    assert {f"memory {name}" for name in ALGORITHMS} < set(FIGURE19.parts)
    assert sum(name.startswith("round") for name in FIGURE19.parts) == figure19.ROUNDS >= 3
