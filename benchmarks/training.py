"""Gradient steps per second of PARS at the paper's sizes, beside what this machine's matrix products allow.

The limit: the same matrix products as in training ([512, 256] @ [256, 256], the TD and PA rows of one hidden layer) and
nothing else, on all cores, in the better of two ways: each core a device of its own, or one device with all threads.
Rates are medians of interleaved repeats; `fraction` = FLOP counted by formula x steps/s / limit.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import jax
import numpy as np

from benchmarks.flops import PAPER, Shape, pars_step
from pars.algos import ALGORITHMS
from pars.core import Spec, Transition
from pars.device import place
from pars.learner import Learner
from pars.source import pack

REPEATS = 5
SECONDS = 1.5  # of each repeat
ROWS = 100_000


def matmul_rate(members: int, repeats: int = 100) -> Callable[[], float]:
    """A function that measures GFLOP/s of `members` independent chains of [512, 256] @ [256, 256]."""
    placement = place(members)
    rng = np.random.default_rng(0)
    x = placement.put(rng.normal(size=(members, 512, 256)).astype(np.float32))
    w = placement.share((rng.normal(size=(256, 256)) / 16).astype(np.float32))
    run = placement.map(lambda x, w: jax.lax.fori_loop(0, repeats, lambda _, y: y @ w, x), shared=(1,))
    jax.block_until_ready(run(x, w))

    def measure() -> float:
        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < SECONDS / 2:
            jax.block_until_ready(run(x, w))
            count += 1
        return count * members * repeats * 2 * 512 * 256 * 256 / (time.perf_counter() - begin) / 1e9

    return measure


def training_rate(shape: Shape, members: int) -> tuple[Callable[[], float], float]:
    """A function that measures gradient steps/s (all members together), and the seconds to the end of the first."""
    algo = ALGORITHMS["pars"]
    cfg = algo.config(critics=shape.critics, target_critics=shape.target_critics)
    learner = Learner(algo, [cfg] * members, list(range(members)), Spec(shape.obs, shape.action))
    learner.load(pack(_data(shape)))
    begin = time.perf_counter()
    learner.start_interval(False)
    learner.run(0, 1, 10**6)
    learner.metrics(1)
    compiled = time.perf_counter() - begin
    done, count = 1, 8

    def measure() -> float:
        nonlocal done, count
        begin = time.perf_counter()
        learner.run(done, count, 10**6)  # one dispatch of about a second, as `pars train` does
        learner.metrics(count)
        seconds = time.perf_counter() - begin
        done, rate = done + count, count / seconds
        count = max(2, int(rate * SECONDS))
        return rate * members

    measure()
    return measure, compiled


def _data(shape: Shape) -> Transition:
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(ROWS, shape.obs)).astype(np.float32)
    action = rng.uniform(-1, 1, (ROWS, shape.action)).astype(np.float32)
    return Transition(obs, action, rng.normal(size=ROWS), np.roll(obs, -1, axis=0), np.zeros(ROWS))


def run() -> None:
    devices = jax.devices()
    print(f"{len(devices)} x {devices[0].device_kind}; medians of {REPEATS} interleaved repeats of {SECONDS} s")
    limits = {"one device, all threads": matmul_rate(1), "a device per core": matmul_rate(len(devices))}
    cases = [(shape, members) for shape in PAPER for members in (1, 5)]
    print(f"{'shape':20} {'seeds':>5} {'GFLOP/step':>10} {'steps/s':>18} {'GFLOP/s':>8} {'fraction':>8} {'compile':>8}")
    for shape, members in cases:
        measure, compiled = training_rate(shape, members)
        rates: list[float] = []
        limit: list[float] = []
        for _ in range(REPEATS):
            limit.append(max(rate() for rate in limits.values()))
            rates.append(measure())
        middle, top = statistics.median(rates), statistics.median(limit)
        work = pars_step(shape) / 1e9
        spread = f"{middle:.1f} [{min(rates):.1f} {max(rates):.1f}]"
        figures = f"{work:10.2f} {spread:>18} {work * middle:8.0f} {work * middle / top:8.0%} {compiled:7.1f}s"
        print(f"{shape.name:20} {members:5d} {figures}", flush=True)
    for name, rate in limits.items():
        values = [rate() for _ in range(REPEATS)]
        print(f"limit, {name}: {statistics.median(values):.0f} GFLOP/s [{min(values):.0f} {max(values):.0f}]")
