"""One group of a run from its first step to its last, in a folder that survives being killed at any time."""

from __future__ import annotations

import hashlib
import time
from contextlib import closing
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from pars.core import OFFLINE, ONLINE
from pars.errors import DivergenceError, Interrupted, TaskError
from pars.probes import find_probes
from pars.training import checkpoint
from pars.training.checkpoint import Position
from pars.training.evaluations import Boundary, Evaluations
from pars.training.folder import METRICS, REPLAY, RunFolder, check_description, read_status
from pars.training.learner import Learner
from pars.training.online import OnlineLoop, rounded
from pars.training.pictures import save_landscape, save_trajectories
from pars.training.plan import How, Job
from pars.training.rollout import Evaluation

CHUNK_SECONDS = 1.0  # one dispatch: short enough that a signal is answered at once, long enough to cost nothing
SAVE_SECONDS = 120.0  # at most this much work is lost when evaluations are further apart
FIRST = 8  # gradient steps of a phase's first dispatch, which compiles
BURST = 32  # gradient steps at once online, until their time is known
PROBE_ROWS = 2048


def run_group(job: Job, how: How) -> str:
    """Train a group to the end of its plan; idempotent: resumes from its folder's newest checkpoint. -> its digest.

    Raises Interrupted after a checkpoint when a stop is asked for, DivergenceError (the last finite checkpoint stays).
    """
    with checkpoint.lock(job.folder):
        check_description(job.folder, job.description)
        status = read_status(job.folder)
        if status["state"] == "finished":
            return str(status["digest"])
        if status["state"] == "diverged":
            raise DivergenceError(status["message"])
        with closing(RunFolder(job.folder, job.description)) as folder, closing(_GroupRun(job, how, folder)) as run:
            return run.finish()


