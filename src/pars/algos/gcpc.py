"""GCPC (Zeng et al. 2023, arXiv 2307.03406): a masked model of trajectories is trained first; what it makes of the past
observations and the goal, a few encoded slots out of which it can tell the future, a policy then clones actions by.

Settings and losses of brown-palm/GCPC on AntMaze, its masks `mae_rc`. As in that code the encoder drops units while the
policy learns from it, though it learns no more (`slot_dropout=false` keeps them), and the decoder sees the slots alone.

Departures from that code:
1. All episodes are trained on and the last model counts; theirs keeps a tenth back and takes the model best there.
2. Windows start at uniform rows; one too near the end of its episode stands for the last with a window and a goal.
3. Layers of the encoder start apart, where theirs are copies of one.

T: rows of a window, the first `CONTEXT` of them the past; S: slots, D: width of tokens, G: of a goal as it is seen.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.config import Count, NotNegative, Range, Widths, config, setting
from pars.core import Algorithm, Index, Metrics, Params, Phase, Picks, Sight, Spec, Step, Transition, batch_key
from pars.errors import UsageError
from pars.nn.attention import EPSILON, Layer, places
from pars.nn.layers import Precision
from pars.nn.nets import MLP, Initializer, apply
from pars.rl.draws import relabelled, window
from pars.rl.goals import Eye, GoalSettings, beside, make_eye, own_ends, seen_width, shown, view
from pars.rl.net import Net, clipped, descend, make_net

CONTEXT = 10  # observations that a policy sees at most
SHARES, ODDS = (0.0, 0.2, 0.4, 0.6, 0.8), (0.8, 0.05, 0.05, 0.05, 0.05)  # of a past that are left out


@config
class Config(GoalSettings):
    """GCPC: the authors' settings for AntMaze."""

    batch_size: Count = 1024
    actor_hidden: Widths = setting((1024,), "hidden layers of the policy; the first's width is that of what it reads")
    initializer: Initializer = "torch"
    actor_lr: NotNegative = 1e-3
    trajectory_steps: Count = setting(52_000, "of the trajectories' model, before the policy's", unit="gradient steps")
    trajectory_lr: NotNegative = setting(1e-4, "learning rate of the trajectories' model")
    future_steps: Count = setting(70, "how far behind the past it tells a trajectory", unit="environment steps")
    slots: Count = setting(4, "tokens that past and goal are encoded by")
    token_width: Count = setting(256, "numbers of a token")
    heads: Count = setting(4, "of attention")
    encoder_layers: Count = setting(2, "layers of attention in the encoder")
    decoder_layers: Count = setting(1, "layers of attention in the decoder")
    dropout_rate: Annotated[float, Range(0, below=1)] = setting(0.1, "share of the model's units that is dropped")
    slot_dropout: bool = setting(True, "the encoder drops units while the policy learns, too")
    max_gradient: NotNegative = setting(1.0, "the most that the norm of a network's gradient may be")

    def check(self) -> None:
        super().check()
        if self.token_width % (2 * self.heads):
            raise UsageError(
                f"token_width={self.token_width}: choose an even number of numbers for each of heads={self.heads}"
            )


class State(NamedTuple):
    actor: Net
    trajectory: Net
    norm: Eye


class TrajNet(nn.Module):
    """Slots of a past and a goal, and what they tell of the whole window."""

    slots: int
    width: int
    heads: int
    layers: tuple[int, int]  # of encoder and decoder
    out: int
    precision: Precision = "float32"
    dropout: Any = 0.0

    def setup(self) -> None:
        self.slot = self.param("slot", nn.initializers.normal(1.0), (self.slots, self.width))
        self.hidden = self.param("hidden", nn.initializers.zeros, (self.width,))  # what a row to be told looks like
        self.read_obs, self.read_goal = (MLP((), self.width, initializer="torch") for _ in range(2))
        layer = Layer(self.heads, self.precision, self.dropout)
        self.encoder, self.decoder = ([layer.clone() for _ in range(count)] for count in self.layers)
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(EPSILON), nn.LayerNorm(EPSILON)
        self.tell = MLP((), self.out, initializer="torch")

    def encode(self, obs: Array, goal: Array, seen: Array) -> Array:
        """obs [.., T, O], goal [.., G], which of obs are seen [.., T] -> slots [.., S, D]"""
        slots = jnp.broadcast_to(self.slot, (*goal.shape[:-1], *self.slot.shape))
        tokens = jnp.concatenate([slots, self.read_goal(goal)[..., None, :], self.read_obs(obs)], axis=-2)
        tokens = tokens + places(tokens.shape[-2], self.width)
        always = jnp.ones((*goal.shape[:-1], self.slots + 1), bool)
        seen = jnp.concatenate([always, seen], axis=-1)
        return self._through(self.encoder, self.encoder_norm, tokens, seen)[..., : self.slots, :]

    def _through(self, layers: list[Layer], norm: nn.LayerNorm, tokens: Array, seen: Array) -> Array:
        for layer in layers:
            tokens = layer(tokens, seen)
        return norm(tokens)

    def __call__(self, obs: Array, goal: Array, seen: Array, length: int) -> Array:
        """The first `length` rows as the slots tell them, [.., length, out]."""
        slots = self.encode(obs, goal, seen)
        hidden = jnp.broadcast_to(self.hidden, (*goal.shape[:-1], length, self.width))
        tokens = jnp.concatenate([slots, hidden], axis=-2) + places(self.slots + length, self.width)
        tokens = self._through(self.decoder, self.decoder_norm, tokens, jnp.ones(tokens.shape[:-1], bool))
        return self.tell(tokens[..., self.slots :, :])


