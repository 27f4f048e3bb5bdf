"""What a task is, and the one batched environment class on raw MuJoCo.

All environments of a batch share one compiled model. Their states are rows of one array, so observation, reward and
termination are vectorised NumPy over the stepped rows, and only the physics runs per environment.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import mujoco
import numpy as np
from mujoco import rollout

from pars.device import cores
from pars.envs.maze import Maze

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


@dataclass(frozen=True)
class Task:
    """One task: what the agent sees and does, how long an episode lasts and how its return is scored."""

    id: str
    family: str  # "pointmaze", "antmaze", "adroit", "mujoco", "gym"
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

    def score(self, returns: Array) -> Array:
        """Normalised score 100 (R - low) / (high - low) of undiscounted, unscaled returns, any shape."""
        if self.reference is None:
            return np.asarray(returns, np.float64)
        low, high = self.reference
        return 100.0 * (np.asarray(returns, np.float64) - low) / (high - low)


def clipped(action: Array) -> Array:
    """Actions in [-1, 1]. NaN from a diverged policy becomes 0, as in MuJoCo, but without its log file."""
    return np.clip(np.nan_to_num(np.asarray(action, np.float64), nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)


class Physics:
    """States of n copies of one model, stepped on several threads.

    The state of an environment is its row of `state` and nothing else: the constraint solver starts cold at every
    control step. So results do not depend on the number of threads, on the neighbours, or on what ran before, and a
    trajectory can be replayed bit for bit from any stored row.
    """

    def __init__(self, model: mujoco.MjModel, n: int, *, frame_skip: int, threads: int | None = None):
        self.model, self.n, self.frame_skip = model, n, frame_skip
        self.threads = max(1, min(threads or cores(), n))
        size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        self.state = np.zeros((n, size))  # rows: time, qpos, qvel, actuator states
        self.qpos = self.state[:, 1 : 1 + model.nq]
        self.qvel = self.state[:, 1 + model.nq : 1 + model.nq + model.nv]
        self._models = [model] * n
        self._data = [mujoco.MjData(model) for _ in range(self.threads)]
        # Each thread runs its own slice inside one C++ call without the interpreter lock, the calling thread the first
        # one; this beat both a loop of mj_step in threads and MuJoCo's own thread pool (benchmarks/physics.py).
        self._rollouts = [rollout.Rollout(nthread=0) for _ in range(self.threads)]
        self._pool: ThreadPoolExecutor | None = None

    def place(self, index: Array, qpos: Array, qvel: Array) -> None:
        """Put the environments `index` [k] into states qpos [k, nq], qvel [k, nv] at time 0."""
        self.state[index] = 0.0
        self.qpos[index], self.qvel[index] = qpos, qvel

    def step(self, index: Array, ctrl: Array) -> None:
        """Advance the environments `index` [k] by `frame_skip` simulator steps under constant ctrl [k, nu]."""
        k = len(index)
        before = self.state[index]
        controls = np.repeat(np.asarray(ctrl, np.float64)[:, None], self.frame_skip, axis=1)
        after = np.empty((k, self.frame_skip, before.shape[1]))
        slices = max(1, min(self.threads, k // MIN_SLICE))
        if slices > 1 and self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="physics")
        edges = [k * i // slices for i in range(slices + 1)]

        def run(i: int) -> None:
            part = slice(edges[i], edges[i + 1])
            models = self._models[: edges[i + 1] - edges[i]]
            self._rollouts[i].rollout(
                models,
                [self._data[i]],
                before[part],
                controls[part],
                nstep=self.frame_skip,
                skip_checks=True,
                state=after[part],
            )

        futures = [self._pool.submit(run, i) for i in range(1, slices)] if self._pool else []
        run(0)
        for future in futures:
            future.result()
        self.state[index] = after[:, -1]

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


class MujocoBatch:
    """A BatchEnv on raw MuJoCo. A subclass says where episodes start, what is seen and what is paid.

    Stepping past the end of an episode is allowed and simply continues the physics: data collection needs it.
    """

    def __init__(
        self, model: mujoco.MjModel, n: int, *, frame_skip: int, time_limit: int, threads: int | None = None
    ) -> None:
        if n < 1:
            raise ValueError(f"a batch needs at least one environment, got {n}")
        self.n, self.time_limit = n, time_limit
        self.physics = Physics(model, n, frame_skip=frame_skip, threads=threads)
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

    def constrain(self, index: Array) -> None:
        """Change the states after the physics, for instance clip velocities. Default: nothing."""

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

    def step(self, index: Array, action: Array) -> StepResult:
        """One action for each of the environments `index` [k], action [k, A] in [-1, 1] (clipped)."""
        index = np.asarray(index)
        self.physics.step(index, self.control(clipped(action)))
        self.constrain(index)
        self.count[index] += 1
        reward, terminal = self.outcome(index)
        truncated = (self.count[index] >= self.time_limit) & ~terminal
        return StepResult(self.observe(index), reward.astype(np.float32), terminal, truncated)

    def close(self) -> None:
        """Stop the physics threads."""
        self.physics.close()
