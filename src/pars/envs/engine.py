"""Physics as D4RL ran it: what MuJoCo changed after 2.1.0 is undone in the compiled model.

1. Since 2.1.1 capsules have their exact mass and inertia; before, a capsule counted as a cylinder lengthened by half
   its radius at each end.
2. Since 3.2.0 a free joint's quaternion is no longer normalised in qpos: resets do that themselves (envs/antmaze.py).
3. Since 3.3.0 convex geoms collide through MuJoCo's own code ("native CCD") and, 5., since 3.8.0 with several contacts.
4. Since 3.5.0 the margins of two geoms add up; before, the larger one counted.

What stays different: the solver's islands and early stop (below 1e-8) and, for the ant, how RK4 turns bodies. Until
3.17 it sums angular velocities; since 4.0.0 it first corrects them for what the body has turned within the step, as
Munthe-Kaas does. Undoing it would take an RK4 of our own: docs/tasks.md has sizes, cost and the exact versions.
"""

import contextlib
import re
from collections.abc import Iterator
from functools import cache
from typing import Literal, get_args

import mujoco
import numpy as np

from pars.errors import UsageError

Mode = Literal["d4rl", "stock"]
MODES = get_args(Mode)

CAPSULE, CYLINDER = int(mujoco.mjtGeom.mjGEOM_CAPSULE), int(mujoco.mjtGeom.mjGEOM_CYLINDER)
NEW_COLLISIONS = ("mjDSBL_NATIVECCD", "mjDSBL_MULTICCD")  # flags that newer versions have for changes 3 and 5
TOTAL_MASS = re.compile(r'\ssettotalmass="([^"]*)"')


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """Without MuJoCo's warnings, which go to the terminal and to MUJOCO_LOG.TXT in the working folder."""
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(before)


def compile_model(xml: str, mode: Mode = "d4rl", assets: dict[str, bytes] | None = None) -> mujoco.MjModel:
    """The model of an MJCF text; in mode "d4rl" with the physics of MuJoCo <= 2.1.0, in mode "stock" as it compiles."""
    if mode not in MODES:
        raise UsageError(f"physics={mode!r}; choose d4rl (as the datasets were made) or stock (MuJoCo as installed)")
    total_mass = TOTAL_MASS.search(xml)  # applied below: newer versions warn of the attribute and will drop it
    xml = TOTAL_MASS.sub("", xml)
    model = mujoco.MjSpec.from_string(xml, assets=assets).compile()
    if mode == "d4rl":
        undo_changes(model, xml, assets)
    if total_mass:
        mujoco.mj_setTotalmass(model, float(total_mass[1]))
        mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


def undo_changes(model: mujoco.MjModel, xml: str, assets: dict[str, bytes] | None = None) -> None:
    """Give `model`, compiled from `xml`, the masses, margins and collisions of MuJoCo <= 2.1.0, in place."""
    if (model.geom_type == CAPSULE).any():
        old = _with_long_cylinders(xml, model, assets)
        for field in ("body_mass", "body_inertia", "body_ipos", "body_iquat"):
            getattr(model, field)[:] = getattr(old, field)
        mujoco.mj_setConst(model, mujoco.MjData(model))
    undo_contacts(model)


def undo_contacts(model: mujoco.MjModel) -> None:
    """Give `model` the margins and collisions of MuJoCo <= 2.1.0 (changes 3 to 5), in place."""
    if margins_add_up():
        model.geom_margin[:] /= 2
        model.pair_margin[:] /= 2
    for name in NEW_COLLISIONS:
        if (flag := getattr(mujoco.mjtDisableBit, name, None)) is not None:
            model.opt.disableflags |= int(flag)


def _with_long_cylinders(xml: str, model: mujoco.MjModel, assets: dict[str, bytes] | None) -> mujoco.MjModel:
    """The same model with every capsule replaced by the cylinder that MuJoCo <= 2.1.0 took for it.

    `model` gives the capsules' compiled sizes: in MJCF they may follow from `fromto` or from defaults.
    """
    spec = mujoco.MjSpec.from_string(xml, assets=assets)
    geoms = list(spec.geoms)
    for i, geom in enumerate(geoms):  # the order of the text is not the compiled one, so names must tell
        geom.name = geom.name or f"geom {i}"
    named = spec.compile()
    if named.ngeom != model.ngeom:
        raise ValueError(f"the text has {named.ngeom} geoms, the compiled model {model.ngeom}")
    for geom in geoms:
        i = named.geom(geom.name).id
        if model.geom_type[i] != CAPSULE:
            continue
        radius, half = model.geom_size[i][:2]
        position, quaternion = model.geom_pos[i].copy(), model.geom_quat[i].copy()
        geom.type = mujoco.mjtGeom.mjGEOM_CYLINDER
        geom.fromto = np.full(6, np.nan)
        geom.size = [radius, half + radius / 2, 0.0]
        geom.pos, geom.quat = position, quaternion
    return spec.compile()


@cache
def margins_add_up() -> bool:
    """Whether this MuJoCo adds the margins of two geoms: seen at a sphere over a plane, both with margin 1."""
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><geom type="plane" size="1 1 1" margin="1"/>'
        '<body pos="0 0 .15"><freejoint/><geom size=".1" margin="1"/></body></worldbody></mujoco>'
    )
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return bool(data.contact.includemargin[0] > 1.5)
