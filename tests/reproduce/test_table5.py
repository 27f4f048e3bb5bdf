"""Table 5: what its arms are trained with, and that the best of the plain ones is what the others are held against."""

from __future__ import annotations

import numpy as np
import pytest

from pars.report.records import Curve
from pars.reproduce.grid import Cell, Key, make_configs, paper_grade
from pars.reproduce.paper.table5 import PLAIN, READINGS, TABLE5, best
from pars.reproduce.results import FoundResults

pytestmark = pytest.mark.usefixtures("no_png")

TASK = "antmaze-large-play-v2"
GRADE = paper_grade(TABLE5)
TEN, TWENTY = "IQL, discount 0.99, temperature 10", "IQL, discount 0.995, temperature 20"


def results(scores: dict[str, float]) -> FoundResults:
    """Of arms that score so much; seeds differ by a point."""
    seeds = np.arange(5.0)[:, None] / 4 - 0.5
    curves = {name: Curve(np.array([10]), mean + seeds) for name, mean in scores.items()}
    cells = {
        Key(TASK, name): Cell(Key(TASK, name), {("offline", "score"): curve}, "") for name, curve in curves.items()
    }
    return FoundResults(TABLE5, GRADE, cells, len(TABLE5.arms))


def test_plain_arms_follow_iqls_recipe_and_the_others_take_their_temperature_in_three_ways() -> None:
    configs = {key.arm: cfg for key, (_, cfg) in make_configs(TABLE5, GRADE, TASK).items()}
    assert len(configs) == len(PLAIN) + 2 * len(READINGS) == 10
    plain = [configs[name] for name in PLAIN]
    assert [(cfg.discount, cfg.advantage_scale) for cfg in plain] == [(0.99, 10), (0.99, 20), (0.995, 10), (0.995, 20)]
    assert {(cfg.reward_scale, cfg.reward_shift, cfg.expectile, cfg.layer_norm, cfg.penalty) for cfg in plain} == {
        (1.0, -1.0, 0.9, "none", False)
    }
    for how, scale in READINGS.items():
        rs_ln, pa = (configs[name + how] for name in ("IQL with RS-LN", "IQL with RS-LN & PA"))
        for cfg in (rs_ln, pa):
            assert (cfg.reward_scale, cfg.reward_shift, cfg.discount, cfg.layer_norm) == (1000, 0, 0.995, "before")
            assert cfg.advantage_scale == scale
        assert (rs_ln.penalty, pa.penalty, pa.q_min, pa.infeasible_distance) == (False, True, 0.0, 1000.0)
    # the third reading is twice IQL's 10 where rewards are -1 until the goal
    assert READINGS[", advantage / c (1 - discount)"] == pytest.approx(2 * 10 / (1000 * (1 - 0.995)))


def test_the_best_plain_arm_stands_for_iql() -> None:
    scores = dict.fromkeys(PLAIN, 20.0) | {TWENTY: 40.0, "IQL with RS-LN": 60.0, "IQL with RS-LN & PA": 61.0}
    found = results(scores)
    assert best(found, TASK) == TWENTY
    shown = TABLE5.show(found)
    (one,) = shown.comparisons
    assert one.row == f"best of 4: {TWENTY}" and one.estimate.mean == 40.0
    assert one.reference and (one.reference.mean, one.reference.alike) == (45.4, True)
    assert "RS-LN is clearly above the best plain IQL: in 1 of 1; here the claim holds." in shown.reading
    assert "PA on top changes less than 10 points: in 1 of 1; here the claim holds." in shown.reading
    worse = TABLE5.show(results(scores | {TEN: 80.0}))
    assert any("does not hold" in line for line in worse.reading) and TEN in worse.comparisons[0].row


def test_nothing_is_held_against_some_of_the_plain_arms() -> None:
    shown = TABLE5.show(results({TEN: 20.0, "IQL with RS-LN": 60.0, "IQL with RS-LN & PA": 60.0}))
    assert not shown.comparisons and shown.reading[0] == f"{TASK}: the plain arms are not all finished."
