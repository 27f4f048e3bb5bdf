"""Which policy one would pick, and in words and tables what is said of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pars.errors import UsageError, unknown
from pars.judge.estimates import ESTIMATORS, Estimate
from pars.judge.judging import Judged, Judgement
from pars.judge.scores import held, rank_correlation, regret
from pars.report.stats.statistics import number

DEFAULT = "fqe"  # what chose best on the tasks of docs/judge.md


class Place(NamedTuple):
    """A policy in the order of its estimates."""

    policy: Judged
    said: Estimate


def ranked(judged: Judgement, estimator: str = DEFAULT) -> list[Place]:
    """Policies that can be trusted first, by their estimates, then the others by what they are worth at least. Raises
    UsageError where none has an estimate."""
    if estimator not in ESTIMATORS:
        raise UsageError(unknown("estimator", estimator, ESTIMATORS))
    known = [Place(one, said) for one in judged.policies if (said := one.by(estimator)) is not None]
    if not known:
        raise UsageError(f"estimator {estimator}: none of the methods has critics of its own; use {DEFAULT}")
    return sorted(known, key=lambda place: (not place.said.trust, -_worth(place.said)))


def _worth(said: Estimate) -> float:
    return said.estimate if said.trust else said.low


def verdict(judged: Judgement, places: Sequence[Place]) -> list[str]:
    """What one would pick, in lines."""
    best, measured = places[0], places[0].policy.truth is not None
    interval = f"{number(best.said.estimate)} [{number(best.said.low)} {number(best.said.high)}]"
    mean, spread = judged.returns.mean(), judged.returns.std()
    if not best.said.trust:
        first = f"None of {len(places)} policies can be trusted; the highest lower bound is {best.policy.name.label}'s"
    elif measured:  # what the data returned began elsewhere
        first = f"Pick {best.policy.name.label}: {interval}"
    elif best.said.low > mean:
        first = f"Pick {best.policy.name.label}: {interval}, better than what made the data"
    else:
        first = f"Pick {best.policy.name.label}: {interval}, if any; it need not be better than what made the data"
    where = "the simulator's" if measured else "the data's"
    lines = [
        f"{first}.",
        f"By {best.said.estimator}, discounted by {judged.discount:.4g}, from where {where} episodes begin; the data's "
        f"own return is {number(mean)} (standard deviation {number(spread)}, n = {judged.episodes}), on "
        f"{judged.rows:,} rows of {judged.data}.",
        *(f"{line}." for line in judged.warnings),
    ]
    return [*lines, *against_truth(places), *([f"To deliver it: {delivery(best)}"] if best.said.trust else [])]


def delivery(place: Place) -> str:
    """The command that writes this policy to a folder."""
    name = place.policy.name
    group, _, number = name.member.rpartition("/")
    folder = name.run if name.run.name == group else name.run / group
    return f"pars export {folder} --member {number} --at {name.phase}-{name.step}"


def against_truth(places: Sequence[Place]) -> list[str]:
    """How right the order is, where the truth was measured."""
    known = [place for place in places if place.policy.truth is not None]
    if len(known) < 2:
        return []
    early, plain = (np.array([np.mean(place.policy.truth[i]) for place in known]) for i in (0, 1))  # type: ignore[index]
    score, low, high = (
        np.array([getattr(place.said, name) for place in known]) for name in ("estimate", "low", "high")
    )
    episodes = len(known[0].policy.truth[1])  # type: ignore[index]
    rank = rank_correlation(score, plain)
    picked, best = plain[0], plain.max()
    lost = "" if best == picked else f", {number(best - picked)} less than the best one"
    return [
        f"In the simulator ({episodes} episodes each) the pick returns {number(picked)}{lost}; by estimate alone the "
        f"best of five is {number(regret(score, plain, 5))} less.",
        f"Rank correlation with the truth {'not known' if np.isnan(rank) else f'{rank:.2f}'} (n = {len(known)}); "
        f"{held(low, high, early):.0%} of the intervals hold it.",
    ]


HEADER = ("policy", "estimate", "interval", "trust", "overlap")


def table(judged: Judgement, places: Sequence[Place]) -> tuple[list[str], list[list[str]]]:
    """Header and rows for people, the data's own behaviour first; with the truth where it was measured."""
    measured = any(place.policy.truth is not None for place in places)
    mean, error = judged.returns.mean(), 2.0 * judged.returns.std() / judged.episodes**0.5
    own = ["the data's own behaviour", number(mean), f"{number(mean - error)} to {number(mean + error)}", "—", "—"]
    rows = [own + (["—", number(judged.plain_returns.mean())] if measured else [])]
    for policy, said in places:
        row = [policy.name.label, number(said.estimate), f"{number(said.low)} to {number(said.high)}"]
        row += ["yes" if said.trust else "no: " + ", ".join(said.flags), f"{policy.overlap:.0%}"]
        if measured:
            row += [number(float(part.mean())) for part in policy.truth] if policy.truth is not None else ["—", "—"]
        rows.append(row)
    return [*HEADER, *(["true", "return"] if measured else [])], rows


def records(judged: Judgement) -> list[dict[str, Any]]:
    """A flat record for each policy and estimator, as CSV has it."""
    found = []
    for one in judged.policies:
        truth = one.truth.mean(axis=1).tolist() if one.truth is not None else ["", ""]
        for said in one.estimates:
            found.append(
                {
                    "run": str(one.name.run),
                    "member": one.name.member,
                    "algorithm": one.name.algorithm,
                    "seed": one.name.seed,
                    "settings": " ".join(f"{name}={value}" for name, value in one.name.settings.items()),
                    "phase": one.name.phase,
                    "step": one.name.step,
                    "estimator": said.estimator,
                    "estimate": said.estimate,
                    "low": said.low,
                    "high": said.high,
                    "trust": said.trust,
                    "flags": " ".join(said.flags),
                    "overlap": one.overlap,
                    "distance": one.distance,
                    "td_error": "" if one.td_error is None else one.td_error,
                    "true": truth[0],
                    "return": truth[1],
                }
            )
    return found
