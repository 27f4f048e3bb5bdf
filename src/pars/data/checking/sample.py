"""Recorded steps to repeat: rows of a file with the simulator's states before and after them.

Where an observation is the whole state (AntMaze), the states are the observations': D4RL's AntMaze scripts write
`infos/qpos` and `infos/qvel` after the step, its other ones before it. Elsewhere they are those below `infos/` or, in a
file without them, what the observations show.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pars.data.checking.magnitude import HUGE
from pars.data.rows import Rows, check_lengths
from pars.data.transitions import episode_ends
from pars.envs.base import MujocoBatch, Task
from pars.errors import DataError

Array = np.ndarray

SAME = 1e-3  # median difference, as a share of the typical change per step, up to which two states are the same
SHOWN = "the states are those that the observations show"


@dataclass(frozen=True)
class Sample:
    """Rows i that have a successor in their episode, and what is recorded of them."""

    row: Array  # [k]
    obs: Array  # [k, O]
    action: Array  # [k, A]
    reward: Array  # [k]
    state: dict[str, Array]  # before the step: qpos, qvel, and what the file has of the scene; NaN: any will do
    after: dict[str, Array]  # qpos, qvel and obs of row i + 1; NaN where unknown
    other_actions: dict[str, Array]  # of the neighbouring rows, to find a shift
    notes: list[str]  # where the states were taken from, unless from below infos/ alone

    @property
    def change(self) -> float:
        """Typical largest |change| of qpos in one step."""
        return median_difference(self.after["qpos"], self.state["qpos"])


def largest(difference: Array) -> Array:
    """[k] largest |value| in each row of [k, d], NaN left out."""
    return np.fmax.reduce(np.abs(difference), axis=1)


def median_difference(a: Array, b: Array) -> float:
    """Median over rows of the largest |difference|."""
    return float(np.median(largest(a - b)))


def draw_sample(columns: Mapping[str, Array], source: str, task: Task, env: MujocoBatch, most: int) -> Sample:
    """At most `most` rows that have a successor in their episode. Raises DataError if the file does not tell states.

    Args:
        source: what errors call the file.
        env: a simulator of the task.
    """
    check_lengths(columns, source)
    for key, width in (("observations", task.obs_dim), ("actions", task.action_dim)):
        if columns[key].ndim != 2 or columns[key].shape[1] != width:
            raise DataError(
                f"{source}: '{key}' has shape {columns[key].shape}, {task.id} is {width} wide; name its task"
            )
    infos = {key.removeprefix("infos/"): values for key, values in columns.items() if key.startswith("infos/")}
    _check_infos(infos, env, task, source)
    all_obs, all_actions = columns["observations"], columns["actions"]
    row = _rows_that_tell(_rows_with_successor(columns, source, task, most), all_obs, infos, env, source)
    obs, next_obs, reward = all_obs[row], all_obs[row + 1], np.asarray(columns["rewards"]).reshape(-1)[row]
    scene, states = [f"infos/{key}" for key in env.scene(np.arange(1))], ["infos/qpos", "infos/qvel"]
    shown = scene if env.shown(obs) is None else [*scene, *states]
    for keys, rows in ((["actions", "rewards", *scene], row), (["observations", *states], np.union1d(row, row + 1))):
        for key in (key for key in keys if key in columns):
            _check_values(columns[key][rows], key, source, key in shown)
    state, after, notes = _states(infos, env, row, obs, next_obs)
    others = {"before": all_actions[row - 1], "after": all_actions[row + 1]}
    return Sample(row, obs, all_actions[row], reward, state, after | {"obs": next_obs}, others, notes)


def _check_infos(infos: Mapping[str, Array], env: MujocoBatch, task: Task, source: str) -> None:
    """Raise DataError if recorded states are of another width than the task's."""
    widths = {"qpos": env.physics.model.nq, "qvel": env.physics.model.nv}
    widths |= {key: values.shape[1] for key, values in env.scene(np.arange(1)).items()}
    for key, width in widths.items():
        shape = infos[key].shape if key in infos else (0, width)
        if len(shape) != 2 or shape[1] != width:
            raise DataError(
                f"{source}: 'infos/{key}' is {shape[1] if len(shape) == 2 else 1} wide, {task.id} has {width}; name "
                "the task that the file was recorded in"
            )


