"""The policies of a population as they are at one moment, on the host's processor: what evaluations act with.

Physics runs on the host, so a policy that lives there answers without a way to the device and back, and while training
goes on: `Policies` copies what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import cache
from typing import Any

import jax
import numpy as np
from jax import Array

from pars.core import Algorithm, Spec, State
from pars.system import processors
from pars.training.on_numpy import translate
from pars.training.program import Use, key_of

# XLA's YNNPACK multiplies a row among few rows otherwise than among many. Without it an action depends on its own
# observation alone, and an evaluation not on how its episodes are dealt to the cores; which have physics to do and do
# not wait for one another to share a product.
ROW_BY_ROW = {"xla_cpu_experimental_ynn_fusion_type": "", "xla_cpu_multi_thread_eigen": False}


@cache
def known_options() -> dict[str, Any]:
    """Those of ROW_BY_ROW that this XLA has: experimental ones come and go."""

    def known(name: str) -> bool:
        try:
            with jax.default_device(processors()[0]):
                jax.jit(lambda: 0, compiler_options={name: ROW_BY_ROW[name]}).lower().compile()
        except jax.errors.JaxRuntimeError as error:
            if "No such compile option" not in str(error):
                raise
            return False
        return True

    return {name: value for name, value in ROW_BY_ROW.items() if known(name)}


class Policies:
    """The policies of all members, as they evaluate: of copies, since the state may change or be donated meanwhile.

    Several threads may call it at once. A call is a few NumPy operations where that can be (training/on_numpy.py), else
    one compiled function, of the few arrays that `algo.act` reads.

    Args:
        cfg: stacked, leaves [P].
        state: leaves [rows, ..] with rows >= P: arrays, or whatever has a shape, a dtype and turns into an array.
    """

    def __init__(self, algo: Algorithm, cfg: Any, state: State, seeds: Sequence[int], spec: Spec) -> None:
        self.algo, self.members = algo, len(seeds)
        leaves, tree = jax.tree.flatten((cfg, state))
        shapes = tuple(jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype) for leaf in leaves)
        reads, prepare, self._run = _compiled(algo, tree, shapes, spec.obs_dim, spec.goal_dim, self.members)
        self._own = prepare([jax.device_put(np.array(leaves[i])[: self.members], processors()[0]) for i in reads])
        self._seeds = jax.device_put(np.asarray(seeds, np.int32), processors()[0])

    def __call__(self, obs: Any, episodes: Any = 0, step: int = 0) -> np.ndarray:
        """obs as `Act` has it, [P, e, ..] -> action [P, e, A].

        Args:
            episodes: [e] numbers of the episodes, and
            step: of each: where evaluations draw, an action depends on them and on the member's seed.
        """
        obs = jax.tree.map(lambda x: np.asarray(x, np.float32), obs)
        if not self.algo.sees.chance:
            return np.asarray(self._run(self._own, obs))
        episodes = np.broadcast_to(np.asarray(episodes, np.int32), jax.tree.leaves(obs)[0].shape[1:2])
        return np.asarray(self._run(self._own, obs, self._seeds, episodes, np.int32(step)))

    def part(self, members: slice) -> Policies:
        """The policies of some members."""
        own = copy(self)
        own._own, own._seeds = [leaf[members] for leaf in self._own], self._seeds[members]
        own.members = len(own._seeds)
        return own

    def member(self, number: int) -> Callable[[Any], np.ndarray]:
        """The policy of one member: obs [..] -> action [.., A]."""
        own = [leaf[number : number + 1] for leaf in self._own]
        seed = self._seeds[number : number + 1]
        drawn = (seed, np.zeros(1, np.int32), np.int32(0)) if self.algo.sees.chance else ()

        def act(obs: Any) -> np.ndarray:
            obs = jax.tree.map(lambda x: np.asarray(x, np.float32)[None], obs)
            if drawn:  # the episodes' axis, of which there is one
                return np.asarray(self._run(own, jax.tree.map(lambda x: x[:, None], obs), *drawn))[0, 0]
            return np.asarray(self._run(own, obs))[0]

        return act


@cache
def _compiled(
    algo: Algorithm, tree: Any, shapes: tuple[Any, ...], obs_dim: int, goal_dim: int, members: int
) -> tuple[list[int], Callable[..., list[Any]], Callable[..., Any]]:
    """Which leaves of (cfg, state) `algo.act` reads, what makes of those [P, ..] the arrays that policies keep, and a
    function of these and obs [P, .., O]."""

    def act(leaves: list[Any], obs: Any, key: Array) -> Array:
        cfg, state = jax.tree.unflatten(tree, leaves)
        return algo.act(cfg, state, obs, key, 0.0)

    history, goal = algo.sees.history, algo.sees.goal
    obs: Any = jax.ShapeDtypeStruct((history, obs_dim) if history > 1 else (obs_dim,), np.float32)
    obs = (obs, jax.ShapeDtypeStruct((goal_dim,), np.float32)) if goal else obs
    program = jax.make_jaxpr(lambda leaves, obs: act(leaves, obs, jax.random.key(0)))(list(shapes), obs).jaxpr
    read = {id(variable) for equation in program.eqns for variable in equation.invars}
    reads = [i for i, variable in enumerate(program.invars[: len(shapes)]) if id(variable) in read]

    def whole(own: list[Array]) -> list[Any]:
        leaves: list[Any] = list(shapes)  # the rest is not looked at
        for i, leaf in zip(reads, own, strict=True):
            leaves[i] = leaf
        return leaves

    def still(own: list[Array], obs: Any) -> Array:
        return act(whole(own), obs, jax.random.key(0))

    def drawing(own: list[Array], obs: Any, seed: Array, episodes: Array, step: Array) -> Array:
        def one(obs: Any, episode: Array) -> Array:
            key = jax.random.fold_in(jax.random.fold_in(key_of(seed, Use.EVALUATE), episode), step)
            return act(whole(own), obs, key)

        return jax.vmap(one)(obs, episodes)

    own = [shapes[i] for i in reads]
    if history == 1 and not algo.sees.chance and (translated := translate(still, own, obs, members)):
        return reads, *translated
    over = jax.vmap(drawing, in_axes=(0, 0, 0, None, None)) if algo.sees.chance else jax.vmap(still)
    return reads, lambda own: own, jax.jit(over, compiler_options=known_options())
