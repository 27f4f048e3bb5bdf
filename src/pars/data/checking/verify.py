"""`pars data verify`: does this simulator reproduce this file?

Recorded states are set, the recorded actions applied, and the states after one step compared with the following rows.
`rewards[i]` is compared with the reward of the step that leaves row i, as D4RL's files have it.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pars.data.catalog import DATASETS, collect_dataset, original
from pars.data.checking.doctor import file_of
from pars.data.checking.embedded import Rollout, recorded_policy, recorded_returns, roll_out
from pars.data.d4rl import D4RL
from pars.data.formats.files import read_columns
from pars.data.rows import Rows
from pars.data.transitions import episode_ends
from pars.envs.base import MujocoBatch, Task
from pars.envs.registry import TASKS, make_task
from pars.errors import DataError, UsageError

Array = np.ndarray

MATCH = 1e-3  # median error, as a share of the typical change per step, up to which a file counts as reproduced
MATCH_TAIL = 1e-2  # the same for nine rows of ten
CLEAR = 10.0  # times smaller that one mode's error must be to be called the file's
SEEN = 0.05  # median error of a recorded state's observation from which on it is another one
BATCH = 250  # rows stepped together


class Tail(NamedTuple):
    """Quantiles of errors over rows."""

    median: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True)
class Errors:
    """Errors of one engine mode over the rows compared."""

    physics: str
    qpos: Tail  # largest |difference| over the coordinates, after the step
    qvel: Tail
    obs: Tail
    reward: Tail | None  # None: the goal is drawn at every reset, so the file's is unknown
    seen: float  # median, of the observation of the recorded state itself; bodies' places lag behind in some tasks


@dataclass(frozen=True)
class Sample:
    """Rows i that have a successor in their episode, and what is recorded of them."""

    row: Array  # [k]
    obs: Array  # [k, O]
    action: Array  # [k, A]
    reward: Array  # [k]
    state: dict[str, Array]  # recorded below infos/ in row i: qpos, qvel, and what else the file has
    after: dict[str, Array]  # qpos, qvel and obs of row i + 1
    other_actions: dict[str, Array]  # of the neighbouring rows, to find a shift

    @property
    def change(self) -> float:
        """Typical largest |change| of qpos in one step."""
        return float(np.median(np.abs(self.after["qpos"] - self.state["qpos"]).max(axis=1)))


@dataclass(frozen=True)
class Verification:
    """What was compared and how it came out."""

    source: str
    task: str
    rows: int
    change: float
    precision: str  # type of the recorded states
    errors: list[Errors]
    hint: str  # what may be wrong; empty if nothing is
    rollout: Rollout | None

    @property
    def matching(self) -> list[Errors]:
        """Modes that reproduce the file, the best first."""
        median, tail = MATCH * self.change, MATCH_TAIL * self.change
        good = [one for one in self.errors if one.qpos.median <= median and one.qpos.p90 <= tail]
        return sorted(good, key=lambda one: (one.qpos.median, one.qpos.p99))

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        sizes = " against ".join(f"{one.qpos.median:.1g} in {one.physics}" for one in self.errors)
        scale = f"the typical change per step is {self.change:.1g}"
        if not (good := self.matching):
            tails = " against ".join(f"{one.qpos.p90:.1g}" for one in self.errors)
            return (
                f"this simulator does not reproduce this file: median error {sizes} (90 % below {tails}); "
                f"{scale}{self.hint}"
            )
        if len(self.errors) == 1:
            return f"{good[0].physics} physics reproduces this file: median error {good[0].qpos.median:.1g}; {scale}"
        best = good[0]
        other = next(one for one in self.errors if one is not best)
        if other not in good or other.qpos.median > CLEAR * max(best.qpos.median, 1e-12):
            return (
                f"this file was made with {best.physics} physics: median error {best.qpos.median:.1g} against "
                f"{other.qpos.median:.1g} in {other.physics}; {scale}"
            )
        tails = " and ".join(f"{one.qpos.p99:.1g} in {one.physics}" for one in self.errors)
        return f"both physics modes reproduce this file: median error {sizes}, 99 % below {tails}; {scale}"

    @property
    def refusal(self) -> DataError | None:
        """The error to end with if no mode reproduces the file."""
        return None if self.matching else DataError(f"{self.source}: {self.verdict}")


def verify(
    name_or_path: str | Path,
    task_id: str | None = None,
    *,
    rows: int = 1000,
    physics: str | None = None,
    episodes: int = 0,
) -> Verification:
    """Compare a dataset's id or a file with the simulator of a task.

    Args:
        task_id: the task; None: that of the dataset's id.
        rows: how many rows are compared, drawn evenly from all that have a successor; always the same ones.
        physics: the engine mode to compare with; None: all that the task has.
        episodes: of the policy that the file holds, to be rolled out in the best mode; 0: none.

    Raises UsageError for a task whose states cannot be set, DataError for a file that cannot be compared.
    """
    name = str(name_or_path)
    task_id = task_id or (name if name in TASKS else None)
    if task_id is None:
        raise UsageError(f"{name}: which task was it recorded in? name it with --task (see: pars tasks)")
    if rows < 1 or episodes < 0:
        raise UsageError(f"rows={rows}, episodes={episodes}; compare at least 1 row, and 0 or more episodes")
    if name in DATASETS:
        path = collect_dataset(name)
    else:
        path = original(name) if name in D4RL else file_of(name)
    tasks = [make_task(task_id, physics=mode) for mode in ([physics] if physics else make_task(task_id).modes)]
    with tempfile.TemporaryDirectory(prefix="pars-verify-") as scratch:
        columns = read_columns(path, infos=True, scratch=Path(scratch))
        sample = draw_sample(columns, name, tasks[0], rows)
        returns = recorded_returns(columns, tasks[0].time_limit) if episodes else np.zeros(0)
        precision = str(columns["infos/qpos"].dtype)
    errors = [compare(task, sample, name) for task in tasks]
    found = Verification(name, task_id, len(sample.row), sample.change, precision, errors, "", None)
    best = tasks[int(np.argmin([one.qpos.median for one in errors]))]
    if not found.matching:
        found = replace(found, hint=_hint(best, sample, name, min(errors, key=_median)))
    if episodes:
        policy = recorded_policy(path, best.obs_dim, best.action_dim)
        found = replace(found, rollout=roll_out(best, policy, episodes, returns))
    return found


def draw_sample(columns: Mapping[str, Array], source: str, task: Task, most: int) -> Sample:
    """At most `most` rows that have a successor in their episode. Raises DataError if the file has no states."""
    for key in ("infos/qpos", "infos/qvel"):
        if key not in columns:
            raise DataError(f"{source}: no '{key}'; only files that record the simulator's states can be verified")
    reward, terminal = (np.asarray(columns[key]).reshape(-1) for key in ("rewards", "terminals"))
    timeout = np.asarray(columns["timeouts"]).reshape(-1).astype(bool) if "timeouts" in columns else None
    rows = Rows(columns["observations"], columns["actions"], reward, terminal.astype(bool), timeout, None)
    inside = np.flatnonzero(~episode_ends(rows, task.time_limit))
    inside = inside[inside > 0]  # so that the row before can be looked at as well
    if not len(inside):
        raise DataError(f"{source}: no row is followed by another one of its episode; nothing can be compared")
    row = np.sort(np.random.default_rng(0).choice(inside, min(most, len(inside)), replace=False))
    infos = {key.removeprefix("infos/"): values for key, values in columns.items() if key.startswith("infos/")}
    sample = Sample(
        row=row,
        obs=rows.obs[row],
        action=rows.action[row],
        reward=reward[row],
        state={key: values[row] for key, values in infos.items()},
        after={key: infos[key][row + 1] for key in ("qpos", "qvel")} | {"obs": rows.obs[row + 1]},
        other_actions={"before": rows.action[row - 1], "after": rows.action[row + 1]},
    )
    for key, width in (("observations", task.obs_dim), ("actions", task.action_dim)):
        if columns[key].ndim != 2 or columns[key].shape[1] != width:
            raise DataError(
                f"{source}: '{key}' has shape {columns[key].shape}, {task.id} is {width} wide; name its task"
            )
    for values in (sample.obs, sample.action, *sample.after.values(), sample.state["qpos"], sample.state["qvel"]):
        if not np.isfinite(values).all():
            raise DataError(f"{source}: has NaN or infinite values; see: pars data check {source}")
    return sample


def compare(task: Task, sample: Sample, source: str, action: Array | None = None) -> Errors:
    """Step from every sampled row and compare. `action` takes the place of the recorded actions."""
    env = task.make(min(BATCH, len(sample.row)))
    if not isinstance(env, MujocoBatch):
        env.close()
        raise UsageError(f"{task.id}: its simulator's states cannot be set; choose one of the tasks of: pars tasks")
    _check_widths(env, sample, task, source)
    action = sample.action if action is None else action
    parts: dict[str, list[Array]] = {"qpos": [], "qvel": [], "obs": [], "reward": [], "seen": []}
    for first in range(0, len(sample.row), env.n):
        part = slice(first, min(first + env.n, len(sample.row)))
        index = np.arange(part.stop - part.start)
        obs = _set_states(env, index, {key: values[part] for key, values in sample.state.items()})
        result = env.step(index, action[part])
        parts["qpos"].append(_largest(env.physics.qpos[index] - sample.after["qpos"][part]))
        parts["qvel"].append(_largest(env.physics.qvel[index] - sample.after["qvel"][part]))
        parts["obs"].append(_largest(result.obs - sample.after["obs"][part]))
        parts["seen"].append(_largest(obs - sample.obs[part]))
        parts["reward"].append(np.abs(result.reward - sample.reward[part]))
    env.close()
    tails = {key: _tail(np.concatenate(values)) for key, values in parts.items()}
    reward = None if task.goal_choices else tails["reward"]
    return Errors(task.physics, tails["qpos"], tails["qvel"], tails["obs"], reward, tails["seen"].median)


def _set_states(env: MujocoBatch, index: Array, state: dict[str, Array]) -> Array:
    """Put environments into recorded states, with whatever else of the model is recorded. -> obs."""
    qpos, qvel = np.asarray(state["qpos"], np.float64), np.asarray(state["qvel"], np.float64)
    try:
        return env.restore(index, qpos, qvel, state)
    except KeyError as key:
        raise DataError(
            f"the file has no 'infos/{key.args[0]}', which belongs to this task's state; "
            "only files that record it can be verified"
        ) from key


def _check_widths(env: MujocoBatch, sample: Sample, task: Task, source: str) -> None:
    model = env.physics.model
    for key, width in (("qpos", model.nq), ("qvel", model.nv)):
        shape = sample.state[key].shape
        if len(shape) != 2 or shape[1] != width:
            raise DataError(
                f"{source}: 'infos/{key}' is {shape[1] if len(shape) == 2 else 1} wide, {task.id} has {width}; name "
                "the task that the file was recorded in"
            )


def _hint(task: Task, sample: Sample, source: str, errors: Errors) -> str:
    """What may be wrong with a file that is not reproduced, found by trying."""
    for which, action in sample.other_actions.items():
        if _median(compare(task, sample, source, action)) <= MATCH * sample.change:
            return f"; the actions of the rows {which} fit, so 'actions' is shifted by one row"
    if errors.seen > SEEN:
        return "; the observations do not belong to the states either: was it recorded in another task?"
    return "; was it recorded in another task or version, or were the actions scaled?"


def _median(errors: Errors) -> float:
    return errors.qpos.median


def _largest(difference: Array) -> Array:
    return np.abs(difference).max(axis=1)


def _tail(values: Array) -> Tail:
    return Tail(*(float(value) for value in np.quantile(values, (0.5, 0.9, 0.99, 1.0))))


def page_lines(found: Verification) -> Iterator[tuple[str, str]]:
    """The verification as names and texts for a terminal, the verdict last."""
    yield "compared", f"{found.rows:,} rows of {found.source} with {found.task}"
    yield "change", f"{found.change:.2g} per step (median of the largest |change of qpos|), states in {found.precision}"
    for one in found.errors:
        for key in ("qpos", "qvel", "obs", "reward"):
            tail = getattr(one, key)
            sizes = "the file's goal is unknown" if tail is None else (
                f"median {tail.median:.1e}, 90 % {tail.p90:.1e}, 99 % {tail.p99:.1e}, max {tail.max:.1e}"
            )  # fmt: skip
            yield one.physics, f"{key:6} {sizes}"
    if found.rollout:
        yield "policy", found.rollout.sentence
    yield "verdict", found.verdict if found.matching else "not reproduced"
