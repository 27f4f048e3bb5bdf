"""What a group of members trains, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pars.core import Algorithm


@dataclass(frozen=True)
class Plan:
    """How long a group trains and when it is looked at."""

    offline_steps: int  # gradient steps
    online_steps: int = 0  # environment steps of each member
    eval_every: int = 5000  # gradient steps
    online_eval_every: int = 5000  # environment steps
    eval_episodes: int = 10


@dataclass(frozen=True)
class Group:
    """Members of one algorithm and one structure: they train in one program."""

    name: str
    algo: Algorithm
    configs: tuple[Any, ...]
    seeds: tuple[int, ...]
