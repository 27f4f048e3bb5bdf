"""A record of the authors' GCPC (brown-palm/GCPC): a training step of TrajNet and of PolicyNet, nothing dropped."""

from __future__ import annotations

import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.peers.base import bare_package, stand_in
from benchmarks.peers.recording.base import ACTION, BATCH, OBS, WIDTH, Record
from benchmarks.peers.recording.torch_parts import numpy

CONTEXT, FUTURE, GOAL = 10, 4, 2
LENGTHS = (14, 12, 10, 11, 14, 13)  # rows of the windows up to their goals
SETTINGS = dict(
    n_slots=4, n_enc_layers=2, n_dec_layers=1, embed_dim=WIDTH, n_head=2, pdrop=0.0, use_goal=True, mask_type="mae_rc",
    ar_mask_ratios=[0.4], ar_mask_ratio_weights=[1.0], rnd_mask_ratios=[0.4],
    mask_ratios=[0.2], mask_ratio_weights=[1.0],
)  # fmt: skip
LAYERS = {  # of a transformer's layer, theirs: ours
    "norm1": "LayerNorm_0",
    "self_attn.in_proj_": "inputs",
    "self_attn.out_proj": "outputs",
    "norm2": "LayerNorm_1",
    "linear1": "widen",
    "linear2": "narrow",
}
TRAJECTORY = {
    **{f"{net}coder.layers.{i}.{theirs}": f"{net}coder_{i}/{ours}"
       for net, i in (("en", 0), ("en", 1), ("de", 0)) for theirs, ours in LAYERS.items()},
    **{f"{net}coder_norm": f"{net}coder_norm" for net in ("en", "de")},
    "obs_embed": "read_obs/out", "goal_embed": "read_goal/out", "obs_decoder": "tell/out",
    "slots.weight": "slot", "obs_mask_token": "hidden",
}  # fmt: skip
POLICY = {
    "bn_embed": "read_slots/out",
    "obs_goal_embed": "read_inputs/out",
    "policy.0": "mlp/Dense_0",
    "policy.3": "mlp/out",
}


def gcpc(folder: str) -> Record:
    """What is told of a row is all of it in the peer, of which the loss looks at the goal's numbers; only those are
    kept."""
    _prepare(folder)
    torch.manual_seed(0)
    np.random.seed(0)
    record, rng = Record(), np.random.default_rng(27)
    record.add(
        obs=rng.normal(size=(BATCH, CONTEXT + FUTURE, OBS)),
        action=rng.uniform(-0.9, 0.9, (BATCH, CONTEXT, ACTION)),
        goal=rng.normal(size=(BATCH, GOAL)),
        told=np.arange(CONTEXT + FUTURE) < np.array(LENGTHS)[:, None],
    )
    trajnet, policynet = import_module("gcpc.model.trajnet"), import_module("gcpc.model.policynet")
    config = SimpleNamespace(**SETTINGS)
    sizes = dict(obs_dim=OBS, action_dim=ACTION, goal_dim=GOAL, lr=0.0, epochs=1, ctx_size=CONTEXT)
    told = trajnet.TrajNet(
        0, "antmaze", **sizes, future_horizon=FUTURE, stage="trl", goal_type="state", model_config=config
    )
    _stir(told.model)
    policy = nn.Module.__new__(policynet.PolicyNet)  # its own start reads a checkpoint
    nn.Module.__init__(policy)
    policy.ctx_size, policy.goal_type = CONTEXT, "state"
    policy.mask_ratios, policy.mask_ratio_weights = config.mask_ratios, config.mask_ratio_weights
    windows = torch.from_numpy(record["obs"])
    rows = (torch.from_numpy(record["action"]), torch.from_numpy(record["goal"])[:, None], None)
    hidden = torch.from_numpy(record["told"]) == 0
    _step(record, "trajectory", told, told.model, TRAJECTORY, (windows, *rows, hidden))
    policy.model = policynet.MLPBNPolicy(told.model, config)
    policy.train()  # as Lightning does; torch's fast path is a little off
    _step(record, "actor", policy, policy.model, POLICY, (windows[:, :CONTEXT], *rows, None))
    return record


def _prepare(folder: str) -> None:
    """The peer's modules, without the packages that train and evaluate."""
    stand_in("pytorch_lightning", "omegaconf", "gym", "d4rl", "d4rl.kitchen", "tqdm")
    module = type("LightningModule", (nn.Module,), {"save_hyperparameters": lambda *_: None, "device": "cpu"})
    sys.modules["d4rl"].offline_env = SimpleNamespace(OfflineEnv=object)  # type: ignore[attr-defined]
    sys.modules["pytorch_lightning"].LightningModule = module  # type: ignore[attr-defined]
    bare_package(folder, "gcpc", "gcpc.model", "gcpc.data")


@torch.no_grad()
def _stir(model: nn.Module) -> None:
    """Norms, biases and the mask's token away from their first values, which hide mistakes."""
    for parameter in model.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))


def _step(record: Record, name: str, agent: Any, model: Any, places: dict[str, str], batch: tuple[Any, ...]) -> None:
    """Weights, what the encoder sees, the loss and its gradients."""
    found: dict[str, Any] = {}
    agent.log_dict = lambda *args, **kwargs: None
    hook = agent.register_forward_pre_hook(lambda _, args: found.update(mask=args[2]))
    loss = agent.training_step(batch, 0)
    loss.backward()
    hook.remove()
    record.add(**{f"seen/{name}": numpy(found["mask"])[:, :CONTEXT] == 0})
    record.add_loss(**{name: numpy(loss)})
    for theirs, parameter in model.named_parameters():
        place = next((ours for part, ours in places.items() if theirs.startswith(part)), None)
        if place is None:
            continue
        if theirs.endswith("weight") and place != "slot":
            place += "/scale" if parameter.ndim == 1 else "/kernel"
        elif theirs.endswith("bias"):
            place += "/bias"
        for prefix, value in (("", parameter), ("grad/", parameter.grad)):
            array = np.squeeze(numpy(value)).T if "kernel" in place else np.squeeze(numpy(value))
            record.add(**{f"{prefix}{name}/{place}": array[..., :GOAL] if "tell" in place else array})
