"""OGBench's own goal-conditioned agents (seohongpark/ogbench, impls): GCIVL, GCIQL and HIQL, with its datasets.

Their loop: a batch with its goals drawn on the host, one call of the compiled `update`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.peers.base import Job, bare_package, old_jax

old_jax()


class Adapter:
    """Settings: `goal_columns`, `hierarchical` (HIQL's dataset); the others go over the agent's own config."""

    def __init__(self, job: Job):
        data, options = job.read(), dict(job.settings)
        self.job, folder = job, str(Path(job.folder, "impls"))
        sys.path.append(folder)
        bare_package(folder, "agents", "utils")
        agents, sets = import_module(f"agents.{job.algorithm}"), import_module("utils.datasets")
        np.random.seed(job.seed)
        columns, kind = options.pop("goal_columns"), options.pop("hierarchical")
        cfg = agents.get_config()
        cfg.update({"batch_size": job.batch} | options)
        last = data.extra["last"] > 0
        last[-1] = True  # as they ask of a file
        rows = dict(observations=data.obs, next_observations=data.next_obs, actions=data.action, terminals=last)
        dataset = sets.Dataset.create(freeze=True, **{k: np.asarray(x, np.float32) for k, x in rows.items()})
        self.data = (sets.HGCDataset if kind else sets.GCDataset)(dataset, cfg)
        made = {"hiql": "HIQLAgent", "gcivl": "GCIVLAgent", "gciql": "GCIQLAgent"}[job.algorithm]
        self.agent = getattr(agents, made).create(job.seed, data.obs[:1], data.action[:1], cfg)
        self.pose, self.columns = data.obs[0], list(columns)

    def steps(self, count: int) -> int:
        info: Any = None
        for _ in range(count):
            self.agent, info = self.agent.update(self.data.sample(self.job.batch))
        jax.block_until_ready(info)
        return count

    def act(self, seen: np.ndarray) -> np.ndarray:
        """Their action without noise at rows of observation and goal. A goal is shown as ours shows it: the data's
        first observation with its numbers put in."""
        width = len(self.pose)
        obs, goal = seen[:, :width], np.tile(self.pose, (len(seen), 1))
        goal[:, self.columns] = seen[:, width:]
        return np.asarray(self.agent.sample_actions(obs, goal, seed=jax.random.key(0), temperature=0.0))