class SlotPolicy(nn.Module):
    """Deterministic and not bounded: an action of slots [.., S, D], and of observation and goal side by side."""

    mlp: MLP

    @nn.compact
    def __call__(self, slots: Array, inputs: Array) -> Array:
        width = self.mlp.hidden[0]
        read = {"inputs": inputs, "slots": slots.reshape(*slots.shape[:-2], -1)}
        found = [nn.relu(MLP((), width, initializer="torch", name=f"read_{name}")(x)) for name, x in read.items()]
        return self.mlp(jnp.concatenate(found, axis=-1))


def trajectory_net(cfg: Config, out: int) -> TrajNet:
    layers = (cfg.encoder_layers, cfg.decoder_layers)
    return TrajNet(cfg.slots, cfg.token_width, cfg.heads, layers, out, cfg.precision, cfg.dropout_rate)


def policy_net(cfg: Config, width: int) -> SlotPolicy:
    hidden, kind = cfg.actor_hidden, cfg.initializer
    return SlotPolicy(MLP(hidden, width, activation=cfg.actor_activation, initializer=kind, precision=cfg.precision))


def init(cfg: Config, spec: Spec, key: Array) -> State:
    k_actor, k_trajectory = jax.random.split(key)
    obs, goal = jnp.zeros(spec.obs_dim), jnp.zeros(seen_width(cfg, spec))
    past, slots = jnp.broadcast_to(obs, (CONTEXT, spec.obs_dim)), jnp.zeros((cfg.slots, cfg.token_width))
    seen = jnp.ones(CONTEXT, bool)
    trajectory = trajectory_net(cfg, len(goal)).init(k_trajectory, past, goal, seen, CONTEXT)["params"]
    actor = policy_net(cfg, spec.action_dim).init(k_actor, slots, beside(obs, goal))["params"]
    return State(make_net(actor), make_net(trajectory), make_eye(cfg, spec))


def draw_windows(cfg: Config, key: Array, index: Index, length: int) -> tuple[Picks, Array]:
    """Windows of `length` rows, and goals, uniform from behind the past to the episode's end; how far off a goal is."""
    k_row, k_goal = jax.random.split(key)
    first, last = index.episode(row := jax.random.randint(k_row, (cfg.batch_size,), 0, index.rows))
    row = jnp.maximum(first, jnp.minimum(row, last - CONTEXT))
    goal = relabelled(k_goal, row, index, here=0.0, future=1.0, least=CONTEXT)
    rows, inside = window(row, index, length)
    return Picks(row, {"window": rows, "goal": goal}, {"inside": inside}), goal - row


