"""The contract of an algorithm as checks that anybody can call, without a test framework:

    from pars.testing import check_algorithm
    check_algorithm(ALGORITHM)

A check that fails raises AssertionError with one line: which algorithm, what is wrong, how to mend it. Networks are of
8 x 8 units, data are 300 made-up rows of a small maze, O = 4 and A = 2. P: members, B: batch, E: critics.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pars.config import field_types
from pars.core import Algorithm, LoopSettings, Phase, Spec, Step, Transition
from pars.data import Dataset, from_arrays
from pars.envs import make_task
from pars.errors import Interrupted, UsageError
from pars.packing import Extra, assemble, width
from pars.presets import Preset
from pars.training.folder import METRICS, read_status
from pars.training.launch import train_groups
from pars.training.learner import Learner, make_spec
from pars.training.parts import make_group
from pars.training.plan import How, Plan
from pars.training.program import drawn_shapes, forget_programs, state_shapes
from pars.training.progress import make_view
from pars.training.view import Stop

TASK = "pointmaze-umaze-diverse"
ROWS, EPISODE = 300, 25  # of the data
STEPS = 6  # of a course without the loop
OFFLINE, ONLINE, EVERY = 24, 8, (12, 4)  # steps of a run, and between its evaluations
SIZES: dict[str, Any] = dict(  # as far as a config has them
    hidden=(8, 8),
    actor_hidden=(8, 8),
    critics=4,  # as many as two devices share in a single run
    batch_size=16,
    offline_rows=8,
    updates_per_step=2,
    random_steps=3,
    sampled_actions=2,
)

Settings = Mapping[str, Any]
Check = Callable[[Algorithm], None]


def check_algorithm(algo: Algorithm, settings: Settings | None = None) -> None:
    """All checks below; a minute at most, most of it compiling. Raises AssertionError.

    Args:
        settings: over `SIZES`, where a config has other names for what makes it small.
    """
    for check in (check_settings, check_state, check_update, check_members, check_actions, check_run):
        check(algo, settings)


def check_settings(algo: Algorithm, settings: Settings | None = None) -> None:
    """Defaults are in their ranges, the loop finds its settings, and each row of the presets fits the config."""
    _require(algo, bool(_phases(algo)), "it has no phase at all; give it one")
    inherits = issubclass(algo.config, LoopSettings)
    _require(algo, inherits, "its config lacks what the loop reads; inherit it from pars.core.LoopSettings")
    algo.configure().check()
    if algo.presets is None:
        return
    _require(algo, isinstance(algo.presets, Preset), f"its presets are a {type(algo.presets).__name__}, no pars.Preset")
    choices = algo.presets.choices.values()
    for rows in (algo.presets.family, algo.presets.robot, algo.presets.task, *choices):
        for name, row in rows.items():
            try:
                algo.configure(row).check()
            except UsageError as error:
                _fail(algo, f"its preset for {name} does not fit its config: {error}")


def check_state(algo: Algorithm, settings: Settings | None = None) -> None:
    """It has `actor` and `norm`; with `critic` every leaf of `state.critic` is [E, ..], and one critic gives [B]."""
    cfg = tiny_config(algo, settings)
    state = state_shapes(algo, cfg, _spec(algo, cfg)[0], "offline")
    names = set(getattr(state, "_fields", ()))
    _require(algo, {"actor", "norm"} <= names, f"its state has {sorted(names)}; the loop reads `actor` and `norm`")
    if algo.critic is None:
        return
    _require(algo, "critic" in names, "`critic` names a module, and the state has no `critic` with its parameters")
    counts = {leaf.shape[:1] for leaf in jax.tree.leaves(state.critic)}
    _require(algo, len(counts) == 1 and () not in counts, "leaves of `state.critic` are not stacked alike, [E, ..]")
    one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), state.critic.params)
    module = algo.critic(cfg)
    q = jax.eval_shape(lambda p: module.apply({"params": p}, jnp.zeros((5, 4)), jnp.zeros((5, 2))), one)
    _require(algo, q.shape == (5,), f"a critic of 5 observations and actions gives {q.shape}, which should be (5,)")


def check_update(algo: Algorithm, settings: Settings | None = None) -> None:
    """In each phase the state keeps its shapes, metrics are scalars or [E], and columns too many or too few are refused
    rather than broadcast."""
    cfg = tiny_config(algo, settings)
    spec, extra = _spec(algo, cfg)
    for phase in algo.course:
        if phase.name not in (*_phases(algo), *(first.name for first in algo.before)):
            continue
        state, batch = state_shapes(algo, cfg, spec, phase.name), _batch(algo, phase, cfg, spec, extra)
        critics = jax.tree.leaves(state.critic)[0].shape[:1] if algo.critic else ()
        step = Step(jnp.asarray(0), jnp.asarray(10), phase.name)
        update = partial(
            jax.eval_shape, lambda s, b, phase=phase, step=step: phase.update(cfg, s, b, jax.random.key(0), step)
        )
        after, metrics = update(state, batch)
        same = str(jax.tree.structure(after)) == str(jax.tree.structure(state)) and _shapes(after) == _shapes(state)
        _require(
            algo, same, f"update {phase.name} returns a state of another structure, shape or type than it was given"
        )
        odd = {name: x.shape for name, x in metrics.items() if x.shape not in ((), critics)}
        _require(algo, not odd, f"metrics are numbers or one of each critic, {phase.name} they are {odd}; average them")
        narrow, tall = batch._replace(action=_like(batch.action, 1)), batch._replace(reward=_like(batch.reward, 1))
        mend = "without an error; compare shapes in the loss, as those of pars.rl.losses do"
        if phase.name not in _phases(algo):
            continue  # a model may read what it likes of a batch
        _require(algo, _refuses(update, state, narrow), f"update {phase.name} takes actions [B, 1] for [B, 2] {mend}")
        if algo.critic:  # cloning may read no rewards
            _require(algo, _refuses(update, state, tall), f"update {phase.name} takes rewards [B, 1] for [B] {mend}")


def check_members(algo: Algorithm, settings: Settings | None = None) -> None:
    """A population ends where its members end alone, to rounding; metrics are finite, the policy moves, and intervals
    do not depend on how steps are cut into blocks."""
    both = tiny_members(algo, settings)
    learner = tiny_learner(algo, both)
    start = learner.placement.take(learner.state)
    end = _course(learner, start, (STEPS,))
    bad = [name for name, values in end["metrics"].items() if not np.isfinite(values).all()]
    _require(algo, not bad, f"metrics {', '.join(bad)} are not finite after {STEPS} steps")
    far = _farthest(end, _course(learner, start, (1, STEPS - 1)))
    _require(algo, far is None, f"steps in blocks of 1 and {STEPS - 1} end elsewhere than in one: {far}")
    moved = [(a != b).any() for a, b in zip(*map(jax.tree.leaves, (start.actor, end["state"].actor)))]
    _require(algo, any(moved), f"the policy has not moved in {STEPS} steps; does update return it?")
    for i, member in enumerate(both):
        learner = tiny_learner(algo, [member])
        alone = _course(learner, learner.placement.take(learner.state), (STEPS,))
        far = _farthest(jax.tree.map(lambda x, i=i: x[i : i + 1], end), alone, rtol=2e-3, atol=2e-5)
        _require(algo, far is None, f"member {i} of a population ends elsewhere than alone: {far}")


def check_actions(algo: Algorithm, settings: Settings | None = None) -> None:
    """Actions lie in the box, and without exploration they depend on the observation alone."""
    learner = tiny_learner(algo, tiny_members(algo, settings))
    obs = _observations(algo)
    calm, noisy = (np.asarray(learner.act(obs, 0, explore)) for explore in (0.0, 1.0))
    for action in (calm, noisy):
        _require(algo, action.shape == (2, 32, 2), f"act gives {action.shape[1:]} for 32 observations, not (32, 2)")
        _require(algo, np.abs(action).max() <= 1.0, "act leaves the box [-1, 1]; clip its actions")
    if algo.sees.chance:
        return  # it draws in evaluations too, and says so
    again = np.asarray(learner.act(obs, 1, 0.0))
    mend = "multiply its noise by `explore`, or say Sight(chance=True)"
    _require(algo, np.array_equal(calm, again), f"act draws although explore is 0; {mend}")
    far = _farthest(np.asarray(learner.policies()(obs)), calm, rtol=1e-5, atol=1e-6)
    _require(algo, far is None, f"its policy in evaluations acts otherwise than in training: {far}")


def check_run(algo: Algorithm, settings: Settings | None = None) -> None:
    """A run goes through its phases and is evaluated; one that is stopped twice and goes on ends bit for bit alike."""
    with tempfile.TemporaryDirectory() as folder:
        whole, stopped = Path(folder) / "whole", Path(folder) / "stopped"
        looks = _train(algo, settings, whole)
        _check_log(algo, whole)
        for most in (3, max(3, looks - 12)):  # behind the first dispatch, then within the last interval
            _train(algo, settings, stopped, most)
        forget_programs()  # who goes on is another process
        _train(algo, settings, stopped)
        ends = {read_status(path.parent)["digest"] for path in Path(folder).glob("*/*/status.json")}
        mend = "all that it learns must be in its state, and all chance come from its keys"
        _require(algo, len(ends) == 1, f"a run that was stopped and went on ends elsewhere than a whole one; {mend}")


def _check_log(algo: Algorithm, run: Path) -> None:
    (path,) = run.glob(f"*/{METRICS}")
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    found = {(phase, int(step)) for phase, step, _, name, _ in rows if name == "score"}
    steps = {"offline": range(EVERY[0], OFFLINE + 1, EVERY[0]), "online": range(EVERY[1], ONLINE + 1, EVERY[1])}
    wanted = {("offline", 0)} | {(phase, step) for phase in _phases(algo) for step in steps[phase]}
    _require(algo, found == wanted, f"it was evaluated at {sorted(found)}, and should have been at {sorted(wanted)}")
    bad = {name for *_, name, value in rows if not np.isfinite(float(value))}
    _require(algo, not bad, f"{', '.join(sorted(bad))} are not finite in a run")


# What follows knows how the loop is called.


def _phases(algo: Algorithm) -> list[str]:
    return [phase for phase in ("offline", "online") if phase in algo.phases]


def tiny_config(algo: Algorithm, settings: Settings | None = None) -> Any:
    """Of tiny networks."""
    known = field_types(algo.config)
    return algo.configure({name: value for name, value in SIZES.items() if name in known} | dict(settings or {}))


def tiny_members(algo: Algorithm, settings: Settings | None = None) -> list[tuple[Any, int]]:
    """Two that differ in seed and in every learning rate."""
    first = tiny_config(algo, settings)
    rates = [name for name in field_types(algo.config) if name.endswith(("_lr", "learning_rate"))]
    return [(first, 0), (dataclasses.replace(first, **{name: 3.0 * getattr(first, name) for name in rates}), 1)]


def tiny_dataset(algo: Algorithm) -> Dataset:
    """Random walks of a point mass, with the columns that the algorithm asks for."""
    rng, end = np.random.default_rng(0), np.arange(ROWS) % EPISODE == EPISODE - 1
    arrays = {
        "observations": rng.normal(size=(ROWS, 4)).astype(np.float32),
        "actions": rng.uniform(-1, 1, (ROWS, 2)).astype(np.float32),
        "rewards": rng.normal(size=ROWS).astype(np.float32),
        "terminals": end & (np.arange(ROWS) % (2 * EPISODE) < EPISODE),
        "timeouts": end & (np.arange(ROWS) % (2 * EPISODE) >= EPISODE),
        "infos/goal": rng.normal(size=(ROWS, 2)).astype(np.float32),
    }
    stored = sorted({column.name for column in algo.columns if column.make is None})
    return from_arrays(arrays, name="made-up data", task=make_task(TASK), columns=stored)


def _spec(algo: Algorithm, cfg: Any) -> tuple[Spec, Extra]:
    """What the algorithm knows of the data, and the columns that it asks for."""
    data = algo.data_for(cfg, tiny_dataset(algo))
    extra = data.shapes([column.name for column in algo.columns_of(cfg)])
    return make_spec(data, algo, cfg, **_sizes(algo)), extra


def _sizes(algo: Algorithm) -> dict[str, Any]:
    """As a run in the maze has them, so that its programs are those of the other checks."""
    return {"capacity": ONLINE * algo.online, "goal_dim": make_task(TASK).goal_dim}


def _batch(algo: Algorithm, phase: Phase, cfg: Any, spec: Spec, extra: Extra) -> Transition:
    """A batch of a phase, as shapes."""
    weighted, online = algo.weights is not None, phase.name == "online"
    drawn = drawn_shapes(phase.draw, cfg, width(spec, extra), spec.rows, online, weighted)
    return jax.eval_shape(lambda d: assemble(d.picks, d.rows, spec.obs_dim, extra, numbered=weighted), drawn)


def _like(array: Any, width: int) -> Any:
    """The shape of a batch's column [B] or [B, w] with another width."""
    return jax.ShapeDtypeStruct((array.shape[0], width), array.dtype)


