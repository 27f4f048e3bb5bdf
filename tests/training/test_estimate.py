"""The length of a training and its time, before it starts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pars import presets
from pars.training import estimate
from pars.training.launch import make_groups
from pars.training.lengths import make_plan
from pars.training.plan import Plan, Request


def test_own_data_is_trained_a_step_for_each_row() -> None:
    assert presets.offline_steps("pars", None, 12_000) == 50_000
    assert presets.offline_steps("pars", "Pendulum-v1", 123_456) == 124_000
    assert presets.offline_steps("pars", None, 5_000_000) == 1_000_000
    assert presets.offline_steps("pars", "hopper-medium-v2", 12_000) == 1_000_000  # the published length
    assert presets.offline_steps("pars", None) == 1_000_000
    assert make_plan(None, rows=70_001).offline_steps == 71_000
    assert make_plan(None, steps=7, rows=70_001).offline_steps == 7


def test_steps_and_time_by_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    groups = make_groups(["bc", "td3_bc"], None, {}, [0, 1])
    plan = Plan(offline_steps=12_000, eval_every=6000)
    data: Any = SimpleNamespace(obs_dim=3, action_dim=1)
    request = Request(groups, [plan, plan], data, None, tmp_path)
    assert [estimate.updates(group, plan) for group in groups] == [24_000, 24_000]
    assert estimate.played(groups[0], Plan(12_000, 100, 6000, 50, 10), 200) == 2 * (5 * 10 * 200 + 100)
    assert estimate.is_long([request])
    monkeypatch.setattr(estimate, "product_rate", lambda seconds: 1e9 / estimate.EFFICIENCY)
    monkeypatch.setattr(estimate, "step_flops", lambda *args: 5e4)
    assert estimate.seconds([request]) == pytest.approx(2 * (24_000 * 5e4 / 1e9 + estimate.COMPILE))
    monkeypatch.setattr(estimate, "step_flops", lambda *args: 1 / 0)
    assert estimate.seconds([request]) is None
    for group in groups:
        (tmp_path / group.name).mkdir()
        (tmp_path / group.name / "run.json").touch()
    assert not estimate.is_long([request])
