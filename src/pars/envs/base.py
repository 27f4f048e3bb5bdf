"""What a task is, and the one batched environment class on raw MuJoCo.

All environments of a batch share one compiled model; what differs between them, where a door stands for instance, is
written into it before their physics runs. Their states and sensor values are rows of two arrays, so observation, reward
and termination are vectorised NumPy over the stepped rows, and only the physics runs per environment.
"""

import copy
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import mujoco
import numpy as np
from mujoco import rollout

from pars.envs.maze import Maze
from pars.system import cores
from pars.units import ActionRange

Array = np.ndarray

MIN_SLICE = 4  # environments; below this a second thread costs more than it saves


class StepResult(NamedTuple):
    """What one step of k environments gave. `truncated` is never set together with `terminal`."""

    obs: Array  # [k, O] float32
    reward: Array  # [k] float32
    terminal: Array  # [k] bool, the task itself ended
    truncated: Array  # [k] bool, the time limit was reached


class BatchEnv(Protocol):
    """n environments of one task. Every environment's trajectory depends on its seed and its actions alone."""

    n: int

    @property
    def goals(self) -> Array | None:
        """[n, G], what each is to reach in its episode; None for tasks without goals."""
        ...

    def reset(self, index: Array, seed: Array) -> Array:
        """Restart the environments `index` [k] from `seed` [k] -> obs [k, O]."""
        ...

    def step(self, index: Array, action: Array) -> StepResult:
        """Step only the environments `index` [k] (distinct) with action [k, A], clipped to [-1, 1]."""
        ...

    def close(self) -> None:
        """Free threads and simulators."""
        ...


class MakeEnv(Protocol):
    """Builds n environments; `threads` for their physics, by default one per core. Results do not depend on it."""

    def __call__(self, n: int, threads: int | None = None) -> BatchEnv: ...


GYM = "gym"  # family of what is made by Gymnasium: any Python


@dataclass(frozen=True)
class Task:
    """One task: what the agent sees and does, how long an episode lasts and how its return is scored."""

    id: str
    family: str  # "pointmaze", "antmaze", "adroit", "mujoco", or GYM
    obs_dim: int
    action_dim: int
    time_limit: int  # actions
    reference: tuple[float, float] | None  # raw returns that score 0 and 100; None: the score is the raw return
    eval_episodes: int
    dataset: str | None  # id of the dataset that belongs to the task
    max_return: float | None  # largest possible raw return of one episode
    physics: str  # engine mode, printed with every score
    maze: Maze | None  # for pictures and coverage
    make: MakeEnv
    goal_dim: int = 0  # width of the goals that policies may be shown; 0: the task has none
    action_range: ActionRange | None = None  # what actions in [-1, 1] are mapped to; None: they are the task's own
    limits: ActionRange | None = None  # of [-1, 1], what actions are kept within; None: all of it
    options: tuple[tuple[str, str], ...] = ()  # what `make_task` was told besides the id
    modes: tuple[str, ...] = ("stock",)  # engine modes that there are
    goal_choices: tuple[str, ...] = ()  # when the goal is drawn; (): the task fixes it

    def allowed(self, action: Array) -> Array:
        """Actions [.., A] in [-1, 1] as they are taken: within the limits."""
        if self.limits is None:
            return action
        return np.clip(action, np.asarray(self.limits.low, np.float32), np.asarray(self.limits.high, np.float32))

    def score(self, returns: Array) -> Array:
        """Normalised score 100 (R - low) / (high - low) of undiscounted, unscaled returns, any shape."""
        if self.reference is None:
            return np.asarray(returns, np.float64)
        low, high = self.reference
        return 100.0 * (np.asarray(returns, np.float64) - low) / (high - low)


def clipped(action: Array) -> Array:
    """Actions in [-1, 1]. NaN from a diverged policy becomes 0, as in MuJoCo, but without its log file."""
    action = within(np.asarray(action, np.float64), 1.0)
    unknown = np.isnan(action)
    if unknown.any():
        action[unknown] = 0.0
    return action


def within(values: Array, bound: float) -> Array:
    """Values clipped to [-bound, bound]; NaN stays. For the few numbers of a step twice as fast as np.clip."""
    return np.minimum(np.maximum(values, -bound), bound)


class ModelField(NamedTuple):
    """A row of one of the model's arrays, for instance ("body_pos", 31): the position of body 31."""

    array: str
    row: int


