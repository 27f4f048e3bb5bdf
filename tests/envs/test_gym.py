"""Gymnasium environments behind the batch interface: mapping of actions, limits, and one-line refusals."""

import contextlib
import os
import re
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict

from pars import alarm
from pars.envs import make_task
from pars.envs.gym import GymBatch
from pars.errors import Interrupted, TaskError, UsageError
from pars.training.evaluations import Evaluations
from pars.training.view import Stop


class Echo(gymnasium.Env[Any, Any]):
    """Observation: the last action it got, and a number drawn at reset. Ends after three steps if `ends`."""

    def __init__(self, low: Any = (0.0, -3.0), high: Any = (10.0, 1.0), ends: bool = False, space: Any = None):
        self.action_space = Box(np.array(low, np.float32), np.array(high, np.float32))
        self.observation_space = space or Box(-np.inf, np.inf, (3,))
        self.ends = ends

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.mark, self.steps = self.np_random.uniform(), 0
        return np.array([0, 0, self.mark]), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return np.array([*action, self.mark]), 2.0 * self.steps, self.ends and self.steps == 3, False, {}


@pytest.fixture(autouse=True)
def echoes():
    ids = {
        "Echo-v0": {"max_episode_steps": 3},
        "EchoForever-v0": {},
        "EchoEnds-v0": {"max_episode_steps": 3, "kwargs": {"ends": True}},
        "EchoUnbounded-v0": {"kwargs": {"low": (-np.inf, -1.0), "high": (np.inf, 1.0)}},
        "EchoDict-v0": {"kwargs": {"space": Dict({"a": Box(-1, 1, (3,))})}},
    }
    for name, options in ids.items():
        gymnasium.register(name, entry_point=Echo, **options)
    yield
    for name in ids:
        del gymnasium.registry[name]


def test_actions_are_mapped_to_the_box_and_clipped():
    env = make_task("Echo-v0").make(3)
    index = np.arange(3)
    env.reset(index, index)
    obs = env.step(index, np.array([[-1.0, -1.0], [0.0, 0.5], [1.0, 9.0]])).obs
    assert obs[:, :2].tolist() == [[0, -3], [5, 0], [10, 1]]
    assert obs.dtype == np.float32


def test_time_limit_truncates_and_terminal_wins():
    index = np.arange(1)
    for name, terminal in (("Echo-v0", False), ("EchoEnds-v0", True)):
        env = make_task(name).make(1)
        env.reset(index, index)
        results = [env.step(index, np.zeros((1, 2))) for _ in range(3)]
        assert [r.reward[0] for r in results] == [2, 4, 6]
        assert [bool(r.terminal[0]) for r in results] == [False, False, terminal]
        assert [bool(r.truncated[0]) for r in results] == [False, False, not terminal]
        env.close()


def test_task_describes_the_environment():
    task = make_task("Echo-v0")
    assert (task.obs_dim, task.action_dim, task.time_limit, task.family) == (3, 2, 3, "gym")
    assert task.score(np.array([3.0, -4.0])).tolist() == [3.0, -4.0]  # no reference: the raw return
    assert make_task("EchoForever-v0").time_limit == 1000


def test_start_depends_on_the_seed_alone():
    env = GymBatch("Echo-v0", 4)
    first = env.reset(np.array([0, 1]), np.array([7, 8]))
    again = env.reset(np.array([3, 2]), np.array([7, 8]))
    assert (first == again).all() and first[0, 2] != first[1, 2]


def test_same_seed_and_actions_give_the_same_bits_on_mujoco():
    env = make_task("InvertedPendulum-v5").make(2)
    pushes = np.random.default_rng(0).uniform(-0.1, 0.1, (10, 1, 1))

    def run(i: int) -> np.ndarray:
        env.reset(np.array([i]), np.array([11]))
        return np.stack([env.step(np.array([i]), push).obs for push in pushes])

    first = run(0)
    assert (run(0) == first).all() and (run(1) == first).all()
    env.close()


