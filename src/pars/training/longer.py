"""Runs that are made longer: more steps of the phase that they end in, or an online phase behind the offline one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LENGTHS = ("offline_steps", "online_steps")
SPACING = ("eval_every", "online_eval_every", "eval_episodes")  # how a run is looked at, which changes no training
COSINE = "actor_cosine"
DECAYS = "what decays over the steps of a phase goes on as in a phase of so many, and was lower before"


def is_longer(asked: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    """Whether what was trained by the plan `there` of a run.json is the beginning of what plan `asked` says."""
    if any(asked.get(name) != there.get(name) for name in {*asked, *there} - {*SPACING, *LENGTHS}):
        return False
    offline, online = (asked.get(name, 0) - there.get(name, 0) for name in LENGTHS)
    return min(offline, online) >= 0 < max(offline, online) and not (offline and there.get("online_steps"))


def in_words(asked: Mapping[str, Any], there: Mapping[str, Any], configs: Sequence[Any]) -> str:
    """What a user is told when a run with plan `there` is made longer."""
    more = [name for name in LENGTHS if asked[name] > there[name]]
    parts = [f"{name.removesuffix('_steps')} from {there[name]:,} to {asked[name]:,} steps" for name in more]
    again = more[0] == LENGTHS[0] and any(getattr(cfg, COSINE, False) for cfg in configs)
    again = again or bool(there[more[0]] and more[0] == LENGTHS[1])
    return f"lengthened {' and '.join(parts)}{f'; {DECAYS}' if again else ''}"