def _observations(algo: Algorithm) -> Any:
    """What the policies of two members may see, 32 times each."""
    rng, sees = np.random.default_rng(0), algo.sees
    shape = (2, 32, sees.history, 4) if sees.history > 1 else (2, 32, 4)
    obs = 10.0 * rng.normal(size=shape).astype(np.float32)
    return (obs, rng.normal(size=(2, 32, 2)).astype(np.float32)) if sees.goal else obs


def tiny_learner(algo: Algorithm, members: list[tuple[Any, int]]) -> Learner:
    """Members before their first step, with data."""
    configs, seeds = [cfg for cfg, _ in members], [seed for _, seed in members]
    data = algo.data_for(configs[0], tiny_dataset(algo))
    return Learner.on(data, algo, configs, seeds, **_sizes(algo))


def _course(learner: Learner, start: Any, blocks: tuple[int, ...]) -> dict[str, Any]:
    """State and metrics, NumPy [P, ..], after offline steps from the state `start` on."""
    learner.state = learner.placement.put(start)
    learner.start_interval("offline")
    at = 0
    for count in blocks:
        learner.run(at, count, 100)
        at += count
    return {"state": learner.placement.take(learner.state), "metrics": learner.metrics(at)}


def _train(algo: Algorithm, settings: Settings | None, out: Path, most: float = np.inf) -> int:
    """Train, or continue, a run of two members; it is asked to stop when it has looked `most` times whether to.

    Returns how often it has looked.
    """
    group, stop = make_group(algo, tiny_members(algo, settings)), Looks(most)
    offline, online = (steps * (phase in _phases(algo)) for phase, steps in (("offline", OFFLINE), ("online", ONLINE)))
    plan = Plan(offline, online, *EVERY, eval_episodes=1)
    try:
        train_groups(
            [group], tiny_dataset(algo), make_task(TASK), [plan], out, How(make_view(quiet=True), stop, probes=())
        )
    except Interrupted:
        pass
    return stop.looks


