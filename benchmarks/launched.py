"""What a GPU launched, from JAX's profiler: also what command buffers hide."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jax import profiler


class Launched(NamedTuple):
    """Of one GPU, for each of the steps profiled."""

    kernels: float
    copies: float  # within the device, and fills
    to_host: float  # copies to the host, which waits for them
    seconds: float  # of kernels and copies together


def launched(work: Callable[[], object], steps: int) -> Launched | None:
    """Profile `work`, which takes so many steps and waits for their end. None where no GPU was seen."""
    options = profiler.ProfileOptions()
    options.host_tracer_level = options.python_tracer_level = 0
    with tempfile.TemporaryDirectory(prefix="pars-bench-") as folder:
        profiler.start_trace(folder, profiler_options=options)
        work()
        profiler.stop_trace()
        files = sorted(Path(folder).rglob("*.xplane.pb"))
        return read(profiler.ProfileData.from_file(str(files[0])), steps) if files else None


def read(data: profiler.ProfileData, steps: int) -> Launched | None:
    """The streams of the first GPU; its other lines say the same again, by operation."""
    for plane in data.planes:
        if plane.name.startswith("/device:GPU:"):
            events = [event for line in plane.lines if line.name.startswith("Stream") for event in line.events]
            to_host = sum(event.name.startswith("MemcpyD2H") for event in events)
            copies = sum(event.name.startswith(("Memcpy", "Memset")) for event in events) - to_host
            counts = len(events) - copies - to_host, copies, to_host, sum(event.duration_ns for event in events) / 1e9
            return Launched(*(count / steps for count in counts))
    return None
