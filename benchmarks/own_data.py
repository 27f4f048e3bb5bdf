"""Logs of a mediocre controller in units of a plant, and what each method makes of them with the settings that the data
decides: `python -m benchmarks own_data`. `--before`: with the defaults of D4RL's sets instead. `--grid`: PARS's
`reward_scale` around the rule's.

A seed counts as constant if its actions on the logged observations spread less than 5 % as much as the logged ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.plants import PLANTS, logs
from benchmarks.table import FOLDER, Column, Row, lines, write_csv
from pars import api
from pars.algos import find_algorithm
from pars.config import to_dict
from pars.data import Dataset, from_arrays
from pars.envs import make_task
from pars.report.constant import AT_BOUND, STILL
from pars.training.launch import from_data, make_variants
from pars.training.own_data import facts_of
from pars.training.restore import only_folder, restore

METHODS = ("pars", "td3_bc", "rebrac", "iql", "cql", "bc")
GRID = (0.01, 0.1, 1.0, 10.0, 100.0)  # times the rule's
LOOKED_AT = 2000  # logged rows
DRY: dict[str, Any] = dict(hidden="16x16", actor_hidden="16x16", critics=2, batch_size=16)
COLUMNS = [
    Column("task", "task", left=True),
    Column("method", "method", left=True),
    Column("settings", "settings", left=True),
    Column("constant", "constant", ".0%"),
    Column("at_bound", "at bound", ".0%"),
    Column("returns", "return", lambda values: f"{np.mean(values):,.1f} [{min(values):,.1f} {max(values):,.1f}]"),
    Column("logged", "logged", ",.1f"),
]


def settings_of(method: str, dataset: Dataset, kind: str) -> dict[str, Any]:
    """What is given for a kind of run: nothing, the defaults of all that the data would decide, or a grid."""
    (variant,) = make_variants([method], None, {})
    if kind == "after":
        return {}
    own = from_data(variant, facts_of(dataset))
    if kind == "grid":
        return {"reward_scale": [own.configs[0].reward_scale * times for times in GRID]}
    return {one.name: to_dict(variant.configs[0])[one.name] for one in own.chosen}


def judge(run: Path, dataset: Dataset, episodes: int) -> list[Row]:
    """A row for each value of reward_scale: what its seeds do on the logged rows and in the task."""
    there = restore(only_folder(run))
    rows = np.linspace(0, len(dataset.last) - 1, LOOKED_AT).astype(int)
    obs, logged = np.asarray(dataset.columns.obs[rows]), np.asarray(dataset.columns.action[rows])
    action = np.stack([there.policies.member(i)(obs) for i in range(len(there.seeds))])  # [P, rows, A]
    still = np.sqrt(action.var(axis=1).mean(axis=-1)) < STILL * np.sqrt(logged.var(axis=0).mean())
    bound = (np.abs(action) > 0.99).mean(axis=(1, 2)) >= AT_BOUND / 100
    (result,) = api.evaluate(run, episodes)
    scales = [getattr(cfg, "reward_scale", None) for cfg in there.configs]
    found = []
    for scale in dict.fromkeys(scales):
        own = [i for i, other in enumerate(scales) if other == scale]
        returns = result.evaluation.returns[own].mean(axis=1)
        found.append({"scale": scale, "constant": float(still[own].mean()), "at_bound": float(bound[own].mean())})
        found[-1] |= {"returns": returns.tolist()}
    return found


def run(args: Sequence[str] = ()) -> None:
    """Print the table and keep it as CSV."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks own_data", description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(PLANTS), choices=PLANTS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20_000, help="logged by the controller")
    parser.add_argument("--steps", type=int, default=None, help="gradient steps; by default what own data is given")
    parser.add_argument(
        "--hidden", default=None, help="of actor and critics, such as 64x64; by default the methods' own"
    )
    parser.add_argument("--episodes", type=int, default=20, help="of each policy at the end")
    parser.add_argument("--before", action="store_true", help="the defaults of D4RL's sets, for comparison")
    parser.add_argument("--grid", action="store_true", help="PARS's reward_scale from a hundredth to a hundred times")
    parser.add_argument("--out", type=Path, default=FOLDER / "own-data", help="runs; what is finished there stays")
    parser.add_argument("--dry", action="store_true", help="tiny networks, to see that it runs")
    given = parser.parse_args(args)
    kind = "before" if given.before else "grid" if given.grid else "after"
    rows: list[Row] = []
    for name in given.tasks:
        task = make_task(f"benchmarks.plants:{name}")
        columns, returns = logs(name, given.rows)
        for method in ["pars"] if given.grid else given.methods:
            asked = find_algorithm(method).stored_columns(_first(method))
            dataset = from_arrays(columns, name=name, task=task, next_obs="file", columns=asked)
            size = DRY if given.dry else {"hidden": given.hidden, "actor_hidden": given.hidden} if given.hidden else {}
            settings = settings_of(method, dataset, kind) | _heeded(method, size)
            out = given.out / f"{name}-{method}-{kind}"
            plan: dict[str, Any] = dict(steps=given.steps, eval_episodes=2)
            api.train(method, task, data=dataset, settings=settings, seeds=range(given.seeds), out=out, **plan)
            for row in judge(out, dataset, given.episodes):
                scale = f" c={row['scale']:g}" if row["scale"] is not None else ""
                rows.append(
                    {"task": name, "method": method, "settings": kind + scale, "logged": np.mean(returns)} | row
                )
                print(*lines(COLUMNS, rows[-1:]), sep="\n")
    print(*lines(COLUMNS, rows), sep="\n")
    write_csv(FOLDER / f"own-data-{kind}.csv", rows)


def _first(method: str) -> Any:
    return make_variants([method], None, {})[0].configs[0]


def _heeded(method: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Those that a method has."""
    return {name: value for name, value in settings.items() if name in to_dict(_first(method))}
