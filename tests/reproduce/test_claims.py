"""What the page of the claims says, from made-up scores."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pars.config import to_dict
from pars.reproduce.grid import make_configs, small_grade
from pars.reproduce.paper import claims

TASK = "antmaze-medium-play-v2"
SCORES = {
    claims.PARS: [78.0, 80.0, 82.0],
    claims.SINGLE: [77.0, 80.0, 84.0],
    claims.LN: [58.0, 60.0, 62.0],
    claims.NEITHER: [0.0, 1.0, 2.0],
    "IQL": [55.0, 56.0, 57.0],
    "BC": [4.0, 5.0, 6.0],
}


def test_each_claim_is_a_sentence_made_from_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "heat", lambda results: [])
    monkeypatch.setattr(claims, "curves", lambda results, quantity: [])
    last = lambda task, arm, value=None, quantity=None: np.array(SCORES.get(arm, []))  # noqa: E731
    results: Any = SimpleNamespace(
        telling=[TASK],
        arms=[arm.label for arm in claims.CLAIMS.arms],
        last=last,
        one=lambda task, arm, other: False,
    )
    said = claims.show(results).reading
    assert said[0].startswith(f"{TASK}: PARS 80 ± 2 (n = 3) is above IQL 56 ± 1 (n = 3)")  # not above its own parts
    assert any("RS-LN alone 60 ± 2 (n = 3) is above neither 1.0 ± 1.0" in line for line in said)
    assert any("PARS 80 ± 2 (n = 3) is not clearly different from PARS, one setting" in line for line in said)
    assert "PARS is clearly above the best other method (Table 2): in 1 of 1; here the claim holds." in said
    single = "a setting per task is clearly better than one for all (Table 13)"
    assert f"{single}: undecided in all 1." in said
    results.one = lambda task, arm, other: {arm, other} == {claims.PARS, claims.SINGLE}
    equal = claims.show(results).reading
    assert not any("not clearly different from PARS, one setting" in line for line in equal)
    assert f"{single}: nothing to judge by yet." in equal


def test_arms_differ_in_what_their_names_say_and_nothing_else() -> None:
    found = make_configs(claims.CLAIMS, small_grade(claims.CLAIMS), TASK)
    own = {key.arm: to_dict(cfg) for key, (_, cfg) in found.items()}
    full = own[claims.PARS]
    differing = lambda arm: {name for name, value in own[arm].items() if value != full[name]}  # noqa: E731
    assert differing(claims.LN) == {"penalty"} and differing(claims.PA) == {"layer_norm"}
    assert differing(claims.NEITHER) == {"penalty", "layer_norm"} and differing(claims.SINGLE) == {"reward_scale"}
    assert full["hidden"] == full["actor_hidden"] == [128, 128] == own["IQL"]["hidden"]
