"""What policies do beside the logs, from actions worked out by hand, and where the page of own data says it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pars.data import from_arrays
from pars.report.charts.landscape import _name
from pars.report.conduct import conduct, logged, sentences
from pars.report.load import read_run
from pars.report.pages.page import render
from pars.report.pages.verdict import summary, verdict
from pars.report.series import all_series
from tests.data.files import columns
from tests.report.fabricate import write_group

OUTPUTS = [{"name": "valve_pct", "low": 0.0, "high": 100.0}, {"name": "fan", "low": -5.0, "high": 5.0}]


def own(folder: Path, algorithm: str, shift: float) -> None:
    """Three seeds that do what was logged, `shift` further up (of half the range) in the first action."""
    data = np.stack([np.linspace(-0.5, 0.5, 101), np.zeros(101)], axis=1).astype(np.float32)
    card = from_arrays(columns(60)).card | {"warnings": ["the valve sticks"]}
    write_group(
        folder / algorithm,
        algorithm,
        task=None,
        maze=False,
        outputs=OUTPUTS,
        metrics={"critic_loss": {"offline": {100: [1.0] * 3}}},
        dataset={"name": "plant", "rows": 60, "fingerprint": "ab", "card": card},
    )
    (folder / algorithm / "probes").mkdir()
    action = np.stack([data + np.float32([shift, 0.0])] * 3)
    np.savez(folder / algorithm / "probes" / "actions-offline-100.npz", action=action, data_action=data)


def test_actions_are_told_in_their_units(tmp_path: Path) -> None:
    own(tmp_path, "pars", 0.2)
    (one,) = all_series(read_run(tmp_path))
    found, data = conduct(one), logged(one.group)
    assert found is not None and found.distance is not None
    assert (found.low[0], found.mean[0], found.high[0]) == pytest.approx((37.5, 60, 82.5), abs=1e-4)
    assert (data.low[0], data.high[0]) == pytest.approx((27.5, 72.5)) and data.distance is None
    assert found.distance == pytest.approx([10, 0], abs=1e-5) and not found.near_bound.any()
    assert sentences([one]) == [
        "PARS acts 7% of the range away from the logs (root mean square over states); the middle 90% of its actions: "
        "valve_pct 38 to 82 (logs 28 to 72), fan 0 to 0 (logs 0 to 0)."
    ]


def test_the_page_of_own_data_opens_with_the_data_and_what_each_method_would_do(tmp_path: Path) -> None:
    own(tmp_path, "pars", 0.2)
    own(tmp_path, "td3_bc", 0.6)
    run = read_run(tmp_path)
    found = verdict(run)
    assert found.headline == (
        "PARS and TD3+BC trained for 100 gradient steps offline on plant; no environment was given, so there is no "
        "score."
    )
    assert len(found.others) == 2 and len(summary(run)) == 6
    text = render(run)
    places = [text.index(f"<h2>{title}</h2>") for title in ("Data", "What each method would do", "Losses and probes")]
    assert places == sorted(places) and text.index("the valve sticks") < places[1]
    assert "<h2>Scores</h2>" not in text and text.count("no score") == 1
    assert "60 rows (54 transitions)" in text and text.count('class="spark"') == 2 * (3 + 2) + 2 * 3
    assert "TD3+BC: valve_pct from 58 to 102, mean 80" in text


def test_damaged_actions_are_left_out(tmp_path: Path) -> None:
    own(tmp_path, "pars", 0.2)
    path = tmp_path / "pars" / "probes" / "actions-offline-100.npz"
    np.savez(path, action=np.zeros((2, 5, 2)), data_action=np.zeros((5, 2)))
    run = read_run(tmp_path)
    assert not run.groups[0].actions and "actions-offline-100.npz was left out" in run.problems[0]
    assert "What each method would do" not in render(run)


def test_maps_of_q_name_the_actions_of_the_data(tmp_path: Path) -> None:
    write_group(tmp_path / "pars", outputs=OUTPUTS)
    write_group(tmp_path / "td3_bc", outputs=[{"name": "action 0"}, {"name": "action 1"}])
    named, plain = all_series(read_run(tmp_path))
    assert [_name(named, i) for i in range(3)] == ["valve_pct, scaled", "fan, scaled", "action 3"]
    assert [_name(plain, i) for i in range(2)] == ["action 1", "action 2"]
