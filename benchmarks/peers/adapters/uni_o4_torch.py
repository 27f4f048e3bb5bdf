"""The authors' Uni-O4 (Lei-Kun/Uni-O4), PyTorch, offline: its critics, behaviour policies, dynamics and PPO.

Their main.py, written again without files and evaluations in a simulator: IQL's critics, dynamics, behaviour policies,
a first estimate of these; then clipped steps, and every `eval_step` of them an estimate of every policy.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from benchmarks.peers.base import Data, Job, Nothing, stand_in

UNUSED = ("gym", "d4rl", "termcolor", "tensorboardX", "transition_model.dynamics.mujoco_oracle_dynamics")
UNUSED += tuple(f"transition_model.utils.{name}" for name in ("load_dataset", "buffer_", "logger"))
CLIP_DECAY = 200  # the last step in which the clip falls
CPU = torch.device("cpu")


class Adapter:
    """Settings: those of its command line and of its dynamics' configs; `model_steps`, `model_batch`; `task` and
    `goal`, by which imagined episodes end; `reward_scale`, `reward_shift`."""

    def __init__(self, job: Job):
        data, options = job.open()
        self.job, self.done, self.sizes = job, 0, (data.obs.shape[1], data.action.shape[1])
        own = {"device": CPU, "is_eval_state_norm": False, "rollout_batch_size": job.batch}
        self.args = SimpleNamespace(**options, **own, rollout_length=options["rollout_step"])
        torch.manual_seed(job.seed)
        np.random.seed(job.seed)
        stand_in(*UNUSED)
        sys.path.append(job.folder)
        self.raw, self.buffer = self._store(data), self._store(data)  # theirs has two: estimates begin at raw states
        self.moments: tuple[Any, Any] = self.buffer.normalize_state() if self.args.is_state_norm else (0.0, 1.0)
        self.critics = self._critics()
        self.dynamics = self._dynamics()
        self.policies = self._policies()
        self.found = self.best = self._estimates()

    def _store(self, data: Data) -> Any:
        """Its buffer with the columns as `load_dataset` leaves them, which would take the next row for what follows."""
        buffer = import_module("buffer").OfflineReplayBuffer(CPU, *self.sizes, len(data.obs))
        action = np.clip(data.action, 1e-5 - 1.0, 1.0 - 1e-5) if self.args.is_clip_action else data.action
        buffer._state, buffer._action, buffer._next_state = data.obs, action, data.next_obs
        buffer._reward, buffer._not_done, buffer._size = data.reward[:, None], 1 - data.terminal[:, None], len(data.obs)
        return buffer

    def _critics(self) -> Any:
        args, (obs, action) = self.args, self.sizes
        q = (args.q_hidden_dim, args.q_depth, args.q_lr, args.target_update_freq, args.tau, args.gamma, self.job.batch)
        v = (args.v_hidden_dim, args.v_depth, args.v_lr, args.omega, True)
        critics = import_module("critic").IQL_Q_V(CPU, obs, action, *q, *v)
        for _ in range(args.v_steps):
            critics.update(self.buffer)
        return critics

    def _dynamics(self) -> Any:
        """As many whole epochs as the steps make, unless it stops by itself before."""
        args, peer = self.args, import_module("dynamics_eval")
        sizes = (args.dynamics_hidden_dims, args.n_ensemble, args.n_elites)
        model = peer.EnsembleDynamicsModel(*self.sizes, *sizes, weight_decays=args.dynamics_weight_decay)
        adam = torch.optim.Adam(model.parameters(), lr=args.dynamics_lr)
        rule = ends(args.task, args.goal)
        dynamics = peer.EnsembleDynamics(model, adam, peer.StandardScaler(), rule)
        dynamics.save = lambda path: None
        epochs = max(1, round(args.model_steps * args.model_batch / len(self.raw._state)))
        dynamics.train(self.raw.sample_all(), Nothing(), max_epochs=epochs, batch_size=args.model_batch)
        return dynamics

    def _policies(self) -> Any:
        """Behaviour policies cloned together, and what steps away from them."""
        args, (obs, action), size = self.args, self.sizes, (self.args.bc_hidden_dim, self.args.bc_depth)
        net = {"pi_activation_f": args.pi_activation_f}
        clones = import_module("BC_ensemble").BC_ensemble(
            args.num_policies, CPU, obs, *size, action, args.bc_lr, self.job.batch, **net
        )
        for _ in range(args.bc_steps):
            clones.joint_train(self.buffer, args.alpha_bc)
        unused = {"entropy_weight": 0.0, "decay": 1.0, "kl_update": False, "kl_strategy": "max", "alpha_bppo": 0.0}
        own = {"clip_ratio": args.clip_ratio, "omega": args.omega, "batch_size": self.job.batch, "is_iql": True}
        own |= {"belief_dim": args.num_policies, "discount": args.gamma, "is_clip_action": args.is_clip_action}
        peer = import_module("abppo").AdaptiveBehaviorProximalPolicyOptimization
        policies = peer(CPU, obs, *size, action, args.bppo_lr, **own, **unused, **net)
        for policy, clone in zip(policies.bppo_ensemble, clones.ensemble, strict=True):
            policy._policy.load_state_dict(clone._policy.state_dict())
            policy.set_old_policy()
        return policies

    def _estimates(self) -> np.ndarray:
        judge = import_module("dynamics_eval").dynamics_eval
        parts = (self.critics.minQ, self.dynamics, self.raw, None)
        found: np.ndarray = self.policies.ope_dynamics_eval(self.args, judge, *parts, *self.moments)
        return found

    def steps(self, count: int) -> int:
        for _ in range(count):
            left = 1.0 - self.done / self.job.total
            now = {"bppo_lr_now": left * self.args.bppo_lr, "clip_ratio_now": left * self.args.clip_ratio}
            falls = {"is_clip_decay": self.done <= CLIP_DECAY, "is_lr_decay": False, "is_linear_decay": True}
            self.policies.joint_train(self.buffer, None, **falls, **now, iql=self.critics)
            self.done += 1
            if self.done % self.args.eval_step == 0:
                self.found = self._estimates()
                self.policies.replace(np.flatnonzero(self.found > self.best))
                self.best = np.maximum(self.found, self.best)
        return count

    @torch.no_grad()
    def act(self, obs: np.ndarray) -> np.ndarray:
        """The middle of the policy whose last estimate is best, as ours chooses; their script scores them all."""
        mean, deviation = self.moments
        seen = torch.as_tensor((obs - mean) / deviation, dtype=torch.float32)
        chosen = self.policies.bppo_ensemble[int(self.found.argmax())]
        action: np.ndarray = chosen.select_action(seen, is_sample=False).numpy()
        return action


def ends(task: str, goal: list[float] | None) -> Any:
    """Their rule for the robot that the task names; with a goal (x, y, radius) one as theirs for AntMaze."""
    if goal is None:
        return import_module("transition_model.utils.termination_fns").get_termination_fn(task)
    *centre, radius = goal
    return lambda obs, action, next_obs, env: np.linalg.norm(next_obs[:, :2] - centre, axis=1, keepdims=True) <= radius