def draw_trajectories(cfg: Config, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    """Windows of past and future, that are told up to their goals."""
    length = CONTEXT + cfg.future_steps
    picks, ahead = draw_windows(cfg, batch_key(key, number), index, length)
    before = jnp.arange(length) < jnp.maximum(ahead, 1)[:, None]
    return picks._replace(extra={"inside": picks.extra["inside"] & before})


def draw(cfg: Config, key: Array, number: Array, index: Index, filled: Any = None) -> Picks:
    """Windows of the past."""
    return draw_windows(cfg, batch_key(key, number), index, CONTEXT)[0]


def _left(count: int, share: float) -> int:
    """Of `count`, without `share` of it, in floats as the authors' code has it: of 10 without .8 just one."""
    return max(1, int(count * (1 - share)))


LENGTHS = np.array([_left(CONTEXT, share) for share in SHARES])  # of a past: as in the first steps of an episode
KEPT = np.array([[_left(length, share) for share in SHARES] for length in LENGTHS])


def draw_past(key: Array) -> tuple[Array, Array]:
    """How much of a batch's pasts there is: which of `SHARES` their ends lack, and the rows that are there [T]."""
    kind = jax.random.choice(key, len(SHARES), p=jnp.array(ODDS))
    return kind, jnp.arange(CONTEXT) < jnp.array(LENGTHS)[kind]


def draw_seen(key: Array, known: Array) -> Array:
    """Which rows of the past the encoder sees: those that are there but for a random share. known: [B, T] -> [B, T]"""
    k_length, k_share, k_rank = jax.random.split(key, 3)
    kind, there = draw_past(k_length)
    kept = jnp.array(KEPT)[kind, jax.random.randint(k_share, (), 0, len(SHARES))]
    order = jnp.where(there & known, jax.random.uniform(k_rank, known.shape), 1.0)
    return (jnp.argsort(jnp.argsort(order)) < kept) & there & known


def trajectory_loss(
    cfg: Config, params: Params, obs: Array, goal: Array, target: Array, seen: Array, told: Array, key: Array | None
) -> Array:
    """Squared error of what is told of each row, a mean over rows and over the numbers that a goal names.

    Args:
        obs: [B, CONTEXT, O], of which are `seen` [B, CONTEXT]; goal: [B, G]
        target: [B, T, G], of which are `told` [B, T]
        key: of the dropout.
    """
    net = trajectory_net(cfg, target.shape[-1])
    found = apply(net, params, obs, goal, seen, target.shape[-2], dropout=key)
    return jnp.sum(jnp.mean((found - target) ** 2, axis=-1) * told) / jnp.sum(told)


def trajectory_update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """One step of the trajectories' model."""
    k_seen, k_dropout = jax.random.split(key)
    eye, raw, told = state.norm, batch.extra["window"].obs, batch.extra["inside"]
    goal, target = view(cfg, eye, batch.extra["goal"].obs), view(cfg, eye, raw)
    obs, seen = eye.norm(raw[:, :CONTEXT]), draw_seen(k_seen, told[:, :CONTEXT])
    loss, grads = jax.value_and_grad(trajectory_loss, argnums=1)(
        cfg, state.trajectory.params, obs, goal, target, seen, told, k_dropout
    )
    trajectory = descend(state.trajectory, clipped(grads, cfg.max_gradient), cfg.trajectory_lr)
    return state._replace(trajectory=trajectory), {"trajectory_loss": loss}


def encoded(cfg: Config, params: Params, obs: Array, goal: Array, seen: Array, key: Array | None = None) -> Array:
    """Slots [.., S, D] of pasts [.., T, O], of which rows are `seen` [.., T]. key: of the dropout, if any."""
    net, rngs = trajectory_net(cfg, goal.shape[-1]), None if key is None else {"dropout": key}
    slots: Array = net.apply({"params": params}, obs, goal, seen, method="encode", rngs=rngs)  # type: ignore[assignment]
    return slots


def policy_loss(cfg: Config, params: Params, slots: Array, inputs: Array, action: Array) -> Array:
    """Mean squared error of the policy's actions. slots [B, S, D], inputs [B, ..], action [B, A]"""
    return jnp.mean((apply(policy_net(cfg, action.shape[-1]), params, slots, inputs) - action) ** 2)


def newest(rows: Array, seen: Array) -> Array:
    """Of rows [.., T, width] the last that is `seen` [.., T], where those that are come first. -> [.., width]"""
    place = jnp.sum(seen, axis=-1) - 1
    return jnp.take_along_axis(rows, place[..., None, None], axis=-2)[..., 0, :]


def update(cfg: Config, state: State, batch: Transition, key: Array, step: Step) -> tuple[State, Metrics]:
    """One step of the policy, by the slots of pasts of a drawn length."""
    k_length, k_dropout = jax.random.split(key)
    past, eye = batch.extra["window"], state.norm
    obs, goal = eye.norm(past.obs), view(cfg, eye, batch.extra["goal"].obs)
    seen = draw_past(k_length)[1] & batch.extra["inside"]
    slots = encoded(cfg, state.trajectory.params, obs, goal, seen, k_dropout if cfg.slot_dropout else None)
    inputs, action = beside(newest(obs, seen), goal), newest(past.action, seen)
    loss, grads = jax.value_and_grad(policy_loss, argnums=1)(cfg, state.actor.params, slots, inputs, action)
    return state._replace(actor=descend(state.actor, clipped(grads, cfg.max_gradient), cfg.actor_lr)), {"bc_loss": loss}


def act(cfg: Config, state: State, seen: Any, key: Array, explore: Any) -> Array:
    """The action for the past, which begins in the window's first place as in training, and the goal."""
    past, goal = state.norm.norm(seen[0]), shown(cfg, state.norm, seen[1])
    there = ~jnp.isnan(past[..., 0])
    begun = jnp.arange(CONTEXT) - jnp.sum(there, axis=-1, keepdims=True)  # the newest stands last
    past = jnp.take_along_axis(jnp.where(there[..., None], past, 0.0), (begun % CONTEXT)[..., None], axis=-2)
    there = jnp.take_along_axis(there, begun % CONTEXT, axis=-1)
    slots = encoded(cfg, state.trajectory.params, past, goal, there)
    width = state.actor.params["mlp"]["out"]["bias"].shape[-1]
    inputs = beside(newest(past, there), goal)
    return jnp.clip(apply(policy_net(cfg, width), state.actor.params, slots, inputs), -1.0, 1.0)


ALGORITHM = Algorithm(
    "gcpc",
    "GCPC",
    "Zeng et al. 2023, arXiv 2307.03406",
    Config,
    init,
    update,
    act,
    phases=("offline",),
    before=(
        Phase(
            "trajectory",
            lambda cfg: cfg.trajectory_steps,
            trajectory_update,
            draw_trajectories,
            depends_on=lambda cfg: (cfg.trajectory_lr, cfg.dropout_rate, cfg.max_gradient),
            trains=("trajectory",),
        ),
    ),
    draw=draw,
    sees=Sight(history=CONTEXT, goal=True),
    prepare=own_ends,
)
