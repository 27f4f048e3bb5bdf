"""Going on online with care: actions within limits, and an end where policies have become too bad."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pars import api, load_policy
from pars.envs import make_task
from pars.errors import DivergenceError, UsageError
from pars.packing import unpack
from pars.training.folder import read_status
from pars.training.log import REPLAY
from pars.training.restore import restore
from pars.training.rollout import Evaluator
from pars.training.stop_rule import measured
from tests import runs

LIMITS = "-0.3..0.2,-1..0.1"
LOW, HIGH = np.float32([[-0.3, -1.0], [0.2, 0.1]])


def go_on(out: Path, **more: Any) -> Path:
    return runs.train(out, seeds=(0, 1), start_from=runs.finished_run(), **more)


@cache
def limited() -> Path:
    """A policy of a finished run that goes on within limits. Do not write below it."""
    return go_on(runs.SESSION / "runs" / "limited", action_limits=LIMITS, settings={"exploration_noise": [1.0]})


def test_no_action_leaves_its_limits_online_or_evaluated() -> None:
    restored = restore(runs.group(limited()))
    log = np.fromfile(restored.folder / REPLAY, np.float32).reshape(30, 2, -1)
    actions = unpack(log[..., :-1], 4).action.reshape(-1, 2)
    for reached, bound in ((actions.min(axis=0), LOW), (actions.max(axis=0), HIGH)):
        np.testing.assert_allclose(reached, bound, atol=1e-6)  # noise of 1 comes to all bounds
    assert restored.task is not None and restored.task.options == (("action_limits", LIMITS),)
    taken, task = [], restored.task
    evaluator = Evaluator(task, 1, 1)
    step = evaluator.envs[0].step
    evaluator.envs[0].step = lambda index, action: taken.append(action) or step(index, action)  # type: ignore
    evaluator(lambda obs: np.full((1, 1, 2), 1.0, np.float32))
    evaluator.close()
    assert np.array_equal(np.unique(np.concatenate(taken), axis=0), [HIGH])


def test_the_policy_of_such_a_run_keeps_to_them() -> None:
    obs = np.random.default_rng(0).normal(size=(500, 4)) * 5
    policy, free = load_policy(limited()), load_policy(runs.finished_run(), at="offline-60")
    assert [(round(one.low, 6), round(one.high, 6)) for one in policy.outputs] == [(-0.3, 0.2), (-1.0, 0.1)]
    for actions, inside in ((policy(obs), True), (free(obs), False)):
        assert ((actions >= LOW).all() and (actions <= HIGH).all()) == inside


def test_limits_are_in_units_and_leave_something() -> None:
    task = make_task("Pendulum-v1", action_limits="-1..0.5")
    assert task.limits is not None and task.limits.low == (-0.5,) and task.limits.high == (0.25,)
    assert make_task(task.id, **dict(task.options)).limits == task.limits
    with pytest.raises(
        UsageError, match=r"--action-limits 3\.\.4: leaves no action; those of Pendulum-v1 are in -2\.\.2"
    ):
        make_task("Pendulum-v1", action_limits="3..4")
    with pytest.raises(UsageError, match=r"--action-limits 1\.\.2,3\.\.4: has 2 ranges, and there are 1 actions"):
        make_task("Pendulum-v1", action_limits="1..2,3..4")


def test_online_ends_where_the_score_is_below_the_rule(tmp_path: Path) -> None:
    out = tmp_path / "run"
    for _ in range(2):  # the same command goes no further
        with pytest.raises(
            DivergenceError, match=r"stopped at online step 10: its score 25 is below 50 \(--stop-below\)"
        ):
            go_on(out, stop_below=50.0)
        status = read_status(runs.group(out))
        assert (status["state"], status["step"], status["score"]) == ("stopped", 10, 25.0)
    assert api.evaluate(out, 1, at="online-10")[0].position.step == 10
    go_on(out, stop_below=-1.0)
    assert runs.digest(out) == runs.digest(runs.finished_run())
    assert [at for at, _ in measured(runs.group(out))][-3:] == ["online-10", "online-20", "online-30"]
    with pytest.raises(UsageError, match=r"action_limits=0\.\.1: are of an environment"):
        runs.train(tmp_path / "other", task=None, online_steps=0, action_limits="0..1")
    with pytest.raises(UsageError, match="stop_below=50: is a score that ends an online phase"):
        go_on(tmp_path / "other", stop_below=50, online_steps=0)


def test_the_last_policies_above_the_rule_are_named(tmp_path: Path) -> None:
    from pars.position import Position
    from pars.training.stop_rule import why

    lines = ["phase,step,member,name,value", "online,5,0,score,80", "online,5,1,score,60", "online,10,0,score,70"]
    (tmp_path / "metrics.csv").write_text("\n".join([*lines, "online,10,0,q,1", "online,10,1,score,10", "onl"]))
    message = why(tmp_path, Position(1, "online", 10), [70.0, 10.0], 50.0)
    assert message is not None and "the last policies above it: --at online-5;" in message
    assert why(tmp_path, Position(1, "online", 10), [70.0, 30.0], 50.0) is None
