"""An environment of a module of one's own: found in the working folder, evaluated in when it is named again."""

import json
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from pars import load_policy
from pars.envs import gym
from tests.cli.said import Pars, one_line
from tests.data.files import columns, write_npz

MODULE = """
import ctypes

import gymnasium
import numpy as np
from gymnasium.spaces import Box


class Drift(gymnasium.Env):
    observation_space, action_space = Box(-9, 9, (3,)), Box(0, 1, (2,))

    def __init__(self, pay=1.0, broken=False, lives=100):
        self.pay, self.broken, self.lives = pay, broken, lives

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.lives -= 1
        if self.lives < 0:
            ctypes.string_at(0)
        return np.zeros(3, np.float32), {}

    def step(self, action):
        return np.zeros(3, np.float32), np.nan if self.broken else self.pay, False, False, {}


gymnasium.register("Drift-v0", entry_point=Drift, max_episode_steps=4)
"""
TINY = ["actor_hidden=8x8", "batch_size=16", "--steps", "2", "--eval-every", "2", "--eval-episodes", "1", "--quiet"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(gym, "KNOWN", {})
    (tmp_path / "own_envs.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("own_envs", None)
    gymnasium.registry.pop("Drift-v0", None)


def forget() -> None:
    """As in another process."""
    sys.modules.pop("own_envs", None)
    gymnasium.registry.pop("Drift-v0", None)


@pytest.mark.usefixtures("own_folders")
def test_named_by_its_module_and_never_imported_for_a_runs_sake(pars: Pars, here: Path) -> None:
    data, env = str(write_npz(here / "a.npz", columns(40))), ["--env", "own_envs:Drift-v0"]
    said = pars("train", "bc", "--data", data, *env, "--env-arg", "pay=2.5", *TINY, "--out", "run")
    assert said.code == 0, said
    forget()
    assert load_policy("run")(np.zeros(3)).shape == (2,)  # the simulator need not be where the policy is
    one_line(pars("eval", "run"), 2, "never imported by itself: give --env own_envs:Drift-v0 or --import own_envs")
    one_line(pars("eval", "run", "--env", "Pendulum-v1"), 2, "the run's is own_envs:Drift-v0")
    said = pars("eval", "run", *env, "--episodes", "1")
    checked = pars("data", "check", data, "--task", "own_envs:Drift-v0")
    assert checked.code == 0 and "actions leave the box of own_envs:Drift-v0, 0..1, 0..1" in checked.out, checked
    assert said.code == 0 and "10.00" in said.out, said  # four steps, each pays what --env-arg said
    broken = [*env, "--env-arg", "broken=true", *TINY, "--out", "broken"]
    one_line(pars("train", "bc", "--data", data, *broken), 5, "the reward is nan (step 1 of seed ")
    one_line(pars("train", "bc", "--data", data, *env, "--env-arg", "pay", *TINY), 2, "--env-arg pay: give a name and")
    (path,) = (here / "broken").rglob("status.json")
    status = json.loads(path.read_text())
    assert status["state"] == "interrupted" and "the reward is nan" in status["message"]


@pytest.mark.usefixtures("own_folders")
def test_one_that_crashes_in_a_process_of_its_own_leaves_the_run(pars: Pars, here: Path) -> None:
    data, env = str(write_npz(here / "a.npz", columns(40))), ["--env", "own_envs:Drift-v0", "--isolate"]
    line = ["train", "bc", "--data", data, *env, "--env-arg", "lives=1", *TINY, "--out", "run"]
    one_line(pars(*line), 5, "own_envs:Drift-v0: reset ended its process, SIGSEGV (step 0 of seed ")
    (path,) = (here / "run").rglob("status.json")
    status = json.loads(path.read_text())
    assert status["state"] == "interrupted" and "ended its process, SIGSEGV" in status["message"]
    said = pars("eval", "run", *env, "--episodes", "1")
    assert said.code == 0 and "own_envs" not in sys.modules and " 4.00" in said.out, said
