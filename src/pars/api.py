"""The library in a few calls: train, evaluate, load_policy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pars import presets
from pars.config import MOST_EPISODES, check_whole
from pars.data import Dataset, from_arrays, load_dataset
from pars.data.dataset import Verify
from pars.data.formats.forms import aimless
from pars.data.formats.frames import is_frame
from pars.data.split import split
from pars.envs import Task, make_task
from pars.errors import TaskError, UsageError
from pars.position import Position
from pars.training import estimate, trackers
from pars.training.branch import offline_steps
from pars.training.kept import moment
from pars.training.launch import Variant, as_seeds, from_data, in_groups, make_variants, needs_data, train_runs
from pars.training.lengths import make_plan
from pars.training.named_goals import with_goals
from pars.training.own_data import facts_of
from pars.training.plan import DataIn, Group, How, Plan, Request, Start
from pars.training.progress import duration, make_view, progress_bar
from pars.training.restore import restore, run_folders, task_of
from pars.training.rollout import Evaluation, Evaluator, uniform_rows
from pars.training.view import Stop
from pars.units import SCALED

SHORTER = "Ctrl-C stops it, the same command goes on from there; --steps N makes it shorter"
Data = str | Path | Dataset | Mapping[str, Any]
Trainer = Callable[[Sequence[Request], How, str, Path | None], None]


def train(
    algorithms: str | Sequence[str],
    task: str | Task | Sequence[str | Task] | None = None,
    *,
    data: Data | None = None,
    settings: Mapping[str, Any] | None = None,
    preset: str = presets.PAPER,
    seeds: Sequence[int] = (0,),
    steps: int | None = None,
    online_steps: int = 0,
    eval_every: int | None = None,
    online_eval_every: int | None = None,
    eval_episodes: int | None = None,
    out: Path | str | None = None,
    next_obs: str = "shift",
    mapping: Mapping[str, str] | None = None,
    data_goal: tuple[float, float] | None = None,
    action_range: str | None = None,
    goal_columns: str | Sequence[str] | None = None,
    physics: str | None = None,
    goal: str | None = None,
    env_args: Mapping[str, Any] | None = None,
    env_timeout: float | None = None,
    isolate: bool = False,
    probes: Sequence[str] = How.probes,
    data_in: DataIn = "auto",
    overlap: bool | None = None,
    keep_policies: bool = False,
    action_limits: str | None = None,
    stop_below: float | None = None,
    holdout: float | None = None,
    start_from: Path | str | None = None,
    start_seed: int | None = None,
    verify: Verify = "once",
    track: str | None = None,
    quiet: bool = False,
    command: str = "",
    trainer: Trainer = train_runs,
) -> Path:
    """Train offline, then online if `online_steps` > 0; continues or returns at once where `out` is unfinished or done.
    A run in `out` that was planned for fewer steps is made longer: more steps of its last phase, or an online phase.

    Args:
        algorithms: one name or several, see pars.ALGORITHMS.
        task: id, Task, or None to train without an environment (no scores, offline only). Several: each is trained on
            its own data, in a folder of its own below `out`, and those that fit together are one population.
        data: dataset id, path of files, a dict of arrays, a frame of pandas, polars or Arrow, or a Dataset; by default
            the task's own. "twin" is the task's twin, "twin:ID" that of another id: data of our own making, see
            pars.collect.twins.
        settings: name -> a value or a list of values, as on the command line: 0.1, [0.1, 0.2], "256x256", (256, 256).
            Every combination is trained, floats in one program.
        preset: the settings under them, see `pars.presets.choices`.
        seeds: a list of them; a number alone is refused, for it might mean one seed or so many.
        steps: offline gradient steps; by default the preset's, of own data one for each row (50,000 to a million).
        online_steps: environment steps of each member.
        eval_every, online_eval_every: gradient steps, environment steps.
        out: folder of the run; by default a name below `runs/` that depends on everything above.
        next_obs: "shift" (D4RL's way) or "file" (the file's own column).
        mapping, data_goal: how a file of your own is read, see `load_dataset`'s mapping and goal.
        action_range: of the actions in data of your own, "0..100,-5..5" or one "LOW..HIGH" for all, "scaled" if they
            are in [-1, 1] already; by default the environment's box, what the file says, or inferred and said.
        goal_columns: names of the observations that a goal gives, "x,y", for methods that are told one.
        physics, goal, env_args, env_timeout, isolate: of the task, see `make_task`.
        data_in: "memory", "stream" (rows are fetched from the disk as they are needed, for data larger than memory) or
            "auto" (what fits); changes nothing but the speed.
        overlap: evaluate offline while training goes on; by default where that helps, which is beside a GPU.
        holdout: a share of the episodes, such as 0.1, that nothing trains on: TD error and action error on them are
            among the metrics, beside those on rows of training.
        keep_policies: of every evaluation, not of the last ones alone, so that all can be judged (pars.judge).
        action_limits: what actions are kept within online and in evaluations, in units, "0..80,-1..1" or one
            "LOW..HIGH" for all; a policy of such a run keeps to it.
        stop_below: the online phase ends at the first evaluation whose mean score is below; the same call goes on
            only with a lower one. Policies of all evaluations are kept.
        start_from: a run of the same algorithms and seeds: with online_steps, of the same data and offline settings,
            go online from where it ended offline; without, train offline anew with its networks, on any data.
        start_seed: every member begins as that run's member of this seed ended; by default as that of its own seed.
        verify: compare the checksums of converted data "once", and again when it has changed, or "always".
        track: "wandb" or "mlflow": curves go there, too, offline by default.
        trainer: what trains all that is asked for; by default this process.

    Returns the run's folder, for `evaluate`, `load_policy` and `write_report`. Raises the errors of pars.errors.
    """
    trackers.check(track)
    names, probes = _names("algorithms", algorithms), _names("probes", probes)
    if not names:
        raise UsageError("algorithms=[]: name at least one, such as 'pars'")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"the algorithm {twice} is given twice; name each algorithm once")
    options: dict[str, Any] = dict(physics=physics, goal=goal, env_args=env_args, action_range=action_range)
    options |= dict(env_timeout=env_timeout, isolate=isolate, action_limits=action_limits)
    tasks = _tasks(task, data, options)
    if action_limits and None in tasks:
        raise UsageError(f"action_limits={action_limits}: are of an environment; name a task or give --env")
    if stop_below is not None and not (online_steps and np.isfinite(stop_below)):
        raise UsageError(f"stop_below={stop_below}: is a score that ends an online phase; it goes with online steps")
    lengths: dict[str, Any] = dict(steps=steps, online_steps=online_steps, eval_episodes=eval_episodes)
    lengths |= dict(eval_every=eval_every, online_eval_every=online_eval_every)
    reading: dict[str, Any] = dict(next_obs=next_obs, mapping=mapping, goal=data_goal)
    reading |= dict(action_range=action_range, verify=verify == "always")
    start = Start(Path(start_from), start_seed) if start_from is not None else None
    if start and len(tasks) > 1:
        raise UsageError(f"start_from={start.run}: goes with one task")
    if start_seed is not None and not start:
        raise UsageError(f"start_seed={start_seed}: is the seed of a run to go on with; name it with start_from")
    requests, notes = [], dict[str, None]()  # each note once
    for one in tasks:
        name = one.id if one else None
        variants, given = make_variants(names, name, settings or {}, preset), as_seeds(seeds)
        if published := presets.family(name) != presets.OWN:
            in_groups(variants, given)  # refuses wrong settings before anything is fetched
        early = [make_plan(one, algo=own.algo, **lengths | _begun(own, start, lengths)) for own in variants]
        dataset = _data_for(variants, early, data, one, reading)
        if holdout is not None:
            dataset = _split(variants, dataset, holdout)
        variants = with_goals(variants, dataset, goal_columns)
        if not published and any(map(needs_data, variants)):
            known = facts_of(dataset, any(cfg.reads_rewards for own in variants for cfg in own.configs))
            variants = [from_data(own, known) if needs_data(own) else own for own in variants]
        notes |= dict.fromkeys(f"{v.algo.name}: without {k}; {why}" for v in variants for k, why in v.left_out.items())
        groups = in_groups(variants, given)
        known_by = lengths | {"rows": len(dataset.last)}
        plans = [make_plan(one, algo=group.algo, **known_by | _begun(group, start, lengths)) for group in groups]
        requests.append(Request(groups, plans, dataset, one, Path(), start))
    out = Path(out) if out else Path("runs") / _run_name(names, requests)
    places = [out / one.name.replace("/", "-") for one in requests] if len(requests) > 1 else [out]
    requests = [replace(one, out=place) for one, place in zip(requests, places, strict=True)]
    view = make_view(quiet=quiet)
    for note in notes:
        view.note(note)
    for request in requests:
        for warning in request.dataset.card["warnings"]:
            view.note(f"data{f' of {request.name}' if len(requests) > 1 else ''}: {warning}")
        for group in request.groups:
            for chosen in group.chosen:
                view.note(f"{group.algo.name}: {chosen}")
    for algo in dict.fromkeys(group.algo for request in requests for group in request.groups):
        if steps and not algo.offline:
            view.note(f"{algo.name} has no offline phase: --steps is not for it")
        if online_steps and not algo.online:
            view.note(f"{algo.name} has no online phase: --online-steps is not for it")
    if trainer is train_runs and not quiet and estimate.is_long(requests) and (seconds := estimate.seconds(requests)):
        view.note(f"about {duration(seconds)} on this machine as it is; {SHORTER}")
    how = How(view, Stop(), probes, data_in, overlap, keep_policies, stop_below, track)
    trainer(requests, how, command, out if len(requests) > 1 else None)
    return out


def _split(variants: Sequence[Variant], dataset: Dataset, share: float) -> Dataset:
    """Raises UsageError where nothing trains on the data."""
    if not any(map(needs_data, variants)):
        raise UsageError(f"holdout={share:g}: {variants[0].algo.name} trains on no data; leave it out")
    return split(dataset, share)


def _begun(group: Group | Variant, start: Start | None, lengths: Mapping[str, Any]) -> dict[str, Any]:
    """As many offline steps as the run has that goes online from there, unless another number is given."""
    wanted = start and lengths["steps"] is None and lengths["online_steps"]
    found = offline_steps(group.algo.name, start.run) if start and wanted else None
    return {} if found is None else {"steps": found}


def _tasks(given: Any, data: Data | None, options: Mapping[str, Any]) -> list[Task | None]:
    """The tasks as a user gives them. Raises UsageError."""
    several = not isinstance(given, str | Task | None) and isinstance(given, Sequence)
    tasks = list(given) if several else [given]
    if not tasks or not all(isinstance(one, str | Task) or (one is None and not several) for one in tasks):
        raise UsageError(
            f"task={given!r}: give an id (pars tasks), a Task, a list, or None to train without an environment"
        )
    if len(tasks) > 1 and data is not None and data != "twin":
        given = repr(data) if isinstance(data, str | Path) else type(data).__name__
        raise UsageError(f"data={given} is that of one task, and {len(tasks)} are named; leave it out, or give twin")
    made = [make_task(one, **options) if isinstance(one, str) else one for one in tasks]
    ids = [one.id for one in made if one]
    if twice := next((name for name in ids if ids.count(name) > 1), None):
        raise UsageError(f"the task {twice} is given twice; name each task once")
    return made


def _data_for(
    variants: Sequence[Variant], plans: Sequence[Plan], data: Data | None, task: Task | None, reading: dict[str, Any]
) -> Dataset:
    """What the algorithms train on in one task."""
    if any(plan.online_steps for plan in plans) and task is None:
        raise TaskError("online steps need an environment; name a task or give --env")
    columns = sorted({name for one in variants for cfg in one.configs for name in one.algo.stored_columns(cfg)})
    if data is None and task is not None and not any(map(needs_data, variants)):
        options: dict[str, Any] = dict(task=task, next_obs="file", action_range=SCALED, columns=columns)
        return from_arrays(uniform_rows(task), name="uniform actions", **options)
    rewarded = not all(one.algo.sees.goal for one in variants)
    return open_dataset(data, task, columns=columns, rewarded=rewarded, **reading)


def open_dataset(
    data: Data | None,
    task: Task | None,
    next_obs: str = "shift",
    columns: Sequence[str] = (),
    mapping: Mapping[str, str] | None = None,
    goal: tuple[float, float] | None = None,
    action_range: str | None = None,
    verify: bool = False,
    rewarded: bool = True,
) -> Dataset:
    """The dataset that `data` names or is, else the task's own, collected or downloaded if it is absent.

    Args:
        rewarded: whether its rewards are looked at; if not, OGBench's files need no goal that they are rewarded for.
        columns: extra ones, of pars.data.extras.COLUMNS; a Dataset must have them already.
        mapping, goal, action_range, verify: of a file, see `load_dataset`.
    """
    if isinstance(data, Dataset):
        return data
    options: dict[str, Any] = dict(mapping=mapping, action_range=action_range, columns=columns)
    if isinstance(data, Mapping) or is_frame(data):
        return from_arrays(data, task=task, next_obs=next_obs, **options)  # type: ignore[arg-type]
    name = data or (task.dataset if task else None)
    if name is None:
        known = "name a task with a dataset (pars tasks) or give --data FILE"
        raise UsageError(f"{task.id} has no dataset of its own; {known}" if task else f"nothing to train on; {known}")
    twin = twin_of(name, task)
    file = name if twin is None else collected_twin(twin)
    goal = goal if rewarded else aimless(file, goal, mapping)
    options |= dict(goal=goal, verify=verify)
    dataset = load_dataset(file, task=task, next_obs=next_obs, **options)  # type: ignore[arg-type]
    return dataset if twin is None else replace(dataset, name=f"twin:{twin}")


def twin_of(data: str | Path, task: Task | None) -> str | None:
    """The dataset id that "twin" or "twin:ID" stands for; None for anything else."""
    word, _, dataset_id = str(data).partition(":")
    if word != "twin":
        return None
    if not dataset_id and task is None:
        raise UsageError("--data twin is the twin of the task's dataset; name a task, or give --data twin:ID")
    return dataset_id or task.id  # type: ignore[union-attr]


def collected_twin(name: str) -> Path:
    """The file of a twin, by id (collected with a progress bar if it is absent) or as `pars data list` calls it."""
    from pars.collect.twins import listed_twin  # brings the simulator and SAC along

    with progress_bar(f"twin of {name}") as advance:
        return listed_twin(name, progress=advance)


def _names(what: str, given: Any) -> list[str]:
    """One name or several -> a list. Raises UsageError."""
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"{what}={given!r}: give a name or a list of names")
    return names


def _run_name(algorithms: Sequence[str], requests: Sequence[Request]) -> str:
    """The same call gives the same folder, another one another."""
    facts = []
    for one in requests:
        options = dict(one.task.options) if one.task else {}
        facts.append([[group.name for group in one.groups], [str(plan) for plan in one.plans], one.dataset.fingerprint])
        facts[-1] += [options] if options else []
        facts[-1] += [[str(one.start.run), one.start.seed]] if one.start else []
    several = len(requests) > 1
    name = f"{len(requests)}-tasks" if several else requests[0].name.replace("/", "-")
    text = json.dumps(facts if several else facts[0])
    return f"{'+'.join(algorithms)}-{name}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


class Result(NamedTuple):
    """One group's evaluation. Rows of the arrays are its members."""

    algorithm: str
    task: Task
    position: Position
    seeds: list[int]
    scores: np.ndarray  # [P, E] 0 to 100 where the task has references, else raw returns
    evaluation: Evaluation


