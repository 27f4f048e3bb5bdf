"""Scores from returns; sensors, own parts of the model, and the solver's start in the physics of a batch."""

import dataclasses

import mujoco
import numpy as np
import pytest

from pars.envs import make_task
from pars.envs.base import ModelField, Physics

D4RL = {  # raw returns of a random and of an expert policy
    "antmaze": (0.0, 1.0),
    "halfcheetah": (-280.178953, 12135.0),
    "hopper": (-20.272305, 3234.3),
    "walker2d": (1.629008, 4592.3),
    "pen": (96.262799, 3076.8331017826877),
    "door": (-56.512833, 2880.5693087298737),
    "hammer": (-274.856578, 12794.134825156867),
    "relocate": (-6.425911, 4233.877797728884),
}


@pytest.mark.parametrize("name", D4RL)
def test_scores_of_the_references_are_0_and_100_and_come_back(name):
    low, high = D4RL[name]
    task = dataclasses.replace(make_task("pointmaze-umaze-fixed"), reference=(low, high))
    assert task.score(np.array([low, high, (low + high) / 2])) == pytest.approx([0, 100, 50])
    returns = np.random.default_rng(0).uniform(low - 1, high + 1, (2, 5))
    assert low + task.score(returns) / 100 * (high - low) == pytest.approx(returns)


def test_without_references_the_score_is_the_return():
    task = dataclasses.replace(make_task("pointmaze-umaze-fixed"), reference=None)
    assert task.score(np.array([-3.5, 7.0])).tolist() == [-3.5, 7.0]


# A ball hangs on a slide, over a shelf whose height each environment has of its own.
XML = """
<mujoco>
  <option timestep="0.01"/>
  <worldbody>
    <body name="shelf" pos="0 0 -1"><geom type="box" size="1 1 .1"/></body>
    <body name="ball"><joint name="height" type="slide" axis="0 0 1"/><geom size=".1"/><site name="centre"/></body>
  </worldbody>
  <actuator><motor joint="height" gear="1"/></actuator>
  <sensor><framepos objtype="site" objname="centre"/></sensor>
</mujoco>
"""
SKIP = 5


def balls(n: int, **options) -> Physics:
    model = mujoco.MjModel.from_xml_string(XML)
    shelf = ModelField("body_pos", model.body("shelf").id)
    return Physics(model, n, frame_skip=SKIP, own=[shelf], **options)


def fall(physics: Physics, index: np.ndarray, steps: int) -> None:
    for _ in range(steps):
        physics.step(index, np.zeros((len(index), 1)))


def test_sensors_are_fresh_after_place_and_a_simulator_step_behind_after_a_step():
    physics = balls(2)
    index = np.arange(2)
    physics.place(index, np.array([[0.5], [1.0]]), np.zeros((2, 1)))
    assert physics.sensors[:, 2].tolist() == [0.5, 1.0]
    fall(physics, index, 1)
    behind = physics.qpos[:, 0] - 0.01 * physics.qvel[:, 0]
    assert physics.sensors[:, 2] == pytest.approx(behind, abs=1e-12)
    assert physics.sensors[0, 2] > physics.qpos[0, 0]


def test_each_environment_has_its_own_part_of_the_model():
    """Balls come to rest on shelves of their own heights; who is not stepped and the given model stay as they are."""
    physics = balls(9, threads=2)
    (shelf,) = physics.own
    heights = -1.0 - np.arange(9) / 4
    physics.own[shelf][:, 2] = heights
    index = np.arange(9)
    physics.place(index, np.zeros((9, 1)), np.zeros((9, 1)))
    fall(physics, index[1:], 60)
    assert physics.qpos[1:, 0] == pytest.approx(heights[1:] + 0.2, abs=0.01) and physics.qpos[0, 0] == 0
    assert physics.model.body("shelf").pos[2] == -1
    assert physics.model_of(4).body("shelf").pos[2] == -2
    physics.close()


def test_own_environments_are_the_loop_of_mj_step_to_the_bit():
    """The solver's warm start is kept between control steps, and forgotten at place."""
    physics = balls(3)
    index = np.arange(3)
    for _ in range(2):
        physics.place(index, np.full((3, 1), -0.7), np.zeros((3, 1)))
        data = mujoco.MjData(physics.model)
        data.qpos[:] = -0.7
        for _ in range(30):
            mujoco.mj_step(physics.model, data, nstep=SKIP)
            fall(physics, index, 1)
            assert (physics.qpos == data.qpos).all() and (physics.warmstart == data.qacc_warmstart).all()
        assert physics.warmstart.any()


def test_forward_moves_nothing():
    physics = balls(2)
    physics.place(np.arange(2), np.zeros((2, 1)), np.ones((2, 1)))
    fall(physics, np.arange(2), 3)
    before = physics.state.copy()
    assert physics.forward(1).site("centre").xpos[2] == physics.qpos[1, 0]
    assert (physics.state == before).all()
