"""The policies of runs that are to be judged: every member at every moment that is still there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.config import stack
from pars.core import Algorithm
from pars.errors import CheckpointError, UsageError
from pars.nn.nets import apply_ensemble
from pars.training.kept import moments
from pars.training.placement import Placement, place
from pars.training.restore import Restored, restore, run_folders

CHUNK = 4096  # rows whose actions are asked for at once


class Name(NamedTuple):
    """Of a policy: `member` is GROUP/NUMBER."""

    run: Path
    member: str
    algorithm: str
    seed: int
    settings: dict[str, Any]  # those that differ within its group
    phase: str
    step: int

    @property
    def label(self) -> str:
        """A short one for people."""
        varied = "".join(f" {name}={value}" for name, value in self.settings.items())
        online = " online" if self.phase == "online" else ""
        return f"{self.algorithm}{varied} seed {self.seed} at{online} {self.step:,}"


@dataclass(frozen=True)
class Moment:
    """A group's members at one position, P policies."""

    run: Path
    folder: Path
    there: Restored

    @property
    def names(self) -> list[Name]:
        """Of its P policies."""
        description, position = self.there.description, self.there.position
        known = [own["settings"] for own in description["members"]]
        varied = [name for name in known[0] if any(own.get(name) != known[0][name] for own in known)]
        return [
            Name(
                self.run,
                f"{self.folder.name}/{i}",
                self.there.algo.name,
                seed,
                {name: known[i].get(name) for name in varied},
                position.phase,
                position.step,
            )
            for i, seed in enumerate(self.there.seeds)
        ]

    def actions(self, obs: np.ndarray) -> np.ndarray:
        """obs [N, O] -> [P, N, A] in [-1, 1]."""
        members, parts = len(self.there.seeds), range(0, len(obs), CHUNK)
        blocks = [obs[at : at + CHUNK] for at in parts]
        wide = lambda x: np.broadcast_to(x, (members, *x.shape))  # noqa: E731
        numbers = [np.arange(at, at + len(x)) for at, x in zip(parts, blocks)]
        found = [self.there.policies(wide(x), n) for x, n in zip(blocks, numbers)]
        return np.clip(np.concatenate(found, axis=1), -1.0, 1.0)

    def own_q(self, obs: np.ndarray, action: np.ndarray) -> np.ndarray | None:
        """Q [P, E, N] of the method's own critics in units of raw reward, at obs [N, O] and action [P, N, A]; None
        where it has none."""
        algo, state = self.there.algo, self.there.state
        if algo.critic is None:
            return None
        try:
            params, norm = jax.tree.map(np.asarray, (state.critic.params, state.norm))
        except (CheckpointError, AttributeError):
            return None
        placement, cfg = place(len(self.there.seeds)), jax.tree.map(np.asarray, stack(self.there.configs))
        q = _q_program(algo, placement)
        return placement.take(q(*placement.put((cfg, params, norm)), placement.share(obs), placement.put(action)))


@lru_cache(maxsize=16)
def _q_program(algo: Algorithm, placement: Placement) -> Callable[..., Array]:
    return placement.map(partial(_own_q, algo), shared=(3,))


def _own_q(algo: Algorithm, cfg: Any, params: Any, norm: Any, obs: Array, action: Array) -> Array:
    assert algo.critic is not None
    q = apply_ensemble(algo.critic(cfg), params, norm(obs), action)
    return q * jnp.asarray(norm.reward_scale / getattr(cfg, "reward_scale", 1.0))


def candidates(runs: Sequence[Path | str]) -> Iterator[Moment]:
    """All policies of runs that still can be asked. Raises CheckpointError, or UsageError for those that see goals."""
    for run in runs:
        for folder in run_folders(run):
            found = [restore(folder, saved) for saved in moments(folder)]
            if not found:
                raise CheckpointError(f"{folder} has no policy that verifies; train it again with the same command")
            if not found[0].algo.sees.plain:
                name = found[0].algo.name
                raise UsageError(
                    f"{folder}: policies of {name} see more than the observation and cannot be judged; name the "
                    "folders of the other groups"
                )
            yield from (Moment(Path(run), folder, there) for there in found)
