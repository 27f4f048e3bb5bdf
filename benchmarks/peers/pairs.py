"""Ours and a peer's training of the same algorithm: the pairs of `benchmarks.scores`, and our settings in their words.

What a pair cannot share is in docs/lab/peers.md; initialisers and the order of steps stay each side's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.flops import Shape
from benchmarks.peers.catalog import ADAPTERS, CORL_TD3_BC, OURS, TD3_BC, Entry, Settings
from pars import presets
from pars.algos import ALGORITHMS
from pars.core import Algorithm

Translate = Callable[[Any, int], Settings]  # (our config, action dimensions) -> settings of the peer's adapter


def _uncounted(shape: Shape) -> float:
    return float("nan")


def _ours(title: str, algorithm: str) -> Entry:
    return Entry(OURS, title, algorithm, ADAPTERS + "ours", _uncounted)


def _corl(title: str, algorithm: str, kind: str = "corl_torch") -> Entry:
    return Entry("corl", title, algorithm, ADAPTERS + kind, _uncounted, f"algorithms/offline/{algorithm}.py")


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


def _ogbench(title: str, ours: str, agent: str, translate: Translate, choice: str, **maze: Any) -> Pair:
    """On AntMaze OGBench's settings, on PointMaze our preset's; their networks' activation and initial weights."""
    alike = {"actor_activation": "gelu", "layer_norm": "after", "initializer": "xavier", "weight_max": 100.0}
    known = presets.settings(ours, "pointmaze-medium-diverse", choice)
    peer = Entry("ogbench", title, agent, ADAPTERS + "ogbench_jax", _uncounted, f"impls/agents/{agent}.py")
    return Pair(_ours(title, ours), peer, translate, known | maze, alike, choice=choice)


@dataclass(frozen=True)
class Pair:
    ours: Entry
    peer: Entry
    translate: Translate
    maze: Settings  # of ours on PointMaze; elsewhere our preset's
    always: Settings  # of ours, for what the peer has fixed
    online: bool = False
    choice: str = presets.PAPER  # of our presets

    @property
    def algorithm(self) -> Algorithm:
        """Ours."""
        return ALGORITHMS[self.ours.algorithm]

    @property
    def title(self) -> str:
        return self.ours.title

    def config(self, task: str, over: Settings) -> tuple[Settings, Any]:
        """Our settings for a task, those of `over` on top, and the config they make."""
        base = (
            self.maze
            if presets.family(task) == "pointmaze"
            else presets.settings(self.ours.algorithm, task, self.choice)
        )
        raw = {"reward_norm": "none"}  # no adapter knows the dataset's returns
        settings = base | self.always | ({} if self.algorithm.sees.goal else raw) | over
        return settings, self.algorithm.configure(settings)


TWO, THREE = (256, 256), (256, 256, 256)  # the widths of CORL's files, which most of them have fixed
SPARSE = {"discount": 0.98, "normalize_obs": False}  # an episode of pointmaze-medium has 240 steps

PAIRS = (
    Pair(
        TD3_BC,
        CORL_TD3_BC,
        td3_bc,
        SPARSE | {"q_weight": 10.0, "reward_shift": -1.0},
        {"hidden": TWO, "actor_hidden": TWO, "initializer": "torch", "actor_value": "first", "layer_norm": "none"},
    ),
    Pair(
        _ours("IQL", "iql"),
        _corl("IQL", "iql"),
        iql,
        SPARSE | {"expectile": 0.9, "advantage_scale": 10.0, "reward_shift": -1.0},
        {"hidden": TWO, "actor_hidden": TWO, "initializer": "torch", "value_first": False},
    ),
    Pair(
        _ours("CQL", "cql"),
        _corl("CQL", "cql"),
        cql,
        SPARSE
        | dict(
            conservative_weight=1.0,
            sampled_actions=4,
            reward_scale=10.0,
            reward_shift=-5.0,
            actor_lr=1e-4,
            temperature_lr=1e-4,
        ),
        {"actor_hidden": THREE},
    ),
    Pair(
        _ours("SAC-N", "sac_n"),
        _corl("SAC-N", "sac_n"),
        sac_n,
        SPARSE | {"reward_scale": 10.0, "critics": 5},
        {"hidden": THREE, "actor_hidden": THREE},
    ),
    Pair(
        _ours("EDAC", "edac"),
        _corl("EDAC", "edac"),
        edac,
        SPARSE | {"reward_scale": 10.0, "critics": 5},
        {"hidden": THREE, "actor_hidden": THREE},
    ),
    Pair(
        _ours("ReBRAC", "rebrac"),
        _corl("ReBRAC", "rebrac", "corl_jax"),
        rebrac,
        SPARSE | {"reward_scale": 100.0, "bc_weight": 0.05, "critic_bc_weight": 0.001},
        {"normalize_obs": False},
    ),
    Pair(
        _ours("SPOT", "spot"),
        Entry("spot", "SPOT", "spot", ADAPTERS + "supports", _uncounted, "SPOT.py"),
        spot,
        presets.settings("spot", "pointmaze-medium-diverse"),
        {"hidden": TWO, "actor_hidden": TWO, "initializer": "torch", "layer_norm": "none"},
    ),
    Pair(
        _ours("SVR", "svr"),
        Entry("svr", "SVR", "svr", ADAPTERS + "supports", _uncounted, "SVR.py"),
        svr,
        presets.settings("svr", "pointmaze-medium-diverse"),
        {"hidden": TWO, "actor_hidden": TWO, "initializer": "torch", "layer_norm": "none", "actor_cosine": False},
    ),
    Pair(
        _ours("MCQ", "mcq"),
        Entry("mcq", "MCQ", "mcq", ADAPTERS + "mcq_torch", _uncounted, "offlinerl/algo/modelfree/MCQ.py"),
        mcq,
        presets.settings("mcq", "pointmaze-medium-diverse"),
        {"initializer": "torch", "layer_norm": "none"},
    ),
    Pair(
        _ours("RLPD", "rlpd"),
        Entry("rlpd", "RLPD", "rlpd", ADAPTERS + "rlpd_jax", _uncounted, "train_finetuning.py"),
        rlpd,
        SPARSE
        | dict(reward_shift=-1.0, backup_entropy=False, target_critics=1, random_steps=500)
        | dict(critics=5, updates_per_step=4),
        {"normalize_obs": False, "layer_norm": "before"},
        online=True,
    ),
    _ogbench("GCIVL", "gc_iql", "gcivl", gcivl, "action_free", advantage_scale=10.0, expectile=0.9),
    _ogbench("GCIQL", "gc_iql", "gciql", gciql, "ogbench"),
    _ogbench("HIQL", "hiql", "hiql", hiql, presets.PAPER),
)