def evaluate(
    run: Path | str,
    episodes: int | None = None,
    first_episode: int = 0,
    env_timeout: float | None = None,
    at: str | None = None,
    isolate: bool = False,
) -> list[Result]:
    """Run the deterministic policies of every group's newest checkpoint, `episodes` each (default: the task's number).

    Evaluation episodes are numbered and start alike in every run; `first_episode` counts on to fresh ones. `at` is the
    step, such as "20000" or "online-500", of policies that are kept, in the place of the newest.
    """
    if min(1 if episodes is None else episodes, first_episode + 1) < 1:
        raise UsageError(f"{episodes} episodes from {first_episode} on; give at least one, counted from 0")
    check_whole("episodes", episodes, 1, MOST_EPISODES)
    results = []
    for folder in run_folders(run):
        there = restore(folder, moment(folder, at))
        task = task_of(there.description, env_timeout, isolate)
        if task is None:
            raise TaskError(f"{folder} was trained without an environment; there is nothing to evaluate it in")
        count = episodes or task.eval_episodes
        evaluator = Evaluator(task, len(there.seeds), count, first_episode, there.algo.sees)
        evaluation = evaluator(there.policies)
        evaluator.close()
        scores = task.score(evaluation.returns)
        results.append(Result(there.algo.name, task, there.position, there.seeds, scores, evaluation))
    return results
