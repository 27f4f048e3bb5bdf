"""The contract of an algorithm as checks that anybody can call, without a test framework:

    from pars.testing import check_algorithm
    check_algorithm(ALGORITHM)

A check that fails raises AssertionError with one line: which algorithm, what is wrong, how to mend it. Networks are of
8 x 8 units, data are 300 made-up rows of a small maze, O = 4 and A = 2. P: members, B: batch, E: critics.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters import partial_eval

from pars.config import field_types
from pars.core import Algorithm, LoopSettings, Step
from pars.errors import UsageError
from pars.presets import Preset
from pars.testing.tiny import (
    EVERY,
    OFFLINE,
    ONLINE,
    STEPS,
    Settings,
    as_on_a_gpu,
    course,
    model_course,
    observations,
    phases,
    tiny_batch,
    tiny_config,
    tiny_learner,
    tiny_members,
    tiny_spec,
    train,
    unlike,
    whole_course,
)
from pars.testing.tiny import SIZES as SIZES
from pars.training.folder import read_status
from pars.training.log import METRICS
from pars.training.program import forget_programs, state_shapes

Check = Callable[[Algorithm], None]


def check_algorithm(algo: Algorithm, settings: Settings | None = None) -> None:
    """All checks below; a minute at most, most of it compiling. Raises AssertionError.

    Args:
        settings: over `SIZES`, where a config has other names for what makes it small.
    """
    learns = (check_phases, check_members, check_placement, check_actions, check_run)
    for check in (check_settings, check_state, check_update, *learns):
        check(algo, settings)


def check_settings(algo: Algorithm, settings: Settings | None = None) -> None:
    """Defaults are in their ranges, the loop finds its settings, and each row of the presets fits the config."""
    _require(algo, bool(phases(algo)), "it has no phase at all; give it one")
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
    state = state_shapes(algo, cfg, tiny_spec(algo, cfg)[0], "offline")
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
    spec, extra = tiny_spec(algo, cfg)
    for phase in algo.course:
        if phase.name not in (*phases(algo), *(first.name for first in algo.before)):
            continue
        state, batch = state_shapes(algo, cfg, spec, phase.name), tiny_batch(algo, phase, cfg, spec, extra)
        critics = jax.tree.leaves(state.critic)[0].shape[:1] if algo.critic else ()
        step = Step(jnp.asarray(0), jnp.asarray(10), phase.name)
        one = lambda s, b, phase=phase, step=step: phase.update(cfg, s, b, jax.random.key(0), step)  # noqa: E731
        update = partial(jax.eval_shape, one)
        after, metrics = update(state, batch)
        same = str(jax.tree.structure(after)) == str(jax.tree.structure(state)) and _shapes(after) == _shapes(state)
        _require(
            algo, same, f"update {phase.name} returns a state of another structure, shape or type than it was given"
        )
        odd = {name: x.shape for name, x in metrics.items() if x.shape not in ((), critics)}
        _require(algo, not odd, f"metrics are numbers or one of each critic, {phase.name} they are {odd}; average them")
        narrow, tall = batch._replace(action=_like(batch.action, 1)), batch._replace(reward=_like(batch.reward, 1))
        mend = "without an error; compare shapes in the loss, as those of pars.rl.losses do"
        if phase.name not in phases(algo):
            continue  # a model may read what it likes of a batch
        slips = (narrow, "action", "actions [B, 1] for [B, 2]"), (tall, "reward", "rewards [B, 1] for [B]")
        for wrong, name, shapes in slips if algo.critic else slips[:1]:  # cloning may look at rewards as it likes
            fine = _refuses(update, state, wrong) or not _reads(one, state, batch, name)
            _require(algo, fine, f"update {phase.name} takes {shapes} {mend}")


def check_phases(algo: Algorithm, settings: Settings | None = None) -> None:
    """A phase that says what its model depends on trains the fields that it says, and no setting that it leaves out
    changes them."""
    first = tiny_config(algo, settings)
    fields = state_shapes(algo, first, tiny_spec(algo, first)[0], "offline")._fields
    for phase in algo.before:
        if phase.depends_on is None:
            continue
        known = phase.trains and set(phase.trains) <= set(fields)
        _require(algo, known, f"phase {phase.name} has trains={phase.trains}; name fields of the state: {fields}")
        other = unlike(first, phase.depends_on)
        before, after, there = *model_course(algo, first, phase.name), model_course(algo, other, phase.name)[1]
        for name in fields:
            pair = getattr(before, name), getattr(after, name), getattr(there, name)
            if name in phase.trains:
                far = _farthest(pair[1], pair[2], rtol=1e-5, atol=1e-6)
                what = "trains {} otherwise where settings differ that its `depends_on` leaves out: {}"
            else:
                far, what = _farthest(pair[0], pair[1]), "changes {}, which is not among what it `trains`: {}"
            _require(algo, far is None, f"phase {phase.name} {what.format(name, far)}")


def check_members(algo: Algorithm, settings: Settings | None = None) -> None:
    """A population ends where its members end alone, to rounding; metrics are finite, the policy moves, and intervals
    do not depend on how steps are cut into blocks."""
    both = tiny_members(algo, settings)
    learner = tiny_learner(algo, both)
    start = learner.placement.take(learner.state)
    end = course(learner, start, (STEPS,))
    bad = [name for name, values in end["metrics"].items() if not np.isfinite(values).all()]
    _require(algo, not bad, f"metrics {', '.join(bad)} are not finite after {STEPS} steps")
    far = _farthest(end, course(learner, start, (1, STEPS - 1)))
    _require(algo, far is None, f"steps in blocks of 1 and {STEPS - 1} end elsewhere than in one: {far}")
    moved = [(a != b).any() for a, b in zip(*map(jax.tree.leaves, (start.actor, end["state"].actor)))]
    _require(algo, any(moved), f"the policy has not moved in {STEPS} steps; does update return it?")
    for i, member in enumerate(both):
        learner = tiny_learner(algo, [member])
        alone = course(learner, learner.placement.take(learner.state), (STEPS,))
        far = _farthest(jax.tree.map(lambda x, i=i: x[i : i + 1], end), alone, rtol=2e-3, atol=2e-5)
        _require(algo, far is None, f"member {i} of a population ends elsewhere than alone: {far}")


def check_placement(algo: Algorithm, settings: Settings | None = None) -> None:
    """Members and critics all at once, as on a GPU, end where a processor ends that takes them one after another, to
    rounding, and how steps are cut into blocks changes nothing. In all phases, with the penalty where there is one."""
    penalty = {"penalty": True} if field_types(algo.config).get("penalty") is bool else {}
    both = tiny_members(algo, penalty | dict(settings or {}))
    in_turn = whole_course(algo, both, (STEPS,))
    with as_on_a_gpu():
        at_once, cut = (whole_course(algo, both, blocks) for blocks in ((STEPS,), (1, 2, STEPS - 3)))
    far = _farthest(at_once, in_turn, rtol=2e-3, atol=2e-5)
    _require(algo, far is None, f"vmapped, as a GPU runs it, it ends elsewhere than in turn: {far}")
    far = _farthest(cut, at_once)
    _require(algo, far is None, f"vmapped, steps in several blocks end elsewhere than in one: {far}")


def check_actions(algo: Algorithm, settings: Settings | None = None) -> None:
    """Actions lie in the box, and without exploration they depend on the observation alone."""
    learner = tiny_learner(algo, tiny_members(algo, settings))
    obs = observations(algo)
    calm, noisy = (np.asarray(learner.act(obs, 0, explore)) for explore in (0.0, 1.0))
    for action in (calm, noisy):
        _require(algo, action.shape == (2, 32, 2), f"act gives {action.shape[1:]} for 32 observations, not (32, 2)")
        _require(algo, np.abs(action).max() <= 1.0, "act leaves the box [-1, 1]; clip its actions")
    if algo.sees.chance:
        return  # it draws in evaluations too, and says so
    again = np.asarray(learner.act(obs, 1, 0.0))
    mend = "multiply its noise by `explore`, or say Sight(chance=True)"
    _require(algo, np.array_equal(calm, again), f"act draws although explore is 0; {mend}")
    far = _farthest(np.asarray(learner.policies()(obs)), calm, rtol=1e-5, atol=1e-5)  # rounding, layer by layer
    _require(algo, far is None, f"its policy in evaluations acts otherwise than in training: {far}")


def check_run(algo: Algorithm, settings: Settings | None = None) -> None:
    """A run goes through its phases and is evaluated; one that is stopped twice and goes on ends bit for bit alike."""
    with tempfile.TemporaryDirectory() as folder:
        whole, stopped = Path(folder) / "whole", Path(folder) / "stopped"
        looks = train(algo, settings, whole)
        _check_log(algo, whole)
        for most in (3, max(3, looks - 12)):  # behind the first dispatch, then within the last interval
            train(algo, settings, stopped, most)
        forget_programs()  # who goes on is another process
        train(algo, settings, stopped)
        ends = {read_status(path.parent)["digest"] for path in Path(folder).glob("*/*/status.json")}
        mend = "all that it learns must be in its state, and all chance come from its keys"
        _require(algo, len(ends) == 1, f"a run that was stopped and went on ends elsewhere than a whole one; {mend}")


def _check_log(algo: Algorithm, run: Path) -> None:
    (path,) = run.glob(f"*/{METRICS}")
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    found = {(phase, int(step)) for phase, step, _, name, _ in rows if name == "score"}
    steps = {"offline": range(EVERY[0], OFFLINE + 1, EVERY[0]), "online": range(EVERY[1], ONLINE + 1, EVERY[1])}
    wanted = {("offline", 0)} | {(phase, step) for phase in phases(algo) for step in steps[phase]}
    _require(algo, found == wanted, f"it was evaluated at {sorted(found)}, and should have been at {sorted(wanted)}")
    bad = {name for *_, name, value in rows if not np.isfinite(float(value))}
    _require(algo, not bad, f"{', '.join(sorted(bad))} are not finite in a run")


def _like(array: Any, width: int) -> Any:
    """The shape of a batch's column [B] or [B, w] with another width."""
    return jax.ShapeDtypeStruct((array.shape[0], width), array.dtype)


def _shapes(tree: Any) -> list[Any]:
    return [(x.shape, x.dtype) for x in jax.tree.leaves(tree)]


def _refuses(function: Callable[..., Any], *args: Any) -> bool:
    try:
        function(*args)
    except Exception:
        return True
    return False


def _reads(function: Callable[..., Any], state: Any, batch: Any, name: str) -> bool:
    """Whether anything that a function of state and batch gives depends on a column of the batch."""
    rest = lambda column, state, batch: function(state, batch._replace(**{name: column}))  # noqa: E731
    jaxpr = jax.make_jaxpr(rest)(getattr(batch, name), state, batch).jaxpr
    return bool(partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1][0])


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
