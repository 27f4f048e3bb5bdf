"""Ours and a peer's training of the same algorithm: the pairs of `benchmarks.scores`.

What a pair cannot share is in docs/lab/peers.md; initialisers and the order of steps stay each side's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.flops import Shape
from benchmarks.peers import translations
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


def _ogbench(title: str, ours: str, agent: str, translate: Translate, choice: str, **maze: Any) -> Pair:
    """On AntMaze OGBench's settings, on PointMaze our preset's; their networks' activation and initial weights."""
    alike = {"actor_activation": "gelu", "layer_norm": "after", "initializer": "xavier", "weight_max": 100.0}
    known = presets.settings(ours, "pointmaze-medium-diverse", choice)
    peer = Entry("ogbench", title, agent, ADAPTERS + "ogbench_jax", _uncounted, f"impls/agents/{agent}.py")
    return Pair(_ours(title, ours), peer, translate, known | maze, alike, choice=choice)


def _authors(
    algorithm: str,
    translate: Translate,
    adapter: str,
    file: str,
    always: Settings,
    maze: Settings | None = None,
    **more: Any,
) -> Pair:
    """Beside the code of the paper's authors; on PointMaze our preset's settings, those of `maze` on top.

    `more` are fields of the pair.
    """
    title, peer = ALGORITHMS[algorithm].title, algorithm.replace("_", "-")
    entry = Entry(peer, title, algorithm, ADAPTERS + adapter, _uncounted, file)
    known = presets.settings(algorithm, "pointmaze-medium-diverse")
    return Pair(_ours(title, algorithm), entry, translate, known | (maze or {}), always, **more)


@dataclass(frozen=True)
class Pair:
    ours: Entry
    peer: Entry
    translate: Translate
    maze: Settings  # of ours on PointMaze; elsewhere our preset's
    always: Settings  # of ours, for what the peer has fixed
    online: bool = False
    offline_first: bool = False  # all gradient steps of a trial, then online
    one_start: bool = False  # theirs goes online with our actors and critics
    ends: bool = False  # theirs is told by what rule the task ends
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
SMALL = {"hidden": (128, 128, 128), "actor_hidden": (128, 128, 128)}  # SAC-RND's has three layers
PLAIN = {"initializer": "torch", "layer_norm": "none"}
SUPPORT = PLAIN | {"hidden": TWO, "actor_hidden": TWO}
RAW = {"normalize_obs": False}
FIXED_SPREAD = RAW | {"learned_spread": False}
ONLINE_LATER = {"online": True, "offline_first": True}
MCQ_FILE, SAC_RND_FILE = "offlinerl/algo/modelfree/MCQ.py", "offline_sac/algorithms/sac_rnd_betas.py"
OFF2ON_FILE = "rlkit/examples/ours.py"
SPARSE = {"discount": 0.98, "normalize_obs": False}  # an episode of pointmaze-medium has 240 steps

PAIRS = (
    Pair(
        TD3_BC,
        CORL_TD3_BC,
        translations.td3_bc,
        SPARSE | {"q_weight": 10.0, "reward_shift": -1.0},
        {"hidden": TWO, "actor_hidden": TWO, "initializer": "torch", "actor_value": "first", "layer_norm": "none"},
    ),
    Pair(
        _ours("IQL", "iql"),
        _corl("IQL", "iql"),
        translations.iql,
        SPARSE | {"expectile": 0.9, "advantage_scale": 10.0, "reward_shift": -1.0},
        {"hidden": TWO, "actor_hidden": TWO, "initializer": "torch", "value_first": False},
    ),
    Pair(
        _ours("CQL", "cql"),
        _corl("CQL", "cql"),
        translations.cql,
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
        translations.sac_n,
        SPARSE | {"reward_scale": 10.0, "critics": 5},
        {"hidden": THREE, "actor_hidden": THREE},
    ),
    Pair(
        _ours("EDAC", "edac"),
        _corl("EDAC", "edac"),
        translations.edac,
        SPARSE | {"reward_scale": 10.0, "critics": 5},
        {"hidden": THREE, "actor_hidden": THREE},
    ),
    Pair(
        _ours("ReBRAC", "rebrac"),
        _corl("ReBRAC", "rebrac", "corl_jax"),
        translations.rebrac,
        SPARSE | {"reward_scale": 100.0, "bc_weight": 0.05, "critic_bc_weight": 0.001},
        RAW,
    ),
    _authors("spot", translations.spot, "supports", "SPOT.py", SUPPORT),
    _authors("svr", translations.svr, "supports", "SVR.py", SUPPORT | {"actor_cosine": False}),
    _authors("mcq", translations.mcq, "mcq_torch", MCQ_FILE, PLAIN),
    _authors("sac_rnd", translations.sac_rnd, "sac_rnd_jax", SAC_RND_FILE, RAW, SMALL),
    _authors("uni_o4", translations.uni_o4, "uni_o4_torch", "abppo.py", PLAIN, ends=True),
    Pair(
        _ours("RLPD", "rlpd"),
        Entry("rlpd", "RLPD", "rlpd", ADAPTERS + "rlpd_jax", _uncounted, "train_finetuning.py"),
        translations.rlpd,
        SPARSE
        | dict(reward_shift=-1.0, backup_entropy=False, target_critics=1, random_steps=500)
        | dict(critics=5, updates_per_step=4),
        RAW | {"layer_norm": "before"},
        online=True,
    ),
    _authors("pex", translations.pex, "pex_torch", "main_online.py", RAW, **ONLINE_LATER),
    _authors("off2on", translations.off2on, "off2on_torch", OFF2ON_FILE, FIXED_SPREAD, **ONLINE_LATER, one_start=True),
    _ogbench("GCIVL", "gc_iql", "gcivl", translations.gcivl, "action_free", advantage_scale=10.0, expectile=0.9),
    _ogbench("GCIQL", "gc_iql", "gciql", translations.gciql, "ogbench"),
    _ogbench("HIQL", "hiql", "hiql", translations.hiql, presets.PAPER),
)
