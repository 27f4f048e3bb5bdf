"""What an experiment is: data that says what to compute or train, and a function that shows what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pars.report.stats.comparison import Finding as Finding

Arrays = dict[str, np.ndarray]
Part = Callable[[Sequence[int]], Arrays]  # seeds -> named arrays, an axis of seeds first where there is one


@dataclass(frozen=True)
class Study:
    """An experiment that is computed: no task and no dataset, so that every run of it is comparable.

    Each part is kept on disk when it is done; a study that was killed goes on behind its last finished part.
    """

    id: str  # "figure5"
    title: str
    claim: str  # of the paper, in a sentence of our own
    parts: Mapping[str, Part]
    show: Callable[[Mapping[str, Arrays]], Finding]  # parts by name -> what is shown
    seconds: float  # of all parts, on two cores
    seeds: int = 5
    notes: Sequence[str] = ()  # what a reader must know: choices where the paper is silent
