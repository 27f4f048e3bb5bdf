"""Any Gymnasium environment with box spaces as a BatchEnv."""

import contextlib
import importlib
import json
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from pars.envs.apart import Process, Remote, Spaces
from pars.envs.base import GYM, Array, BatchEnv, StepResult, Task, clipped
from pars.envs.engine import unwarned
from pars.envs.foreign import TIMEOUT, Foreign, close
from pars.errors import TaskError
from pars.units import SCALED, ActionRange, parse_range

if TYPE_CHECKING:
    import gymnasium

DEFAULT_TIME_LIMIT = 1000  # actions, for environments that have no limit of their own
EnvArgs = Mapping[str, Any]
NO_ARGS: EnvArgs = MappingProxyType({})
KNOWN: dict[tuple[str, str], Spaces] = {}  # by id and arguments, of those that were made in a process of their own


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
        isolate: bool = False,
    ) -> None:
        if n < 1:
            raise ValueError(f"a batch needs at least one environment, got {n}")
        self.n = n
        self._envs: list[Foreign | Remote]
        if isolate:
            process = Process(env_id, n, args, timeout)
            self._envs = [Remote(process, i) for i in range(n)]
        else:
            self._envs = [Foreign(make(env_id, args), env_id, timeout) for _ in range(n)]
        self._box: tuple[Array, Array] = self._envs[0].box
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
        scaled = np.clip((self._middle + clipped(action) * self._half).astype(self._box[0].dtype), *self._box)
        obs, reward = [], np.zeros(k, np.float32)
        terminal, truncated = np.zeros(k, bool), np.zeros(k, bool)
        for row, i in enumerate(index):
            seen, reward[row], terminal[row], truncated[row] = self._envs[i].step(scaled[row])
            obs.append(seen)
        return StepResult(np.stack(obs), reward, terminal, truncated & ~terminal)

    def picture(self, i: int = 0) -> Array:
        """What environment `i` draws of itself, [height, width, 3] uint8; it was made with render_mode="rgb_array".

        Raises TaskError if it draws nothing.
        """
        one = self._envs[i]
        assert isinstance(one, Foreign)  # those in a process of their own are not drawn
        return one.picture()

    def close(self) -> None:
        """Close all environments."""
        for one in self._envs:
            one.close()


def make(env_id: str, args: EnvArgs = NO_ARGS) -> "gymnasium.Env[Any, Any]":
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
    """Without notes on the user's own choice of version, Gymnasium's and MuJoCo's."""
    with unwarned(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def spaces_of(env_id: str, env: "gymnasium.Env[Any, Any]") -> Spaces:
    """What the environment is given and gives. Raises TaskError if that is not boxes, of actions a bounded one."""
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
    limit = (env.spec.max_episode_steps if env.spec else None) or DEFAULT_TIME_LIMIT
    return Spaces(env.observation_space.shape or (), box.shape, box.low, box.high, limit)


def gym_task(
    env_id: str,
    args: EnvArgs = NO_ARGS,
    timeout: float | None = None,
    action_range: str | None = None,
    isolate: bool = False,
) -> Task:
    """The task of a Gymnasium id such as `Hopper-v5` or `my_package:MyEnv-v0`; scores are raw returns.

    Args:
        args: keyword arguments of the environment.
        timeout: seconds that one reset or step may take; 0: any time.
        action_range: what actions in [-1, 1] are mapped to, see `pars.units.parse_range`; by default the action box.
        isolate: make and step the environments in a process of their own, which they may end; the same numbers.

    Raises TaskError if it cannot be made, or if its spaces are not boxes with bounded actions.
    """
    found = _spaces(env_id, args, isolate)
    known = ActionRange.of(found.low, found.high, f"the box of {env_id}")
    told: tuple[tuple[str, str], ...] = ()
    if action_range is not None:
        told = (("action_range", action_range),)
        known = known if action_range == SCALED else parse_range(action_range, len(known.low))

    def build(n: int, threads: int | None = None) -> BatchEnv:  # stepped in turn, whatever the threads
        return GymBatch(env_id, n, args, TIMEOUT if timeout is None else timeout, known, isolate)

    return Task(
        id=env_id,
        family=GYM,
        obs_dim=int(np.prod(found.obs_shape or (1,))),
        action_dim=int(np.prod(found.action_shape or (1,))),
        time_limit=found.time_limit,
        reference=None,
        eval_episodes=10,
        dataset=None,
        max_return=None,
        physics="stock",
        maze=None,
        make=build,
        action_range=None if known.plain else known,
        options=told,
    )


def _spaces(env_id: str, args: EnvArgs, isolate: bool) -> Spaces:
    """Of an environment that is made for the question."""
    if isolate:
        key = env_id, json.dumps(dict(args), sort_keys=True)
        if key not in KNOWN:
            process = Process(env_id, 1, args, TIMEOUT)
            process.leave()
            KNOWN[key] = process.spaces
        return KNOWN[key]
    env = make(env_id, args)
    try:
        return spaces_of(env_id, env)
    finally:
        close(env, env_id)
