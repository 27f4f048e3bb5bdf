"""Max-Q of Table 1: the domain's discount and rewards as they are; the paper states nothing else."""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ULTRA

SOURCE = "Kim et al. 2025, section 3.1 and Table 9"
FALLBACK = dict.fromkeys(ULTRA, "the values of the other mazes")

FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": dict(discount=0.995),
    "pointmaze": dict(hidden=(128, 128), actor_hidden=(128, 128), discount=0.95),  # ours, as PARS's preset
}

PRESET = Preset(SOURCE, family=FAMILY, fallback=FALLBACK)