def _check_values(values: Array, key: str, source: str, shown: bool) -> None:
    """Raise DataError for numbers that no simulator can have given. shown: the observations tell as much."""
    mend = "leave it out to have it taken from the observations" if shown else f"see: pars data check {source}"
    if not np.isfinite(values).all():
        raise DataError(f"{source}: '{key}' has NaN or infinite values; {mend}")
    if (greatest := np.abs(values).max()) >= HUGE:
        raise DataError(f"{source}: '{key}' has values up to {greatest:.2g}, which no simulator gives; {mend}")


def _rows_with_successor(columns: Mapping[str, Array], source: str, task: Task, most: int) -> Array:
    """At most `most` rows inside episodes, always the same ones."""
    reward, terminal = (np.asarray(columns[key]).reshape(-1) for key in ("rewards", "terminals"))
    timeout = np.asarray(columns["timeouts"]).reshape(-1).astype(bool) if "timeouts" in columns else None
    rows = Rows(columns["observations"], columns["actions"], reward, terminal.astype(bool), timeout, None)
    inside = np.flatnonzero(~episode_ends(rows, task.time_limit))
    inside = inside[inside > 0]  # so that the row before can be looked at as well
    if not len(inside):
        raise DataError(f"{source}: no row is followed by another one of its episode; nothing can be compared")
    return np.sort(np.random.default_rng(0).choice(inside, min(most, len(inside)), replace=False))


def _rows_that_tell(row: Array, obs: Array, infos: Mapping[str, Array], env: MujocoBatch, source: str) -> Array:
    """Those of the rows [k] whose states are known: all, unless only the observations show them."""
    missing = [key for key in ("qpos", "qvel") if key not in infos]
    if not missing:
        return row
    shown = env.shown(obs[row])
    if shown is None:
        raise DataError(
            f"{source}: no 'infos/{missing[0]}'; only files that record the simulator's states can be verified"
        )
    known = row[np.isfinite(shown[1]).all(axis=1)]  # a speed at the observations' clip is not known
    if not len(known):
        raise DataError(f"{source}: no 'infos/{missing[0]}', and no row shows all speeds; nothing can be compared")
    return known


def _states(
    infos: Mapping[str, Array], env: MujocoBatch, row: Array, obs: Array, next_obs: Array
) -> tuple[dict[str, Array], dict[str, Array], list[str]]:
    """States before and after the step, and what is worth knowing of where they come from."""
    keys, scene = ("qpos", "qvel"), env.scene(np.arange(1))
    known = {key: infos[key][row] for key in scene if key in infos}
    notes = [f"no 'infos/{key}': taken from the observations" for key in scene if key not in infos]
    recorded = all(key in infos for key in keys)
    shown, shown_after = env.shown(obs), env.shown(next_obs)
    if shown is None or shown_after is None or (recorded and np.isnan(shown[0]).any()):
        before, after = ({key: infos[key][at] for key in keys} for at in (row, row + 1))
        return before | known, after, notes
    which = _row_of_infos(infos["qpos"][row], shown[0], shown_after[0]) if recorded else "there is no 'infos/qpos'"
    return dict(zip(keys, shown)) | known, dict(zip(keys, shown_after)), [f"{SHOWN}; {which}", *notes]


def _row_of_infos(recorded: Array, before: Array, after: Array) -> str:
    """Whether the qpos recorded in row i are those before or after its step."""
    same = SAME * median_difference(after, before)
    if median_difference(recorded, before) <= same:
        return "'infos/qpos' of row i is the state of row i"
    if median_difference(recorded, after) <= same:
        return "'infos/qpos' of row i is the state of row i + 1, read after the step, as D4RL's AntMaze scripts do"
    return "'infos/qpos' of row i is the state of neither row i nor row i + 1"
