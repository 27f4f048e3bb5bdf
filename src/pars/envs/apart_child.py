"""The process that `pars.envs.apart` starts: makes environments and answers for them until nobody asks any more."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
from typing import Any

import numpy as np

from pars.envs.foreign import Foreign
from pars.envs.gym import make, spaces_of
from pars.errors import TaskError

DEATH_SIGNAL = 1  # of Linux's prctl: what this process gets when the one that started it is gone


def serve(wire: Any) -> None:
    """Answer each line of `wire`: the first is what to make, the others are (number, method, value)."""
    asked = json.loads(wire.readline())
    envs: list[Foreign] = []
    while True:
        try:
            answer = {"result": _call(envs, *asked) if envs else _begin(envs, **asked)}
        except TaskError as error:
            answer = {"error": str(error)}
        wire.write(json.dumps(answer) + "\n")
        wire.flush()
        if not (line := wire.readline()):
            return
        asked = json.loads(line)


def _begin(envs: list[Foreign], id: str, n: int, args: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Make n environments. -> `Spaces`"""
    made = [make(id, args) for _ in range(n)]
    found = spaces_of(id, made[0])
    envs += [Foreign(env, id, timeout) for env in made]
    bounds = {"low": found.low.tolist(), "high": found.high.tolist(), "type": found.low.dtype.str}
    return {"obs": found.obs_shape, "action": found.action_shape, "limit": found.time_limit, **bounds}


def _call(envs: list[Foreign], number: int, method: str, value: Any) -> Any:
    try:
        return _asked(envs[number], method, value)
    except KeyboardInterrupt:  # of the environment: no Ctrl-C comes here
        raise TaskError(f"{method} raised KeyboardInterrupt; mend the environment") from None


def _asked(env: Foreign, method: str, value: Any) -> Any:
    if method == "reset":
        return env.reset(value).tolist()
    obs, *rest = env.step(np.asarray(value, env.box[0].dtype))
    return obs.tolist(), *rest


def main() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)  # it may hang where no line reaches it
    with socket.socket(fileno=int(sys.argv[1])) as theirs, theirs.makefile("rw", encoding="utf-8") as wire:
        with contextlib.suppress(OSError):  # whoever asked has gone
            serve(wire)
        os._exit(0)  # whatever threads the environments have left


if __name__ == "__main__":
    main()
