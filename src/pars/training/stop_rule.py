"""`--stop-below`: an online phase ends where its policies have become worse than the user can bear."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from pars.core import OFFLINE, ONLINE
from pars.errors import DivergenceError
from pars.position import Position
from pars.training.log import METRICS
from pars.training.share import Share

STOPPED = "stopped"  # the state in status.json


def heed(shares: Sequence[Share], position: Position, rule: float | None) -> None:
    """After an evaluation online: those jobs end here whose members have become too bad. Raises DivergenceError."""
    messages = []
    for share in shares if rule is not None else ():
        assert rule is not None and share.evaluation is not None and share.task is not None
        scores = share.task.score(share.evaluation.returns).mean(axis=1).tolist()
        if message := why(share.folder.path, position, scores, rule):
            share.folder.status(STOPPED, position, message, score=float(np.mean(scores)))
            messages.append(message)
    if messages:
        raise DivergenceError("\n".join(messages))


def why(folder: Path, position: Position, scores: Sequence[float], rule: float) -> str | None:
    """What to say if the mean score of an evaluation is below the rule.

    Args:
        folder: of the group, with its metrics.csv.
        scores: of the members.
    """
    mean = float(np.mean(scores))
    if not mean < rule:
        return None
    last = next((at for at, score in reversed(measured(folder)) if score >= rule), None)
    known = f"the last policies above it: --at {last}" if last else "no policy of this run was above it"
    return (
        f"{folder.name} stopped at {position}: its score {mean:.4g} is below {rule:g} (--stop-below); {known}; to go "
        "on, lower the rule or leave it out"
    )


def measured(folder: Path) -> list[tuple[str, float]]:
    """Evaluations in a group's metrics.csv: where, as `--at` has it, and the mean score; damaged lines do not count."""
    found: dict[str, list[float]] = defaultdict(list)
    for line in (folder / METRICS).read_text(errors="replace").splitlines():
        with suppress(ValueError):
            phase, step, _, name, value = line.split(",")
            if name == "score" and phase in (OFFLINE, ONLINE):
                found[f"{phase}-{int(step)}"].append(float(value))
    return [(at, float(np.mean(scores))) for at, scores in found.items()]
