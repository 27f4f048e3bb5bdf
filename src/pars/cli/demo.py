"""The demo: PARS beside TD3+BC on one PointMaze dataset, then PARS online."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from pars import api
from pars.cli import commands

TASK = "pointmaze-umaze-diverse"
SEEDS = (0, 1, 2, 3)  # as many as two cores train in the time of three
STEPS, ONLINE_STEPS = 10_000, 2_000
EPISODES = 50


def run(out: Path, short: bool, quiet: bool) -> None:
    """Train both algorithms below `out` (a tenth of the steps if `short`), write the report, print its summary."""
    begin = time.monotonic()
    scale = 10 if short else 1
    lengths = {"steps": STEPS // scale, "eval_episodes": EPISODES // (5 if short else 1), "eval_every": 1000 // scale}
    options = {"seeds": SEEDS, "out": out / "short" if short else out, "quiet": quiet, **lengths}
    command = "pars demo --short" if short else "pars demo"
    online = {"online_steps": ONLINE_STEPS // scale, "online_eval_every": 250 // scale}
    folder = api.train("pars", TASK, command=command, **online, **options)  # type: ignore[arg-type]
    api.train("td3_bc", TASK, command=command, **options)  # type: ignore[arg-type]
    commands.report([folder])
    Console().print(f"demo: {time.monotonic() - begin:.0f} s", highlight=False)