class Looks(Stop):
    def __init__(self, most: float) -> None:
        super().__init__()
        self.most, self.looks = most, 0

    @property
    def asked(self) -> bool:
        self.looks += 1
        return self.looks >= self.most or super().asked


def _shapes(tree: Any) -> list[Any]:
    return [(x.shape, x.dtype) for x in jax.tree.leaves(tree)]


def _refuses(function: Callable[..., Any], *args: Any) -> bool:
    try:
        function(*args)
    except Exception:
        return True
    return False


def _farthest(got: Any, want: Any, rtol: float = 0.0, atol: float = 0.0) -> str | None:
    """Where two trees of arrays differ most, in words; None where they agree."""
    pairs = zip(jax.tree_util.tree_leaves_with_path(got), jax.tree.leaves(want), strict=True)
    apart = [(float(np.abs(a - b).max()), path) for (path, a), b in pairs if not np.allclose(a, b, rtol, atol)]
    if not apart:
        return None
    most, path = max(apart, key=lambda pair: pair[0])
    return f"{jax.tree_util.keystr(path).lstrip('.') or 'it'} differs by {most:.3g}"


def _require(algo: Algorithm, holds: Any, message: str) -> None:
    if not holds:
        _fail(algo, message)


def _fail(algo: Algorithm, message: str) -> None:
    raise AssertionError(f"algorithm {algo.name}: {message}")
