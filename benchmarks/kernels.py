"""What an H100 would run for a gradient step: read off a program that XLA compiles for it here, where there is none.

    python -m benchmarks kernels [--algorithm pars] [--phase offline] [--members 1] [--hlo FILE] [--dry]

With the CUDA plugin of JAX (the packages of requirements/gpu.txt) XLA compiles for the card itself; no driver and no
GPU is needed. It cannot try which of its kernels are fast on a card that is not there, so products are as it guesses;
what is fused, how many kernels there are and where the host is asked is what a GPU gets. Without the plugin the same
program is compiled for the processor, whose compiler fuses in its own way: a hint, and said to be one.

The columns: benchmarks/hlo.py. `--hlo`: write the last program there. `--dry`: tiny networks.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import SingleDeviceSharding

from benchmarks.case import Case
from benchmarks.flops import PAPER, TINY
from benchmarks.hlo import COLUMNS, counts, floor
from benchmarks.table import FOLDER, Row, lines, write_csv
from pars.algos import find_algorithm
from pars.core import Spec
from pars.errors import UsageError
from pars.packing import width
from pars.testing.tiny import as_on_a_gpu
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


def h100() -> SingleDeviceSharding | None:
    """A card to compile for; None without the plugin."""
    from jax.experimental import topologies

    os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"  # of libraries that only a card needs
    flags = os.environ.get("XLA_FLAGS", "")
    if importlib.util.find_spec("jax_cuda13_plugin"):  # the processor's compiler would not know the flag
        os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_autotune_level=0".strip()
    jax.config.update("jax_platforms", "cpu")
    jax.devices()  # finds plugins
    try:
        card = topologies.get_topology_desc("h100", platform="cuda", target_config=H100, topology="1x1x1")
    except (NotImplementedError, RuntimeError):
        return None
    return SingleDeviceSharding(card.devices[0])


def measure(case: Case, phase: str, card: SingleDeviceSharding | None, hlo: Path | None) -> Row:
    """What a case's program would do on a card."""
    algo, cfg, shape = find_algorithm(case.algorithm), case.config, case.shape
    if phase not in algo.phases:
        raise UsageError(f"{case.algorithm} has no {phase} phase; it has {' and '.join(algo.phases)}")
    columns = {column.name: (shape.action,) * (column.name == "next_action") for column in algo.columns_of(cfg)}
    spec, seeds = Spec(shape.obs, shape.action), list(range(case.members))
    with as_on_a_gpu(apart=False):
        learner = Learner(algo, [cfg] * case.members, seeds, spec, tuple(columns.items()))
        learner.load(*data(width(spec), columns))
        compiled = program(learner, phase, card)
        row = counts(learner, phase, compiled)
    if hlo:
        hlo.write_text(compiled.as_text() or "")
    return {"case": f"{case} {phase}", **row, **floor(case)}


def program(learner: Learner, phase: str, card: SingleDeviceSharding | None) -> Any:
    """A phase's block of gradient steps, compiled."""
    if phase == "online":
        learner.go_online(ROWS)
    learner.start_interval(phase)
    assert learner.feed is not None
    ((rows, span),) = learner.feed(phase, 0, 1, 1)
    args = (learner.cfg, learner.seed, learner.state, learner.sums[phase], learner.feed.own, rows)
    replay = (learner.replay.array, np.int32(1)) if learner.replay else ()
    args = (*args, learner.feed.episodes, tuple(map(np.int32, span)), *replay)
    run = learner.program.block(phase, streaming=False)
    if card is None:
        return run.lower(*args).compile()
    args = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), x.dtype, sharding=card), args)
    return run.trace(*args).lower(lowering_platforms=("cuda",)).compile()


def data(width: int, columns: dict[str, tuple[int, ...]]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Rows of nothing, and columns behind them."""
    zeros = lambda *shape: np.zeros((ROWS, *shape), np.float32)  # noqa: E731
    return zeros(width), {name: zeros(*shape) for name, shape in columns.items()}


def run(args: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks kernels", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--algorithm", default="pars")
    parser.add_argument("--phase", choices=("offline", "online"), default="offline")
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--hlo", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--dry", action="store_true")
    given = parser.parse_args(args)
    if given.members < 1:
        raise UsageError(f"--members {given.members}; give at least one")
    card = h100()
    print("compiled for an H100" if card else "no CUDA plugin of JAX here: compiled for the processor, so a hint")
    cases = [Case(given.algorithm, shape, given.members) for shape in ([TINY] if given.dry else PAPER)]
    rows = [measure(case, given.phase, card, given.hlo) for case in cases]
    print("\n".join(lines(COLUMNS, rows)))
    write_csv(given.out / "kernels.csv", rows)
