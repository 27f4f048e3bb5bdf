"""Task ids."""

import pytest

from pars.data.d4rl import D4RL
from pars.envs import TASKS, list_tasks, make_task
from pars.errors import UsageError

OGBENCH = ["antmaze-medium-v0", "antmaze-large-v0", "antmaze-giant-v0"]


def test_every_task_is_itself():
    assert [task.id for task in list_tasks()] == list(TASKS)
    assert [task.id for task in list_tasks() if task.dataset != task.id] == OGBENCH
    for task in list_tasks():
        assert (task.maze is not None) == (task.family in ("pointmaze", "antmaze"))
        assert task.maze is None or task.maze.name in task.id
        assert task.physics == task.modes[0]
        if task.id not in OGBENCH:
            assert task.modes == (("stock",) if "point" in task.id else ("d4rl", "stock"))
            assert task.goal_choices == (("episode", "fixed") if task.family == "antmaze" else ())


def test_every_file_of_d4rls_is_a_task_and_every_other_task_our_own_or_ogbenchs():
    own = {name for name in TASKS if name.startswith("pointmaze")}
    assert len(D4RL) == 31 and set(TASKS) - own - set(OGBENCH) == set(D4RL)


@pytest.mark.parametrize(
    ("task_id", "sizes"),
    [
        ("antmaze-ultra-diverse-v0", (29, 8, 2000, 100)),
        ("antmaze-umaze-v2", (29, 8, 700, 100)),
        ("pen-expert-v1", (45, 24, 100, 10)),
        ("door-cloned-v1", (39, 28, 200, 10)),
        ("hammer-cloned-v1", (46, 26, 200, 10)),
        ("relocate-cloned-v1", (39, 30, 200, 10)),
        ("hopper-random-v2", (11, 3, 1000, 10)),
        ("walker2d-medium-expert-v2", (17, 6, 1000, 10)),
        ("halfcheetah-medium-replay-v2", (17, 6, 1000, 10)),
    ],
)
def test_sizes(task_id, sizes):
    task = make_task(task_id)
    assert (task.obs_dim, task.action_dim, task.time_limit, task.eval_episodes) == sizes


def test_reference_returns_score_0_and_100():
    for task in list_tasks():
        assert task.reference is not None
        assert task.score(list(task.reference)) == pytest.approx([0, 100])
    assert make_task("hopper-medium-v2").score([1000.0])[0] == pytest.approx(31.35, abs=0.01)


def test_protocols_of_a_map_share_the_evaluation():
    a, b = make_task("pointmaze-large-play"), make_task("pointmaze-large-diverse")
    assert a.maze == b.maze and a.time_limit == b.time_limit


def test_unknown_id_suggests():
    with pytest.raises(UsageError, match=r"unknown task 'pointmaze-larg-play'; did you mean pointmaze-large-play"):
        make_task("pointmaze-larg-play")


def test_options_are_kept_so_that_the_task_can_be_made_again():
    task = make_task("antmaze-ultra-play-v0", physics="stock", goal="fixed")
    assert task.options == (("physics", "stock"), ("goal", "fixed"))
    assert make_task(task.id, **dict(task.options)).physics == "stock, fixed goal"
    assert make_task("hopper-medium-v2").options == ()


@pytest.mark.parametrize(
    ("task_id", "options", "words"),
    [
        ("hopper-medium-v2", {"goal": "fixed"}, "is for AntMaze tasks only"),
        ("pointmaze-umaze-diverse", {"physics": "d4rl"}, "PointMaze is our own"),
        ("Hopper-v5", {"physics": "d4rl"}, "are for D4RL's tasks"),
        ("hopper-medium-v2", {"physics": "new"}, "choose d4rl"),
    ],
)
def test_options_that_a_task_has_not(task_id, options, words):
    with pytest.raises(UsageError, match=words):
        make_task(task_id, **options).make(1)
