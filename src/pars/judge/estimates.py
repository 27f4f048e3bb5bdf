"""From fitted values to estimates with an interval and reasons not to trust them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import t

from pars.judge.behaviour import Behaviour, distance
from pars.judge.evidence import Evidence
from pars.judge.fitted import Fitted
from pars.judge.importance import weigh

Array = np.ndarray
WIDE = 2.0  # standard errors on either side of an estimate, of 95 %

NEAR = 3.0  # deviations of the data's own actions within which an action is among them
OVERLAP = 0.5  # least share of rows where the policy's action is
EPISODES = 10.0  # least effective number of episodes
DISAGREE = 0.25  # most standard deviation between critics, in deviations of the data's returns
WIDEST = 4.0  # most width of an interval, in the same: two on either side is what any policy would get
MISS = 0.5  # most error of the fit on the data's own behaviour, in the same

FLAGS = {
    "overlap": f"fewer than {OVERLAP:.0%} of its actions are within {NEAR:g} deviations of the data's: "
    "what it would do was hardly tried",
    "disagreement": f"the critics' estimates differ by more than {DISAGREE:g} deviations of the data's returns",
    "fit": f"the same fit misses the data's own return by more than {MISS:g} deviations of it",
    "width": f"the interval is wider than {WIDEST:g} deviations of the data's returns: it says nothing",
    "episodes": f"the weights leave fewer than {EPISODES:g} episodes that count",
    "horizon": "1 / (1 - discount) is longer than the data's longest episode: the estimate is mostly bootstrapped",
    "discount": "the method's own critic has another discount than the estimates beside it",
    "shift": "the method's own critic was learnt of rewards that were shifted",
    "range": "no policy could have this value with the rewards in the data",
}

ESTIMATORS = {
    "fqe": "fitted Q evaluation, shifted by what the same fit misses of the data's own return",
    "critic": "the method's own critics at the starts",
    "is": "weighted importance sampling with a fitted Gaussian behaviour",
    "dr": "the same, doubly robust with the critics of fqe",
}


@dataclass(frozen=True)
class Estimate:
    """Of the discounted return of an episode, in the data's units."""

    estimator: str
    estimate: float
    low: float
    high: float
    flags: list[str] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)  # what the flags were decided by

    @property
    def trust(self) -> bool:
        return not self.flags


@dataclass(frozen=True)
class Own:
    """What a policy's own critics say of its actions at the starts, and their discount."""

    start: Array  # [E, S]
    discount: float
    shifted: bool = False  # whether they were learnt of rewards that were shifted


class Scale:
    """What estimates are measured by: the data's returns and what the fit makes of their behaviour."""

    def __init__(self, evidence: Evidence, behaviour: Array) -> None:
        """behaviour: [N] what the fit makes of the data's own actions."""
        self.evidence, returns = evidence, evidence.returns
        self.mean, self.spread = float(returns.mean()), float(returns.std()) or 1.0
        self.error = self.spread / len(returns) ** 0.5
        self.shift = self.mean - float(behaviour[evidence.begin].mean())
        reward = evidence.reward
        self.low, self.high = (x / (1.0 - evidence.discount) for x in (min(reward.min(), 0), max(reward.max(), 0)))
        self.flags = [] if 1.0 / (1.0 - evidence.discount) <= evidence.lengths.max() else ["horizon"]

    def disagreement(self, start: Array) -> tuple[float, list[str]]:
        """Standard deviation between the estimates of critics [E], and its flag."""
        apart = float(start.std(ddof=1)) if len(start) > 1 else 0.0
        return apart, ["disagreement"] if apart > DISAGREE * self.spread else []

    def said(self, estimator: str, estimate: float, error: float, flags: list[str], **facts: float) -> Estimate:
        """An estimate with its interval. error: a standard error, without that of the starts."""
        wide = WIDE * float(np.hypot(error, self.error))
        outside = not np.isfinite(estimate) or not self.low - self.spread <= estimate <= self.high + self.spread
        vague = wide > 0.5 * WIDEST * self.spread
        flags = [*flags, *(["width"] if vague else []), *(["range"] if outside else []), *self.flags]
        return Estimate(estimator, float(estimate), float(estimate - wide), float(estimate + wide), flags, facts)


def estimates(
    evidence: Evidence, known: Behaviour, fitted: Fitted, actions: Array, own: Sequence[Own | None]
) -> list[list[Estimate]]:
    """Of each policy. fitted: of the behaviour first, then of the K policies. actions: theirs [K, N, A]."""
    scale = Scale(evidence, fitted.q[0])
    return [_of_one(scale, known, fitted, i, action, own[i]) for i, action in enumerate(actions)]


def _of_one(
    scale: Scale, known: Behaviour, fitted: Fitted, number: int, action: Array, own: Own | None
) -> list[Estimate]:
    evidence, (q, v, at_start) = scale.evidence, (part[number + 1] for part in fitted)
    start = at_start.mean(axis=-1)  # [E]
    overlap = float(np.mean(distance(action, known) <= NEAR))
    far = ["overlap"] if overlap < OVERLAP else []
    miss = ["fit"] if abs(scale.shift) > MISS * scale.spread else []
    apart, torn = scale.disagreement(start)
    bias = residual(evidence, q, v)
    facts = {"overlap": overlap, "disagreement": apart / scale.spread, "residual": bias}
    error = float(np.hypot(few_critics(len(start)) * apart, bias))
    found = [scale.said("fqe", start.mean() + scale.shift, error, far + torn + miss, **facts)]
    if own is not None:
        own_apart, own_torn = scale.disagreement(own.start.mean(axis=1))
        other = ["discount"] if abs(own.discount - evidence.discount) > 1e-6 else []
        other += ["shift"] if own.shifted else []
        error = few_critics(len(own.start)) * own_apart
        found.append(scale.said("critic", own.start.mean(), error, far + own_torn + other, overlap=overlap))
    weighed = weigh(evidence, action, known, q, v)
    few = ["episodes"] if weighed.size < EPISODES else []
    for name, (value, *samples) in (("is", weighed.plain), ("dr", weighed.robust)):
        more = far + (torn + miss if name == "dr" else [])
        moved = start.mean() - v[evidence.begin].mean() if name == "dr" else 0.0  # from the data's starts
        found.append(scale.said(name, value + moved, float(np.std(samples)), more + few, episodes=weighed.size))
    return found


def few_critics(count: int) -> float:
    """By how much a standard deviation that is known from so few critics is too small for an interval of 95 %."""
    return float(t.ppf(0.975, count - 1) / WIDE) if count > 1 else 1.0


def residual(evidence: Evidence, q: Array, v: Array) -> float:
    """What the mean TD error on held-out rows adds up to over an episode: sum_t discount^t |mean error|."""
    terminal = evidence.terminal > 0
    use = evidence.held[evidence.episode] & (evidence.followed | terminal)
    if not use.any():
        return 0.0
    next_v = np.append(v[1:], 0.0) * ~terminal
    error = float(np.mean((evidence.reward + evidence.discount * next_v - q)[use]))
    steps = float(evidence.lengths.mean())
    return abs(error) * (1.0 - evidence.discount**steps) / (1.0 - evidence.discount)


def as_row(name: Any, one: Estimate) -> dict[str, Any]:
    """A line of judge.json."""
    return {
        "member": name.member,
        "phase": name.phase,
        "step": name.step,
        "estimator": one.estimator,
        "estimate": one.estimate,
        "low": one.low,
        "high": one.high,
        "trust": one.trust,
        "flags": one.flags,
        **({"facts": one.facts} if one.facts else {}),
    }