class Physics:
    """States of n copies of one model, stepped on several threads.

    The state of an environment is its row of `state` and nothing else: the constraint solver starts cold at every
    control step. So results do not depend on the number of threads, on the neighbours, or on what ran before, and a
    trajectory can be replayed bit for bit from any stored row. With `own`, its rows of `own` and `warmstart` belong to
    the state too: such models may leave the solver far from converged, and then where it starts shows in the result.

    `sensors` [n, nsensordata] is what the model's sensors read in the last simulator step. MuJoCo fills them before it
    moves on, so after a step they belong to the state one simulator step earlier (as do `xpos` and `site_xpos`, which
    D4RL observes); after `place` they belong to the state itself.

    Args:
        own: parts of the model that each environment has of its own; `own[field]` [n, width] are their values. Only one
            copy of the model per thread is kept, and each environment is stepped by a call of its own.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        n: int,
        *,
        frame_skip: int,
        threads: int | None = None,
        own: Sequence[ModelField] = (),
    ) -> None:
        self.model, self.n, self.frame_skip = model, n, frame_skip
        self.threads = max(1, min(threads or cores(), n))
        size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        self.state = np.zeros((n, size))  # rows: time, qpos, qvel, actuator states
        self.qpos = self.state[:, 1 : 1 + model.nq]
        self.qvel = self.state[:, 1 + model.nq : 1 + model.nq + model.nv]
        self.sensors = np.zeros((n, model.nsensordata))
        self.own = {field: np.tile(getattr(model, field.array)[field.row], (n, 1)) for field in own}
        self.warmstart = np.zeros((n, model.nv))  # where the solver starts; zero after `place`
        self._models = [copy.copy(model) if own else model for _ in range(self.threads)]
        self._rows = [[getattr(m, field.array)[field.row] for field in own] for m in self._models]
        self._data = [[mujoco.MjData(model)] for _ in range(self.threads)]
        # Each thread runs its own slice inside one C++ call without the interpreter lock, the calling thread the first
        # one; this beat both a loop of mj_step in threads and MuJoCo's own thread pool (benchmarks/physics.py).
        self._rollouts = [rollout.Rollout(nthread=0) for _ in range(self.threads)]
        self._pool: ThreadPoolExecutor | None = None

    def place(self, index: Array, qpos: Array, qvel: Array) -> None:
        """Put the environments `index` [k] into states qpos [k, nq], qvel [k, nv] at time 0."""
        self.state[index], self.warmstart[index] = 0.0, 0.0
        self.qpos[index], self.qvel[index] = qpos, qvel
        if self.sensors.size:
            for i in index:
                self.sensors[i] = self.forward(int(i)).sensordata

    def model_of(self, i: int, thread: int = 0) -> mujoco.MjModel:
        """The thread's model with the own values of environment `i`, until the next call."""
        for row, values in zip(self._rows[thread], self.own.values()):
            row[:] = values[i]
        return self._models[thread]

    def forward(self, i: int) -> mujoco.MjData:
        """Everything MuJoCo derives from the state of environment `i` without moving it, until the next call."""
        model, data = self.model_of(i), self._data[0][0]
        mujoco.mj_resetData(model, data)
        mujoco.mj_setState(model, data, self.state[i], mujoco.mjtState.mjSTATE_FULLPHYSICS)
        mujoco.mj_forward(model, data)
        return data

    def step(self, index: Array, ctrl: Array) -> None:
        """Advance the environments `index` [k] by `frame_skip` simulator steps under constant ctrl [k, nu]."""
        k = len(index)
        before, after = self.state[index], np.empty((k, self.frame_skip, self.state.shape[1]))
        controls = np.empty((k, self.frame_skip, ctrl.shape[1]))
        controls[:] = ctrl[:, None]
        sensed = np.empty((k, self.frame_skip, self.sensors.shape[1])) if self.sensors.size else None
        advance = self._advance_own if self.own else self._advance
        slices = max(1, min(self.threads, k // MIN_SLICE))
        edges = [k * i // slices for i in range(slices + 1)]
        parts = [(i, slice(*edges[i : i + 2]), index, before, controls, after, sensed) for i in range(slices)]
        if slices > 1 and self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="physics")
        futures = [self._pool.submit(advance, *part) for part in parts[1:]] if self._pool else []
        advance(*parts[0])
        for future in futures:
            future.result()
        self.state[index] = after[:, -1]
        if sensed is not None:
            self.sensors[index] = sensed[:, -1]

    def _advance(
        self, i: int, part: slice, index: Array, before: Array, controls: Array, after: Array, sensed: Array | None
    ) -> None:
        """Thread i's part of a step: one call."""
        self._rollouts[i].rollout(
            [self.model] * (part.stop - part.start),
            self._data[i],
            before[part],
            controls[part],
            nstep=self.frame_skip,
            skip_checks=True,
            state=after[part],
            sensordata=None if sensed is None else sensed[part],
        )

    def _advance_own(
        self, i: int, part: slice, index: Array, before: Array, controls: Array, after: Array, sensed: Array | None
    ) -> None:
        """Thread i's part of a step: a call for each environment, with its own model and the solver's start."""
        rollouts, (data,), skip = self._rollouts[i], self._data[i], self.frame_skip
        for row in range(part.start, part.stop):
            j, one = index[row], slice(row, row + 1)
            rollouts.rollout(
                [self.model_of(j, i)],
                self._data[i],
                before[one],
                controls[one],
                nstep=skip,
                skip_checks=True,
                initial_warmstart=self.warmstart[j : j + 1],
                state=after[one],
                sensordata=None if sensed is None else sensed[one],
            )
            self.warmstart[j] = data.qacc_warmstart

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


class MujocoBatch:
    """A BatchEnv on raw MuJoCo. A subclass says where episodes start, what is seen and what is paid.

    Stepping past the end of an episode is allowed and simply continues the physics: data collection needs it.
    """

    goals: Array | None = None

    def __init__(
        self,
        model: mujoco.MjModel,
        n: int,
        *,
        frame_skip: int,
        time_limit: int,
        threads: int | None = None,
        own: Sequence[ModelField] = (),
    ) -> None:
        if n < 1:
            raise ValueError(f"a batch needs at least one environment, got {n}")
        self.n, self.time_limit = n, time_limit
        self.physics = Physics(model, n, frame_skip=frame_skip, threads=threads, own=own)
        self.count = np.zeros(n, np.int64)  # actions since the reset

    def start(self, i: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw qpos [nq] and qvel [nv] of a new episode of environment `i`, and whatever else belongs to it."""
        raise NotImplementedError

    def observe(self, index: Array) -> Array:
        """Observations [k, O] float32 of the environments `index`."""
        raise NotImplementedError

    def outcome(self, index: Array) -> tuple[Array, Array]:
        """Reward [k] and terminal [k], both from the state after the step."""
        raise NotImplementedError

    def control(self, action: Array) -> Array:
        """Controls [k, nu] of the simulator for actions [k, A] in [-1, 1]. Default: the actions themselves."""
        return action

    def prepare(self, index: Array, action: Array) -> None:
        """Keep what `outcome` needs of the states before the physics and of the actions. Default: nothing."""

    def constrain(self, index: Array) -> None:
        """Change the states after the physics, for instance clip velocities. Default: nothing."""

    def scene(self, index: Array) -> dict[str, Array]:
        """What the environments `index` [k] hold besides qpos and qvel, by D4RL's keys below infos/. Default: {}."""
        return {}

    def reset(self, index: Array, seed: Array) -> Array:
        """Restart the environments `index` [k]; the start depends on `seed` [k] only. -> obs [k, O]."""
        index = np.asarray(index)
        starts = [self.start(int(i), np.random.default_rng(int(s))) for i, s in zip(index, seed, strict=True)]
        return self.place(index, np.stack([s[0] for s in starts]), np.stack([s[1] for s in starts]))

    def place(self, index: Array, qpos: Array, qvel: Array) -> Array:
        """Start new episodes in given states instead of drawn ones. -> obs [k, O]."""
        self.physics.place(index, qpos, qvel)
        self.count[index] = 0
        return self.observe(index)

    def restore(self, index: Array, qpos: Array, qvel: Array, infos: Mapping[str, Array]) -> Array:
        """`place` with whatever else belongs to a recorded state: the columns of `scene`. Default: nothing."""
        return self.place(index, qpos, qvel)

    def recover(self, index: Array, qpos: Array, qvel: Array, obs: Array) -> dict[str, Array]:
        """The `scene` in which recorded states were observed as `obs` [k, O]. Default: {}."""
        return {}

    def shown(self, obs: Array) -> tuple[Array, Array] | None:
        """qpos [k, nq] and qvel [k, nv] of the states that `obs` [k, O] shows, or None if it shows something else.

        NaN where it does not tell; a position that is NaN may be anything, the physics is the same.
        """
        return None

    def step(self, index: Array, action: Array) -> StepResult:
        """One action for each of the environments `index` [k], action [k, A] in [-1, 1] (clipped)."""
        index, action = np.asarray(index), clipped(action)
        self.prepare(index, action)
        self.physics.step(index, self.control(action))
        self.constrain(index)
        self.count[index] = count = self.count[index] + 1
        reward, terminal = self.outcome(index)
        truncated = (count >= self.time_limit) & ~terminal
        return StepResult(self.observe(index), reward.astype(np.float32), terminal, truncated)

    def close(self) -> None:
        """Stop the physics threads."""
        self.physics.close()
