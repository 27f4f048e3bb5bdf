"""Off2On: the defaults of the authors' examples/ours.py; on halfcheetah-medium the command of their README. The CQL of
their members is not published: ours has corl-team/CORL's values. The authors have results on MuJoCo alone.
"""

from typing import Any

from pars.presets import cql
from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, ANTMAZE_V2, ULTRA

SOURCE = "shlee94/Off2OnRL examples/ours.py and README; members: corl-team/CORL configs/offline/cql"
FALLBACK = dict.fromkeys((*ANTMAZE_V2, *ULTRA, *ADROIT), "none published; CQL's values, online MuJoCo's")

FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": cql.FAMILY["antmaze"],
    "adroit": cql.FAMILY["adroit"],
    "mujoco": cql.FAMILY["mujoco"],
    "pointmaze": cql.FAMILY["pointmaze"]  # ours: fewer agents, and epochs of about an episode
    | dict(agents=3, epoch_steps=200, first_epoch_factor=5, ratio_hidden=(128, 128)),
}
TASK: dict[str, dict[str, Any]] = cql.TASK | {"halfcheetah-medium-v2": dict(first_epoch_factor=5, new_share=0.75)}

PRESET = Preset(SOURCE, family=FAMILY, task=TASK, fallback=FALLBACK)
