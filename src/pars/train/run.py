"""One group of a run from its first step to its last, in a folder that survives being killed at any time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pars.core import Spec
from pars.data import Dataset
from pars.envs.base import Task
from pars.errors import DivergenceError, Interrupted, TaskError
from pars.probes import Probe
from pars.train import checkpoint
from pars.train.checkpoint import Position
from pars.train.evaluations import Boundary, Evaluations
from pars.train.folder import METRICS, REPLAY, RunFolder, check_description, read_status
from pars.train.learner import Learner
from pars.train.online import Experience
from pars.train.pictures import save_landscape, save_trajectories
from pars.train.plan import Group as Group
from pars.train.plan import Plan as Plan
from pars.train.prefetch import DataIn
from pars.train.rollout import Evaluation
from pars.train.view import Stop, View

CHUNK_SECONDS = 1.0  # one dispatch: short enough that a signal is answered at once, long enough to cost nothing
SAVE_SECONDS = 120.0  # at most this much work is lost when evaluations are further apart
PROBE_ROWS = 2048


def run_group(
    group: Group,
    folder: Path,
    description: dict[str, Any],
    dataset: Dataset,
    task: Task | None,
    plan: Plan,
    probes: Sequence[Probe],
    view: View,
    stop: Stop,
    data_in: DataIn = "auto",
    overlap: bool | None = None,
) -> str:
    """Train `group` to the end of `plan`; idempotent: resumes from the newest checkpoint in `folder`. -> its digest.

    overlap: evaluate offline while the next block trains, by default where training leaves the processor free;
        changes nothing but the speed.

    Raises Interrupted after a checkpoint when `stop` is asked for, DivergenceError (the last finite checkpoint stays).
    """
    with checkpoint.lock(folder):
        check_description(folder, description)
        status = read_status(folder)
        if status["state"] == "finished":
            return str(status["digest"])
        if status["state"] == "diverged":
            raise DivergenceError(status["message"])
        with (
            closing(RunFolder(folder, description)) as opened,
            closing(_GroupRun(group, opened, dataset, task, plan, probes, view, stop, data_in, overlap)) as run,
        ):
            return run.finish()


def make_spec(dataset: Dataset, cfg: Any) -> Spec:
    """What an algorithm may know of its data; its rewards only where it normalises them, for that reads all of them."""
    spec = Spec(dataset.obs_dim, dataset.action_dim, dataset.obs_mean, dataset.obs_std)
    if not cfg.reads_rewards:
        return spec
    facts: dict[str, Any] = dataset.reward_facts()
    return spec._replace(**facts)


class _GroupRun:
    def __init__(
        self,
        group: Group,
        folder: RunFolder,
        dataset: Dataset,
        task: Task | None,
        plan: Plan,
        probes: Sequence[Probe],
        view: View,
        stop: Stop,
        data_in: DataIn,
        overlap: bool | None,
    ):
        self.group, self.folder, self.dataset, self.task, self.plan = group, folder, dataset, task, plan
        self.view, self.stop, self.members = view, stop, len(group.seeds)
        self.overlap = jax.default_backend() != "cpu" if overlap is None else overlap
        self.spec = make_spec(dataset, group.configs[0])
        columns = dataset.shapes(group.algo.columns)
        self.learner = Learner(group.algo, [*group.configs], [*group.seeds], self.spec, columns)
        self.learner.load(dataset.packed, dataset.extra, data_in)
        self.evaluations = Evaluations(task, self.members, plan.eval_episodes) if task else None
        self.experience: Experience | None = None
        place = self.learner.placement
        self.probes = [
            place.map(lambda cfg, state, batch, look=look: look(group.algo, cfg, state, batch), shared=(2,))
            for look in probes
        ]
        picks = np.linspace(0, len(dataset.last) - 1, min(PROBE_ROWS, len(dataset.last))).astype(int)
        self.probe_batch = place.share(jax.tree.map(lambda x: np.asarray(x[picks], np.float32), dataset.columns))
        self.pending: Boundary | None = None  # whose evaluation is under way
        self.evaluation: Evaluation | None = None  # the last one
        self.position = Position("offline", 0)
        self.since = 0  # first step of the metrics interval under way
        self.saved = time.monotonic()
        self.started = self.saved - folder.elapsed()

    def close(self) -> None:
        for part in (self.evaluations, self.experience, self.learner):
            if part is not None:
                part.close()

    def finish(self) -> str:
        """Both phases, from wherever the folder stands."""
        self._resume()
        self.folder.status("running", self.position)
        if self.position.phase == "offline":
            self._offline()
        if self.plan.online_steps:
            self._online()
        digest = self._digest()
        self.folder.status("finished", self.position, digest=digest)
        return digest

    def _resume(self) -> None:
        saved = self.folder.checkpoint
        if saved is None:
            self.learner.start_interval(online=False)
            self._boundary(Position("offline", 0), steps=0)
            return
        self.position = saved.position
        if saved.position.phase == "online":
            self._enter_online()
        self.since = self.learner.restore(saved)
        self.view.note(f"resuming {self.group.name} at {saved.position.phase} step {saved.position.step:,}")

    def _offline(self) -> None:
        plan, count, compiled = self.plan, 8, False
        while (step := self.position.step) < plan.offline_steps:
            goal = min(plan.offline_steps, (step // plan.eval_every + 1) * plan.eval_every)
            count = min(count, goal - step)
            self._pause()
            before = time.monotonic()
            self.learner.run(step, count, plan.offline_steps)
            self._arrive(Position("offline", step + count), step + count - self.since)
            seconds = time.monotonic() - before
            rate = count * self.members / seconds
            self.view.advance("offline", self.position.step, rate if compiled else None)
            if not compiled:
                self.folder.timing(self.position, {"compile_seconds": seconds})
            if self.position.step == goal:
                self.folder.timing(self.position, {"updates_per_second": rate} if compiled else {})
                self._boundary(self.position, goal - self.since)
            count = max(1, min(4 * count, int(count * CHUNK_SECONDS / seconds))) if compiled else count
            compiled = True
        if self.plan.offline_steps:
            self._pause()
            self._pictures()

    def _online(self) -> None:
        plan = self.plan
        if self.position.phase == "offline":
            self._enter_online()
            self.position, self.since = Position("online", 0), 0
        assert self.experience is not None
        updates = self.experience.updates
        total = updates(0, plan.online_steps)
        mark, marked = time.monotonic(), self.position.step
        while (step := self.position.step) < plan.online_steps:
            self._pause()
            self.experience.step(step)
            if count := updates(step, step + 1):
                self.learner.run(updates(0, step), count, total, online=True)
            step += 1
            at_boundary = step % plan.online_eval_every == 0 or step == plan.online_steps
            self.position = Position("online", step)
            if time.monotonic() - mark > CHUNK_SECONDS or at_boundary:
                self._arrive(self.position, updates(self.since, step))
                seconds = time.monotonic() - mark
                self.view.advance("online", step, updates(marked, step) / seconds * self.members)
                if at_boundary:
                    rate = (step - marked) / seconds
                    self.folder.timing(self.position, {"env_steps_per_second": rate * self.members})
                    self._boundary(self.position, updates(self.since, step))
                mark, marked = time.monotonic(), step
        self._pictures()

    def _enter_online(self) -> None:
        if self.task is None:
            raise TaskError("online steps need an environment; name a task or give --env")
        self.experience = Experience(self.group, self.learner, self.folder, self.task, self.plan.online_steps)
        self.learner.start_interval(online=True)

    def _arrive(self, position: Position, steps: int) -> None:
        """After a dispatch: wait for it, stop on NaN. steps: gradient steps in this metrics interval."""
        self.position = position
        if not steps:
            return  # actions were random, nothing was trained
        metrics = self.learner.metrics(steps, position.phase == "online")
        bad = sorted({int(m) for values in metrics.values() for m in np.flatnonzero(~np.isfinite(values))})
        if bad:
            self._settle()
            self._diverge(f"not finite at {position.phase} step {position.step:,}", bad)

    def _pause(self) -> None:
        """Before a dispatch: save now and then, stop on a signal. Not on arrival: a run that resumes from a checkpoint
        written between a boundary and its evaluation would never do that evaluation."""
        due = self.stop.asked or time.monotonic() - self.saved > SAVE_SECONDS
        if self.pending and self.pending.finding and (due or self.pending.finding.done()):
            self._settle()
        if due:
            self._save(self.position, self._tree())
        if self.stop.asked:
            self.folder.status("interrupted", self.position)
            where = f"{self.position.phase} step {self.position.step:,}"
            raise Interrupted(f"stopped at {where}; run the same command to continue")

    def _diverge(self, what: str, members: list[int]) -> None:
        kept = self.folder.checkpoint
        where = (
            f"the checkpoint at {kept.position.phase} step {kept.position.step:,} is kept" if kept else "none is kept"
        )
        seeds = ", ".join(f"{m} (seed {self.group.seeds[m]})" for m in members)
        message = f"{self.group.name} diverged: member {seeds} is {what}; {where}; lower the learning rate or add LN"
        self.folder.status("diverged", self.position, message, diverged=members)
        raise DivergenceError(message)

    def _boundary(self, position: Position, steps: int) -> None:
        """Log the interval's averages, probe, evaluate, save; with overlap, the evaluation and what follows come later.

        Online they never do: every environment step waits for the updates before it, and they for the step.
        """
        self._settle()
        online = position.phase == "online"
        values = self.learner.metrics(steps, online) if steps else {}
        for probe in self.probes:
            values |= self.learner.placement.take(probe(self.learner.cfg, self.learner.state, self.probe_batch))
        self.learner.start_interval(online)
        self.since = position.step
        finding = self.evaluations.start(self.learner.policy()) if self.evaluations else None
        self.pending = Boundary(position, values, self._tree(), finding)
        if not self.overlap or online or position.step == self.plan.offline_steps:
            self._settle()

    def _settle(self) -> None:
        """Write what belongs to the boundary whose evaluation is under way, if any; waits for it."""
        if self.pending is None:
            return
        (position, values, tree, finding), self.pending = self.pending, None
        if finding and self.evaluations:
            self.evaluation, seconds = finding.result()
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
        folder = self.folder.path / "probes"
        if self.group.algo.critic is not None:
            save_landscape(folder / f"landscape-{name}.npz", self.learner, self.dataset)
        if self.evaluations and self.task and self.task.maze:
            evaluation = self.evaluation or self.evaluations.start(self.learner.policy()).result().evaluation
            save_trajectories(folder / f"trajectories-{name}.npz", evaluation)

    def _tree(self) -> dict[str, Any]:
        """What a checkpoint of this moment holds. With overlap it is written later, so it may not share memory with
        the state, which training gives away."""
        tree = self.learner.tree(self.position.phase == "online", self.since)
        return jax.tree.map(np.array, tree) if self.overlap else tree

    def _save(self, position: Position, tree: dict[str, Any]) -> None:
        state = jax.tree.leaves(tree["state"])
        bad = sorted({m for leaf in state for m in range(self.members) if not np.all(np.isfinite(leaf[m]))})
        if bad:
            self._diverge(f"not finite in its parameters at {position.phase} step {position.step:,}", bad)
        self.folder.save(position, tree)
        self.saved = time.monotonic()

    def _digest(self) -> str:
        """SHA-256 over everything that a resumed run must repeat: final state, metrics, online transitions."""
        assert self.folder.checkpoint is not None
        digest = hashlib.sha256(self.folder.checkpoint.digest.encode())
        for name in (METRICS, REPLAY):
            digest.update((self.folder.path / name).read_bytes())
        return digest.hexdigest()
