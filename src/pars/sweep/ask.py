"""Which setting is tried next, by Optuna: its study is made anew from the records each time, and its generator from
the seed and the number of the trial, so that a search that is killed asks for the same."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

from pars.errors import ResourceError
from pars.sweep.halving import Ladder, Trial
from pars.sweep.space import Choice, Space

Sampler = Literal["tpe", "random"]


def check() -> None:
    """Raises ResourceError without Optuna."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise ResourceError("a search needs Optuna, which is not installed; pip install 'pars[sweep]'") from None


def ask(space: Space, trials: Sequence[Trial], ladder: Ladder, sampler: Sampler, seed: int) -> dict[str, Any]:
    """The next trial's values by name."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    own = (seed * 1_000_003 + len(trials)) % 2**31
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        made: Any = optuna.samplers.RandomSampler(seed=own)
        if sampler == "tpe":
            made = optuna.samplers.TPESampler(seed=own, constant_liar=True)
        study = optuna.create_study(sampler=made, direction="maximize")
    known = {name: _distribution(one) for name, one in space.items()}
    study.add_trials([_record(one, known, trials, ladder) for one in trials] if sampler == "tpe" else [])
    return dict(study.ask(known).params)


def _distribution(own: Any) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(own, Choice):
        return CategoricalDistribution(own.values)
    return FloatDistribution(own.low, own.high, log=own.log)


def _record(one: Trial, known: dict[str, Any], trials: Sequence[Trial], ladder: Ladder) -> Any:
    """A trial as Optuna has it: complete at the top, pruned on a rung below, else running. What diverged counts as the
    worst on its rung."""
    from optuna.trial import TrialState, create_trial

    options: dict[str, Any] = dict(params=one.params, distributions=known)
    if not one.results:
        return create_trial(state=TrialState.RUNNING, **options)
    rung = one.rung
    seen = [other.value(rung) for other in trials if other.rung >= rung and other.results[rung] is not None]
    value = min(seen, default=0.0) if one.lost else one.value(rung)
    if rung == len(ladder.steps) - 1:
        return create_trial(state=TrialState.COMPLETE, value=value, **options)
    return create_trial(state=TrialState.PRUNED, intermediate_values={ladder.steps[rung]: value}, **options)
