"""Does this machine have what pars needs? Run at the end of `make setup` and by `python -m pars.cli.selfcheck`.

Each check does the real thing in miniature (a matrix product, a physics step, a checkpoint written and read back) and
returns what it found; what is missing is raised as one line with the way to mend it.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pars.cli import driver
from pars.errors import ResourceError
from pars.system import free_on_host, wanted_platforms

GIB = 2**30
MEMORY_MIN = 1.0  # GiB: three small members with a dataset of 100k rows take about half of it
DISK_MIN = 1.0  # GiB: one run of the demo with its dataset and checkpoints takes a tenth of it

BALL = """<mujoco><option timestep="0.01"/><worldbody><geom type="plane" size="1 1 1"/>
<body pos="0 0 1"><freejoint/><geom size="0.1"/></body></worldbody></mujoco>"""


def arithmetic() -> str:
    """The devices that JAX sees, after a matrix product on each of them."""
    import jax
    import jax.numpy as jnp

    devices = jax.devices()
    for device in devices:
        with jax.default_device(device):
            product = float((jnp.full((8, 4), 2.0) @ jnp.ones((4, 8))).sum())
        if product != 512.0:
            raise ResourceError(f"{device}: a matrix product gave {product}, not 512; reinstall: make clean setup")
    unasked = devices[0].platform == "cpu" and not wanted_platforms()
    if unasked and importlib.util.find_spec("jax_cuda13_plugin"):
        why = driver.missing() or "JAX cannot use the GPU that nvidia-smi shows"
        raise ResourceError(f"{why}; set JAX_PLATFORMS=cpu to do without, or make setup GPU=0")
    return f"JAX {jax.__version__} computes on {len(devices)} x {devices[0].device_kind}"


def physics() -> str:
    """One second of a falling ball: it lands on the floor and stays there."""
    import mujoco

    model = mujoco.MjModel.from_xml_string(BALL)
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, nstep=100)
    height = float(data.qpos[2])
    if not 0.05 < height < 0.15:
        raise ResourceError(f"MuJoCo let a ball of radius 0.1 come to rest at {height}; reinstall: make clean setup")
    return f"MuJoCo {mujoco.__version__} steps"


def checkpoint() -> str:
    """A checkpoint written to the temporary folder and read back."""
    from pars.position import Position
    from pars.training.checkpoint import latest, save

    tree = {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "step": np.array([7], np.int32)}
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder), Position(0, "offline", 7), tree, logs={})
        saved = latest(Path(folder))
        back = saved.restore(tree) if saved else {}
    if not all(name in back and np.array_equal(tree[name], back[name]) for name in tree):
        raise ResourceError(f"a checkpoint in {tempfile.gettempdir()} came back changed; check the disk, or set TMPDIR")
    return "a checkpoint comes back as it was written"


def memory() -> str:
    """Free memory, at least `MEMORY_MIN` GiB."""
    free = free_on_host() / GIB
    if free < MEMORY_MIN:
        raise ResourceError(f"{free:.1f} GiB of memory free, {MEMORY_MIN:.0f} needed; end other programs")
    return f"{free:.1f} GiB of memory free"


def disk() -> str:
    """Free disk space here, at least `DISK_MIN` GiB."""
    free = shutil.disk_usage(Path.cwd()).free / GIB
    if free < DISK_MIN:
        raise ResourceError(f"{free:.1f} GiB free on the disk of {Path.cwd()}, {DISK_MIN:.0f} needed; make room there")
    return f"{free:.0f} GiB of disk free"


CHECKS: dict[str, Callable[[], str]] = {
    "arithmetic": arithmetic,
    "physics": physics,
    "checkpoint": checkpoint,
    "memory": memory,
    "disk": disk,
}


def selfcheck(say: Callable[[str], None] = lambda line: None) -> list[str]:
    """What is missing here, one line each with the way to mend it; [] when nothing is. `say` gets every finding."""
    missing = []
    for name, check in CHECKS.items():
        try:
            say(f"  ok       {check()}")
        except ImportError as error:
            missing.append(f"{name}: {str(error).splitlines()[0]}; install what is locked: make clean setup")
        except ResourceError as error:
            missing.append(f"{name}: {error}")
        except (
            Exception
        ) as error:  # a broken driver or disk raises anything; naming the part it broke is this module's job
            missing.append(
                f"{name}: {type(error).__name__}: {' '.join(str(error).split())}; reinstall: make clean setup"
            )
    for line in missing:
        say(f"  MISSING  {line}")
    return missing


def main() -> int:
    """Print the findings; 0, or the exit code of `ResourceError` when something is missing."""
    start = time.perf_counter()
    print("self-check:")
    missing = selfcheck(print)
    count = f"{len(missing)} missing" if missing else "nothing is missing"
    print(f"  {count} ({time.perf_counter() - start:.1f} s)")
    return ResourceError.exit_code if missing else 0


if __name__ == "__main__":
    sys.exit(main())
