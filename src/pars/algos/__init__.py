"""The table of algorithms. One file each; none inherits from another."""

from pars.algos import bc, pars, td3_bc
from pars.core import Algorithm
from pars.errors import UsageError
from pars.suggest import unknown

ALGORITHMS: dict[str, Algorithm] = {module.ALGORITHM.name: module.ALGORITHM for module in (pars, td3_bc, bc)}


def find_algorithm(name: str) -> Algorithm:
    """The algorithm called `name`; UsageError with the nearest names if there is none."""
    if name not in ALGORITHMS:
        raise UsageError(unknown("algorithm", name, ALGORITHMS))
    return ALGORITHMS[name]
