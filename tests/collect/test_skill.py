"""Weights of behaviours: the NumPy network equals the JAX one, and survives the disk."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

from pars.algos import sac
from pars.collect.skill import SHIPPED, from_actor, load, save
from pars.core import Spec
from pars.errors import CheckpointError
from pars.nn.nets import apply
from pars.rl.soft import soft_actor_net

CFG = sac.Config(actor_hidden=(16, 16), hidden=(8,))


def actor():  # a trained one would look the same
    return jax.jit(lambda key: sac.ALGORITHM.init(CFG, Spec(5, 3), key))(jax.random.key(0)).actor.params


def test_equals_the_network_it_came_from() -> None:
    params, obs = actor(), np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    mean, log_std = apply(soft_actor_net(CFG, 3), params, obs)
    skill = from_actor(params, {})
    np.testing.assert_allclose(skill(obs), np.tanh(mean), rtol=1e-5, atol=1e-6)
    noise = np.ones((7, 3))
    np.testing.assert_allclose(skill(obs, noise), np.tanh(mean + np.exp(log_std)), rtol=1e-5, atol=1e-6)


def test_survives_the_disk_with_its_facts(tmp_path: Path) -> None:
    skill = from_actor(actor(), {"steps": 12, "return": 3.5})
    save(skill, tmp_path / "new" / "x.safetensors")
    again = load(tmp_path / "new" / "x.safetensors")
    assert again.facts == {"steps": 12, "return": 3.5}
    obs = np.ones((2, 5), np.float32)
    np.testing.assert_array_equal(again(obs), skill(obs))


def test_damaged_weights_are_one_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"not weights at all")
    for path in (bad, tmp_path / "absent.safetensors"):
        with pytest.raises(CheckpointError, match=r"no readable weights; .*pars data train-ant") as error:
            load(path)
        assert "\n" not in str(error.value)


def test_the_shipped_ant_is_small_and_says_how_it_walks() -> None:
    skill = load()
    assert SHIPPED.stat().st_size < 120_000
    assert skill.layers[0][0].shape[0] == 27 and len(skill.layers[-1][1]) == 16
    assert skill.facts["fallen"] < 0.2 and skill.facts["speed"] > 0.5
