"""MuJoCo's changes since 2.1.0, undone: against the masses that old engines gave, and by their effect on contacts."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
import pytest

from pars.envs.antmaze import ant_xml
from pars.envs.assets import gymnasium_xml
from pars.envs.engine import NEW_COLLISIONS, compile_model, margins_add_up
from pars.errors import UsageError

Way = Callable[[np.ndarray, np.ndarray], np.ndarray]

# body masses of mujoco-py's models, which D4RL's datasets were made with
MASSES = {
    "hopper.xml": [3.53429174, 3.92699082, 2.71433605, 5.0893801],
    "walker2d.xml": [3.53429174, 3.92699082, 2.71433605, 2.94053072, 3.92699082, 2.71433605, 2.94053072],
    "half_cheetah.xml": [6.36031332, 1.53524804, 1.58093995, 1.0691906, 1.42558747, 1.17885117, 0.84986945],
}


@pytest.mark.parametrize("name", MASSES)
def test_masses_are_those_of_old_engines(name: str) -> None:
    old, now = (compile_model(gymnasium_xml(name), mode) for mode in ("d4rl", "stock"))
    np.testing.assert_allclose(old.body_mass[1:], MASSES[name], rtol=1e-7)
    assert not np.allclose(now.body_mass, old.body_mass, rtol=1e-3)


def test_masses_of_the_ant() -> None:
    model = compile_model(ant_xml(None))
    np.testing.assert_allclose(model.body_mass[1:4], [0.32724923, 0.03647693, 0.03647693], rtol=1e-6)
    assert model.body_mass[4] == pytest.approx(0.06491138, rel=1e-6)


def test_total_mass_is_kept_in_both_modes_without_the_attribute() -> None:
    for mode in ("d4rl", "stock"):
        assert compile_model(gymnasium_xml("half_cheetah.xml"), mode).body_mass.sum() == pytest.approx(14.0)  # type: ignore[arg-type]


CAPSULE = """<mujoco><worldbody><body><freejoint/>
<geom type="capsule" size="0.1" fromto="0 0 0 0.4 0 0" density="1000"/></body></worldbody></mujoco>"""


def test_a_capsule_weighs_as_a_cylinder_longer_by_half_its_radius_at_each_end() -> None:
    old, now = compile_model(CAPSULE, "d4rl"), compile_model(CAPSULE, "stock")
    area = np.pi * 0.1**2
    assert old.body_mass[1] == pytest.approx(1000 * area * (0.4 + 0.1))
    assert now.body_mass[1] == pytest.approx(1000 * area * (0.4 + 4 / 3 * 0.1))
    along, across = 0.5 * old.body_mass[1] * 0.1**2, old.body_mass[1] * (3 * 0.1**2 + 0.5**2) / 12
    np.testing.assert_allclose(sorted(old.body_inertia[1]), sorted([along, across, across]), rtol=1e-6)
    np.testing.assert_allclose(old.body_ipos[1], [0.2, 0, 0], atol=1e-12)
    assert old.geom_type[0] == now.geom_type[0], "what collides is still the capsule"


SPHERE = """<mujoco><worldbody><geom type="plane" size="1 1 1" margin="0.1"/>
<body pos="0 0 {height}"><freejoint/><geom size="0.1" margin="0.04"/></body></worldbody></mujoco>"""


def contacts(mode: str, height: float) -> int:
    model = compile_model(SPHERE.format(height=height), mode)  # type: ignore[arg-type]
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return int(data.ncon)


@pytest.mark.skipif(not margins_add_up(), reason="this MuJoCo takes the larger margin already")
def test_halved_margins_reach_as_far_as_equal_ones_did() -> None:
    """With margins of .1 and .04 stock MuJoCo sees a contact at a gap of .13; the mean of the two, .07, does not."""
    assert contacts("stock", 0.1 + 0.13) == 1 and contacts("d4rl", 0.1 + 0.13) == 0
    assert contacts("d4rl", 0.1 + 0.06) == 1
    equal = SPHERE.replace("0.04", "0.1")
    model = compile_model(equal.format(height=0.1 + 0.099))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    assert data.ncon == 1, "equal margins, as all of D4RL's models have, act as the larger one did"


BOXES = """<mujoco><worldbody><geom type="box" size="1 1 .1"/>
<body pos="0 0 .299"><freejoint/><geom type="cylinder" size=".1 .2"/></body></worldbody></mujoco>"""


def test_new_collisions_are_switched_off_where_they_exist() -> None:
    flags = [int(getattr(mujoco.mjtDisableBit, name)) for name in NEW_COLLISIONS if hasattr(mujoco.mjtDisableBit, name)]
    old, now = compile_model(BOXES, "d4rl"), compile_model(BOXES, "stock")
    assert all(old.opt.disableflags & flag and not now.opt.disableflags & flag for flag in flags)
    found = []
    for model in (old, now):
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        found.append((data.ncon, data.contact.dist[: data.ncon].sum()))
    assert not flags or found[0] != found[1], "the flags change what touches what"


def test_rk4_turns_bodies_in_one_of_the_two_ways_that_are_known() -> None:
    """A tumbling box: angular velocities are summed (until 3.17), or corrected for the turn within the step (4.0.0)."""
    model = mujoco.MjModel.from_xml_string(TUMBLING)
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    quat, spin = rng.standard_normal(4), 5 * rng.standard_normal(3)
    data.qpos[3:], data.qvel[3:] = quat / np.linalg.norm(quat), spin
    start = data.qpos.copy()
    ends = [turned(model, start, spin, way) for way in (lambda turn, spin: spin, munthe_kaas)]
    mujoco.mj_step(model, data)
    apart = [np.abs(end - data.qpos[3:]).max() for end in ends]
    assert min(apart) < 1e-14 < 1e-5 < max(apart)


TUMBLING = """<mujoco><option integrator="RK4" timestep=".02" gravity="0 0 0"/>
<worldbody><body><freejoint/><geom type="box" size=".1 .2 .3"/></body></worldbody></mujoco>"""


def turned(model: mujoco.MjModel, start: np.ndarray, spin: np.ndarray, way: Way) -> np.ndarray:
    """The quaternion after one step of RK4; `way` makes a stage's rate of turning of its turn and angular velocity."""
    data, rates, changes = mujoco.MjData(model), [], []
    turn, now = np.zeros(3), spin
    for share in (0.5, 0.5, 1.0, 0.0):
        data.qpos[:], data.qvel[3:] = start, now
        mujoco.mju_quatIntegrate(data.qpos[3:], turn, 1.0)
        mujoco.mj_forward(model, data)
        rates.append(way(turn, now))
        changes.append(data.qacc[3:].copy())
        turn, now = share * model.opt.timestep * rates[-1], spin + share * model.opt.timestep * changes[-1]
    quat = start[3:].copy()
    mujoco.mju_quatIntegrate(quat, np.array([1, 2, 2, 1]) / 6 @ np.array(rates), model.opt.timestep)
    return quat


def munthe_kaas(turn: np.ndarray, spin: np.ndarray) -> np.ndarray:
    """How fast the rotation vector `turn` [3] changes, rad/s, at the body's angular velocity `spin` [3]."""
    angle, across = np.linalg.norm(turn), np.cross(turn, spin)
    third = (1 - angle / 2 / np.tan(angle / 2)) / angle**2 if angle > 0 else 1 / 12
    return spin + across / 2 + third * np.cross(turn, across)


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(UsageError, match=r"physics='old'; choose d4rl .* or stock"):
        compile_model(SPHERE.format(height=1), "old")  # type: ignore[arg-type]
