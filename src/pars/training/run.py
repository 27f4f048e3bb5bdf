"""A population from its first step to its last, in folders that survive being killed at any time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pars.core import OFFLINE, ONLINE, Step
from pars.errors import DivergenceError, Interrupted, TaskError
from pars.position import START, Position
from pars.probes import LANDSCAPE, find_probes
from pars.training import checkpoint
from pars.training.evaluations import Boundary, Timed
from pars.training.folder import RunFolder, check_description
from pars.training.held_out import HeldOut
from pars.training.kept import keep
from pars.training.learner import Learner
from pars.training.online import OnlineLoop
from pars.training.pictures import save_actions, save_landscapes, save_trajectories
from pars.training.plan import How, Job, rounded
from pars.training.share import Share, probe_batch, restored
from pars.training.stop_rule import heed
from pars.training.view import seconds_since

CHUNK_SECONDS = 1.0  # one dispatch: short enough that a signal is answered at once, long enough to cost nothing
SAVE_SECONDS = 120.0  # at most this much work is lost when evaluations are further apart
FIRST = 8  # gradient steps of a phase's first dispatch, which compiles
BURST = 32  # gradient steps at once online, until their time is known


def run_jobs(jobs: Sequence[Job], how: How, at: Position | None = None) -> None:
    """Train unfinished jobs of one structure and one length, as one population, to the end of their plan.

    Idempotent: they resume from their folders' newest checkpoints, or from those at `at`, where all of them have one.

    Raises Interrupted after a checkpoint when a stop is asked for, DivergenceError (the last finite checkpoints stay).
    """
    with ExitStack() as stack:
        shares: list[Share] = []
        for job in jobs:
            stack.enter_context(checkpoint.lock(job.folder))
            check_description(job.folder, job.description)
        thread = ThreadPoolExecutor(1, "evaluation")
        for job in jobs:
            folder = stack.enter_context(closing(RunFolder(job.folder, job.description, at, how.tracker)))
            begin = shares[-1].members.stop if shares else 0
            shares.append(stack.enter_context(closing(Share(job, folder, begin, thread, how.overlaps, how.stop))))
        stack.callback(thread.shutdown)  # before the simulators that an evaluation uses are freed
        stack.enter_context(closing(_Run(shares, how))).finish()


class _Run:
    def __init__(self, shares: Sequence[Share], how: How):
        self.shares, (group, self.plan) = shares, (shares[0].job.group, shares[0].job.plan)
        self.algo, self.configs = group.algo, [cfg for share in shares for cfg in share.job.group.configs]
        self.phases = group.phases(self.plan)
        seeds = [seed for share in shares for seed in share.job.group.seeds]
        self.view, self.stop, self.members = how.view, how.stop, len(seeds)
        self.overlap, self.keeps, self.rule = how.overlaps, how.keeps, how.stop_below
        self.capacity = rounded(self.plan.online_steps, self.configs[0].environments)
        data = [share.job.dataset for share in shares for _ in share.job.group.seeds]
        sizes = {"capacity": self.capacity, "goal_dim": shares[0].task.goal_dim if shares[0].task else 0}
        self.learner = Learner.on(data, self.algo, self.configs, seeds, **sizes, data_in=how.data_in)
        self.online: OnlineLoop | None = None
        place, looks = self.learner.placement, find_probes(list(how.probes)) if self.algo.sees.plain else []
        self.probes = [self.learner.program.over_members(look, shared=()) for look in looks]
        self.probe_batch = (
            place.put(probe_batch(data, [float(getattr(cfg, "discount", 1.0)) for cfg in self.configs]))
            if looks
            else None
        )
        self.films = LANDSCAPE in how.probes
        self.held_out = HeldOut(self.learner, data)
        self.pending: Boundary | None = None  # whose evaluations are under way
        self.position = START
        self.since = 0  # step at which the metrics interval under way began
        self.saved = time.monotonic()
        self.started = self.saved - max(share.folder.elapsed() for share in shares)

    def close(self) -> None:
        for share in self.shares:
            if share.evaluations:
                share.evaluations.give_up()  # one may be under way if something went wrong beside it
        for part in (self.online, self.learner):
            if part is not None:
                part.close()

    def finish(self) -> None:
        """All phases, from wherever the folders stand."""
        try:
            self._go_through()
        except (Interrupted, TaskError) as error:
            said = str(error) if isinstance(error, TaskError) else ""  # of an environment
            for share in self.shares:
                kept = share.folder.checkpoint
                share.folder.status("interrupted", kept.position if kept else self.position, said)
            raise

    def _go_through(self) -> None:
        self._resume()
        for number, (phase, steps) in enumerate(self.phases):
            if number < self.position.number or not (steps or phase == OFFLINE):
                continue
            if number > self.position.number:
                self._enter(Position(number, phase, 0), steps)
            self._train_online(steps) if phase == ONLINE else self._train_on_data(steps)
        for share in self.shares:
            share.folder.status("finished", self.position, digest=share.digest())

    def _resume(self) -> None:
        saved = self.shares[0].saved
        if saved is None:
            return
        self.position = saved.position
        if self.position.phase == ONLINE:
            self._go_online()
        self.since = self.learner.restore(self.position.phase, lambda like: restored(self.shares, like))
        fresh = [share for share in self.shares if share.folder.checkpoint is None]
        for share in fresh:
            share.folder.history(share.job.branch.history())
        self.view.note(f"{'beginning' if fresh else 'resuming'} {self._names()} at {self.position}")
        self._status("running")
        if fresh and self.position.step == 0:
            self._at_evaluation()

    def _names(self) -> str:
        return ", ".join(share.job.folder.name for share in self.shares)

    def _status(self, state: str) -> None:
        for share in self.shares:
            share.folder.status(state, self.position)

    def _timing(self, rates: dict[str, float], position: Position | None = None) -> None:
        """Per second of each job: its members' part of what the population did."""
        for share in self.shares:
            part = share.count / self.members
            share.folder.timing(position or self.position, {name: part * rate for name, rate in rates.items()})

    def _enter(self, position: Position, steps: int) -> None:
        """Begin a phase. The first policy is evaluated before it is trained."""
        self.position, self.since = position, 0
        self._status("running")
        if position.phase == ONLINE:
            self._go_online()
        self.learner.start_interval(position.phase)
        if (train := self.learner.trainers[position.phase].count) < self.members:
            self.view.note(f"{position.phase}: {train} of {self.members} members train it, the others get copies")
        if position.phase == OFFLINE:
            self._at_evaluation(wait=not steps)

    def _go_online(self) -> None:
        if any(share.task is None for share in self.shares):
            raise TaskError("online steps need an environment; name a task or give --env")
        self.online = OnlineLoop(self.learner, self.shares, self.plan.online_steps)

    def _train_on_data(self, steps: int) -> None:
        count, compiled, phase = FIRST, False, self.position.phase
        while (step := self.position.step) < steps:
            goal = min(steps, (step // self.plan.eval_every + 1) * self.plan.eval_every)
            count = min(count, goal - step)
            self._save_if_due()
            before = time.monotonic()
            self.learner.run(step, count, steps, phase)
            self._move_to(replace(self.position, step=step + count))
            seconds = seconds_since(before)
            rate = count * self.learner.trainers[phase].count / seconds
            self.view.advance(phase, self.position.step, rate if compiled else None)
            if not compiled:
                for share in self.shares:
                    share.folder.timing(self.position, {"compile_seconds": seconds})
            if self.position.step == goal:
                self._timing({"updates_per_second": rate} if compiled else {})
                self._at_evaluation(wait=goal == steps)
            count = max(1, min(4 * count, int(count * CHUNK_SECONDS / seconds))) if compiled else count
            compiled = True
        if steps and phase == OFFLINE:
            self._save_if_due()
            self._pictures()

    def _train_online(self, steps: int) -> None:
        assert self.online is not None
        due, each, total = self.online.due, self.configs[0].environments, self.online.due(self.capacity)
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
                seconds = seconds_since(before)
                burst = max(1, min(4 * burst, int(count * CHUNK_SECONDS / seconds)))
            look = count == left and (step % self.plan.online_eval_every < each or step >= steps)
            if time.monotonic() - mark > CHUNK_SECONDS or look:
                self._move_to(position)
                seconds = seconds_since(mark)
                self.view.advance(ONLINE, step, (position.updates - marked.updates) / seconds * self.members)
                if look:
                    rate = (step - marked.step) / seconds
                    self._timing({"env_steps_per_second": rate * self.members}, position)
                    self._at_evaluation()
                    heed(self.shares, self.position, self.rule)
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
        running = self.pending.evaluations if self.pending else []
        if running and (due or all(one.done() for one in running)):
            self._finish_evaluation()
        if due:
            self._save(self.position, self._tree())
        if self.stop.asked:
            raise Interrupted(f"stopped at {self.position}; run the same command to continue")

    def _stop_diverged(self, what: str, members: list[int]) -> None:
        """Those jobs that have a bad member end here; the others can go on from their checkpoints."""
        finite, messages = ~np.isin(np.arange(self.members), members), []
        for share in self.shares:
            own, kept, group = share.bad(finite), share.folder.checkpoint, share.job.group
            where = f"the checkpoint at {kept.position} is kept" if kept else "none is kept"
            if own:
                seeds = ", ".join(f"{m} (seed {group.seeds[m]})" for m in own)
                name = f"{share.job.name}: {group.name}" if len(self.shares) > 1 else group.name
                message = f"{name} diverged: member {seeds} is {what}; {where}; lower the learning rate or add LN"
                share.folder.status("diverged", self.position, message, diverged=own)
                messages.append(message)
        raise DivergenceError("\n".join(messages))

    def _at_evaluation(self, wait: bool = False) -> None:
        """Log the interval's averages, probe, evaluate, save; with overlap, the evaluation and what follows come later,
        but online: every environment step waits for the updates before it, and they for the step.

        Models that are trained before the policy are logged and saved, and not evaluated.
        """
        self._finish_evaluation()
        phase, steps = self.position.phase, self._updates()
        values = self.learner.metrics(steps, phase) if steps else {}
        policy = phase in (OFFLINE, ONLINE)
        cfg = self._in_force() if policy and self.probes else None
        for probe in self.probes if policy else []:
            values |= self.learner.placement.take(probe(cfg, self.learner.state, self.probe_batch))
        values |= self.held_out() if policy else {}
        if self.films and policy:
            save_landscapes(self.position, self.learner, self.shares)
        self.learner.start_interval(phase)
        self.since = self.position.step
        under_way = self._evaluate() if policy else []
        self.pending = Boundary(self.position, values, self._tree(), under_way)
        if not self.overlap or phase == ONLINE or wait:
            self._finish_evaluation()

    def _in_force(self) -> Any:
        """The members' configs with the weights of the step that comes next."""
        taken, total = self.position.step, self.plan.offline_steps
        if self.online is not None:
            taken, total = self.position.updates, self.online.due(self.capacity)
        return self.algo.in_force(self.learner.cfg, Step(jnp.int32(taken), jnp.int32(total), self.position.phase))

    def _finish_evaluation(self) -> None:
        """Write what belongs to the boundary whose evaluation is under way, if any; waits for it."""
        if self.pending is None:
            return
        (position, values, tree, under_way), self.pending = self.pending, None
        shown: list[float] = []
        for number, share in enumerate(self.shares):
            own = {name: share.of(value) for name, value in values.items()}
            if under_way and share.evaluations:
                share.evaluation, seconds = under_way[number].result()
                own |= share.evaluations.scores(share.evaluation)
                rate = share.evaluation.lengths.sum() / seconds
                share.folder.timing(position, {"evaluation_steps_per_second": rate})
                shown += own["score"].tolist()
            share.folder.metrics(position, own)
            share.folder.timing(position, {"elapsed_seconds": time.monotonic() - self.started})
            if self.keeps and position.phase in (OFFLINE, ONLINE):
                keep(share.folder.path, position, share.of(tree["state"]))
        if shown:
            self.view.scores(position.phase, position.step, shown)
        self._save(position, tree)

    def _evaluate(self) -> list[Future[Timed]]:
        """Evaluations of the policies as they are now, of every job that has a task; they run one after another."""
        if not any(share.evaluations for share in self.shares):
            return []
        policies = self.learner.policies()
        return [share.evaluations.start(policies.part(share.members)) for share in self.shares if share.evaluations]

    def _pictures(self) -> None:
        """What the report draws of the policy at the end of a phase."""
        name = f"{self.position.phase}-{self.position.step}"
        save_landscapes(self.position, self.learner, self.shares)
        if self.probe_batch is not None:
            save_actions(f"actions-{name}.npz", self.learner, self.shares, self.probe_batch)
        if not any(share.task and share.task.maze for share in self.shares):
            return
        if any(share.evaluation is None for share in self.shares):
            for share, fresh in zip(self.shares, self._evaluate(), strict=True):
                share.evaluation = fresh.result().evaluation
        for share in self.shares:
            assert share.evaluation is not None
            save_trajectories(share.folder.path / "probes" / f"trajectories-{name}.npz", share.evaluation)

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
        for share in self.shares:
            share.folder.save(position, share.checkpoint(tree))
        self.saved = time.monotonic()
