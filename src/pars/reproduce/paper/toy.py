"""Toy regression (Kim et al. 2025, arXiv 2507.08761, figures 5, 6, 14 and 15): what a network says beyond its data.

A network is fitted to c times a cone whose points fill a small disc of the plane. Around it lies the feasible box
[-1, 1]^2. Whether the prediction keeps rising there, stays or falls depends on layer norm, on c, and on the penalty of
points beyond the box (PA). All that is shown is prediction / c, so that fits of different c compare.

The paper gives the disc, the target, c, and the pictures. Of our choosing are 2000 points, batches of 256, 10,000 steps
of Adam at 3e-4, the two cones of figure 14, and with layer norm 64 penalised points a batch instead of 256: the network
sees their directions alone, which lie in four narrow fans, and with 256 the measures come out alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pars.config import config, stack
from pars.nn.nets import MLP, Activation, LayerNorm, Value, apply
from pars.reproduce.base import Arrays
from pars.rl.losses import infeasible_actions, penalty_loss, td_loss
from pars.rl.net import Net, descend, make_net
from pars.training.placement import place

NEAR, WIDE = 1.0, 5.0  # half widths of the two maps: the feasible box, and far beyond it
FAR = 2.0  # radius from which on a point is far
GRID = 101  # points along each side of a map


@dataclass(frozen=True)
class Cones:
    """Inverted cones, disjoint: the target is the distance to the nearest centre, over the discs around the centres."""

    centres: tuple[tuple[float, float], ...]
    radius: float  # of each disc, which is also the largest target

    def distance(self, x: Any) -> Any:
        """To the nearest centre. x [.., 2] -> [..]."""
        return jnp.min(jnp.stack([jnp.hypot(x[..., 0] - a, x[..., 1] - b) for a, b in self.centres]), axis=0)

    def in_hull(self, x: np.ndarray) -> np.ndarray:
        """Whether the convex hull of the discs holds x. Of one disc or of two: the centres span a point or a segment.

        x [.., 2] -> bool [..].
        """
        first, last = np.asarray(self.centres[0]), np.asarray(self.centres[-1])
        along = last - first
        share = np.clip((x - first) @ along / max(float(along @ along), 1e-12), 0.0, 1.0)
        return np.asarray(np.linalg.norm(x - first - share[..., None] * along, axis=-1) <= self.radius)


ONE = Cones(((0.0, 0.0),), 0.5)
TWO = Cones(((-0.5, 0.0), (0.5, 0.0)), 0.3)


@config
class Fit:
    """One regression. Numbers in one program may differ in the floats."""

    cones: Cones = ONE
    hidden: tuple[int, ...] = (256, 256)
    layer_norm: LayerNorm = "before"
    activation: Activation = "relu"
    penalized: bool = False  # whether points beyond the box are pulled to zero
    points: int = 2000
    batch_size: int = 256
    far_points: int = 64  # penalised in each batch
    steps: int = 10_000
    learning_rate: float = 3e-4
    scale: float = 1.0  # c
    penalty_weight: float = 1e-3  # alpha
    distance: float = 100.0  # L

    @property
    def network(self) -> Value:
        return Value(MLP(self.hidden, 1, layer_norm=self.layer_norm, activation=self.activation))


BASE = Fit()


def points(cones: Cones, key: Array, count: int) -> Array:
    """Points uniform over the discs, [count, 2]: a disc each, then a radius by the square root, then an angle."""
    k_disc, k_radius, k_angle = jax.random.split(key, 3)
    centres = jnp.asarray(cones.centres)[jax.random.randint(k_disc, (count,), 0, len(cones.centres))]
    radius = cones.radius * jnp.sqrt(jax.random.uniform(k_radius, (count,)))
    angle = 2.0 * jnp.pi * jax.random.uniform(k_angle, (count,))
    return centres + radius[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)


def toy_loss(cfg: Fit, params: Any, x: Array, y: Array, far: Array) -> Array:
    """PARS eq. (3) without bootstrapping: mean (f - c y)^2, plus alpha mean f(far)^2. x [B, 2], y [B], far [F, 2]."""
    if not cfg.penalized:
        return td_loss(apply(cfg.network, params, x), cfg.scale * y)
    out = apply(cfg.network, params, jnp.concatenate([x, far]))
    return td_loss(out[: len(x)], cfg.scale * y) + cfg.penalty_weight * penalty_loss(out[len(x) :], 0.0)


def fit(cfg: Fit, seed: Array) -> Any:
    """Parameters after training. Data, initial weights and batches follow from the seed alone, whatever c."""
    k_data, k_init, k_steps = jax.random.split(jax.random.key(seed), 3)
    x = points(cfg.cones, k_data, cfg.points)
    y = cfg.cones.distance(x)

    def step(net: Net, number: Array) -> tuple[Net, None]:
        k_batch, k_far = jax.random.split(jax.random.fold_in(k_steps, number))
        rows = jax.random.randint(k_batch, (cfg.batch_size,), 0, cfg.points)
        far = infeasible_actions(k_far, (cfg.far_points, 2), cfg.distance)
        grads = jax.grad(toy_loss, argnums=1)(cfg, net.params, x[rows], y[rows], far)
        return descend(net, grads, cfg.learning_rate), None

    first = make_net(cfg.network.init(k_init, x[:1])["params"])
    return jax.lax.scan(step, first, jnp.arange(cfg.steps))[0].params


@lru_cache(maxsize=8)
def train(cfgs: tuple[Fit, ...], seeds: tuple[int, ...]) -> Any:
    """Parameters of every seed at every config, all of one structure, in one program. Leaves [S C, ..], NumPy.

    Kept, because figures 5, 6 and 15 look at the same networks.
    """
    return over_members(fit, cfgs, seeds)(np.repeat(np.asarray(seeds, np.uint32), len(cfgs)))


def over_members(function: Callable[..., Any], cfgs: Sequence[Fit], seeds: Sequence[int]) -> Callable[[Any], Any]:
    """`function(cfg, member)`, compiled for all configs of all seeds: takes and gives leaves [S C, ..]."""
    members = place(len(cfgs) * len(seeds))
    compiled = members.map(function)
    stacked = stack([cfg for _ in seeds for cfg in cfgs])
    return lambda tree: members.take(compiled(members.put(stacked), members.put(tree)))


def plane(half: float, grid: int) -> np.ndarray:
    """The points of a map over [-half, half]^2, [G, G, 2]: the first coordinate runs along the last axis."""
    line = np.linspace(-half, half, grid, dtype=np.float32)
    return np.stack(np.meshgrid(line, line), axis=-1)


def maps(cfgs: Sequence[Fit], seeds: Sequence[int], grid: int = GRID) -> Arrays:
    """Trains every config at every seed: prediction / c over the box, `near`, and beyond, `wide`, [S, C, G, G] each."""

    def predict(cfg: Fit, params: Any) -> dict[str, Array]:
        shown = {"near": NEAR, "wide": WIDE}
        places = {name: jnp.asarray(plane(half, grid)) for name, half in shown.items()}
        return {name: apply(cfg.network, params, x) / cfg.scale for name, x in places.items()}

    found = over_members(predict, cfgs, seeds)(train(tuple(cfgs), tuple(seeds)))
    return {name: by_seed(x, seeds) for name, x in found.items()}


def by_seed(values: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    """[S C, ..] -> [S, C, ..]"""
    return values.reshape(len(seeds), -1, *values.shape[1:])


def scaled(cfg: Fit, scales: Sequence[float]) -> list[Fit]:
    return [replace(cfg, scale=scale) for scale in scales]


class Measures(NamedTuple):
    """What a pair of maps says, in units of c. One value for each map, or an array of them."""

    error: np.ndarray  # mean |prediction - target| where the data is
    outside: np.ndarray  # mean over the box outside the convex hull of the data
    share: np.ndarray  # of that region where the prediction exceeds the largest target
    corner: np.ndarray  # mean over the four corners of the box
    far: np.ndarray  # mean over the wide range at radius > 2
    between: np.ndarray  # mean over the hull where there is no data; NaN of one disc


COLUMNS: Mapping[str, str] = {
    "error": "mean error in the data",
    "outside": "mean in the box outside the data",
    "share": "share of that above the largest target",
    "corner": "mean of the corners of the box",
    "far": "mean at radius > 2",
    "between": "mean between the cones",
}


def measure(near: np.ndarray, wide: np.ndarray, cones: Cones = ONE) -> Measures:
    """near, wide [.., G, G] -> [..] each."""
    box, around = plane(NEAR, near.shape[-1]), plane(WIDE, wide.shape[-1])
    target, hull = np.asarray(cones.distance(box)), cones.in_hull(box)
    held = target <= cones.radius
    outside, between = near[..., ~hull], near[..., hull & ~held]
    return Measures(
        error=np.abs(near - target)[..., held].mean(-1),
        outside=outside.mean(-1),
        share=(outside > cones.radius).mean(-1),
        corner=near[..., [0, 0, -1, -1], [0, -1, 0, -1]].mean(-1),
        far=wide[..., np.linalg.norm(around, axis=-1) > FAR].mean(-1),
        between=between.mean(-1) if between.size else np.full(near.shape[:-2], np.nan),
    )
