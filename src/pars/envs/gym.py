"""Any Gymnasium environment with box spaces as a BatchEnv."""

import contextlib
import importlib
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from pars.envs.base import GYM, Array, BatchEnv, StepResult, Task, clipped
from pars.envs.foreign import TIMEOUT, Foreign
from pars.errors import TaskError
from pars.units import SCALED, ActionRange, parse_range

if TYPE_CHECKING:
    import gymnasium

DEFAULT_TIME_LIMIT = 1000  # actions, for environments that have no limit of their own
EnvArgs = Mapping[str, Any]
NO_ARGS: EnvArgs = MappingProxyType({})


class GymBatch:
    """n Gymnasium environments, stepped in turn. Actions in [-1, 1] are mapped linearly to `action_range`, by default
    the action box, and clipped to that."""

    goals = None

    def __init__(
        self,
        env_id: str,
        n: int,
        args: EnvArgs = NO_ARGS,
        timeout: float = TIMEOUT,
        action_range: ActionRange | None = None,
    ) -> None:
        if n < 1:
            raise ValueError(f"a batch needs at least one environment, got {n}")
        self.n = n
        self._envs = [Foreign(_make(env_id, args), env_id, timeout) for _ in range(n)]
        box: Any = self._envs[0].env.action_space
        self._box, self._dtype = (box.low, box.high), box.dtype
        known = action_range or ActionRange.of(*self._box, "box")
        low, high = np.asarray(known.low), np.asarray(known.high)
        self._middle, self._half = (high + low) / 2, (high - low) / 2

    def reset(self, index: Array, seed: Array) -> Array:
        """Restart the environments `index` [k] from `seed` [k] -> obs [k, O]."""
        return np.stack([self._envs[i].reset(int(s)) for i, s in zip(index, seed, strict=True)])

    def step(self, index: Array, action: Array) -> StepResult:
        """One action for each of the environments `index` [k], action [k, A] in [-1, 1] (clipped)."""
        index = np.asarray(index)
        k = len(index)
        scaled = np.clip((self._middle + clipped(action) * self._half).astype(self._dtype), *self._box)
        obs, reward = [], np.zeros(k, np.float32)
        terminal, truncated = np.zeros(k, bool), np.zeros(k, bool)
        for row, i in enumerate(index):
            seen, reward[row], terminal[row], truncated[row] = self._envs[i].step(scaled[row])
            obs.append(seen)
        return StepResult(np.stack(obs), reward, terminal, truncated & ~terminal)

    def close(self) -> None:
        """Close all environments."""
        for one in self._envs:
            one.env.close()


def _make(env_id: str, args: EnvArgs = NO_ARGS) -> "gymnasium.Env[Any, Any]":
    """The environment, or a TaskError in one line."""
    import gymnasium

    with _quiet():
        try:
            module, _, name = env_id.rpartition(":")
            if module:
                importlib.import_module(module)  # registers it
            spec = gymnasium.spec(name)
            limit = None if spec.max_episode_steps else DEFAULT_TIME_LIMIT
            return gymnasium.make(name, disable_env_checker=True, max_episode_steps=limit, **args)
        except (
            Exception,
            SystemExit,
        ) as error:  # environments are foreign code: whatever they raise, the user needs one line
            reason = " ".join(str(error).split()) or type(error).__name__
            raise TaskError(f"cannot make the Gymnasium environment {env_id!r}: {reason}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without notes on the user's own choice of version: Gymnasium's, and MuJoCo's, which go to a log file besides."""
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        mujoco.set_mju_user_warning(before)


def _check_spaces(env_id: str, env: "gymnasium.Env[Any, Any]") -> None:
    from gymnasium.spaces import Box

    for role, space in (("observation", env.observation_space), ("action", env.action_space)):
        if not isinstance(space, Box):
            raise TaskError(
                f"{env_id}: the {role} space is {type(space).__name__}, pars needs a Box; "
                "wrap the environment (for dicts: FlattenObservation) and register it under an id of your own"
            )
    box = env.action_space
    if not (
        isinstance(box, Box) and len(box.shape) == 1 and np.isfinite(box.low).all() and np.isfinite(box.high).all()
    ):
        raise TaskError(
            f"{env_id}: the action space {' '.join(str(box).split())} has no finite bounds [A]; "
            "wrap the environment with a bounded Box (RescaleAction) and register it under an id of your own"
        )


def gym_task(
    env_id: str, args: EnvArgs = NO_ARGS, timeout: float | None = None, action_range: str | None = None
) -> Task:
    """The task of a Gymnasium id such as `Hopper-v5` or `my_package:MyEnv-v0`; scores are raw returns.

    Args:
        args: keyword arguments of the environment.
        timeout: seconds that one reset or step may take; 0: any time.
        action_range: what actions in [-1, 1] are mapped to, see `pars.units.parse_range`; by default the action box.

    Raises TaskError if it cannot be made, or if its spaces are not boxes with bounded actions.
    """
    env = _make(env_id, args)
    try:
        _check_spaces(env_id, env)
        observed, acted = env.observation_space.shape, env.action_space.shape
        limit = env.spec.max_episode_steps if env.spec else None
        box: Any = env.action_space
        known = ActionRange.of(box.low, box.high, f"the box of {env_id}")
    finally:
        env.close()

    told: tuple[tuple[str, str], ...] = ()
    if action_range is not None:
        told = (("action_range", action_range),)
        known = known if action_range == SCALED else parse_range(action_range, len(known.low))

    def make(n: int, threads: int | None = None) -> BatchEnv:  # stepped in turn, whatever the threads
        return GymBatch(env_id, n, args, TIMEOUT if timeout is None else timeout, known)

    return Task(
        id=env_id,
        family=GYM,
        obs_dim=int(np.prod(observed or (1,))),
        action_dim=int(np.prod(acted or (1,))),
        time_limit=limit or DEFAULT_TIME_LIMIT,
        reference=None,
        eval_episodes=10,
        dataset=None,
        max_return=None,
        physics="stock",
        maze=None,
        make=make,
        action_range=None if known.plain else known,
        options=told,
    )
