"""The papers' settings as data: differences from an algorithm's defaults only, each with its source.

One `Preset` for each algorithm; those of algorithms from elsewhere come with them (`Algorithm.presets`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pars.errors import UsageError
from pars.presets import (
    bc,
    cal_ql,
    cql,
    edac,
    goals,
    iql,
    max_q,
    mcq,
    msg,
    off2on,
    pars,
    pex,
    ppo,
    rebrac,
    rlpd,
    sac,
    sac_n,
    sac_rnd,
    spot,
    svr,
    td3,
    td3_bc,
    uni_o4,
)
from pars.presets.preset import Preset as Preset

PRESETS: dict[str, Preset] = {
    "pars": pars.PRESET,
    "td3_bc": td3_bc.PRESET,
    "rebrac": rebrac.PRESET,
    "iql": iql.PRESET,
    "cql": cql.PRESET,
    "cal_ql": cal_ql.PRESET,
    "sac_n": sac_n.PRESET,
    "edac": edac.PRESET,
    "mcq": mcq.PRESET,
    "msg": msg.PRESET,
    "spot": spot.PRESET,
    "svr": svr.PRESET,
    "sac_rnd": sac_rnd.PRESET,
    "bc": bc.PRESET,
    "bc_10": bc.PRESET,
    "pex": pex.PRESET,
    "off2on": off2on.PRESET,
    "rlpd": rlpd.PRESET,
    "sac": sac.PRESET,
    "td3": td3.PRESET,
    "ppo": ppo.PRESET,
    "uni_o4": uni_o4.PRESET,
    "max_q": max_q.PRESET,
    "gc_bc": goals.GC_BC,
    "gc_iql": goals.GC_IQL,
    "wgcsl": goals.WGCSL,
    "dwsl": goals.DWSL,
    "hiql": goals.HIQL,
    "gcpc": goals.GCPC,
}
NONE = Preset("")  # of an algorithm that brings none
PAPER = "paper"  # the preset that every algorithm has

OWN = "own"  # the family of what no paper sets values for
HANDS = ("pen", "door", "hammer", "relocate")
ROBOTS = ("halfcheetah", "hopper", "walker2d")


@dataclass(frozen=True)
class Lengths:
    """How long to train by default. Offline in gradient steps, online in environment steps."""

    offline_steps: int
    eval_every: int
    online_eval_every: int


D4RL = Lengths(1_000_000, 5000, 5000)  # the field's convention; the paper does not state its offline length
OWN_STEPS = (50_000, 1_000_000)  # ours: enough for values to come back from the future, and D4RL's
LENGTHS = {"pointmaze": Lengths(20_000, 1000, 500)}  # ours, a few minutes on two cores


def family(task_id: str | None) -> str:
    """antmaze, adroit, mujoco or pointmaze for the ids that papers set values for (Gymnasium's too), else 'own'."""
    name = (task_id or "").lower().partition("-")[0]
    if name in HANDS:
        return "adroit"
    if name in ROBOTS:
        return "mujoco"
    return name if name in ("antmaze", "pointmaze") else OWN


def choices(algorithm: str) -> list[str]:
    """The presets that an algorithm has, the default first."""
    return [PAPER, *PRESETS.get(algorithm, NONE).choices]


def check_choice(algorithms: Iterable[str], preset: str) -> None:
    """UsageError if none of the algorithms has the preset."""
    known = {name: choices(name) for name in algorithms}
    if not any(preset in names for names in known.values()):
        have = "; ".join(f"{name} has {', '.join(names)}" for name, names in known.items())
        raise UsageError(f"unknown preset {preset!r}; {have}")


def settings(algorithm: str, task_id: str | None, preset: str = PAPER) -> dict[str, Any]:
    """Published (or, for pointmaze, our) settings of `algorithm` on a dataset or Gymnasium id; {} if there are none.

    An algorithm without this preset keeps its "paper". Raises UsageError if it has it, but not for this id.
    """
    own, layers = PRESETS.get(algorithm, NONE), dict[str, Any]()
    if task_id is not None:
        robot = task_id.lower().partition("-")[0]
        for rows, name in ((own.family, family(task_id)), (own.robot, robot), (own.task, task_id)):
            layers |= rows.get(name, {})
    if preset not in own.choices:
        return layers
    choice = own.choices[preset]
    for key in (task_id or "", family(task_id)):
        if key in choice:
            return layers | dict(choice[key])
    what = task_id or "data without a task"
    raise UsageError(f"{algorithm} has no preset {preset!r} for {what}; leave it out or choose {PAPER}")


def value_spread(algorithm: str) -> float:
    """Of a dataset's values, what an algorithm's settings were found at."""
    return PRESETS.get(algorithm, NONE).value_spread


def lengths(task_id: str | None) -> Lengths:
    return LENGTHS.get(family(task_id), D4RL)


def offline_steps(algorithm: str | None, task_id: str | None, rows: int | None = None) -> int:
    """Gradient steps of an algorithm's recipe for a dataset or a family of tasks, where it has one of its own.

    rows: of own data, which is trained a step for each, within `OWN_STEPS`.
    """
    own, usual = PRESETS.get(algorithm or "", NONE).steps, lengths(task_id).offline_steps
    if rows is not None and family(task_id) == OWN:
        usual = min(max(-(-rows // 1000) * 1000, OWN_STEPS[0]), OWN_STEPS[1])
    return int(own.get(task_id or "", own.get(family(task_id), usual)))


def source(algorithm: str) -> str:
    """One line: where an algorithm's values come from."""
    return PRESETS.get(algorithm, NONE).source


def fallback(algorithm: str, dataset: str) -> str:
    """One line: what an algorithm uses on a dataset for which nothing is published; "" where something is."""
    return PRESETS.get(algorithm, NONE).fallback.get(dataset, "")