class _GroupRun:
    def __init__(self, job: Job, how: How, folder: RunFolder):
        group, dataset, plan = job.group, job.dataset, job.plan
        self.group, self.folder, self.dataset, self.task, self.plan = group, folder, dataset, job.task, plan
        self.view, self.stop, self.members = how.view, how.stop, len(group.seeds)
        self.overlap = jax.default_backend() != "cpu" if how.overlap is None else how.overlap
        self.capacity = rounded(plan.online_steps, group.configs[0].environments)
        sizes = {"capacity": self.capacity, "goal_dim": job.task.goal_dim if job.task else 0}
        self.learner = Learner.on(dataset, group.algo, group.configs, group.seeds, **sizes, data_in=how.data_in)
        sees = group.algo.sees
        self.evaluations = Evaluations(job.task, self.members, plan.eval_episodes, sees) if job.task else None
        self.online: OnlineLoop | None = None
        place = self.learner.placement
        self.probes = [
            self.learner.program.over_members(look, shared=(2,))
            for look in (find_probes(list(how.probes)) if sees.plain else [])
        ]
        picks = np.linspace(0, len(dataset.last) - 1, min(PROBE_ROWS, len(dataset.last))).astype(int)
        self.probe_batch = place.share(jax.tree.map(lambda x: np.asarray(x[picks], np.float32), dataset.columns))
        self.pending: Boundary | None = None  # whose evaluation is under way
        self.evaluation: Evaluation | None = None  # the last one
        self.position = Position(-1, "", 0)
        self.since = 0  # step at which the metrics interval under way began
        self.saved = time.monotonic()
        self.started = self.saved - folder.elapsed()

    def close(self) -> None:
        for part in (self.evaluations, self.online, self.learner):
            if part is not None:
                part.close()

    def finish(self) -> str:
        """All phases, from wherever the folder stands."""
        self._resume()
        for number, (phase, steps) in enumerate(self.group.phases(self.plan)):
            if number < self.position.number or not (steps or phase == OFFLINE):
                continue
            if number > self.position.number:
                self._enter(Position(number, phase, 0), steps)
            self._train_online(steps) if phase == ONLINE else self._train_on_data(steps)
        digest = self._digest()
        self.folder.status("finished", self.position, digest=digest)
        return digest

    def _resume(self) -> None:
        saved = self.folder.checkpoint
        if saved is None:
            return
        if saved.position.phase == ONLINE:
            self._go_online()
        self.position, self.since = saved.position, self.learner.restore(saved)
        self.view.note(f"resuming {self.group.name} at {self.position}")
        self.folder.status("running", self.position)

    def _enter(self, position: Position, steps: int) -> None:
        """Begin a phase. The first policy is evaluated before it is trained."""
        self.position, self.since = position, 0
        self.folder.status("running", position)
        if position.phase == ONLINE:
            self._go_online()
        self.learner.start_interval(position.phase)
        if position.phase == OFFLINE:
            self._at_evaluation(wait=not steps)

    def _go_online(self) -> None:
        if self.task is None:
            raise TaskError("online steps need an environment; name a task or give --env")
        self.online = OnlineLoop(self.learner, self.folder, self.task, self.plan.online_steps)

    def _train_on_data(self, steps: int) -> None:
        count, compiled, phase = FIRST, False, self.position.phase
        while (step := self.position.step) < steps:
            goal = min(steps, (step // self.plan.eval_every + 1) * self.plan.eval_every)
            count = min(count, goal - step)
            self._save_if_due()
            before = time.monotonic()
            self.learner.run(step, count, steps, phase)
            self._move_to(replace(self.position, step=step + count))
            seconds = time.monotonic() - before
            rate = count * self.members / seconds
            self.view.advance(phase, self.position.step, rate if compiled else None)
            if not compiled:
                self.folder.timing(self.position, {"compile_seconds": seconds})
            if self.position.step == goal:
                self.folder.timing(self.position, {"updates_per_second": rate} if compiled else {})
                self._at_evaluation(wait=goal == steps)
            count = max(1, min(4 * count, int(count * CHUNK_SECONDS / seconds))) if compiled else count
            compiled = True
        if steps and phase == OFFLINE:
            self._save_if_due()
            self._pictures()

    def _train_online(self, steps: int) -> None:
        assert self.online is not None
        due, each, total = self.online.due, self.group.configs[0].environments, self.online.due(self.capacity)
        mark, marked, burst = time.monotonic(), self.position, BURST
        while self.position.step < steps or self.position.updates < due(self.position.step):
            self._save_if_due()
            step, updates, before = self.position.step, self.position.updates, time.monotonic()
            if updates >= due(step):
                step = self.online.step(step)
            left = due(step) - updates
            if count := min(left, burst):
                self.learner.run(updates, count, total, ONLINE)
            position = replace(self.position, step=step, updates=updates + count)
            self.position = position
            if count < left:
                self._move_to(position)
                seconds = time.monotonic() - before
                burst = max(1, min(4 * burst, int(count * CHUNK_SECONDS / seconds)))
            look = count == left and (step % self.plan.online_eval_every < each or step >= steps)
            if time.monotonic() - mark > CHUNK_SECONDS or look:
                self._move_to(position)
                seconds = time.monotonic() - mark
                self.view.advance(ONLINE, step, (position.updates - marked.updates) / seconds * self.members)
                if look:
                    rate = (step - marked.step) / seconds
                    self.folder.timing(position, {"env_steps_per_second": rate * self.members})
                    self._at_evaluation()
                mark, marked = time.monotonic(), position
        self._pictures()

    def _updates(self) -> int:
        """Gradient steps in the metrics interval under way."""
        if self.online is None:
            return self.position.step - self.since
        return self.position.updates - self.online.due(self.since)

    def _move_to(self, position: Position) -> None:
        """After a dispatch: wait for it, stop on NaN."""
        self.position = position
        if not (steps := self._updates()):
            return  # actions were random, nothing was trained
        metrics = self.learner.metrics(steps, position.phase)
        bad = sorted({int(m) for values in metrics.values() for m in np.flatnonzero(~np.isfinite(values))})
        if bad:
            self._finish_evaluation()
            self._stop_diverged(f"not finite at {position}", bad)

    def _save_if_due(self) -> None:
        """Before a dispatch: save now and then, stop on a signal. Not on arrival: a run that resumes from a checkpoint
        written between a boundary and its evaluation would never do that evaluation."""
        due = self.stop.asked or time.monotonic() - self.saved > SAVE_SECONDS
        if self.pending and self.pending.evaluation and (due or self.pending.evaluation.done()):
            self._finish_evaluation()
        if due:
            self._save(self.position, self._tree())
        if self.stop.asked:
            self.folder.status("interrupted", self.position)
            raise Interrupted(f"stopped at {self.position}; run the same command to continue")

    def _stop_diverged(self, what: str, members: list[int]) -> None:
        kept = self.folder.checkpoint
        where = f"the checkpoint at {kept.position} is kept" if kept else "none is kept"
        seeds = ", ".join(f"{m} (seed {self.group.seeds[m]})" for m in members)
        message = f"{self.group.name} diverged: member {seeds} is {what}; {where}; lower the learning rate or add LN"
        self.folder.status("diverged", self.position, message, diverged=members)
        raise DivergenceError(message)

    def _at_evaluation(self, wait: bool = False) -> None:
        """Log the interval's averages, probe, evaluate, save; with overlap, the evaluation and what follows come later,
        but online: every environment step waits for the updates before it, and they for the step.

        Models that are trained before the policy are logged and saved, and not evaluated.
        """
        self._finish_evaluation()
        phase, steps = self.position.phase, self._updates()
        values = self.learner.metrics(steps, phase) if steps else {}
        policy = phase in (OFFLINE, ONLINE)
        for probe in self.probes if policy else []:
            values |= self.learner.placement.take(probe(self.learner.cfg, self.learner.state, self.probe_batch))
        self.learner.start_interval(phase)
        self.since = self.position.step
        under_way = self.evaluations.start(self.learner.policies()) if self.evaluations and policy else None
        self.pending = Boundary(self.position, values, self._tree(), under_way)
        if not self.overlap or phase == ONLINE or wait:
            self._finish_evaluation()

    def _finish_evaluation(self) -> None:
        """Write what belongs to the boundary whose evaluation is under way, if any; waits for it."""
        if self.pending is None:
            return
        (position, values, tree, under_way), self.pending = self.pending, None
        if under_way and self.evaluations:
            self.evaluation, seconds = under_way.result()
            scores = self.evaluations.scores(self.evaluation)
            values |= scores
            rate = self.evaluation.lengths.sum() / seconds
            self.folder.timing(position, {"evaluation_steps_per_second": rate})
            self.view.scores(position.phase, position.step, [float(score) for score in scores["score"]])
        self.folder.metrics(position, values)
        self.folder.timing(position, {"elapsed_seconds": time.monotonic() - self.started})
        self._save(position, tree)

    def _pictures(self) -> None:
        """What the report draws of the policy at the end of a phase."""
        name = f"{self.position.phase}-{self.position.step}"
        folder, algo = self.folder.path / "probes", self.group.algo
        if algo.critic is not None and algo.sees.plain:
            save_landscape(folder / f"landscape-{name}.npz", self.learner, self.dataset)
        if self.evaluations and self.task and self.task.maze:
            evaluation = self.evaluation or self.evaluations.start(self.learner.policies()).result().evaluation
            save_trajectories(folder / f"trajectories-{name}.npz", evaluation)

    def _tree(self) -> dict[str, Any]:
        """What a checkpoint of this moment holds. With overlap it is written later, so it may not share memory with
        the state, which training gives away."""
        tree = self.learner.tree(self.position.phase, self.since)
        return jax.tree.map(np.array, tree) if self.overlap else tree

    def _save(self, position: Position, tree: dict[str, Any]) -> None:
        state = [leaf for leaf in jax.tree.leaves(tree["state"]) if np.issubdtype(leaf.dtype, np.inexact)]
        bad = sorted({m for leaf in state for m in range(self.members) if not np.all(np.isfinite(leaf[m]))})
        if bad:
            self._stop_diverged(f"not finite in its parameters at {position}", bad)
        self.folder.save(position, tree)
        self.saved = time.monotonic()

    def _digest(self) -> str:
        """SHA-256 over everything that a resumed run must repeat: final state, metrics, online transitions."""
        assert self.folder.checkpoint is not None
        digest = hashlib.sha256(self.folder.checkpoint.digest.encode())
        for name in (METRICS, REPLAY):
            digest.update((self.folder.path / name).read_bytes())
        return digest.hexdigest()
