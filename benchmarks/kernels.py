"""What an H100 would run for a gradient step: read off a program that XLA compiles for it here, where there is none.

    python -m benchmarks kernels [--algorithm pars] [--phase offline] [--members 1] [--out HLO.txt]

Wanted is the CUDA plugin of JAX (`make setup GPU=1`); no driver, no GPU. XLA cannot try which of its kernels are fast
on a card that is not there, so products are as it guesses; what is fused, how many kernels there are and where the
host is asked is what a GPU gets.

kernels  of a step, on average: products, fusions, copies (benchmarks/hlo.py)
waits    loops whose length the host has to be asked for at every turn, and branches
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
from jax.sharding import SingleDeviceSharding

from benchmarks.flops import PAPER, Shape
from benchmarks.hlo import kernels
from pars.algos import find_algorithm
from pars.core import Spec
from pars.errors import UsageError
from pars.packing import width
from pars.testing.tiny import as_on_a_gpu
from pars.training.block import chunk_length
from pars.training.learner import Learner

ROWS = 1000
# as xla/backends/gpu/target_config/specs has it
H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98 device_memory_size: 84929347584
  shared_memory_per_block_optin: 232448 cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA" dnn_version_info { major: 9 minor: 7 } runtime_version { major: 13 minor: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""


def h100() -> SingleDeviceSharding:
    """A card to compile for. Raises UsageError without the plugin."""
    from jax.experimental import topologies

    os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"  # of libraries that only a card needs
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_autotune_level=0".strip()
    jax.config.update("jax_platforms", "cpu")
    jax.devices()  # finds plugins
    try:
        card = topologies.get_topology_desc("h100", platform="cuda", target_config=H100, topology="1x1x1")
    except (NotImplementedError, RuntimeError) as error:
        raise UsageError(f"no CUDA plugin of JAX to compile with ({error}); make setup GPU=1 installs it") from None
    return SingleDeviceSharding(card.devices[0])


def program(algorithm: str, phase: str, members: int, shape: Shape, card: SingleDeviceSharding) -> tuple[str, int]:
    """The optimised HLO of a block, and the steps of each of its chunks."""
    algo, cfg, spec = find_algorithm(algorithm), shape.config(algorithm), Spec(shape.obs, shape.action)
    if phase not in algo.phases:
        raise UsageError(f"{algorithm} has no {phase} phase; it has {' and '.join(algo.phases)}")
    columns = {column.name: (shape.action,) * (column.name == "next_action") for column in algo.columns_of(cfg)}
    with as_on_a_gpu(apart=False):
        learner = Learner(algo, [cfg] * members, list(range(members)), spec, tuple(columns.items()))
        learner.load(*data(width(spec), columns))
        if phase == "online":
            learner.go_online(ROWS)
        learner.start_interval(phase)
        assert learner.feed is not None
        ((rows, span),) = learner.feed(phase, 0, 1, 1)
        args = (learner.cfg, learner.seed, learner.state, learner.sums[phase], learner.feed.own, rows)
        replay = (learner.replay.array, np.int32(1)) if learner.replay else ()
        args = (*args, learner.feed.episodes, tuple(map(np.int32, span)), *replay)
        args = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), x.dtype, sharding=card), args)
        lowered = learner.program.block(phase, streaming=False).trace(*args).lower(lowering_platforms=("cuda",))
        delays = learner.program._update(phase)[0].delays
        return lowered.compile().as_text() or "", chunk_length(cfg, delays, phase == "online")


def data(width: int, columns: dict[str, tuple[int, ...]]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Rows of nothing, and columns behind them."""
    zeros = lambda *shape: np.zeros((ROWS, *shape), np.float32)  # noqa: E731
    return zeros(width), {name: zeros(*shape) for name, shape in columns.items()}


def waits(text: str) -> int:
    loops = re.findall(r" while\(.*", text)
    return sum('"known_trip_count"' not in loop for loop in loops) + text.count(" conditional(")


def run(args: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks kernels", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--algorithm", default="pars")
    parser.add_argument("--phase", choices=("offline", "online"), default="offline")
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write the last program's HLO to this file")
    given = parser.parse_args(args)
    card = h100()
    for shape in PAPER:
        text, steps = program(given.algorithm, given.phase, given.members, shape, card)
        if given.out:
            given.out.write_text(text)
        each = f"{kernels(text) / steps:.0f} kernels a step, {waits(text)} wait(s) in {steps} steps"
        print(f"{given.algorithm} {given.phase} {shape.name}, {given.members} member(s): {each}", flush=True)
