"""Looks inside a trained population: pure functions of config, state and batch, called at block boundaries.

A probe gives floats by name for one member; it is compiled for the whole population and costs nothing when absent.
`landscape` is one of another kind: Q over actions, an array, kept at every evaluation for `pars film`.
"""

from collections.abc import Callable
from typing import Any

from jax import Array

from pars.core import Algorithm, State, Transition
from pars.errors import UsageError, unknown
from pars.probes.actions import action_norms
from pars.probes.balance import action_balance, value_order
from pars.probes.neurons import dormant_neurons

Probe = Callable[[Algorithm, Any, State, Transition], dict[str, Array]]

PROBES: dict[str, Probe] = {
    "actions": action_norms,
    "neurons": dormant_neurons,
    "balance": action_balance,
    "order": value_order,
}
LANDSCAPE = "landscape"


def find_probes(names: list[str]) -> list[Probe]:
    """The probes called `names` that give floats; UsageError with the nearest names if there is none."""
    for name in names:
        if name not in (*PROBES, LANDSCAPE):
            raise UsageError(unknown("probe", name, (*PROBES, LANDSCAPE)))
    return [PROBES[name] for name in names if name != LANDSCAPE]
