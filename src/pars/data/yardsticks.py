"""What is public of D4RL's AntMaze files, the measure of their twins.

A twin's file says in its attributes what was measured when it was collected (pars.collect.antmaze); its card puts the
public number beside each.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from pars.data.checking.fields import DAMAGE


class Public(NamedTuple):
    """Of D4RL's file: `rewarded`, `cloned`. The others, not public, are of a twin by the walker of D4RL's collector
    (60,000 rows, `python -m benchmarks twins`)."""

    rewarded: float  # percent of the rows (counts of TFDS)
    cloned: float  # BC's score (tables of TD3+BC, 2106.06860, and CORL, 2210.07105)
    arrived: float  # percent of the episodes
    upside_down: float  # percent of the rows
    saturated: float  # percent of the action values


PUBLIC = {
    "antmaze-umaze-v2": Public(0.87, 55, 78, 18, 33),
    "antmaze-umaze-diverse-v2": Public(0.004, 47, 81, 15, 33),
    "antmaze-medium-play-v2": Public(0.98, 0, 72, 21, 32),
    "antmaze-medium-diverse-v2": Public(0.20, 1, 68, 18, 31),
    "antmaze-large-play-v2": Public(1.25, 0, 68, 21, 31),
    "antmaze-large-diverse-v2": Public(0.62, 0, 63, 13, 31),
}
MEASURED = {  # attribute of a twin's file -> what share it is
    "arrived": "episodes that arrive",
    "upside_down": "rows upside down",
    "saturated": "action values at the bound",
}


def beside_d4rl(path: Path, rewarded: float) -> dict[str, str]:
    """What is measured of an AntMaze twin, with D4RL's number beside it, its walker's in brackets; {} for other files.

    Files of earlier versions lack the attributes: of these there is only what the card has.

    Args:
        rewarded: share of the rows with a reward.
    """
    try:
        with h5py.File(path, "r") as file:
            said = {name: file.attrs.get(name) for name in ("dataset", "twin", *MEASURED)}
    except (*DAMAGE, TypeError):  # TypeError: an attribute of a kind that NumPy lacks
        return {}
    name = said["dataset"]
    if not isinstance(name, str) or not name.startswith("antmaze-") or said["twin"] is None:
        return {}
    public = PUBLIC.get(name)  # none for ultra
    found = {"rows rewarded": _percent(100 * rewarded) + (f", D4RL's {_percent(public.rewarded)}" if public else "")}
    for attribute, what in MEASURED.items():
        if (share := _share(said, attribute)) is not None:
            beside = f" (D4RL's walker {_percent(getattr(public, attribute))})" if public else ""
            found[what] = _percent(100 * share) + beside
    return found | ({"BC there": f"{public.cloned:g}"} if public else {})


def _share(said: Mapping[str, Any], attribute: str) -> float | None:
    try:
        return float(said[attribute])
    except (TypeError, ValueError):
        return None


def _percent(value: float) -> str:
    return f"{value:.3g} %"
