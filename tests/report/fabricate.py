"""Run folders with known numbers, written as a training run would write them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

MAZE = {"map": ["#####", "#r..#", "###.#", "#g..#", "#####"], "cell": 1.0, "origin": [1, 1], "goal": [0.0, 2.0]}
CARD = {
    "rows": 100_000,
    "episodes": 1_612,
    "returns": {"mean": 0.35, "histogram": {"counts": [1048, 564], "edges": [0.0, 0.5, 1.0]}},
    "episode_length": {"mean": 47.0, "histogram": {"counts": [300, 700, 612], "edges": [0, 20, 40, 61]}},
    "warnings": ["2.1 % of the actions lie on the border of the box"],
    "maze": {
        "map": ["#####"],
        "outside": 0.0,
        "coverage": {
            "counts": [[3, 2, 1], [0, 0, 4], [9, 6, 2]],
            "x_edges": [-0.5, 0.5, 1.5, 2.5],
            "y_edges": [-0.5, 0.5, 1.5, 2.5],
        },
    },
}
Scores = Mapping[str, Mapping[int, Sequence[float]]]  # phase -> step -> score of each member


def write_group(
    folder: Path,
    algorithm: str = "pars",
    scores: Scores | None = None,
    *,
    settings: Sequence[Mapping[str, Any]] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    task: str | None = "pointmaze-umaze-diverse",
    state: str = "finished",
    status: Mapping[str, Any] | None = None,
    q_max: Scores | None = None,
    metrics: Mapping[str, Scores] | None = None,
    maze: bool = True,
    probes: bool = False,
    command: str = "pars train pars,td3_bc pointmaze-umaze-diverse seed=0..2",
    **changes: Any,
) -> Path:
    """One group folder. `settings` and `seeds` give one member each; q_max is in units of the scaled reward."""
    folder.mkdir(parents=True)
    settings = settings or [{"reward_scale": 100.0, "critics": 4}] * len(seeds)
    tables = {**({"score": scores} if scores else {}), **({"q_max": q_max} if q_max else {}), **(metrics or {})}
    steps = {p: max(s) for name in tables for p, s in tables[name].items()}
    phase = "online" if "online" in steps else "offline"
    info = {
        "format": 1,
        "algorithm": algorithm,
        "title": {"pars": "PARS", "td3_bc": "TD3+BC", "bc": "BC"}.get(algorithm, algorithm),
        "task": task,
        "physics": "stock",
        "members": [{"seed": s, "settings": {**c, "seed": s}} for s, c in zip(seeds, settings, strict=True)],
        "varied": [],
        "plan": {"offline_steps": 10_000, "online_steps": 3_000, "eval_every": 1_000, "eval_episodes": 30},
        "dataset": {
            "name": "umaze-diverse",
            "fingerprint": "ab12",
            "source": "collected",
            "rows": 100_000,
            "card": CARD,
        },
        "task_card": {
            "time_limit": 120,
            "max_return": 1.0 if task else None,
            "reference": [0, 1],
            "maze": {**MAZE, "goal_radius": 0.45} if maze else None,
        },
        "command": command,
        "versions": {"pars": "0.1.0", "jax": "0.10.2"},
        "machine": {"cpu": "test", "cores": 2, "devices": ["cpu"]},
        **changes,
    }
    (folder / "run.json").write_text(json.dumps(info))
    found = {"state": state, "phase": phase, "step": steps.get(phase, 0), "message": "", **(status or {})}
    (folder / "status.json").write_text(json.dumps(found))
    lines = [
        f"{phase},{step},{member},{name},{value}\n"
        for name, table in tables.items()
        for phase, rows in table.items()
        for step, values in rows.items()
        for member, value in enumerate(values)
    ]
    (folder / "metrics.csv").write_text("phase,step,member,name,value\n" + "".join(lines))
    timing = "offline,1000,updates_per_second,400\noffline,2000,updates_per_second,420\n"
    timing += "offline,1000,compile_seconds,9.5\noffline,2000,elapsed_seconds,31\n"
    (folder / "timing.csv").write_text("phase,step,name,value\n" + timing)
    if probes:
        write_probes(folder / "probes", phase, steps.get(phase, 0), len(seeds))
    return folder


def write_probes(folder: Path, phase: str, step: int, members: int, height: float = 1.0, pull: float = 0.0) -> None:
    """A landscape and trajectories. Q rises to `height` at the data and grows by `pull` per unit of distance."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    grid, far = np.linspace(-3, 3, 61), np.linspace(-8, 8, 121)
    line = np.sign(far) * np.expm1(np.abs(far)) * 2000 / np.expm1(8)
    a, b = np.meshgrid(grid, grid)  # the first action along the last axis
    bump = height * np.exp(-((a - 0.5) ** 2 + (b + 0.3) ** 2))
    q = np.stack([bump + pull * np.hypot(a, b) + 0.02 * m for m in range(members)])
    q_line = np.stack(
        [height * np.exp(-((line - 0.5) ** 2)) + pull * np.log1p(np.abs(line)) + 0.05 * m for m in range(members)]
    )
    policy = np.clip(rng.normal([0.5, -0.3], 0.1, (members, 2)) + 0.4 * np.sign(pull), -1, 1)
    np.savez(
        folder / f"landscape-{phase}-{step}.npz",
        obs=np.zeros(4), grid=grid, q=q, line=line, q_line=q_line, policy_action=policy,
        data_action=rng.normal([0.5, -0.3], 0.2, (30, 2)),
    )  # fmt: skip
    corners = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], float)
    positions = np.full((members, 10, 80, 2), np.nan, np.float32)
    success = rng.random((members, 10)) > 0.25
    for m in range(members):
        for e in range(10):
            start, good = rng.uniform(0, 2.5), success[m, e]
            t = np.linspace(start, 3 if good else min(start + 0.7, 2.6), 60)
            path = np.stack([np.interp(t, range(4), corners[:, d]) for d in range(2)], 1)
            positions[m, e, :60] = path + rng.normal(0, 0.05, path.shape).cumsum(0) * 0.15
    np.savez(folder / f"trajectories-{phase}-{step}.npz", positions=positions, success=success)
