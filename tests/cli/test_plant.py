"""From a folder of a plant's logs to a policy, as an engineer would go: four commands, no setting of ours known."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from pars import load_policy
from pars.data import load_dataset
from tests.cli.said import Pars, one_line
from tests.data.plant import ACTUATORS, SENSORS, write_plant


@pytest.mark.usefixtures("own_folders")
def test_from_the_folder_to_a_policy(pars: Pars, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_plant(tmp_path / "logs")
    one_line(pars("data", "check", "logs"), 3, "no 'observations' and no 'actions' and no", "--map obs=")

    said = pars("data", "check", "logs", "--suggest", "maps/plant.toml")  # no folder maps yet
    assert said.code == 0 and "mapping: maps/plant.toml; correct it" in said.out
    ranges = ",".join(f"{low:g}..{high:g}" for low, high in ACTUATORS.values())
    cleaning = ("--map", "maps/plant.toml", "--split-gap", "10", "--action-range", ranges)
    said = pars("data", "clean", "logs", *cleaning, "--out", "clean/plant.hdf5")
    assert said.code == 0, said
    for words in (
        "time: one row every 1 s (median)",
        "episodes are cut at 1 gaps longer than 10 s",
        "mended by forward",
        "actions: scaled to [-1, 1] from 0..100, -5..5, 0..3000 (given)",
    ):
        assert words in said.out
    assert "gaps in time" not in said.out
    said = pars("data", "check", "clean/plant.hdf5")
    assert said.code == 0 and "201 episodes" in said.out and "10 terminal rows" in said.out, said
    said = pars(
        "train", "bc", "--data", "clean/plant.hdf5", "--steps", "300", "actor_hidden=16x16", "--quiet", "--out", "run"
    )
    assert said.code == 0, said
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.index("201 episodes") < page.index("What each method would do") < page.index("valve_pct</h3>")

    with h5py.File("clean/plant.hdf5") as file:
        names = file.attrs["columns"]
        assert all(name in names for name in (*SENSORS, *ACTUATORS))
        low, high = file.attrs["action_low"], file.attrs["action_high"]
    bounds = np.array([*ACTUATORS.values()]).T
    assert (low == bounds[0]).all() and (high == bounds[1]).all()
    assert [(one.low, one.high) for one in load_policy("run").outputs] == [*ACTUATORS.values()]
    data, policy = load_dataset("clean/plant.hdf5").columns, load_policy("run")
    assert policy.inputs == tuple(SENSORS) and [one.name for one in policy.outputs] == [*ACTUATORS]
    in_units = policy(data.obs[::50])
    assert (in_units >= bounds[0]).all() and (in_units <= bounds[1]).all() and in_units.max() > 10  # plant's units
    actions = 2 * (in_units - low) / (high - low) - 1
    assert actions.shape == (len(data.obs[::50]), 3) and (actions.std(axis=0) > 0.1).all()  # no constant action
    assert (np.abs(actions - data.action[::50]).mean(axis=0) < np.abs(data.action[::50]).mean(axis=0)).all()

    pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    said = pars("export", "run", "--out", "policy", "--fallback", "50,0,0")
    assert said.code == 0, said
    np.testing.assert_array_equal(load_policy("policy")(data.obs[::50]), in_units)
    told = json.loads(Path("policy/contract.json").read_text())
    units = {one["name"]: one["unit"] for one in (*told["inputs"], *told["outputs"])}
    assert (units["flow, l/s"], units["pH"], units["valve_pct"], units["torque_cmd"]) == ("l/s", "", "%", "")
    page = Path("policy/passport.html").read_text()
    assert "From 12 inputs it sets valve_pct, torque_cmd and fan_setpoint." in page and "O2 (ppm)" in page
