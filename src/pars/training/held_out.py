"""What a population makes of episodes that it does not train on, beside what it makes of those that it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pars.probes.held_out import errors
from pars.training.learner import Learner
from pars.training.share import probe_batch

PREFIX = "held_out_"


class HeldOut:
    """Errors at evaluations; none where no episodes are held out, or a policy sees more than the observation.

    Args:
        data: of each member.
    """

    def __init__(self, learner: Learner, data: Sequence[Any]) -> None:
        self.learner, self.batches = learner, dict[str, Any]()
        if learner.algo.sees.plain and all(one.held_out is not None for one in data):
            discounts = [float(getattr(cfg, "discount", 1.0)) for cfg in learner.configs]
            for prefix, rows in (("", data), (PREFIX, [one.held_out for one in data])):
                self.batches[prefix] = learner.placement.put(probe_batch(rows, discounts))

    def __call__(self) -> dict[str, np.ndarray]:
        """[P] by name."""
        learner, found = self.learner, dict[str, np.ndarray]()
        for prefix, batch in self.batches.items():
            look = learner.program.over_members(errors, shared=())
            values = learner.placement.take(look(learner.cfg, learner.state, batch))
            found |= {prefix + name: value for name, value in values.items()}
        return found
