"""The authors' Off2On (shlee94/Off2OnRL), PyTorch, online: its networks, its prioritised buffer and its trainer.

Their script reads CQL agents from files and does not say how they were trained; here it reads ours, as they were when
ours went online. The harness owns the environment; what an epoch does with its steps is here, their loop written again.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import Job, Met, load_module, stand_in

UNUSED = ("gtimer", "gym", "gym.spaces", "d4rl", "dateutil", "dateutil.tz", "torchvision", "cv2")
UNUSED_OF_PEER = ("launchers.launcher_util", "samplers.data_collector", "torch.torch_rl_algorithm", "core.logging")
UNUSED_OF_PEER += ("data_management.env_replay_buffer", "torch.networks.pretrained_cnn", "envs.env_utils")
LAYERS = ("Dense_0", "Dense_1", "out")  # of our two hidden layers
PARTS = ("kernel", "bias")


def load(folder: str) -> Any:
    """Its script, with what that imports."""
    stand_in(*UNUSED, *(f"rlkit.{name}" for name in UNUSED_OF_PEER))
    sys.path.append(f"{folder}/rlkit")
    np.int = int  # type: ignore[attr-defined]  # which NumPy has taken away
    return load_module(folder, "rlkit/examples/ours.py")


class Adapter:
    """Settings: those of its trainer and its script's command line; `handover`, the file of our agents; `layer_size`,
    `epoch_steps`, `updates_per_step`, `online_steps`, and `reward_scale`, `reward_shift`."""

    def __init__(self, job: Job):
        data, options = job.open()
        self.job, self.scale = job, (job.settings["reward_scale"], job.settings["reward_shift"])
        torch.manual_seed(job.seed)
        np.random.seed(job.seed)
        self.peer = load(job.folder)
        names = ("epoch_steps", "updates_per_step", "first_epoch_multiplier", "init_online_fraction", "online_steps")
        self.plan = SimpleNamespace(**{name: options.pop(name) for name in names})
        agents, width = np.load(options.pop("handover"), allow_pickle=False), options.pop("layer_size")
        obs, action = data.obs.shape[1], data.action.shape[1]
        self.policy = self.peer.ParallelTanhGaussianPolicy(
            [_policy(self.peer, agents, i, obs, action, width) for i in range(options["ensemble_size"])]
        )
        twins = [_critics(self.peer, agents, i, options["ensemble_size"], width) for i in (0, 1, 0, 1)]  # and targets
        ratio = self.peer.ConcatMlp(input_size=obs + action, output_size=1, hidden_sizes=[width, width])
        ratio.last_fc.bias.data.fill_(1.0)
        self._store(data.d4rl())
        env = SimpleNamespace(action_space=SimpleNamespace(shape=(action,)))
        parts = (self.policy, *twins, ratio, self.buffer, len(data.obs))
        self.trainer = self.peer.OursTrainer(env, *parts, **options)
        self.trainer._need_to_update_eval_statistics = False
        self.met: list[Met] = []

    def _store(self, columns: dict[str, np.ndarray]) -> None:
        """The dataset's rows, each of priority 1; the next rows are to be as many in the first epoch's batches."""
        buffers: Any = sys.modules["rlkit.data_management.prioritized_replay_buffer"]
        buffers.get_dim = lambda space: space
        rows, plan = len(columns["rewards"]), self.plan
        sizes = (columns[name].shape[1] for name in ("observations", "actions"))
        env = SimpleNamespace(**dict(zip(("observation_space", "action_space"), sizes)))
        self.buffer = self.peer.PriorityReplayBuffer(int(2 ** np.ceil(np.log2(rows + plan.online_steps))), env)
        names = ("observations", "actions", "rewards", "terminals", "next_observations")
        for row in zip(*(columns[name] for name in names)):
            self.buffer.add_sample(*row)
        share = plan.init_online_fraction
        self.buffer.transitions.max = rows * share / ((1 - share) * plan.epoch_steps)
        self.data = columns["observations"], columns["actions"]

    def steps(self, count: int) -> int:
        """Its agents are ours already."""
        return 0

    @torch.no_grad()
    def explore(self, obs: np.ndarray) -> np.ndarray:
        action: np.ndarray = self.policy(torch.from_numpy(obs[None])).sample().numpy()[0]
        return action

    def learn(self, met: Met) -> int:
        """Store one transition, and at the end of an epoch update as often as is due."""
        self.met.append(met)
        scale, shift = self.scale
        self.buffer.add_sample(met.obs, met.action, scale * met.reward + shift, met.terminal, met.next_obs)
        if len(self.met) % self.plan.epoch_steps:
            return 0
        first = len(self.met) == self.plan.epoch_steps
        updates = self.plan.updates_per_step * self.plan.epoch_steps
        updates *= self.plan.first_epoch_multiplier if first else 1
        met_online = np.stack([row.obs for row in self.met]), np.stack([row.action for row in self.met])
        for _ in range(updates):
            self.trainer.train_from_torch(self._batch(met_online))
        return int(updates)

    def _batch(self, met: tuple[np.ndarray, np.ndarray]) -> dict[str, torch.Tensor]:
        size = self.job.batch
        rl = self.buffer.random_batch(size)
        tree = rl.pop("tree_idxs")
        batch = {f"rl_{name}": column for name, column in rl.items()} | {"tree_idxs": tree}
        for name, (obs, action) in (("offline", self.data), ("online", met)):
            index = np.random.randint(0, len(obs), size)
            batch |= {f"{name}_observations": obs[index], f"{name}_actions": action[index]}
        return {name: torch.from_numpy(np.asarray(column, np.float32)) for name, column in batch.items()}

    @torch.no_grad()
    def act(self, obs: np.ndarray) -> np.ndarray:
        """The middle of the mixture, as `MakeDeterministic` has it."""
        action: np.ndarray = torch.tanh(self.policy(torch.from_numpy(obs)).normal_mean).numpy()
        return action


def _tensor(agents: Any, name: str) -> torch.Tensor:
    return torch.from_numpy(agents[name])


def _policy(peer: Any, agents: Any, i: int, obs: int, action: int, width: int) -> Any:
    policy = peer.TanhGaussianPolicy([width, width], obs, action)
    kernels, biases = ([_tensor(agents, f"actor/mlp/{layer}/{part}")[i] for layer in LAYERS] for part in PARTS)
    heads = zip(kernels.pop().chunk(2, dim=-1), biases.pop().chunk(2), strict=True)
    layers = (*policy.fcs, policy.last_fc, policy.last_fc_log_std)
    for layer, (kernel, bias) in zip(layers, (*zip(kernels, biases, strict=True), *heads), strict=True):
        layer.weight.data[:], layer.bias.data[:] = kernel.T, bias
    return policy


def _critics(peer: Any, agents: Any, twin: int, count: int, width: int) -> Any:
    """One twin of all agents: ours stand one half behind the other."""
    own = slice(twin * count, (twin + 1) * count)
    kernel = _tensor(agents, "critic/mlp/Dense_0/kernel")
    net = peer.ParallelMlp(kernel.shape[1], width, 2, 1, count)
    for layer, name in zip((net.h1, net.h2, net.output), LAYERS, strict=True):
        layer.weights.data[:] = _tensor(agents, f"critic/mlp/{name}/kernel")[own]
        layer.biases.data[:, 0] = _tensor(agents, f"critic/mlp/{name}/bias")[own]
    return net
