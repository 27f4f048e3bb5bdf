"""Which peers there are, where each is looked for, and what its step costs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.flops import Shape
from benchmarks.peers import work
from benchmarks.peers.base import Job

ADAPTERS = "benchmarks.peers.adapters."
OURS = "ours"

Settings = dict[str, Any]


def _none(shape: Shape) -> Settings:
    return {}


def _pars(shape: Shape) -> Settings:
    return {"critics": shape.critics}


def _pars_as_stand_in(shape: Shape) -> Settings:
    """The work of td3-jax with the PARS loss: all target critics, an actor of two layers."""
    return {"critics": shape.critics, "target_critics": shape.critics, "actor_hidden": [256, 256]}


@dataclass(frozen=True)
class Entry:
    """One algorithm of one peer."""

    peer: str
    title: str  # of the algorithm, as printed
    algorithm: str  # as the adapter calls it
    adapter: str  # module
    flop: Callable[[Shape], float]  # of one gradient step
    file: str = ""  # below the peer's folder; "": an installed package
    same: str = ""  # title of ours that does the same
    settings: Callable[[Shape], Settings] = _none

    @property
    def name(self) -> str:
        return f"{self.peer} {self.title}"

    @property
    def variable(self) -> str:
        """Of the environment, with the peer's folder; with _PYTHON behind it, its interpreter."""
        return "PARS_PEER_" + self.peer.upper().replace("-", "_")

    @property
    def python(self) -> str:
        """The peer's own interpreter, else that of all peers, else this one."""
        if self.peer == OURS:
            return sys.executable
        variables = (f"{self.variable}_PYTHON", "PARS_PEER_PYTHON")
        return next((os.environ[name] for name in variables if os.environ.get(name)), sys.executable)

    @property
    def absent(self) -> str:
        """Why it cannot run, with the way out; "" if its folder is there, or if it needs none."""
        if not self.file:
            return ""
        folder = os.environ.get(self.variable)
        if not folder:
            return f"set {self.variable} to a checkout"
        if not (Path(folder) / self.file).is_file():
            return f"{self.variable}={folder} has no {self.file}; set it to a checkout"
        return ""

    def job(self, data: Path, shape: Shape, **more: Any) -> Job:
        """What its worker is told; `more` replaces fields of it."""
        fields: dict[str, Any] = {"critics": shape.critics, "batch": shape.batch, "settings": self.settings(shape)}
        folder = os.environ.get(self.variable, "") if self.file else ""
        return Job(self.adapter, self.algorithm, folder, str(data), **(fields | more))


PARS = Entry(OURS, "PARS", "pars", ADAPTERS + "ours", work.pars, settings=_pars)
PARS_ALL = Entry(OURS, "PARS, all targets", "pars", ADAPTERS + "ours", work.stand_in, settings=_pars_as_stand_in)
TD3_BC = Entry(OURS, "TD3+BC", "td3_bc", ADAPTERS + "ours", work.td3_bc)
STAND_IN = Entry("td3-jax", "+ PARS loss", "pars", ADAPTERS + "td3_jax", work.stand_in, "TD3.py", PARS.title)


def _corl(
    title: str, algorithm: str, flop: Callable[[Shape], float], kind: str = "corl_torch", same: str = ""
) -> Entry:
    return Entry("corl", title, algorithm, ADAPTERS + kind, flop, f"algorithms/offline/{algorithm}.py", same)


def _unifloral(title: str, algorithm: str, flop: Callable[[Shape], float]) -> Entry:
    return Entry("unifloral", title, algorithm, ADAPTERS + "unifloral", flop, f"algorithms/{algorithm}.py")


CORL_TD3_BC = _corl("TD3+BC", "td3_bc", work.td3_bc, same=TD3_BC.title)
JAX_CORL = Entry(
    "jax-corl", "TD3+BC", "td3_bc", ADAPTERS + "jax_corl", work.td3_bc, "algos/td3bc.py", same=TD3_BC.title
)
ENTRIES = (
    PARS,
    PARS_ALL,
    TD3_BC,
    STAND_IN,
    Entry("td3-jax", "TD3", "td3", ADAPTERS + "td3_jax", work.td3_bc, "TD3.py"),
    CORL_TD3_BC,
    _corl("ReBRAC", "rebrac", work.rebrac, kind="corl_jax"),
    _corl("SAC-N", "sac_n", work.corl_sac_n),
    _corl("EDAC", "edac", work.corl_edac),
    _corl("IQL", "iql", work.iql),
    JAX_CORL,
    _unifloral("ReBRAC", "rebrac", work.unifloral_rebrac),
    _unifloral("SAC-N", "sac_n", work.unifloral_sac_n),
    _unifloral("EDAC", "edac", work.unifloral_edac),
    Entry("sac-n-jax", "SAC-N", "sac_n", ADAPTERS + "sac_n_jax", work.sac_n, "sac_n_jax_flax.py"),
    Entry("d3rlpy", "TD3+BC", "td3_bc", ADAPTERS + "d3rlpy_torch", work.td3_bc, same=TD3_BC.title),
)
