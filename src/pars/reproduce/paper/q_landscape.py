"""Q over the actions while PARS learns, with and without its two ingredients (Kim et al. 2025, arXiv 2507.08761).

The idea of the paper in one moving picture: without layer norm and penalty (LN, PA) Q rises beyond what any policy can
earn, with both it stays within. Trained is PARS on a PointMaze dataset, whose actions are two forces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pars import presets
from pars.algos import pars
from pars.api import open_dataset
from pars.core import OFFLINE
from pars.data import Dataset
from pars.envs import make_task
from pars.probes.landscape import landscape
from pars.report.charts.paths import Paths, path_picture
from pars.report.stats.comparison import Comparison
from pars.reproduce.base import Arrays, Finding, Part, Study
from pars.reproduce.paper.q_landscape_show import curves, final_maps, moving_maps
from pars.training.learner import Learner
from pars.training.pictures import typical_state
from pars.training.rollout import Evaluator

TASK = "pointmaze-umaze-diverse"
SETTINGS: dict[str, dict[str, Any]] = {
    "None": {"layer_norm": "none", "penalty": False},
    "PA": {"layer_norm": "none", "penalty": True},
    "LN": {"layer_norm": "before", "penalty": False},
    "LN & PA": {"layer_norm": "before", "penalty": True},
}
GRID = np.linspace(-3.0, 3.0, 61, dtype=np.float32)


class Size(NamedTuple):
    """How much is computed."""

    steps: int = 16_000
    moments: int = 20  # after the first, closer together at the beginning
    width: int = 64
    critics: int = 2
    batch: int = 256
    episodes: int = 20


SIZE = Size()


def train(seeds: Sequence[int], setting: str, size: Size = SIZE, data: Dataset | None = None) -> Arrays:
    """Train one of SETTINGS on all seeds and look at Q on the way. S seeds, M moments, K grid values, E episodes.

    moments [M] gradient steps; q [S, M, K, K] raw reward, the first action along the last axis; policy_action
    [S, M, 2]; data_action [N, 2] of states around the one looked at; returns [S, E], positions [S, E, T, 2] at the end;
    seeds [S].
    """
    task = make_task(TASK)
    dataset = open_dataset(data, task)
    cfg = pars.ALGORITHM.configure(
        presets.settings("pars", TASK)
        | {"hidden": (size.width, size.width), "actor_hidden": (size.width, size.width)}
        | {"critics": size.critics, "batch_size": size.batch}
        | SETTINGS[setting]
    )
    learner = Learner.on(dataset, pars.ALGORITHM, [cfg] * len(seeds), seeds)
    learner.start_interval(OFFLINE)
    obs, data_action = typical_state(dataset)
    look = learner.placement.map(
        lambda cfg, state, action, obs, grid: landscape(learner.algo, cfg, state, obs, action, grid, grid)[0],
        shared=(3, 4),
    )
    moments = np.unique((size.steps * np.linspace(0.0, 1.0, size.moments + 1) ** 1.2).astype(int))
    seen: dict[str, list[np.ndarray]] = {"q": [], "policy_action": []}
    for before, now in zip([0, *moments[:-1]], moments, strict=True):
        if now > before:
            learner.run(int(before), int(now - before), size.steps)
        action = learner.act(np.repeat(obs[None, None], len(seeds), axis=0), 0, explore=0.0)[:, 0]
        q = look(learner.cfg, learner.state, learner.placement.put(action), obs, GRID)
        seen["q"].append(learner.placement.take(q))
        seen["policy_action"].append(action)
    evaluator = Evaluator(task, len(seeds), size.episodes)
    evaluation = evaluator(learner.policies())
    evaluator.close()
    assert evaluation.positions is not None
    return {name: np.stack(values, axis=1) for name, values in seen.items()} | {
        "moments": moments,
        "data_action": data_action,
        "seeds": np.asarray(seeds),
        "returns": evaluation.returns,
        "positions": evaluation.positions,
    }


def measures(arrays: Arrays, bound: float) -> dict[str, np.ndarray]:
    """Of each seed and moment [S, M], in raw reward: the highest Q in the box, the mean beyond it on the grid, and the
    share of the grid beyond the box where Q is above `bound`."""
    first, second = np.meshgrid(GRID, GRID)
    beyond = np.maximum(np.abs(first), np.abs(second)) > 1.0
    q = arrays["q"]
    return {
        "highest": q[..., ~beyond].max(axis=-1),
        "beyond": q[..., beyond].mean(axis=-1),
        "share": (q[..., beyond] > bound).mean(axis=-1),
    }


def show(parts: Mapping[str, Arrays]) -> Finding:
    task = make_task(TASK)
    assert task.maze is not None and task.max_return is not None
    found = {name: measures(arrays, task.max_return) for name, arrays in parts.items()}
    paths = [_paths(name, arrays) for name, arrays in parts.items()]
    seeds = len(next(iter(parts.values()))["q"])
    caption = f"The policies at the end, {len(paths[0].success)} episodes, {seeds} seeds."
    pictures = [
        final_maps(parts, GRID, task.max_return),
        moving_maps(parts, GRID, task.max_return),
        curves(parts, found, task.max_return),
        path_picture("qlandscape-paths", f"Where they go in {TASK}", paths, task.maze.card(), caption=caption),
    ]
    return Finding(_comparisons(parts, found), pictures, _reading(parts, found, task.max_return))


def _paths(name: str, arrays: Arrays) -> Paths:
    positions = arrays["positions"]
    seeds = np.repeat(arrays["seeds"], positions.shape[1])
    return Paths(name, positions.reshape(-1, *positions.shape[2:]), arrays["returns"].ravel() > 0, seeds)


def _comparisons(parts: Mapping[str, Arrays], found: Mapping[str, dict[str, np.ndarray]]) -> list[Comparison]:
    rows = []
    for name, arrays in parts.items():
        rows.append(Comparison(name, "success, %", 100.0 * (arrays["returns"] > 0).mean(axis=1)))
        rows.append(Comparison(name, "highest Q in the box", found[name]["highest"][:, -1]))
        rows.append(Comparison(name, "mean Q beyond the box", found[name]["beyond"][:, -1]))
        rows.append(Comparison(name, "above the bound beyond the box, %", 100.0 * found[name]["share"][:, -1]))
    return rows


def _reading(parts: Mapping[str, Arrays], found: Mapping[str, dict[str, np.ndarray]], bound: float) -> list[str]:
    out = []
    for name, one in found.items():
        success = 100.0 * float((parts[name]["returns"] > 0).mean())
        out.append(
            f"{name}: mean Q beyond the box {one['beyond'][:, -1].mean():.2f}, highest Q within it "
            f"{one['highest'][:, -1].mean():.2f} (no return exceeds {bound:g}); {success:.0f} % of the episodes arrive."
        )
    if {"None", "LN & PA"} <= set(found):
        above, below = (float(found[name]["highest"][:, -1].mean()) for name in ("None", "LN & PA"))
        holds = above > bound >= below
        out.append(
            f"With neither ingredient Q ends {above / bound:.1f} times as high as a return can be, with both "
            f"{below / bound:.2f} times: {'as' if holds else 'not as'} the paper has it."
        )
    return out


PARTS: dict[str, Part] = {name: partial(train, setting=name) for name in SETTINGS}

QLANDSCAPE = Study(
    id="qlandscape",
    title="Q over the actions while PARS learns",
    claim="without layer norm and penalty Q of actions beyond the data is overestimated, and training follows it; with "
    "both it stays within what can be earned, and the policy learns the task",
    parts=PARTS,
    show=show,
    seconds=160.0,
    seeds=3,
    notes=(
        "Not a figure of the paper, but its idea. Data, networks (two critics, two layers of 64) and length are ours.",
        "The length was chosen so that the difference can be seen: after 4,000 steps all four arrive about as often.",
        "All four share the rest of PARS's PointMaze preset: reward_scale 100, infeasible_distance 1000.",
        "Maps are of one state, the nearest to the data's median, in raw reward: Q / reward_scale, mean over critics "
        "and seeds. Dots are the data's actions in the states around it.",
    ),
)
