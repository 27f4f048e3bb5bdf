"""What a check says that training will do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pars.cli import main as cli
from pars.data import from_arrays
from pars.training.own_data import outlook

N = 200


def plant(**changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    sensors = rng.normal(size=(N, 3)) * [300.0, 2.0, 0.0] + [1450.0, 4.0, 7.0]
    actions = rng.uniform([0.0, -5.0], [100.0, 5.0], (N, 2))
    ends = np.arange(N) % 50 == 49
    rewards = -np.abs(rng.normal(size=N)) - 0.1
    known = dict(observations=sensors, actions=actions, rewards=rewards, terminals=0 * ends, timeouts=ends)
    return known | changes


def test_scale_sign_settings_and_length_are_said() -> None:
    said, risks = outlook(from_arrays(plant()))
    text = "\n".join(said)
    assert "columns differ in scale (observation 0 by 3" in text and "no reward is above 0" in text
    assert "only centred: observation 2" in text and "pars: q_min=-" in text and "50,000 gradient steps" in text
    assert risks == []


def test_what_may_end_in_one_action_is_a_risk() -> None:
    steady = plant(actions=np.full((N, 2), 0.2) + 0.01 * np.arange(N)[:, None] % 0.02, rewards=np.ones(N) * 0)
    _, risks = outlook(from_arrays(steady))
    assert len(risks) == 1 and "a policy may come to one action everywhere" in risks[0]  # the card says it of rewards


def test_the_check_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    np.savez(tmp_path / "plant.npz", **plant())
    page = tmp_path / "page.html"
    cli.main(["data", "check", str(tmp_path / "plant.npz"), "--action-range", "0..100,-5..5", "--html", str(page)])
    out = capsys.readouterr().out
    assert "0..100, -5..5 (given)" in out
    assert "training" in out and "pars: normalize_obs=true" in out and "no range of the actions" not in out
    text = page.read_text()
    assert text.index("What training will do") < text.index("<li>pars: bc_weight=") < text.index("Columns")
