"""How long a training will take: from the arithmetic of its programs and a quick measurement of this machine.

An estimate, no promise: training at two thirds of the measured rate of matrix products (docs/lab/performance.md has
what programs reach), every evaluation episode to its time limit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from pars.core import OFFLINE, ONLINE
from pars.envs.measure import steps_per_second
from pars.probes.flops import step_flops
from pars.training.plan import Group, Plan, Request

EFFICIENCY = 0.65  # of the rate of matrix products, that training reaches
COMPILE = 8.0  # seconds for a program that is not in the cache
ROWS, WIDTH = 512, 256
LONG = 20_000  # gradient steps of all members together from which a run is worth the second that an estimate takes


def product_rate(seconds: float) -> float:
    """FLOP/s of [512, 256] @ [256, 256] on all cores, each with a chain of its own."""
    turns = 64
    flops = 2.0 * ROWS * WIDTH * WIDTH * turns
    weights = np.linalg.qr(np.random.default_rng(0).normal(size=(WIDTH, WIDTH)))[0].astype(np.float32)
    chain = jax.jit(lambda x, w: jax.lax.fori_loop(0, turns, lambda _, y: y @ w, x))
    devices = jax.devices()
    args = [(jax.device_put(jnp.ones((ROWS, WIDTH)), device), jax.device_put(weights, device)) for device in devices]
    jax.block_until_ready([chain(*pair) for pair in args])
    calls, begin = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < seconds:
        jax.block_until_ready([chain(*pair) for pair in args])
        calls += len(args)
    return calls * flops / elapsed


def updates(group: Group, plan: Plan) -> int:
    """Gradient steps of all members, in all phases."""
    each = {ONLINE: group.configs[0].updates_per_step}
    return len(group.seeds) * sum(steps * each.get(phase, 1) for phase, steps in group.phases(plan))


def played(group: Group, plan: Plan, time_limit: int) -> int:
    """Environment steps of all members, evaluations included."""
    looks = plan.offline_steps // plan.eval_every + plan.online_steps // plan.online_eval_every + 1
    return len(group.seeds) * (looks * plan.eval_episodes * time_limit + plan.online_steps)


def is_long(requests: Sequence[Request]) -> bool:
    """Whether something that takes a while is left to do."""
    pairs = [(g, p, one.out) for one in requests for g, p in zip(one.groups, one.plans, strict=True)]
    return sum(updates(g, p) for g, p, out in pairs if not (out / g.name / "run.json").exists()) >= LONG


def seconds(requests: Sequence[Request]) -> float | None:
    """Of all groups of all requests from their start, each a program of its own; None if it cannot be told."""
    try:
        return _seconds(requests)
    except Exception:  # an algorithm or environment from elsewhere may refuse to be measured, and still train
        return None


def _seconds(requests: Sequence[Request]) -> float:
    rate, total = EFFICIENCY * product_rate(0.3), 0.0
    for one in requests:
        physics = steps_per_second(one.task, 0.15) if one.task else 1.0
        for group, plan in zip(one.groups, one.plans, strict=True):
            work = step_flops(group.algo, group.configs[0], one.dataset.obs_dim, one.dataset.action_dim)
            phases = sum(steps > 0 or phase == OFFLINE for phase, steps in group.phases(plan))
            total += updates(group, plan) * work / rate + COMPILE * phases
            total += played(group, plan, one.task.time_limit) / physics if one.task else 0.0
    return total
