"""PARS: Tables 8 to 11 and 13 and section 4.3 of Kim et al. 2025 (arXiv 2507.08761). PointMaze is not in the paper."""

from typing import Any

from pars.presets.preset import Preset

SOURCE = "Kim et al. 2025, Tables 8 to 11 and section 4.3"

FAMILY: dict[str, dict[str, Any]] = {
    "antmaze": dict(  # Table 9, section 4.3; online: section 6.2, Table 10
        critics=4, discount=0.995, infeasible_distance=1000.0, exploration_noise=0.05, penalty_weight_online=0.001
    ),
    "adroit": dict(reward_scale=10.0, actor_cosine=True, exploration_noise=0.05, penalty_weight_online=0.001),
    "mujoco": dict(reward_scale=10.0, bc_weight=0.0, bc_weight_online=0.0, exploration_noise=0.1),
    "pointmaze": dict(  # ours: small networks and a short horizon, so that a laptop trains it in minutes
        critics=4,
        hidden=(128, 128),
        actor_hidden=(128, 128),
        discount=0.95,
        reward_scale=100.0,
        infeasible_distance=1000.0,
        bc_weight=0.05,
        bc_weight_online=0.01,
        exploration_noise=0.2,
        updates_per_step=4,
    ),
}

ROBOT: dict[str, dict[str, Any]] = {  # Table 8 (the reference values are raw rewards), Table 11
    "pen": dict(q_min=-715.0),
    "door": dict(q_min=-42.0),
    "hammer": dict(q_min=-348.0),
    "relocate": dict(q_min=0.0),
    "halfcheetah": dict(q_min=-366.0, reward_scale=5.0),
    "hopper": dict(q_min=-166.0),
    "walker2d": dict(q_min=-229.0),
}


def _antmaze(c: float, beta: float, alpha: float, beta_online: float, alpha_online: float = 0.001) -> dict[str, Any]:
    return dict(
        reward_scale=c,
        bc_weight=beta,
        penalty_weight=alpha,
        bc_weight_online=beta_online,
        penalty_weight_online=alpha_online,
    )


def _adroit(beta: float, alpha: float, beta_online: float = 0.0) -> dict[str, Any]:
    return dict(bc_weight=beta, penalty_weight=alpha, bc_weight_online=beta_online)


def _mujoco(
    alpha: float,
    policy_noise: float,
    k_critic: int,
    alpha_online: float | None = None,
    k_actor: int = 1,
    offline_share: float = 0.5,
) -> dict[str, Any]:
    return dict(
        penalty_weight=alpha,
        policy_noise=policy_noise,
        target_critics=k_critic,
        penalty_weight_online=alpha if alpha_online is None else alpha_online,
        actor_critics=k_actor,
        offline_share=offline_share,
    )


TASK: dict[str, dict[str, Any]] = {
    # Table 10
    "antmaze-umaze-v2": _antmaze(10_000, 0.005, 0.001, 0.0),
    "antmaze-umaze-diverse-v2": _antmaze(10_000, 0.005, 0.001, 0.001),
    "antmaze-medium-play-v2": _antmaze(1000, 0.01, 0.001, 0.0),
    "antmaze-medium-diverse-v2": _antmaze(1000, 0.01, 0.001, 0.0),
    "antmaze-large-play-v2": _antmaze(1000, 0.01, 0.001, 0.01),
    "antmaze-large-diverse-v2": _antmaze(10_000, 0.01, 0.01, 0.01),
    "antmaze-ultra-play-v0": _antmaze(100, 0.01, 0.001, 0.001, 0.0001),
    "antmaze-ultra-diverse-v0": _antmaze(10_000, 0.01, 0.01, 0.01),
    # Table 10, right; expert sets are not fine-tuned in the paper
    "pen-cloned-v1": _adroit(0.01, 0.01),
    "door-cloned-v1": _adroit(0.01, 0.01, 0.01),
    "hammer-cloned-v1": _adroit(0.1, 0.001),
    "relocate-cloned-v1": _adroit(0.01, 0.01, 0.01),
    "pen-expert-v1": _adroit(0.01, 0.01),
    "door-expert-v1": _adroit(0.1, 0.001),
    "hammer-expert-v1": _adroit(0.01, 0.001),
    "relocate-expert-v1": _adroit(0.1, 0.001),
    # Table 11; medium-expert sets are not fine-tuned in the paper (F.3: 5 % of offline rows on all of HalfCheetah)
    "halfcheetah-random-v2": _mujoco(0.0001, 0.2, 2, 0.0001, 1, 0.05),
    "halfcheetah-medium-v2": _mujoco(0.0001, 0.0, 2, 0.0001, 10, 0.05),
    "halfcheetah-medium-replay-v2": _mujoco(0.0001, 0.0, 2, 0.0001, 10, 0.05),
    "halfcheetah-medium-expert-v2": _mujoco(0.0001, 0.2, 10, offline_share=0.05),
    "hopper-random-v2": _mujoco(0.01, 0.2, 2, 0.01, 1, 0.05),
    "hopper-medium-v2": _mujoco(0.01, 0.0, 10, 0.1, 1, 0.5),
    "hopper-medium-replay-v2": _mujoco(0.01, 0.0, 10, 0.1, 1, 0.5),
    "hopper-medium-expert-v2": _mujoco(0.0001, 0.2, 10),
    "walker2d-random-v2": _mujoco(0.01, 0.0, 10, 0.0001, 10, 0.05),
    "walker2d-medium-v2": _mujoco(0.01, 0.0, 10, 0.1, 1, 0.5),
    "walker2d-medium-replay-v2": _mujoco(0.01, 0.0, 10, 0.01, 1, 0.5),
    "walker2d-medium-expert-v2": _mujoco(0.0001, 0.2, 10),
}

# The networks that the authors most probably have, over Tables 8 to 11: appendix F.3 names yifan12wu/td3-jax as the
# code that PARS grew from, and Howuhh/sac-n-jax for the ensemble alone. The layer norm's place stays open.
_NETWORKS: dict[str, Any] = dict(
    hidden=(256, 256, 256), initializer="he", actor_hidden=(256, 256), actor_initializer="flax"
)
AUTHORS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("antmaze", "adroit", "mujoco", "own"), _NETWORKS),
    "pointmaze": _NETWORKS | dict(hidden=(128, 128, 128), actor_hidden=(128, 128)),  # as deep, with our widths
}

# Table 13, offline; what holds online stays as in Table 10
SINGLE: dict[str, dict[str, Any]] = {"antmaze": dict(reward_scale=10_000.0, penalty_weight=0.001, bc_weight=0.01)}

# without a fallback: the paper has a row for each of the 28 sets
PRESET = Preset(
    SOURCE,
    family=FAMILY,
    robot=ROBOT,
    task=TASK,
    choices={"single": SINGLE, "authors": AUTHORS},
    value_spread=100.0,  # RS-LN: large values are what a critic with layer norm tells apart
)
