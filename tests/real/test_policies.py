"""Policies that others trained in the simulators of D4RL's time do here what they did there."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from pars.collect.rollouts import returns
from pars.collect.twins import collect_twin
from pars.envs import make_task
from pars.envs.antmaze import Ant
from tests.real.files import real

Array = np.ndarray


def expert(weights: dict[str, Array]) -> Callable[[Array], Array]:
    """The mean action of a policy with two hidden tanh layers on whitened observations."""
    spread = np.sqrt(np.maximum(weights["meansq"] - weights["mean"] ** 2, 0)) + 1e-6

    def act(obs: Array) -> Array:
        hidden = (obs - weights["mean"]) / spread
        for layer in "01":
            hidden = np.tanh(hidden @ weights[f"w{layer}"] + weights[f"b{layer}"])
        return hidden @ weights["w2"] + weights["b2"]

    return act


def mean_return(task_id: str, physics: str, act: Callable[[Array], Array], episodes: int = 10) -> float:
    env = make_task(task_id, physics=physics).make(episodes)
    running = np.arange(episodes)
    obs, returns = np.array(env.reset(running, running)), np.zeros(episodes)
    while len(running):
        result = env.step(running, act(obs[running]))
        obs[running] = result.obs
        returns[running] += result.reward
        running = running[~(result.terminal | result.truncated)]
    env.close()
    return float(returns.mean())


@pytest.mark.parametrize(
    ("name", "recorded", "apart"),  # returns in MuJoCo 1.50, and how far the mean of ten may be from theirs
    [("Hopper", (3771, 3775), 15), ("Walker2d", (5576, 5558), 250), ("HalfCheetah", (4123, 4289), 150)],
)
def test_experts_earn_what_they_earned(name: str, recorded: tuple[int, int], apart: float) -> None:
    file = np.load(real("cs294-experts.npz"))
    act = expert({key.split("/")[1]: file[key] for key in file if key.startswith(f"{name}/")})
    task_id = f"{name.lower()}-expert-v2"
    assert mean_return(task_id, "d4rl", act) == pytest.approx(np.mean(recorded), abs=apart)
    if name == "Hopper":  # the spread of the others hides the difference
        assert mean_return(task_id, "stock", act) < min(recorded) - 2 * apart


def test_a_twin_by_a_supplied_expert_earns_what_it_earned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path))
    file = np.load(real("cs294-experts.npz"))
    weights = {key.split("/")[1]: file[key].squeeze() for key in file if "Hop" in key}
    shift, square = weights.pop("mean"), weights.pop("meansq")
    np.savez(
        tmp_path / "expert.npz",
        in_shift=shift,
        in_scale=np.sqrt(square - shift**2),
        **{key: value.T for key, value in weights.items()},
    )
    path = collect_twin("hopper-expert-v2", 4000, policy=tmp_path / "expert.npz")
    with h5py.File(path) as made:
        found = returns({key: made[key][()] for key in ("rewards", "terminals", "timeouts")}, 1000)
    assert len(found) == 4 and found.mean() == pytest.approx(3773, abs=15)


def test_d4rls_walker_walks_in_our_ant() -> None:
    """It was trained for these torques, time step and layout; with any of them wrong it does not get far."""
    file = np.load(real("d4rl-ant-goal-policy.npz"))
    layers = [(file[f"w{i}"].T, file[f"b{i}"]) for i in range(4)]
    rng, ants = np.random.default_rng(0), np.arange(16)
    angle = rng.uniform(-np.pi, np.pi, len(ants))
    way = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    env = Unpaid(None, len(ants), time_limit=1000)
    env.reset(ants, ants)
    start = env.physics.qpos[:, :2].copy()
    for _ in range(100):
        hidden = np.concatenate([env.physics.qpos[:, 2:], env.physics.qvel, 10 * way], axis=1)
        for weight, bias in layers[:2]:
            hidden = np.maximum(hidden @ weight + bias, 0)
        mean, log_std = (hidden @ weight + bias for weight, bias in layers[2:])
        env.step(ants, np.tanh(mean + np.exp(log_std) * rng.standard_normal(mean.shape)))
    env.close()
    walked = ((env.physics.qpos[:, :2] - start) * way).sum(axis=1)
    upright = 1 - 2 * (env.physics.qpos[:, 4:6] ** 2).sum(axis=1) > 0
    assert walked.mean() > 13 and upright.mean() > 0.8, (walked, upright)


class Unpaid(Ant):
    def outcome(self, index: Array) -> tuple[Array, Array]:
        return np.zeros(len(index)), np.zeros(len(index), bool)
