"""Every task through Gymnasium: its checker, seeds, time limits, options."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from pars.envs import TASKS, TaskEnv, make_task, register
from pars.errors import UsageError

ENVIRONMENTS = {make_task(task_id).maze or make_task(task_id).id.split("-")[0]: task_id for task_id in TASKS}


# Observations have no bounds, as in Gymnasium's own MuJoCo environments; the checker doubts any such space.
@pytest.mark.filterwarnings("ignore:.*A Box observation space (min|max)imum value is -?infinity")
@pytest.mark.parametrize("task_id", ENVIRONMENTS.values())
def test_check_env_has_nothing_else_to_say(task_id):
    """One id per distinct environment; pytest turns the checker's warnings into failures."""
    env = gymnasium.make(f"pars/{task_id}")
    check_env(env.unwrapped, skip_render_check=True)  # pictures: test_render.py
    env.close()


def test_all_ids_are_known_to_gymnasium_and_again_is_harmless():
    register()
    assert {name for name in gymnasium.registry if name.startswith("pars/")} == {f"pars/{i}" for i in TASKS}


def test_gymnasium_finds_tasks_by_the_module():
    code = "import gymnasium; print(gymnasium.make('pars.envs:pars/pointmaze-umaze-fixed').reset(seed=0)[0].shape)"
    ran = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "(4,)\n" and ran.stderr == ""


def test_a_seed_fixes_all_episodes_that_follow():
    env = TaskEnv("pointmaze-medium-play")

    def starts(seed: int) -> np.ndarray:
        return np.stack([env.reset(seed=seed)[0], env.reset()[0], env.reset()[0]])

    first = starts(3)
    assert (starts(3) == first).all() and (starts(4) != first).any()
    assert len(np.unique(first[:, 0])) == 3


def test_steps_are_those_of_the_batch():
    env, batch = TaskEnv("hopper-medium-v2"), make_task("hopper-medium-v2").make(1)
    env.reset(seed=0)
    env.batch.reset(np.array([0]), np.array([9]))
    batch.reset(np.array([0]), np.array([9]))
    for action in np.random.default_rng(0).uniform(-1.5, 1.5, (5, 3)):
        obs, reward, terminal, truncated, _ = env.step(action)
        theirs = batch.step(np.array([0]), action[None])
        assert (obs == theirs.obs[0]).all() and reward == theirs.reward[0]
        assert (terminal, truncated) == (theirs.terminal[0], theirs.truncated[0])
    assert type(reward) is float and type(terminal) is type(truncated) is bool


def test_the_time_limit_truncates_and_the_last_step_has_the_score():
    env = gymnasium.make("pars/pointmaze-umaze-fixed")
    env.reset(seed=1)
    steps = [env.step(np.zeros(2, np.float32)) for _ in range(120)]
    assert [truncated for _, _, _, truncated, _ in steps] == [False] * 119 + [True]
    assert [info for *_, info in steps[:-1]] == [{}] * 119
    assert steps[-1][-1] == {"return": 0.0, "score": 0.0, "physics": "stock"}
    env.reset()
    assert not env.step(np.zeros(2, np.float32))[3]


def test_options_reach_the_task():
    env = gymnasium.make("pars/antmaze-umaze-v2", physics="stock")
    assert env.unwrapped.task.physics == "stock"
    assert gymnasium.make("pars/antmaze-umaze-v2").unwrapped.task.physics == "d4rl"
    with pytest.raises(UsageError, match="goal=fixed is for AntMaze"):
        gymnasium.make("pars/hopper-medium-v2", goal="fixed")


def test_frames_per_second_are_the_tasks():
    fps = {name: TaskEnv(name).metadata["render_fps"] for name in ("antmaze-umaze-v2", "hopper-medium-v2")}
    assert fps == {"antmaze-umaze-v2": 10, "hopper-medium-v2": 125}


def test_other_render_modes_are_refused():
    with pytest.raises(UsageError, match="render_mode='human'; choose rgb_array"):
        TaskEnv("pointmaze-umaze-fixed", render_mode="human")
    env = TaskEnv("pointmaze-umaze-fixed")
    env.reset(seed=0)
    assert env.render() is None
