"""Our settings in the peers' words: one function for each algorithm, from our config and the number of action
dimensions to the settings of the peer's adapter."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.catalog import Settings
from pars.nn.dynamics import DECAY, DECAY_OUT


def _shared(cfg: Any) -> Settings:
    """What every adapter takes itself."""
    return {"reward_scale": cfg.reward_scale, "reward_shift": cfg.reward_shift}


def _torch(cfg: Any) -> Settings:
    rates = {"actor_lr": cfg.actor_lr, "critic_lr": cfg.critic_lr, "normalize": cfg.normalize_obs}
    return _shared(cfg) | rates


def td3_bc(cfg: Any, actions: int) -> Settings:
    summed = actions if cfg.bc_reduce == "sum" else 1  # theirs is a mean over dimensions
    noise = {"policy_noise": cfg.policy_noise, "noise_clip": cfg.noise_clip, "policy_freq": cfg.policy_delay}
    weight = cfg.q_weight / (cfg.bc_weight * summed)
    return _torch(cfg) | noise | {"discount": cfg.discount, "tau": cfg.polyak, "alpha": weight}


def iql(cfg: Any, actions: int) -> Settings:
    own = {"iql_tau": cfg.expectile, "beta": cfg.advantage_scale}
    return _torch(cfg) | own | {"discount": cfg.discount, "tau": cfg.polyak}


def sac_n(cfg: Any, actions: int) -> Settings:
    return _torch(cfg) | {"gamma": cfg.discount, "tau": cfg.polyak, "alpha_learning_rate": cfg.temperature_lr}


def edac(cfg: Any, actions: int) -> Settings:
    return sac_n(cfg, actions) | {"eta": cfg.diversity_weight}


def cql(cfg: Any, actions: int) -> Settings:
    lagrange = {"cql_lagrange": cfg.lagrange, "cql_target_action_gap": cfg.target_gap}
    backup = {"cql_max_target_backup": cfg.max_backup, "cql_n_actions": cfg.sampled_actions}
    clip = {"cql_clip_diff_min": cfg.gap_min} if cfg.clip_gap else {}
    rates = {"policy_lr": cfg.actor_lr, "qf_lr": cfg.critic_lr}  # theirs of the temperature is policy_lr
    own = {"cql_alpha": cfg.conservative_weight, "soft_target_update_rate": cfg.polyak, "discount": cfg.discount}
    shared = _shared(cfg) | {"normalize": cfg.normalize_obs, "q_layers": len(cfg.hidden)}
    return shared | rates | own | lagrange | backup | clip


def rebrac(cfg: Any, actions: int) -> Settings:
    rates = {"actor_learning_rate": cfg.actor_lr, "critic_learning_rate": cfg.critic_lr}
    sizes = {"actor_n_hiddens": len(cfg.actor_hidden), "critic_n_hiddens": len(cfg.hidden), "hidden_dim": cfg.hidden[0]}
    weights = {"actor_bc_coef": cfg.bc_weight, "critic_bc_coef": cfg.critic_bc_weight}
    noise = {"policy_noise": cfg.policy_noise, "noise_clip": cfg.noise_clip, "policy_freq": cfg.policy_delay}
    return _shared(cfg) | rates | sizes | weights | noise | {"gamma": cfg.discount, "tau": cfg.polyak}


def rlpd(cfg: Any, actions: int) -> Settings:
    rates = {"actor_lr": cfg.actor_lr, "critic_lr": cfg.critic_lr, "temp_lr": cfg.temperature_lr}
    target = {"num_min_qs": cfg.target_critics, "backup_entropy": cfg.backup_entropy, "tau": cfg.polyak}
    loop = {name: getattr(cfg, name) for name in ("updates_per_step", "offline_rows", "random_steps")}
    own = {"hidden_dims": list(cfg.hidden), "discount": cfg.discount, "target_entropy": cfg.target_entropy * actions}
    return _shared(cfg) | rates | target | loop | own


def pex(cfg: Any, actions: int) -> Settings:
    own = {"tau": cfg.expectile, "beta": cfg.advantage_scale, "inv_temperature": cfg.choice_scale}
    own |= {"discount": cfg.discount, "target_update_rate": cfg.polyak, "learning_rate": cfg.actor_lr}  # one for all
    loop = {"initial_collection_steps": cfg.learning_starts, "updates_per_step": cfg.updates_per_step}
    return _shared(cfg) | own | loop | {"hidden_dim": cfg.hidden[0], "hidden_num": len(cfg.hidden)}


def off2on(cfg: Any, actions: int) -> Settings:
    own = {"discount": cfg.discount, "soft_target_tau": cfg.polyak, "target_entropy": cfg.target_entropy * actions}
    rates = dict.fromkeys(("alpha_lr", "policy_lr", "qf_lr"), cfg.online_lr) | {"weight_net_lr": cfg.ratio_lr}
    sizes = {"ensemble_size": cfg.agents, "layer_size": cfg.hidden[0], "temperature": cfg.ratio_temperature}
    loop = {"epoch_steps": cfg.epoch_steps, "updates_per_step": cfg.updates_per_step}
    first = {"first_epoch_multiplier": cfg.first_epoch_factor, "init_online_fraction": cfg.new_share}
    return _shared(cfg) | own | rates | sizes | loop | first


def _support(cfg: Any) -> Settings:
    own = {"behaviour_steps": cfg.behaviour_steps, "behaviour_lr": cfg.behaviour_lr, "policy_freq": cfg.policy_delay}
    return _shared(cfg) | own | {"normalize": cfg.normalize_obs, "discount": cfg.discount, "tau": cfg.polyak}


def spot(cfg: Any, actions: int) -> Settings:
    noise = {"policy_noise": cfg.policy_noise, "noise_clip": cfg.noise_clip}
    rates = {"actor_lr": cfg.actor_lr, "lr": cfg.critic_lr, "actor_dropout": cfg.dropout_rate * cfg.dropout}
    weights = {"beta": cfg.kl_weight, "lambd": cfg.support_weight, "behaviour_hidden": cfg.behaviour_hidden[0]}
    return _support(cfg) | noise | rates | weights


def svr(cfg: Any, actions: int) -> Settings:
    own = {"alpha": cfg.support_weight, "sample_std": cfg.spread, "Q_min": cfg.least_value}
    return _support(cfg) | own | {"snis": cfg.normalize_weights}


MCQ_PULLS = {  # the tasks by whose names theirs chooses: (pull, margin, distance)
    ("both", 0.0, 0.0): "d4rl-hopper-medium-replay-v2",
    ("above", 0.0, 0.0): "d4rl-maze2d-medium-v1",
    ("above", 5.0, 0.1): "d4rl-hopper-medium-v2",
}


def mcq(cfg: Any, actions: int) -> Settings:
    rates = {"actor_lr": cfg.actor_lr, "critic_lr": cfg.critic_lr, "vae_lr": cfg.behaviour_lr}
    sizes = {"hidden_layer_size": cfg.hidden[0], "layer_num": len(cfg.hidden) - 1}
    behaviour = {"vae_features": cfg.behaviour_hidden[0], "vae_layers": len(cfg.behaviour_hidden)}
    pull = {"task": MCQ_PULLS[cfg.pull, cfg.pull_margin, cfg.pull_distance], "num": cfg.sampled_actions}
    own = {"lam": cfg.td_weight, "discount": cfg.discount, "soft_target_tau": cfg.polyak}
    own |= {"target_entropy": cfg.target_entropy * actions, "normalize": cfg.normalize_obs}
    return _shared(cfg) | rates | sizes | behaviour | pull | own


def sac_rnd(cfg: Any, actions: int) -> Settings:
    rates = {"actor_learning_rate": cfg.actor_lr, "critic_learning_rate": cfg.critic_lr}
    rates |= {"alpha_learning_rate": cfg.temperature_lr, "rnd_learning_rate": cfg.rnd_lr}
    sizes = {"hidden_dim": cfg.hidden[0], "rnd_hidden_dim": cfg.rnd_width, "rnd_embedding_dim": cfg.rnd_embedding}
    weights = {"actor_beta": cfg.actor_bonus_weight, "critic_beta": cfg.critic_bonus_weight}
    own = {"gamma": cfg.discount, "tau": cfg.polyak, "target_entropy": cfg.target_entropy * actions}
    return _shared(cfg) | rates | sizes | weights | own | {"rnd_steps": cfg.rnd_steps}


def uni_o4(cfg: Any, actions: int) -> Settings:
    q = {"q_hidden_dim": cfg.hidden[0], "q_depth": len(cfg.hidden), "q_lr": cfg.critic_lr}
    v = {"v_hidden_dim": cfg.value_hidden[0], "v_depth": len(cfg.value_hidden), "v_lr": cfg.critic_lr}
    values = {"v_steps": cfg.critic_steps, "gamma": cfg.discount, "omega": cfg.expectile}
    values |= {"target_update_freq": 2, "tau": 2 * cfg.polyak}  # every second step twice as far
    clones = {"bc_hidden_dim": cfg.actor_hidden[0], "bc_depth": len(cfg.actor_hidden), "bc_lr": cfg.behaviour_lr}
    clones |= {"bc_steps": cfg.behaviour_steps, "num_policies": cfg.policies, "alpha_bc": cfg.disagreement}
    layers = len(cfg.model_hidden)
    decay = [*(DECAY[min(i, len(DECAY) - 1)] for i in range(layers)), DECAY_OUT]
    model = {
        "dynamics_hidden_dims": list(cfg.model_hidden),
        "dynamics_weight_decay": decay,
        "dynamics_lr": cfg.model_lr,
    }
    model |= {"n_ensemble": cfg.models, "n_elites": cfg.elites}
    model |= {"model_steps": cfg.model_steps, "model_batch": cfg.model_batch}
    own = {"bppo_lr": cfg.improve_lr, "clip_ratio": cfg.improve_clip, "is_clip_action": cfg.clip_sampled}
    own |= {"eval_step": cfg.estimate_every, "rollout_step": cfg.horizon}
    own |= {"is_state_norm": cfg.normalize_obs, "pi_activation_f": cfg.actor_activation}
    return _shared(cfg) | q | v | values | clones | model | own


def _goals(cfg: Any) -> Settings:
    """Of OGBench's agents."""
    sizes = {"actor_hidden_dims": list(cfg.actor_hidden), "value_hidden_dims": list(cfg.hidden)}
    rates = {"lr": cfg.actor_lr, "discount": cfg.discount, "tau": cfg.polyak, "expectile": cfg.expectile}
    here, later = cfg.current_share, cfg.future_share
    drawn = {"value_p_curgoal": here, "value_p_trajgoal": later, "value_p_randomgoal": 1.0 - here - later}
    return sizes | rates | drawn | {"goal_columns": list(cfg.goal_columns), "hierarchical": False}


def _actors_goals(share: float) -> Settings:
    return {"actor_p_trajgoal": share, "actor_p_randomgoal": 1.0 - share}


def gcivl(cfg: Any, actions: int) -> Settings:
    return _goals(cfg) | _actors_goals(cfg.actor_future_share) | {"alpha": cfg.advantage_scale}


def gciql(cfg: Any, actions: int) -> Settings:
    return _goals(cfg) | _actors_goals(cfg.actor_future_share) | {"alpha": cfg.bc_weight}


def hiql(cfg: Any, actions: int) -> Settings:
    scales = {"low_alpha": cfg.advantage_scale, "high_alpha": cfg.high_advantage_scale}
    own = {"subgoal_steps": cfg.subgoal_steps, "rep_dim": cfg.representation, "hierarchical": True}
    return _goals(cfg) | _actors_goals(cfg.high_future_share) | scales | own