def test_notes_on_versions_are_kept_quiet(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    make_task("HalfCheetah-v5").make(2).close()  # MuJoCo 4 finds its model's settotalmass deprecated
    make_task("Hopper-v4")  # Gymnasium finds it out of date
    assert capfd.readouterr() == ("", "") and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Hoper-v5", "Did you mean: `Hopper`"),
        ("Hopper-v99", "versioned environments"),
        ("no_such_module:Env-v0", "no_such_module"),
        ("CartPole-v1", "Discrete"),
        ("Blackjack-v1", "Tuple"),
        ("EchoDict-v0", "FlattenObservation"),
        ("EchoUnbounded-v0", "no finite bounds"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(name, words):
    with pytest.raises(TaskError) as error:
        make_task(name)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("method", ["reset", "step"])
def test_what_an_environment_raises_is_one_line(method, monkeypatch):
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("of its own\nin two lines")

    env = GymBatch("Echo-v0", 1)
    env.reset(np.array([0]), np.array([5]))
    monkeypatch.setattr(Echo, method, broken)
    where = r"step 1 of seed 5" if method == "step" else "step 0 of seed 7"
    with pytest.raises(
        TaskError,
        match=rf"^Echo-v0 failed in {method}: ZeroDivisionError: of its own \({where}\); mend the environment$",
    ):
        if method == "reset":
            env.reset(np.array([0]), np.array([7]))
        env.step(np.array([0]), np.zeros((1, 2)))


GOOD = (np.zeros(3), 1.0, False, False, {})
WRONG = {
    "NaN": ((np.array([0, np.nan, 0]), *GOOD[1:]), "the observation is nan at 1 (step 1 of seed 5); return finite"),
    "shape": ((np.zeros((1, 3)), *GOOD[1:]), "the observation has shape (1, 3), its space (3,)"),
    "text": (("left", *GOOD[1:]), "the observation is 'left'"),
    "reward NaN": ((GOOD[0], np.float32("nan"), *GOOD[2:]), "the reward is "),
    "reward [1]": ((GOOD[0], np.array([1.0]), *GOOD[2:]), "the reward is array([1.]) (step 1 of seed 5); return one"),
    "no reward": ((GOOD[0], None, *GOOD[2:]), "the reward is None"),
    "reward beyond float32": ((GOOD[0], 1e39, *GOOD[2:]), "the reward is 1e+39"),
    "flag of 2": ((GOOD[0], 1.0, 2, False, {}), "terminated or truncated is 2"),
    "flag NaN": ((GOOD[0], 1.0, np.array(np.nan), False, {}), "terminated or truncated is array(nan)"),
    "flag": ((GOOD[0], 1.0, None, False, {}), "terminated or truncated is None"),
    "old API": (
        (GOOD[0], 1.0, False, {}),
        "step failed: not enough values to unpack (expected 5, got 4) (step 1 of seed 5); return obs",
    ),
    "nothing": (None, "step failed: cannot unpack non-iterable NoneType"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_an_environment_returns_is_looked_at(fault, monkeypatch):
    returned, words = WRONG[fault]
    env = GymBatch("Echo-v0", 1)
    env.reset(np.array([0]), np.array([5]))
    monkeypatch.setattr(Echo, "step", lambda self, action: returned)
    with pytest.raises(TaskError, match=re.escape(words)) as error:
        env.step(np.array([0]), np.zeros((1, 2)))
    assert str(error.value).startswith("Echo-v0: ") and "\n" not in str(error.value)


def test_numbers_of_other_types_are_numbers(monkeypatch):
    env = GymBatch("Echo-v0", 1)
    env.reset(np.array([0]), np.array([5]))
    for reward, flag in ((np.array(2), np.array(False)), (2, 0), (np.float64(2), np.False_)):
        monkeypatch.setattr(Echo, "step", lambda self, action: (GOOD[0], reward, flag, False, {}))  # noqa: B023
        result = env.step(np.array([0]), np.zeros((1, 2)))
        assert result.reward.tolist() == [2.0] and not result.terminal[0]


def elsewhere(function: Any, *args: Any) -> Any:
    def run() -> None:
        with contextlib.suppress(SystemExit):  # which ends a thread without a word
            function(*args)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return GOOD


def raised(error: BaseException) -> Any:
    raise error


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda self, action: time.sleep(60), "step took longer than 0.1 s"),
        (lambda self, action: sys.exit(3), "(exit 3)"),
        (lambda self, action: os._exit(7), "step wanted to end the process (exit 7) (step 1 of seed 5)"),
        (lambda self, action: elsewhere(os._exit, 7), "step wanted to end the process (exit 7) (step 1 of seed 5)"),
        (
            lambda self, action: raised(GeneratorExit("x")),
            "failed in step: GeneratorExit: x (step 1 of seed 5)",
        ),
    ],
)
def test_environments_that_hang_or_end_the_process(monkeypatch, step, words):
    before, leave = signal.getsignal(signal.SIGALRM), os._exit
    env = make_task("Echo-v0", env_timeout=0.1).make(1)
    env.reset(np.array([0]), np.array([5]))
    monkeypatch.setattr(Echo, "step", step)
    with pytest.raises(TaskError, match=re.escape(words)):
        env.step(np.array([0]), np.zeros((1, 2)))
    assert (
        os._exit is leave
        and signal.getsignal(signal.SIGALRM) is before
        and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    )


@pytest.mark.parametrize("limit", [0, 60])
def test_a_signal_is_answered_while_an_environment_hangs(monkeypatch, limit):
    """Also where it may take any time."""
    monkeypatch.setattr(alarm, "HURRY", 0.1)
    env = make_task("Echo-v0", env_timeout=limit).make(1)
    env.reset(np.array([0]), np.array([5]))
    monkeypatch.setattr(Echo, "step", lambda self, action: (os.kill(os.getpid(), signal.SIGTERM), time.sleep(30)))
    stop = Stop()
    with (
        stop.listening(),
        pytest.raises(Interrupted, match="stopped in step of Echo-v0, which did not end"),
    ):
        env.step(np.array([0]), np.zeros((1, 2)))
    assert stop.asked and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_alarm_of_someone_else_is_left_alone():
    before = signal.signal(signal.SIGALRM, lambda number, frame: None)
    try:
        alarm.hurry()
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_process_that_an_environment_forks_ends_by_itself(monkeypatch):
    ended: list[int] = []

    def leave(status: int) -> None:
        ended.append(status)
        raise RuntimeError("here the forked process would end")

    def step(self, action):
        monkeypatch.setattr(os, "getpid", lambda: -1)  # as it is in a child
        os._exit(3)

    env = GymBatch("Echo-v0", 1)
    env.reset(np.array([0]), np.array([5]))
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(Echo, "step", step)
    with pytest.raises(TaskError, match="here the forked process would end"):
        env.step(np.array([0]), np.zeros((1, 2)))
    assert ended == [3]


def test_one_that_cannot_be_closed_stops_nothing(monkeypatch):
    monkeypatch.setattr(Echo, "close", lambda self: raised(RuntimeError("no")))
    with pytest.warns(UserWarning, match="Echo-v0 failed in close: RuntimeError: no"):
        assert make_task("Echo-v0").obs_dim == 3


def test_one_that_hangs_in_an_evaluation_of_training_is_stopped_too(monkeypatch):
    """Where training evaluates in a thread of its own, no alarm would reach it."""
    monkeypatch.setattr(Echo, "step", lambda self, action: time.sleep(60))
    task = make_task("Echo-v0", env_timeout=0.1)
    still = lambda obs, *_: np.zeros((*obs.shape[:2], task.action_dim), np.float32)  # noqa: E731
    with ThreadPoolExecutor(1) as thread, pytest.raises(TaskError, match=r"step took longer than 0\.1 s"):
        Evaluations(task, 1, 4, thread).start(still).result()


def test_arguments_of_an_environment_belong_to_its_task():
    task = make_task("Echo-v0", env_args={"low": [0.0], "high": [5.0]})
    assert task.action_dim == 1 and task.options == (("env_args", '{"high": [5.0], "low": [0.0]}'),)
    assert make_task("Echo-v0", **dict(task.options)).options == task.options  # as a run keeps them
    with pytest.raises(TaskError, match="unexpected keyword argument 'size'"):
        make_task("Echo-v0", env_args={"size": 3})
    with pytest.raises(UsageError, match="leave --env-arg out"):
        make_task("pointmaze-umaze-diverse", env_args={"size": 3})
