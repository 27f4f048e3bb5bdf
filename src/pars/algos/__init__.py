"""The table of algorithms. One file each; none inherits from another, variants of one stand in its file."""

from pars.algos import bc, cql, edac, iql, max_q, pars, rebrac, rlpd, sac, sac_n, td3, td3_bc
from pars.core import Algorithm
from pars.errors import UsageError, unknown

ALGORITHMS: dict[str, Algorithm] = {
    algo.name: algo
    for algo in (
        pars.ALGORITHM,
        td3_bc.ALGORITHM,
        rebrac.ALGORITHM,
        iql.ALGORITHM,
        cql.ALGORITHM,
        cql.CAL_QL,
        sac_n.ALGORITHM,
        edac.ALGORITHM,
        bc.ALGORITHM,
        bc.BEST_TENTH,
        rlpd.ALGORITHM,
        sac.ALGORITHM,
        td3.ALGORITHM,
        max_q.ALGORITHM,
    )
}


def find_algorithm(name: str) -> Algorithm:
    """The algorithm called `name`; UsageError with the nearest names if there is none."""
    if name not in ALGORITHMS:
        raise UsageError(unknown("algorithm", name, ALGORITHMS))
    return ALGORITHMS[name]
