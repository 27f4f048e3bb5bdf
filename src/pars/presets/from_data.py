"""Settings of data for which nothing is published: rules of the data itself, each with its reason.

1. `normalize_obs`: on, since columns come in units of their own.
2. `reward_scale`: brings the spread of the data's values, the standard deviation of discounted returns-to-go, to what
   an algorithm's settings were found at (`Preset.value_spread`).
3. `bc_weight`: the published weights belong to actions that spread by about `WIDTH` of half their range. Narrower ones
   leave less to learn Q from, and a policy may sooner leave them: times (WIDTH / width)^2, so that one standard
   deviation away costs the same, at most `MOST` times. Actions at their bounds count into the width.
4. `bc_weight_online`: as offline. Let go at once a policy runs to the bounds of the actions (docs/results.md).
5. `q_min`, and SVR's `least_value`: the least value that such rewards can have, c r_min / (1 - gamma), section 4.2 of
   PARS. MCQ's `pseudo_floor`: the same, where it is below 0.

What a user gives stands, and what a preset has; 5 follows from whatever the others are. Rules 2 to 4 are ours.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pars.config import as_text

DISCOUNT = 0.99  # of the returns-to-go whose spread is taken
WIDTH = 0.5  # standard deviation of the actions in [-1, 1] of the published sets: .4 to .7
MOST = 25.0  # times the weight of an algorithm's defaults


class Chosen(NamedTuple):
    """A setting that the data decides."""

    name: str
    value: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.name}={as_text(self.value)} ({self.reason})"


@dataclass(frozen=True)
class Facts:
    """What the rules know of a dataset."""

    reward_min: float  # raw
    reward_max: float
    value_spread: float  # standard deviation of returns-to-go, discounted by `DISCOUNT`, of raw rewards
    action_width: float  # standard deviation of the actions in [-1, 1], quadratic mean over their dimensions
    terminals: bool  # some episodes end by themselves: no value follows
    longest: int  # steps of an episode
    constant: tuple[str, ...] = ()  # observation columns that never change
    # of `reward_norm`: what is subtracted, what divides
    norms: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def settings_from(facts: Facts, cfg: Any, given: Collection[str], value_spread: float) -> list[Chosen]:
    """What the data decides for a config with the settings `given`; of settings that it has and heeds only.

    value_spread: that the algorithm's settings were found at.
    """
    chosen: list[Chosen] = []
    for rule in (_normalize_obs, _reward_scale, _bc_weight, _bc_weight_online, _q_min, _least_value, _pseudo_floor):
        found = rule(facts, cfg, value_spread)
        if found and found.name not in given:
            chosen.append(found)
            cfg = replace(cfg, **{found.name: found.value})
    return chosen


def _normalize_obs(facts: Facts, cfg: Any, _: float) -> Chosen | None:
    if not hasattr(cfg, "normalize_obs"):
        return None
    still = ", ".join(facts.constant)
    alone = f"; never changes, so it is only centred: {still}" if still else ""
    return Chosen("normalize_obs", True, f"observations have units of their own{alone}")


def _reward_scale(facts: Facts, cfg: Any, value_spread: float) -> Chosen | None:
    normalised = getattr(cfg, "reward_norm", "none") != "none"
    if not hasattr(cfg, "reward_scale") or normalised or facts.value_spread == 0.0:
        return None
    scale = rounded(value_spread / facts.value_spread, 2)
    reason = f"the data's values spread by {facts.value_spread:.3g}, scaled by {value_spread:g}"
    return Chosen("reward_scale", scale, reason)


def _bc_weight(facts: Facts, cfg: Any, _: float) -> Chosen | None:
    if not hasattr(cfg, "bc_weight"):
        return None
    factor = min(max((WIDTH / max(facts.action_width, 1e-6)) ** 2, 1.0), MOST)
    reason = f"actions spread by {facts.action_width:.2g} of half their range: {factor:.3g} times the usual weight"
    return Chosen("bc_weight", rounded(factor * cfg.bc_weight, 2), reason)


def _bc_weight_online(facts: Facts, cfg: Any, _: float) -> Chosen | None:
    if not hasattr(cfg, "bc_weight_online") or cfg.bc_weight_online == cfg.bc_weight or getattr(cfg, "bc_fade", 0):
        return None  # who lets it fade wants it lower
    return Chosen("bc_weight_online", cfg.bc_weight, "as offline: a policy that is let go at once is lost")


def _q_min(facts: Facts, cfg: Any, _: float) -> Chosen | None:
    if not getattr(cfg, "penalty", False):
        return None
    scale = cfg.reward_scale if cfg.reward_scale and getattr(cfg, "q_min_scaled", False) else 1.0
    return _lowest("q_min", facts, cfg, scale)


def _least_value(facts: Facts, cfg: Any, _: float) -> Chosen | None:
    return _lowest("least_value", facts, cfg) if hasattr(cfg, "least_value") else None


def _pseudo_floor(facts: Facts, cfg: Any, _: float) -> Chosen | None:
    if not getattr(cfg, "floor_pseudo", False):
        return None
    found = _lowest("pseudo_floor", facts, cfg)
    return found if found.value < 0.0 else None


def _lowest(name: str, facts: Facts, cfg: Any, unit: float = 1.0) -> Chosen:
    """A setting that is to be the least value, in units of so many scaled rewards."""
    middle, divisor = facts.norms.get(getattr(cfg, "reward_norm", "none"), (0.0, 1.0))
    least = (cfg.reward_scale * (facts.reward_min - middle) / divisor + cfg.reward_shift) / unit
    value = least_value(least, cfg.discount, facts.terminals, facts.longest)
    how = "for ever" if cfg.discount < 1.0 else f"over {facts.longest:,} steps"
    if facts.terminals and least > 0.0:
        how = "once, for episodes may end"
    return Chosen(name, rounded(value, 4), f"the least value: a reward of {least:.4g}, as scaled, {how}")


def least_value(reward: float, discount: float, terminals: bool, longest: int) -> float:
    """Q_min = r_min / (1 - gamma), section 4.2 of PARS, of the least reward as the critics see it; undiscounted over
    the longest episode. An episode that can end keeps no more of a positive reward than one step."""
    steps = 1.0 / (1.0 - discount) if discount < 1.0 else float(longest)
    return reward if terminals and reward > 0.0 else reward * steps


def rounded(value: float, digits: int) -> float:
    """To so many significant digits, away from what else machines may differ in."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else value
