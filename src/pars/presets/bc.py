"""BC and 10% BC: one setting for all sets (the defaults); small networks on PointMaze."""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ULTRA

SOURCE = "corl-team/CORL configs/offline/bc and bc_10, one setting for all sets"
FALLBACK = dict.fromkeys(ULTRA, "none published; the one setting of the other sets")

FAMILY: dict[str, dict[str, Any]] = {"pointmaze": dict(actor_hidden=(128, 128))}  # ours

PRESET = Preset(SOURCE, family=FAMILY, fallback=FALLBACK)
