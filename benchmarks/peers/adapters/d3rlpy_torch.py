"""d3rlpy's TD3+BC (the installed package).

Its loop, that of `fit`: a batch from its replay buffer on the host, then one call of `update`.
"""

from __future__ import annotations

import d3rlpy
import numpy as np
import torch

from benchmarks.peers.base import Job

EPISODE = 1000  # rows; its buffer wants episodes


class Adapter:
    def __init__(self, job: Job):
        data, self.job = job.read(), job
        d3rlpy.seed(job.seed)
        cuts = np.zeros(len(data.obs), np.float32)
        cuts[EPISODE - 1 :: EPISODE] = cuts[-1] = 1.0
        columns = dict(observations=data.obs, actions=data.action, rewards=data.reward, terminals=data.terminal)
        self.buffer = d3rlpy.dataset.MDPDataset(**columns, timeouts=np.where(data.terminal > 0, 0.0, cuts))
        config = d3rlpy.algos.TD3PlusBCConfig(batch_size=job.batch, **job.settings)
        self.algo = config.create(device="cuda:0" if torch.cuda.is_available() else "cpu:0")
        self.algo.build_with_dataset(self.buffer)

    def steps(self, count: int) -> int:
        for _ in range(count):
            self.algo.update(self.buffer.sample_transition_batch(self.job.batch))
        return count

    def act(self, obs: np.ndarray) -> np.ndarray:
        return self.algo.predict(obs)
