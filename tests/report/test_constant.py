"""Warnings of policies with one action, from logs with known numbers."""

from __future__ import annotations

from pathlib import Path

from pars.report.load import read_run
from pars.report.pages.page import render
from pars.report.pages.verdict import summary, verdict
from tests.report.fabricate import write_group

HAS = {"pars": {"reward_scale": 10.0, "bc_weight": 0.0}, "td3_bc": {"bc_weight": 1.0}, "bc": {"normalize_obs": True}}


def logged(folder: Path, algorithm: str, spread: list[float], bound: list[float]) -> None:
    values = {"action_spread": spread, "data_action_spread": [0.5] * 3, "saturated_share": bound}
    metrics = {name: {"offline": {0: [0.0] * 3, 100: own}} for name, own in values.items()}
    settings = [HAS[algorithm]] * 3
    write_group(folder / algorithm, algorithm, task=None, maze=False, metrics=metrics, settings=settings)


def test_one_action_and_the_bound_are_told_apart_and_said_first(tmp_path: Path) -> None:
    logged(tmp_path, "pars", [0.0, 0.02, 0.4], [100.0, 0.0, 0.0])
    logged(tmp_path, "td3_bc", [0.9, 0.9, 0.9], [99.5, 10.0, 10.0])
    logged(tmp_path, "bc", [0.3, 0.4, 0.4], [0.0, 0.0, 0.0])
    run = read_run(tmp_path)
    still, bound = verdict(run).warnings
    assert "PARS gives nearly the same action everywhere (2 of 3 seeds)" in still
    assert "TD3+BC acts at the bound everywhere (1 of 3 seeds)" in bound
    assert summary(run)[0] == f"warning   {still}" and summary(run)[2].startswith("result")
    text = render(run)
    assert text.index("nearly the same action") < text.index('class="verdict"')


def test_what_to_look_at_is_something_that_the_method_has(tmp_path: Path) -> None:
    for algorithm in ("pars", "td3_bc", "bc"):
        logged(tmp_path, algorithm, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    ends = sorted(warning.partition("Do not use it; ")[2] for warning in verdict(read_run(tmp_path)).warnings)
    assert ends == [
        "look at bc_weight first, or train bc.",
        "look at reward_scale and bc_weight first, or train bc.",
        "look at the ranges of the observations first, and whether normalize_obs is on.",
    ]


def test_what_the_data_decided_and_the_bounds_are_on_the_page(tmp_path: Path) -> None:
    chosen = [{"name": "q_min", "value": -400.0, "reason": "the least value"}]
    outputs = [{"name": "valve_pct", "low": 0.0, "high": 100.0}]
    write_group(tmp_path / "pars", task=None, maze=False, from_data=chosen, outputs=outputs)
    text = render(read_run(tmp_path))
    assert "PARS: q_min=-400, decided by the data (the least value)." in text and "valve_pct 0..100" in text


def test_before_training_and_without_the_probe_nothing_is_said(tmp_path: Path) -> None:
    metrics = {"action_spread": {"offline": {0: [0.0] * 3}}, "data_action_spread": {"offline": {0: [0.5] * 3}}}
    write_group(tmp_path / "pars", metrics=metrics)
    assert verdict(read_run(tmp_path)).warnings == []
