"""Environments of others, one step at a time: whatever they raise or return that does not fit is said in one line."""

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from pars.alarm import TOO_LONG, Late, in_time
from pars.envs.base import Array
from pars.errors import Interrupted, TaskError

if TYPE_CHECKING:
    import gymnasium

TIMEOUT = 300.0  # seconds that one reset or step may take
STEP = "observation, reward, terminated, truncated and info"


class Foreign:
    """One environment of Gymnasium whose results are checked: finite observations of its space's shape, a reward that
    is one finite number, flags that are true or false, and an answer in time.

    Args:
        timeout: seconds that a reset or step may take; 0: any time. Kept in the main thread alone, where alarms arrive.

    Every method raises TaskError with the step and the seed of the episode.
    """

    def __init__(self, env: "gymnasium.Env[Any, Any]", name: str, timeout: float = TIMEOUT) -> None:
        self.env, self._name, self._timeout = env, name, timeout
        self._shape = env.observation_space.shape or ()
        space: Any = env.action_space
        self.box = space.low, space.high  # of actions
        self._seed, self._step = 0, 0

    def reset(self, seed: int) -> Array:
        """-> obs [O] float32."""
        self._seed, self._step = seed, 0
        found = self._call("reset", seed=seed)
        if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], dict)):
            raise self._fault(f"reset returned {_shown(found)}", "return observation and info, as Gymnasium has it")
        return self._obs(found[0])

    def step(self, action: Array) -> tuple[Array, float, bool, bool]:
        """action [A] in the environment's units -> obs [O] float32, reward, terminated, truncated."""
        self._step += 1
        found = self._call("step", action)
        if not isinstance(found, tuple) or len(found) != 5:
            raise self._fault(f"step returned {_shown(found)}", f"return {STEP}, as Gymnasium has it")
        obs, reward, terminal, truncated, _ = found
        return self._obs(obs), self._reward(reward), self._flag(terminal), self._flag(truncated)

    def close(self) -> None:
        """See `close`."""
        close(self.env, self._name, self._timeout)

    def picture(self) -> Array:
        """-> what it draws, [height, width, 3] uint8."""
        found = np.asarray(self._call("render"))
        if found.ndim != 3 or found.shape[2] != 3 or found.dtype != np.uint8:
            raise self._fault(f"render returned {_shown(found)}", "return a picture [height, width, 3] uint8")
        return found

    def _obs(self, obs: Any) -> Array:
        try:
            values = np.asarray(obs, np.float32)
        except (TypeError, ValueError):
            raise self._fault(f"the observation is {_shown(obs)}", "return numbers") from None
        if values.shape != self._shape:
            mend = "mend the space or the observation"
            raise self._fault(f"the observation has shape {values.shape}, its space {self._shape}", mend)
        values = values.reshape(-1)
        if not np.isfinite(values).all():
            at = int(np.argmax(~np.isfinite(values)))
            raise self._fault(f"the observation is {values[at]} at {at}", "return finite numbers")
        return values

    def _reward(self, reward: Any) -> float:
        if np.ndim(reward) == 0 and isinstance(reward, int | float | np.number | np.bool_ | np.ndarray):
            with contextlib.suppress(TypeError, ValueError), np.errstate(over="ignore"):
                value = float(np.float32(reward))  # as it is kept
                if np.isfinite(value):
                    return value
        raise self._fault(f"the reward is {_shown(reward)}", "return one finite number")

    def _flag(self, flag: Any) -> bool:
        if isinstance(flag, bool | np.bool_ | int | np.integer | np.ndarray) and np.ndim(flag) == 0 and flag in (0, 1):
            return bool(flag)
        raise self._fault(f"terminated or truncated is {_shown(flag)}", f"return {STEP}, as Gymnasium has it")

    def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the environment; what it raises is its fault."""
        try:
            with in_time(self._timeout, f"{method} of {self._name}"), _alive():
                return getattr(self.env, method)(*args, **kwargs)
        except Late:
            raise self._fault(f"{method} took longer than {self._timeout:g} s", TOO_LONG) from None
        except SystemExit as error:
            what = f"{method} wanted to end the process (exit {error.code})"
            raise self._fault(what, "mend the environment") from error
        except (KeyboardInterrupt, Interrupted):
            raise
        except BaseException as error:
            line = _first_line(error)
            if "unpack" in line:  # a wrapper of Gymnasium's has looked before us
                raise self._fault(f"{method} failed: {line}", f"return {STEP}, as Gymnasium has it") from error
            reason = f"{type(error).__name__}: {line} ({self._where()})"
            raise TaskError(f"{self._name} failed in {method}: {reason}; mend the environment") from error

    def _fault(self, what: str, mend: str) -> TaskError:
        return TaskError(f"{self._name}: {what} ({self._where()}); {mend}")

    def _where(self) -> str:
        return f"step {self._step} of seed {self._seed}"


def close(env: "gymnasium.Env[Any, Any]", name: str, timeout: float = TIMEOUT) -> None:
    """Close an environment. That it fails to is said, and stops nothing: no number depends on it."""
    try:
        with in_time(timeout, f"close of {name}"), _alive():
            env.close()
    except (KeyboardInterrupt, Interrupted):
        raise
    except BaseException as error:
        warnings.warn(f"{name} failed in close: {type(error).__name__}: {_first_line(error)}", stacklevel=2)


@contextlib.contextmanager
def _alive() -> Iterator[None]:
    """Make a SystemExit of an `os._exit` in the block, also of another thread, which ends the process without a word;
    native code still can, and processes that were forked there may."""
    before, here, process = os._exit, threading.get_ident(), os.getpid()
    asked: list[int] = []

    def leave(status: int) -> NoReturn:
        if os.getpid() != process:
            before(status)
        if threading.get_ident() != here:
            asked.append(status)
        raise SystemExit(status)

    os._exit = leave
    try:
        yield
    finally:
        os._exit = before
    if asked:
        raise SystemExit(asked[0])


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def _shown(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, tuple):
        return f"{len(value)} values"
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else type(value).__name__
