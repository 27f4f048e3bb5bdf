"""Cal-QL: the authors' script on AntMaze, corl-team/CORL (configs/finetune/cal_ql) on Adroit's cloned sets, else CQL's
values. Rewards of AntMaze are sparse: an episode that never arrives counts as failing for ever.
"""

from typing import Any

from pars.presets import cql
from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, MUJOCO, ULTRA

SOURCE = "nakamotoo/Cal-QL scripts/run_antmaze.sh; Adroit: corl-team/CORL configs/finetune/cal_ql"
FALLBACK = {
    **dict.fromkeys(ULTRA, "none published; the values of the other mazes"),
    **{name: "none published; the values of the cloned sets" for name in ADROIT if "-expert-" in name},
    **dict.fromkeys(MUJOCO, "none published; CQL's values"),
    "hopper-medium-v2": "none published; CQL's values with raw rewards",
}

FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": cql.FAMILY["antmaze"] | dict(failure=True),
    "adroit": dict(actor_lr=1e-4, temperature_lr=1e-4, conservative_weight=1.0, max_backup=True, clip_gap=True),
    "mujoco": cql.FAMILY["mujoco"],
    "pointmaze": cql.FAMILY["pointmaze"] | dict(failure=True),  # ours
}

PRESET = Preset(SOURCE, family=FAMILY, fallback=FALLBACK)
