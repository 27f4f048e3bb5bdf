"""What an experiment will cost: from the arithmetic of its programs and a quick measurement of this machine.

An estimate, no promise: training at two thirds of the measured rate of matrix products (docs/lab/performance.md has
what programs reach), every evaluation episode to its time limit. While units run, their true times correct the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pars.collect.twins import collect_twin, twin_path
from pars.config import structure
from pars.envs import make_task
from pars.envs.measure import environment, steps_per_second
from pars.errors import TaskError
from pars.probes.flops import step_flops
from pars.reproduce.grid import Grade
from pars.system import cores
from pars.training.estimate import COMPILE, EFFICIENCY, product_rate
from pars.training.plan import Group, Plan
from pars.training.progress import progress_bar

# A GPU: the gradient steps a second of one member of PARS in float32 and the time to compile, measured on an H200
# (docs/lab/performance.md); 15 TFLOP/s of many members in float32 are reasoned, as are 16 cores of the speed of ours.
GPU_STEPS, GPU_FLOPS, GPU_CORES, GPU_COMPILE = 3400.0, 15e12, 16, 37.0
BEHAVIOUR_SECONDS = 400.0  # to train the policies that collect a locomotion twin


@dataclass(frozen=True)
class Seconds:
    """Here and on a GPU."""

    here: float
    gpu: float

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.here + other.here, self.gpu + other.gpu)


@dataclass
class Machine:
    """Rates of this machine, each measured when it is first asked for, in a fraction of a second."""

    together: bool = False  # whether the tasks of an experiment are trained at once: on a GPU members are nearly free
    speeds: dict[str, float | None] = field(default_factory=dict)
    counted: dict[Any, float] = field(default_factory=dict)

    @cached_property
    def flops(self) -> float:
        """FLOP/s of [512, 256] @ [256, 256] on all cores, each with a chain of its own."""
        return product_rate(0.4)

    def physics(self, task_id: str) -> float:
        """Environment steps per second; infinite where the task cannot be made here."""
        task = make_task(task_id)
        name = environment(task)
        if name not in self.speeds:
            try:
                self.speeds[name] = steps_per_second(task, 0.15)
            except TaskError:
                self.speeds[name] = None
        return self.speeds[name] or float("inf")

    def group(self, group: Group, plan: Plan, task_id: str) -> Seconds:
        """A population from its first step to its last."""
        task, members, cfg = make_task(task_id), len(group.seeds), group.configs[0]
        work = self._step_flops(group, task.obs_dim, task.action_dim)
        updates, online = plan.offline_steps, plan.online_steps
        updates += online * cfg.updates_per_step
        looks = plan.offline_steps / plan.eval_every + online / plan.online_eval_every + 1
        played = members * (looks * plan.eval_episodes * task.time_limit + online)
        here = updates * members * work / (EFFICIENCY * self.flops) + played / self.physics(task_id)
        faster = self.physics(task_id) * GPU_CORES / cores()
        gpu = updates * max(1.0 / GPU_STEPS, members * work / GPU_FLOPS) + played / faster
        return Seconds(here + COMPILE * (1 + (online > 0)), gpu + GPU_COMPILE * (1 + (online > 0)))

    def _step_flops(self, group: Group, obs_dim: int, action_dim: int) -> float:
        """Counted once for a structure, at the sizes of the first task that has it: a few per cent between tasks."""
        key = group.algo.name, structure(group.configs[0])
        if key not in self.counted:
            self.counted[key] = step_flops(group.algo, group.configs[0], obs_dim, action_dim)
        return self.counted[key]


def data_seconds(grade: Grade, task_id: str, physics: float) -> float:
    """To collect a twin that is not there yet; 0 where nothing is to be collected."""
    if grade.data != "twin" or task_id.startswith("pointmaze") or twin_path(task_id, grade.rows).is_file():
        return 0.0
    rows = grade.rows or 1_000_000
    return rows / (0.6 * physics) + (BEHAVIOUR_SECONDS if make_task(task_id).family == "mujoco" else 0.0)


def collect(grade: Grade, task_id: str) -> None:
    """The twin that a grade trains on."""
    with progress_bar(f"twin of {task_id}") as advance:
        collect_twin(task_id, grade.rows, progress=advance)


def data_of(grade: Grade, task_id: str) -> str | None:
    """What to train on, for `pars.api.open_dataset`."""
    if grade.data == "d4rl" or task_id.startswith("pointmaze"):
        return None  # the task's own
    return f"twin:{twin_path(task_id, grade.rows).stem}" if grade.rows else "twin"
