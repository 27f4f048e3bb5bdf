"""The process of one peer: a job on the first line of stdin, then requests, each answered by a line on stdout, in JSON.

{"do": "run", "seconds": S}  as many gradient steps as fill S seconds -> {"steps": n, "seconds": s}
{"do": "steps", "count": n}  -> {"steps": n, "seconds": s}
{"do": "act", "obs": [[..]]}  -> {"action": [[..]]}
{"do": "interact", "count": n}  environment steps with training; ours alone -> {"steps": n, "seconds": s}
{"do": "explore", "obs": [..]}  -> {"action": [..], "seconds": s}
{"do": "learn", "obs": [..], "action": [..], "reward": r, "next_obs": [..], "terminal": 0 or 1}  -> {"steps": n,
"seconds": s}; these two are of peers that learn online, whose environment the harness owns

The answer to the job, after the first step (or as many as `job.first` says): {"start": seconds until then since this
process began to import the peer}.
Whatever the peer itself prints goes to stderr. Between requests the process sleeps.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.base import Adapter, Job, Met


class Rate:
    """Runs an adapter for a time. Chunks grow to a third of it, so that waiting between them costs nothing."""

    def __init__(self, adapter: Adapter):
        self.adapter, self.rate = adapter, 1.0

    def __call__(self, seconds: float) -> dict[str, float]:
        begin, steps, now = time.perf_counter(), 0, 0.0
        while now < seconds:
            steps += self.adapter.steps(max(1, int(min(self.rate * seconds / 3, self.rate * (seconds - now) + 1))))
            now = time.perf_counter() - begin
            self.rate = steps / now
        return {"steps": steps, "seconds": now}


def timed(work: Callable[[int], int], count: int) -> dict[str, float]:
    begin = time.perf_counter()
    return {"steps": work(count), "seconds": time.perf_counter() - begin}


def answer(adapter: Adapter, rate: Rate, request: dict[str, Any]) -> dict[str, Any]:
    what = request["do"]
    if what == "run":
        return rate(request["seconds"])
    if what == "steps":
        return timed(adapter.steps, request["count"])
    if what == "interact":
        return timed(adapter.interact, request["count"])  # type: ignore[attr-defined]
    if what == "act":
        return {"action": np.asarray(adapter.act(np.asarray(request["obs"], np.float32)), np.float64).tolist()}
    if what == "explore":
        begin = time.perf_counter()
        action = np.asarray(adapter.explore(np.asarray(request["obs"], np.float32)), np.float64)  # type: ignore[attr-defined]
        return {"action": action.tolist(), "seconds": time.perf_counter() - begin}
    if what == "learn":
        begin = time.perf_counter()
        steps = adapter.learn(Met(**{name: np.asarray(request[name], np.float32) for name in Met._fields}))  # type: ignore[attr-defined]
        return {"steps": steps, "seconds": time.perf_counter() - begin}
    raise ValueError(f"unknown request {what!r}")


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def reply(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=replies, flush=True)

    job = Job(**json.loads(sys.stdin.readline()))
    begin = time.perf_counter()
    adapter: Adapter = importlib.import_module(job.adapter).Adapter(job)
    adapter.steps(job.first)
    reply({"start": time.perf_counter() - begin})
    rate = Rate(adapter)
    for line in sys.stdin:
        reply(answer(adapter, rate, json.loads(line)))


if __name__ == "__main__":
    main()
