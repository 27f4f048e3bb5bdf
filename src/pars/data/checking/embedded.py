"""The policy that recorded a file, where the file holds it: D4RL's MuJoCo v2 files carry their behaviour policy.

It is a tanh-Gaussian with two hidden ReLU layers, in `metadata/policy/fc0|fc1|last_fc|last_fc_log_std/weight|bias`, and
its actions were sampled.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pars.data.formats.hdf5 import dataset, names, opened
from pars.data.rows import Rows
from pars.data.transitions import episode_ends
from pars.envs.base import Task
from pars.errors import DataError

Array = np.ndarray
Behaviour = Callable[[Array, np.random.Generator], Array]  # obs [n, O] -> action [n, A]

LAYERS = ("fc0", "fc1", "last_fc", "last_fc_log_std")
LOG_STD = (-20.0, 2.0)  # limits of rlkit, which trained them
TOGETHER = 50  # episodes


@dataclass(frozen=True)
class Rollout:
    """Returns of the recorded policy here, beside those of the file's complete episodes."""

    physics: str
    here: Array  # [episodes]
    there: Array  # [episodes of the file]

    @property
    def sentence(self) -> str:
        """Both means with their standard errors, and how far apart they are."""
        means, errors = zip(_mean(self.here), _mean(self.there), strict=True)
        apart = abs(means[0] - means[1]) / max(float(np.hypot(*errors)), 1e-12)
        return (
            f"returns {means[0]:.1f} +- {errors[0]:.1f} in {len(self.here)} episodes here ({self.physics} physics), "
            f"{means[1]:.1f} +- {errors[1]:.1f} in {len(self.there):,} on file (mean +- standard error): "
            f"{apart:.1f} standard errors apart"
        )


def _mean(values: Array) -> tuple[float, float]:
    """Mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def recorded_policy(path: Path, obs_dim: int, action_dim: int) -> Behaviour:
    """The policy in an HDF5 file. Raises DataError if there is none, or one of another shape."""
    width = obs_dim
    layers: dict[str, tuple[Array, Array]] = {}
    with opened(path) as file:
        if not any(name.startswith("metadata/policy/") for name in names(file)):
            raise DataError(f"{path}: holds no policy (metadata/policy); leave --episodes out")
        for name in LAYERS:
            weight, bias = (dataset(path, file, f"metadata/policy/{name}/{part}")[()] for part in ("weight", "bias"))
            if bias.shape != weight.shape[:1] or weight.shape != (len(bias), width):
                raise DataError(
                    f"{path}: the policy's layer {name} has weights {weight.shape} and biases {bias.shape}, expected "
                    f"{width} inputs; name the task that the file was recorded in"
                )
            layers[name] = np.asarray(weight, np.float64).T, np.asarray(bias, np.float64)
            width = width if name.startswith("last") else len(bias)
    if len(layers["last_fc"][1]) != action_dim:
        raise DataError(f"{path}: the policy has {len(layers['last_fc'][1])} actions, the task {action_dim}")

    def act(obs: Array, rng: np.random.Generator) -> Array:
        hidden = np.asarray(obs, np.float64)
        for name in LAYERS[:2]:
            hidden = np.maximum(hidden @ layers[name][0] + layers[name][1], 0.0)
        mean, log_std = (hidden @ layers[name][0] + layers[name][1] for name in LAYERS[2:])
        return np.tanh(mean + np.exp(np.clip(log_std, *LOG_STD)) * rng.standard_normal(mean.shape))

    return act


def recorded_returns(columns: Mapping[str, Array], time_limit: int) -> Array:
    """Returns of the file's complete episodes."""
    reward, terminal = (np.asarray(columns[key]).reshape(-1) for key in ("rewards", "terminals"))
    timeout = np.asarray(columns["timeouts"]).reshape(-1).astype(bool) if "timeouts" in columns else None
    rows = Rows(columns["observations"], columns["actions"], reward, terminal.astype(bool), timeout, None)
    last = np.flatnonzero(episode_ends(rows, time_limit)[:-1])  # what the file's end cuts off is not complete
    if not len(last):
        raise DataError("the file has no complete episode to compare returns with; leave --episodes out")
    begin = np.concatenate([[0], last[:-1] + 1])
    return np.add.reduceat(reward[: last[-1] + 1], begin, dtype=np.float64)


def roll_out(task: Task, policy: Behaviour, episodes: int, there: Array) -> Rollout:
    """Play `episodes` episodes with sampled actions; the same ones every time."""
    env = task.make(min(TOGETHER, episodes))
    returns = np.zeros(episodes)
    for first in range(0, episodes, env.n):
        numbers = np.arange(first, min(first + env.n, episodes))
        rng = np.random.default_rng([0, first])
        obs = np.array(env.reset(numbers - first, numbers))
        running = numbers - first
        while len(running):
            result = env.step(running, policy(obs[running], rng))
            obs[running] = result.obs
            returns[first + running] += result.reward
            running = running[~(result.terminal | result.truncated)]
    env.close()
    return Rollout(task.physics, returns, there)
