"""Policies of runs, and of folders that `pars export` wrote. For the latter JAX is not imported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pars.errors import CheckpointError, UsageError
from pars.export.contract import CONTRACT, WEIGHTS, read_folder
from pars.export.policy import Policy, Rows
from pars.export.program import Program
from pars.units import ActionRange

if TYPE_CHECKING:
    from pars.training.restore import Restored


def load_policy(run: Path | str, member: int = 0, at: str | None = None) -> Policy:
    """The policy of one member of a run: of its group's folder, or of a run that has just one group; or the policy of a
    folder that `pars export` wrote. Needs neither data nor a simulator. Raises the errors of pars.errors.

    at: the step, "20000" or "online-500", of a policy that is kept; by default the newest.
    """
    if (Path(run) / CONTRACT).exists():
        if at:
            raise UsageError(f"{run} holds one policy: at={at} is for runs")
        return read_folder(Path(run)).policy
    if (Path(run) / WEIGHTS).exists():
        raise CheckpointError(f"{run} is a policy without its {CONTRACT}; copy the folder anew")
    from pars.training.restore import member_of

    return policy_of(member_of(run, member, at), member)


def policy_of(restored: Restored, member: int) -> Policy:
    """The policy of one member; of a method that draws when it is evaluated the one that does not."""
    from pars.export.trace import Unwritten

    sees = restored.algo.sees
    numbers = getattr(restored.configs[member], "goal_columns", ()) if sees.goal else ()
    goals = tuple(restored.inputs[i] for i in numbers) or tuple(map(str, range(restored.spec.goal_dim * sees.goal)))
    try:
        program: Rows = traced(restored, member)
    except Unwritten as why:
        program = Compiled(restored, member, str(why))
    return Policy(
        restored.algo.name, restored.inputs, restored.outputs, goals, sees.history, program, restored.sentinels
    )


def traced(restored: Restored, member: int) -> Program:
    """A member's policy as a list of operations. Raises Unwritten."""
    import jax

    from pars.export.trace import trace

    algo, sees, outputs = restored.algo, restored.algo.sees, restored.outputs
    cfg = jax.tree.map(np.float32, replace(restored.configs[member], **sees.still))
    settings = jax.tree.leaves(cfg)
    stored, tree = jax.tree.flatten((cfg, restored.state))
    width, history = len(restored.inputs), sees.history

    def act(leaves: list[Any], row: Any) -> Any:
        own, state = jax.tree.unflatten(tree, leaves)
        obs = row[: width * history].reshape((history, width) if history > 1 else (width,))
        seen = (obs, row[width * history :]) if sees.goal else obs
        return algo.act(own, state, seen, jax.random.key(0), 0.0)

    count = len(settings)
    shapes = [jax.ShapeDtypeStruct(x.shape[i >= count :], x.dtype) for i, x in enumerate(stored)]
    fetch = lambda i: np.asarray(stored[i]) if i < count else np.asarray(stored[i])[member]  # noqa: E731
    inputs = width * history + (restored.spec.goal_dim if sees.goal else 0)
    limits = ActionRange.of([one.low for one in outputs], [one.high for one in outputs], "")
    return trace(act, shapes, fetch, inputs, restored.scale, limits)


class Compiled:
    """What acts where a policy takes a step that no list of operations has: JAX, as in evaluations."""

    def __init__(self, restored: Restored, member: int, why: str) -> None:
        self.why, self._sees = why, restored.algo.sees
        self._width = len(restored.inputs)
        self._act = restored.policies.member(member)
        self._scale, self._limits = restored.scale, np.array([(one.low, one.high) for one in restored.outputs]).T

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        end = self._width * self._sees.history
        obs = rows[:, :end].reshape(len(rows), self._sees.history, self._width)
        obs = obs if self._sees.history > 1 else obs[:, 0]
        action = self._scale.to_units(self._act((obs, rows[:, end:]) if self._sees.goal else obs))
        return np.clip(action, *self._limits)

    def __reduce__(self) -> Any:
        raise UsageError(f"cannot pickle this policy: {self.why}; load it anew with load_policy")
