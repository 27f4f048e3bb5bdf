"""Settings that own data decides, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pars.algos import find_algorithm
from pars.data import from_arrays
from pars.errors import UsageError
from pars.presets.from_data import Facts, least_value, settings_from
from pars.training.launch import Variant, from_data, make_variants
from pars.training.own_data import facts_of

FACTS = Facts(reward_min=-2.0, reward_max=0.5, value_spread=50.0, action_width=0.25, terminals=False, longest=100)


def chosen(name: str, facts: Facts = FACTS, **settings: str) -> dict[str, object]:
    (variant,) = make_variants([name], None, {key: [value] for key, value in settings.items()})
    (cfg,) = variant.configs
    return {one.name: one.value for one in settings_from(facts, cfg, variant.given, 100.0)}


def test_each_rule_by_hand() -> None:
    """c = 100 / 50, beta = .01 (.5 / .25)^2, Q_min = c r_min / (1 - .99)."""
    weights = {"bc_weight": 0.04, "bc_weight_online": 0.04}
    assert chosen("pars") == {"normalize_obs": True, "reward_scale": 2.0, **weights, "q_min": -400.0}
    assert chosen("iql") == {"normalize_obs": True, "reward_scale": 2.0}
    assert chosen("bc") == {"normalize_obs": True}
    assert chosen("td3_bc")["bc_weight"] == 4.0


def test_what_is_given_stands_and_q_min_follows_it() -> None:
    given = {"reward_scale": "10", "bc_weight": "0.5"}
    assert chosen("pars", **given) == {"normalize_obs": True, "bc_weight_online": 0.5, "q_min": -2000.0}
    assert chosen("pars", **given, bc_weight_online="0") == {"normalize_obs": True, "q_min": -2000.0}
    assert chosen("pars", **given, bc_fade="100") == {"normalize_obs": True, "q_min": -2000.0}
    rest = {"reward_scale", "bc_weight", "bc_weight_online"}
    assert chosen("pars", normalize_obs="false", q_min="-7").keys() == rest
    assert chosen("pars", discount="0.9")["q_min"] == pytest.approx(-40.0)
    assert "q_min" not in chosen("pars", penalty="false")
    assert chosen("pars", q_min_scaled="true")["q_min"] == pytest.approx(-200.0)  # of raw rewards
    assert chosen("iql", penalty="true")["q_min"] == pytest.approx(-400.0)


def test_values_that_other_methods_draw_to_follow_too() -> None:
    """SVR and MCQ would raise values of negative rewards up to 0."""
    assert chosen("svr", reward_scale="2")["least_value"] == pytest.approx(-400.0)
    assert chosen("mcq", reward_scale="2")["pseudo_floor"] == pytest.approx(-400.0)
    assert "pseudo_floor" not in chosen("mcq", replace(FACTS, reward_min=0.5))  # the authors' 0 is below all
    assert "pseudo_floor" not in chosen("mcq", floor_pseudo="false")
    for name, setting in (("svr", "least_value"), ("mcq", "pseudo_floor")):
        with pytest.raises(UsageError, match=rf"{setting}=0, above all values of such rewards; give {setting}=-100"):
            find_algorithm(name).configure({"reward_shift": -1.0}).check()


def test_q_min_of_shifted_and_normalised_rewards() -> None:
    assert chosen("pars", reward_shift="1")["q_min"] == pytest.approx((2.0 * -2.0 + 1.0) * 100)
    normed = replace(FACTS, norms={"standard": (1.0, 3.0), "range": (0.0, 4.0)})
    settings = chosen("pars", normed, reward_norm="standard")
    assert settings["q_min"] == pytest.approx(10.0 * (-3.0 / 3.0) * 100)  # the default scale: these are normalised
    assert "reward_scale" not in settings
    assert chosen("pars", normed, reward_norm="range", reward_scale="1")["q_min"] == pytest.approx(-50.0)


def test_least_values() -> None:
    assert least_value(-1.0, 0.99, True, 50) == pytest.approx(-100.0)
    assert least_value(1.0, 0.99, False, 50) == pytest.approx(100.0)
    assert least_value(1.0, 0.99, True, 50) == 1.0  # an episode may end after it
    assert least_value(-1.0, 1.0, False, 50) == -50.0


def test_odd_data_keeps_the_defaults() -> None:
    flat = replace(FACTS, value_spread=0.0, action_width=0.0, reward_min=0.0)
    weights = {"bc_weight": 0.25, "bc_weight_online": 0.25}
    assert chosen("pars", flat) == {"normalize_obs": True, **weights, "q_min": 0.0}
    assert chosen("pars", replace(FACTS, action_width=2.0))["bc_weight"] == 0.01


def test_facts_of_a_dataset() -> None:
    """Two episodes of three steps, the second paid 1 in its last kept row."""
    dataset = from_arrays(
        {
            "observations": np.array([[5.0, i] for i in range(6)]),
            "actions": np.array([[-0.5, 0.1], [0.5, 0.1]] * 3),
            "rewards": [-3, 0, 0, 0, 1, 0],
            "terminals": [0, 0, 0, 0, 0, 0],
            "timeouts": [0, 0, 1, 0, 0, 1],
        }
    )
    facts = facts_of(dataset, norms=True)
    assert (facts.reward_min, facts.terminals, facts.longest, facts.constant) == (-3.0, False, 3, ("observation 0",))
    assert facts.value_spread == pytest.approx(np.std([-3.0, 0.0, 0.99, 1.0]))
    assert facts.action_width == pytest.approx(np.sqrt(0.5 * 0.25))
    assert facts.norms["standard"][0] == pytest.approx(-0.5)


def test_every_config_of_a_grid_has_its_own() -> None:
    (variant,) = make_variants(["pars"], None, {"reward_scale": ["1", "10"]})
    found = from_data(variant, FACTS)
    assert [cfg.q_min for cfg in found.configs] == [-200.0, -2000.0]
    assert sum(one.name == "q_min" for one in found.chosen) == 2
    plain = Variant(find_algorithm("bc"), [find_algorithm("bc").configure({"normalize_obs": False})], frozenset())
    assert from_data(plain, FACTS).configs[0].normalize_obs
