"""Goal-conditioned methods: jhejna/dwsl and seohongpark/HIQL on AntMaze; small networks, short horizons on PointMaze.

The defaults are AntMaze's. What data of one's own name as a goal has any unit, so there observations are standardised.
"""

from typing import Any

from pars.presets.preset import Preset
from pars.presets.sets import ADROIT, ANTMAZE_V2, MUJOCO, ULTRA

DWSL_SOURCE = "jhejna/dwsl configs for AntMaze"
DWSL_STEPS = dict.fromkeys(("antmaze",), 80_000)
HIQL_SOURCE = "seohongpark/HIQL README: printed for the large mazes, the same for all"
OWN: dict[str, dict[str, Any]] = {"own": dict(normalize_obs=True)}
_MAZE: dict[str, Any] = dict(actor_hidden=(128, 128), batch_size=256)  # ours
_VALUES: dict[str, Any] = _MAZE | dict(hidden=(128, 128))
_SHORT: dict[str, Any] = _VALUES | dict(goal_radius=0.45, discount=0.95)
NO_GOALS = dict.fromkeys((*ADROIT, *MUJOCO), "none published; its tasks have no goals")
_ULTRA = NO_GOALS | dict.fromkeys(ULTRA, "none published; the values of the other mazes")

_GAUSSIAN: dict[str, Any] = dict(
    goals="mixed",
    whole_goals=True,
    batch_size=1024,
    hidden=(512, 512, 512),
    activation="gelu",
    layer_norm="after",
    initializer="xavier",
    value_lr=3e-4,
    actor_lr=3e-4,
    polyak=0.005,
    target_delay=1,
)
ACTION_FREE = _GAUSSIAN | dict(
    q_functions=0, policy="likelihood", actor_hidden=(256, 256), actor_future_share=0.7, weight_max=100.0
)
OGBENCH = _GAUSSIAN | dict(
    q_functions=2,
    critic_lr=3e-4,
    policy="ddpg_bc",
    actor_hidden=(512, 512, 512),
    actor_activation="gelu",
    expectile=0.9,
)
_FAR = dict(advantage_scale=3.0, expectile=0.9)

GC_BC = Preset(DWSL_SOURCE + " (GCSL)", family=OWN | {"pointmaze": _MAZE}, steps=DWSL_STEPS, fallback=_ULTRA)
GC_IQL = Preset(
    DWSL_SOURCE,
    family=OWN | {"pointmaze": _SHORT},
    steps=DWSL_STEPS,
    choices={
        "action_free": {
            "antmaze": ACTION_FREE,
            **dict.fromkeys(ANTMAZE_V2[-2:], ACTION_FREE | _FAR),
            **{name: ACTION_FREE | dict(discount=0.995) for name in ULTRA},
            "pointmaze": ACTION_FREE | dict(hidden=(128, 128), actor_hidden=(128, 128), batch_size=256),
            "own": ACTION_FREE,
        },
        "ogbench": {
            "antmaze": OGBENCH,
            "antmaze-giant-v0": OGBENCH | dict(discount=0.995),
            "pointmaze": OGBENCH | dict(hidden=(128, 128), actor_hidden=(128, 128), batch_size=256),
            "own": OGBENCH,
        },
    },
    fallback=_ULTRA,
)
WGCSL = Preset(DWSL_SOURCE, family=OWN | {"pointmaze": _SHORT}, steps=DWSL_STEPS, fallback=_ULTRA)
DWSL = Preset(
    DWSL_SOURCE,
    family=OWN | {"pointmaze": _VALUES | dict(bins=50)},
    task={
        **{name: dict(bins=100) for name in ANTMAZE_V2[:2]},
        **{name: dict(bins=150) for name in ANTMAZE_V2[2:4]},
        **{name: dict(bins=200) for name in ANTMAZE_V2[4:]},
        "antmaze-large-v0": dict(bins=200),
        **{name: dict(bins=400) for name in (*ULTRA, "antmaze-giant-v0")},
    },
    steps=DWSL_STEPS,
    fallback=NO_GOALS | dict.fromkeys(ULTRA, "none published; 400 bins, twice those of the large maze"),
)
HIQL = Preset(
    HIQL_SOURCE,
    family=OWN | {"pointmaze": _VALUES | dict(subgoal_steps=10, discount=0.95)},
    task={name: dict(subgoal_steps=50) for name in ULTRA},
    fallback=NO_GOALS | dict.fromkeys((*ANTMAZE_V2[:5], ULTRA[0]), "not printed; as large-diverse or ultra-diverse"),
)
GCPC = Preset(
    "brown-palm/GCPC configs for AntMaze",
    family=OWN
    | {
        "pointmaze": dict(
            batch_size=256,
            actor_hidden=(128, 128),
            token_width=32,
            trajectory_steps=10_000,
            trajectory_lr=1e-3,
            future_steps=30,
        )
    },
    steps={"antmaze": 70_000},
    fallback=NO_GOALS,
)
