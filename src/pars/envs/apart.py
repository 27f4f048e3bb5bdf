"""Gymnasium's environments in a process of their own: what ends or hangs that process leaves this one alone.

The two talk over a socket, a line of JSON each way. Floats pass through it unchanged, so results are those of
environments in this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pars.alarm import TOO_LONG, Late, in_time
from pars.errors import TaskError

Array = np.ndarray
GRACE = 5.0  # seconds beside the limit of a call: the environment's process says by itself what is late, if it can
CHILD = "pars.envs.apart_child"


class Spaces(NamedTuple):
    """What there is to know of an environment before it is used."""

    obs_shape: tuple[int, ...]
    action_shape: tuple[int, ...]
    low: Array  # of the action box, in its type
    high: Array
    time_limit: int  # actions


class Process:
    """A process with n environments of an id; `ask` calls one of them.

    Args:
        timeout: seconds that a call may take; 0: any time.

    Raises TaskError where they cannot be made, as every call does when the process has ended or does not answer.
    """

    def __init__(self, env_id: str, n: int, args: Mapping[str, Any], timeout: float) -> None:
        self._name, self._timeout = env_id, timeout
        self._socket, theirs = socket.socketpair()
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", CHILD, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": paths},  # modules are found where they are found here
                start_new_session=True,  # Ctrl-C is for this process
            )
        self._wire = self._socket.makefile("rw", encoding="utf-8")
        self._left = n
        asked = {"id": env_id, "n": n, "args": dict(args), "timeout": timeout}
        limit, self._timeout = self._timeout, 0.0  # imports may take longer than a step
        facts = self.ask(asked, "making it", "at the start")
        self._timeout = limit
        low, high = (np.asarray(facts[name], facts["type"]) for name in ("low", "high"))
        self.spaces = Spaces(tuple(facts["obs"]), tuple(facts["action"]), low, high, facts["limit"])

    def ask(self, asked: Any, what: str, where: str) -> Any:
        """Send a question and wait for its answer. what, where: for errors, "step", "step 3 of seed 0"."""
        try:
            limit = self._timeout + GRACE if self._timeout else 0.0
            self._socket.settimeout(limit or None)
            with in_time(limit, f"{what} of {self._name}"):
                self._wire.write(json.dumps(asked) + "\n")
                self._wire.flush()
                line = self._wire.readline()
            if not line.endswith("\n"):
                raise EOFError
            answer = json.loads(line)
        except (TimeoutError, Late):
            self._end(0.0)
            raise TaskError(
                f"{self._name}: {what} took longer than {self._timeout:g} s ({where}); {TOO_LONG}"
            ) from None
        except (OSError, EOFError, ValueError):
            how = self._end(GRACE)
            raise TaskError(f"{self._name}: {what} ended its process, {how} ({where}); mend the environment") from None
        except BaseException:  # a signal while it hangs
            self._end(0.0)
            raise
        if "error" in answer:
            self._end(GRACE)
            raise TaskError(answer["error"])
        return answer["result"]

    def leave(self) -> None:
        """One of the environments is not needed any more."""
        self._left -= 1
        if not self._left:
            self._end(GRACE)

    def _end(self, wait: float) -> str:
        """End the process, which has so many seconds to end by itself. -> how it ended"""
        with contextlib.suppress(OSError, ValueError):
            self._wire.close()
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(wait)
        self._child.kill()
        code = self._child.wait()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


class Remote:
    """One of a process's environments, with the face of `pars.envs.foreign.Foreign`."""

    def __init__(self, process: Process, number: int) -> None:
        self._process, self._number = process, number
        self._seed, self._step = 0, 0
        self.box = process.spaces.low, process.spaces.high

    def reset(self, seed: int) -> Array:
        """-> obs [O] float32."""
        self._seed, self._step = seed, 0
        return np.asarray(self._ask("reset", seed), np.float32)

    def step(self, action: Array) -> tuple[Array, float, bool, bool]:
        """action [A] in the environment's units -> obs [O] float32, reward, terminated, truncated."""
        self._step += 1
        obs, *rest = self._ask("step", action.tolist())
        return np.asarray(obs, np.float32), *rest

    def close(self) -> None:
        self._process.leave()

    def _ask(self, method: str, value: Any) -> Any:
        return self._process.ask([self._number, method, value], method, f"step {self._step} of seed {self._seed}")
