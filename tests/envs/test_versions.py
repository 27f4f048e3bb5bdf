"""The oldest, the closest to D4RL's and the newest MuJoCo that pars supports, each in a virtual environment of its own.

Everything but MuJoCo and what it needs comes from the environment of the tests. Needs pip and a package index.
"""

import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

# Runs under each version: constants of D4RL's models, then 20 steps of every environment. Prints where they end.
SCRIPT = """
import json, sys
import mujoco, numpy as np
from pars.envs import TASKS, make_task
from pars.envs.adroit import HANDS
from pars.envs.adroit_hand import adroit_model
from pars.envs.antmaze import ant_xml
from pars.envs.assets import gymnasium_xml
from pars.envs.engine import NEW_COLLISIONS, compile_model, margins_add_up

assert mujoco.__version__ == sys.argv[1], mujoco.__version__
hopper, ant = compile_model(gymnasium_xml("hopper.xml")), compile_model(ant_xml(None))
np.testing.assert_allclose(hopper.body_mass[1:], [3.53429174, 3.92699082, 2.71433605, 5.0893801], rtol=1e-8)
np.testing.assert_allclose(np.unique(ant.body_mass[1:].round(8)), [0.03647693, 0.06491138, 0.32724923], atol=1e-8)
models = {0.001: hopper, 0.01: ant} | {0.0005: adroit_model(hand, {}) for hand in HANDS}
for margin, model in models.items():
    assert np.isclose(model.geom_margin.max() * (2 if margins_add_up() else 1), margin), margin
    for name in NEW_COLLISIONS:
        if flag := getattr(mujoco.mjtDisableBit, name, 0):
            assert model.opt.disableflags & int(flag), name

ends, index = {}, np.arange(2)
for task_id in {make_task(i).maze or i.split("-")[0]: i for i in TASKS}.values():
    task = make_task(task_id)
    env = task.make(2)
    env.reset(index, index)
    rng = np.random.default_rng(0)
    for _ in range(20):
        result = env.step(index, rng.uniform(-1, 1, (2, task.action_dim)))
    assert np.isfinite(result.obs).all() and np.isfinite(result.reward).all(), task_id
    ends[task_id] = result.obs.tolist()
    env.close()
print(json.dumps(ends))
"""

# How far 20 steps may end from those of the version the tests run with. Not listed: the ant, whose quaternion 4.0.0
# integrates another way, and the point mass, which is MuJoCo's as installed and touches walls.
TOLERANCE = dict.fromkeys(("halfcheetah", "hopper", "walker2d"), 1e-6)
TOLERANCE |= dict.fromkeys(("pen", "door", "hammer", "relocate"), 1e-4)


def run(python: Path | str, version: str) -> dict[str, list[list[float]]]:
    command = [str(python), "-W", "ignore", "-c", SCRIPT, version]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ends: dict[str, list[list[float]]] = json.loads(done.stdout.splitlines()[-1])
    return ends


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.2.7", "3.17.0", "4.0.0"])
def test_tasks_on_mujoco(version: str, tmp_path: Path) -> None:
    import mujoco

    if importlib.util.find_spec("pip") is None:
        pytest.skip("no pip")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", f"mujoco=={version}"]
    subprocess.run(pip, check=True, timeout=600)
    site = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    (site / "outer.pth").write_text(sysconfig.get_paths()["purelib"] + os.linesep)  # searched after the venv's own
    ends, here = run(python, version), run(sys.executable, mujoco.__version__)
    assert ends.keys() == here.keys() and len(here) == 14
    for task_id, obs in ends.items():
        if tolerance := TOLERANCE.get(task_id.split("-")[0]):
            np.testing.assert_allclose(obs, here[task_id], atol=tolerance, err_msg=task_id)
