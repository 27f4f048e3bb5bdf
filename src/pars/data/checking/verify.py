"""`pars data verify`: does this simulator reproduce this file?

Recorded states are set, the recorded actions applied, and the states after one step compared with the following rows.
`rewards[i]` is compared with the reward of the step that leaves row i, as D4RL's files have it.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pars.config import MOST_EPISODES, check_whole
from pars.data.catalog import DATASETS, collect_dataset, original
from pars.data.checking.card import maze_coverage
from pars.data.checking.doctor import file_of
from pars.data.checking.embedded import Rollout, recorded_policy, recorded_returns, roll_out
from pars.data.checking.sample import SHOWN, Sample, draw_sample, largest
from pars.data.d4rl import D4RL
from pars.data.formats.files import read_columns
from pars.envs.base import MujocoBatch, Task
from pars.envs.engine import unwarned
from pars.envs.registry import TASKS, make_task
from pars.errors import DataError, UsageError

Array = np.ndarray

MATCH = 1e-3  # median error, as a share of the typical change per step, up to which a file counts as reproduced
MATCH_TAIL = 1e-2  # the same for nine rows of ten
CLEAR = 10.0  # times smaller that one mode's median error, or 90 % quantile, must be to be called the file's
SEEN = 0.05  # error of a recorded state's observation from which on it is another one, in one row of ten or more
BATCH = 250  # rows stepped together
OUTSIDE = 0.05  # share of rows where the maze has walls, from which on positions are not its own
UNSEEN = (
    "; the states follow each other as here, but the observations are not of them: were they changed, or is what "
    "'infos/' says of the scene not what was drawn?"
)


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
    seen: Tail  # of the observation of the recorded state itself; bodies' places lag behind in some tasks
    seen_after: Tail  # the same observation held against that of the following row


@dataclass(frozen=True)
class Verification:
    """What was compared and how it came out."""

    source: str
    task: str
    rows: int
    change: float  # typical, of qpos in one step
    precision: str  # type of the recorded states
    notes: list[str]  # where the states were taken from
    errors: list[Errors]
    hint: str = ""  # what may be wrong; empty if nothing is
    rollout: Rollout | None = None
    outside: float = 0.0  # share of rows that stand in walls of the maze, or beyond

    @property
    def matching(self) -> list[Errors]:
        """Modes that reproduce the file, the best first: its states, and what is observed of them."""
        placed = self.outside <= OUTSIDE
        good = [one for one in self.errors if placed and self.moves(one) and not one.seen.p90 > SEEN]
        return sorted(good, key=lambda one: (one.qpos.median, one.qpos.p99))

    def moves(self, one: Errors) -> bool:
        """Whether a mode reproduces the states."""
        return one.qpos.median <= MATCH * self.change and one.qpos.p90 <= MATCH_TAIL * self.change

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        sizes = " against ".join(f"{one.qpos.median:.1g} in {one.physics}" for one in self.errors)
        tails = " against ".join(f"{one.qpos.p90:.1g}" for one in self.errors)
        scale = f"the typical change per step is {self.change:.1g}"
        if not (good := self.matching):
            return (
                f"this simulator does not reproduce this file: median error {sizes} (90 % below {tails}); "
                f"{scale}{self.hint}"
            )
        if len(self.errors) == 1:
            return f"{good[0].physics} physics reproduces this file: median error {good[0].qpos.median:.1g}; {scale}"
        best = good[0]
        other = next(one for one in self.errors if one is not best)
        for what, i in (("median error", 0), ("90 % of the errors below", 1)):
            if other.qpos[i] > CLEAR * max(best.qpos[i], 1e-12):
                return (
                    f"this file was made with {best.physics} physics: {what} {best.qpos[i]:.1g} against "
                    f"{other.qpos[i]:.1g} in {other.physics}; {scale}"
                )
        which = "both physics modes reproduce" if other in good else f"{best.physics} physics just reproduces"
        return f"{which} this file: median error {sizes} (90 % below {tails}); {scale}"

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
    check_whole("rows", rows, 1)
    check_whole("episodes", episodes, 0, MOST_EPISODES)
    if name in DATASETS:
        path = collect_dataset(name)
    else:
        path = original(name) if name in D4RL else file_of(name)
    tasks = [make_task(task_id, physics=mode) for mode in ([physics] if physics else make_task(task_id).modes)]
    with tempfile.TemporaryDirectory(prefix="pars-verify-") as scratch:
        columns = read_columns(path, infos=True, scratch=Path(scratch))
        env = _simulator(tasks[0], 1)
        sample = draw_sample(columns, name, tasks[0], env, rows)
        env.close()
        returns = recorded_returns(columns, tasks[0].time_limit) if episodes else np.zeros(0)
    errors, maze = [compare(task, sample) for task in tasks], tasks[0].maze
    outside = maze_coverage(sample.obs, maze)["outside"] if maze else 0.0
    kind = str(sample.state["qpos"].dtype)
    found = Verification(name, task_id, len(sample.row), sample.change, kind, sample.notes, errors, outside=outside)
    best = tasks[int(np.argmin([one.qpos.median for one in errors]))]
    if not found.matching:
        found = replace(found, hint=_why(found, tasks, sample))
    if episodes:
        policy = recorded_policy(path, best.obs_dim, best.action_dim)
        found = replace(found, rollout=roll_out(best, policy, episodes, returns))
    return found


@unwarned()  # states of a file may be ones that MuJoCo calls unstable; that they are not reproduced says enough
def compare(task: Task, sample: Sample, action: Array | None = None) -> Errors:
    """Step from every sampled row and compare. `action` takes the place of the recorded actions."""
    env = _simulator(task, min(BATCH, len(sample.row)))
    action = sample.action if action is None else action
    parts: dict[str, list[Array]] = {key: [] for key in ("qpos", "qvel", "obs", "reward", "seen", "seen_after")}
    for first in range(0, len(sample.row), env.n):
        part = slice(first, min(first + env.n, len(sample.row)))
        index = np.arange(part.stop - part.start)
        obs = _set_states(env, index, {key: values[part] for key, values in sample.state.items()}, sample.obs[part])
        result = env.step(index, action[part])
        parts["qpos"].append(largest(env.physics.qpos[index] - sample.after["qpos"][part]))
        parts["qvel"].append(largest(env.physics.qvel[index] - sample.after["qvel"][part]))
        parts["obs"].append(largest(result.obs - sample.after["obs"][part]))
        parts["seen"].append(largest(obs - sample.obs[part]))
        parts["seen_after"].append(largest(obs - sample.after["obs"][part]))
        parts["reward"].append(np.abs(result.reward - sample.reward[part]))
    env.close()
    tails = {key: _tail(np.concatenate(values)) for key, values in parts.items()}
    reward = None if task.goal_choices else tails["reward"]
    return Errors(task.physics, tails["qpos"], tails["qvel"], tails["obs"], reward, tails["seen"], tails["seen_after"])


def _simulator(task: Task, n: int) -> MujocoBatch:
    env = task.make(n)
    if not isinstance(env, MujocoBatch):
        env.close()
        raise UsageError(f"{task.id}: its simulator's states cannot be set; choose one of the tasks of: pars tasks")
    return env


def _set_states(env: MujocoBatch, index: Array, state: dict[str, Array], obs: Array) -> Array:
    """Put environments into recorded states, observed as `obs` in scenes that may not be recorded. -> obs."""
    qpos, qvel = (np.nan_to_num(np.asarray(state[key], np.float64)) for key in ("qpos", "qvel"))
    return env.restore(index, qpos, qvel, env.recover(index, qpos, qvel, obs) | state)


def _why(found: Verification, tasks: list[Task], sample: Sample) -> str:
    """What may be wrong with a file that is not reproduced."""
    walls = f"; {found.outside:.0%} of the rows stand in the maze's walls or beyond: were the positions changed?"
    walls = walls if found.outside > OUTSIDE else ""
    if not any(map(found.moves, found.errors)):
        return _hint(tasks, sample, min(found.errors, key=_median)) + walls
    return walls or UNSEEN


def _hint(tasks: list[Task], sample: Sample, errors: Errors) -> str:
    """What may be wrong with a file that is not reproduced, found by trying."""
    if errors.seen_after.median < errors.seen.median / CLEAR:
        return "; the states of row i are observed in row i + 1, so 'infos/qpos' is shifted by one row"
    for which, action in sample.other_actions.items():
        if any(_median(compare(task, sample, action)) <= MATCH * sample.change for task in tasks):
            return f"; the actions of the rows {which} fit, so 'actions' is shifted by one row"
    if errors.seen.median > SEEN:
        return "; the observations do not belong to the states either: was it recorded in another task?"
    changed = "observations or actions" if any(note.startswith(SHOWN) for note in sample.notes) else "the actions"
    return f"; was it recorded in another task or version, or were {changed} scaled?"


def _median(errors: Errors) -> float:
    return errors.qpos.median


def _tail(values: Array) -> Tail:
    return Tail(*(float(value) for value in np.quantile(values, (0.5, 0.9, 0.99, 1.0))))


def page_lines(found: Verification) -> Iterator[tuple[str, str]]:
    """The verification as names and texts for a terminal, the verdict last."""
    yield "compared", f"{found.rows:,} rows of {found.source} with {found.task}"
    yield "change", f"{found.change:.2g} per step (median of the largest |change of qpos|), states in {found.precision}"
    for note in found.notes:
        yield "states", note
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
