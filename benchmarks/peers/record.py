"""Run a peer's own loss functions once on small inputs and keep both: `python -m benchmarks.peers.record NAME OUT.npz`.

Needs the peer's interpreter and the variable with its checkout, see docs/lab/peers.md; what is in a file:
tests/algos/parity/README.md.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = "benchmarks.peers.recording."
RECORDS = {  # name: module and function, variable with the peer's folder
    "corl_td3_bc": ("corl_torch.td3_bc", "PARS_PEER_CORL"),
    "corl_sac_n": ("corl_torch.sac_n", "PARS_PEER_CORL"),
    "corl_edac": ("corl_torch.edac", "PARS_PEER_CORL"),
    "corl_iql": ("corl_torch.iql", "PARS_PEER_CORL"),
    "corl_cql": ("corl_cql.plain", "PARS_PEER_CORL"),
    "corl_cql_lagrange": ("corl_cql.lagrange", "PARS_PEER_CORL"),
    "corl_cql_clipped": ("corl_cql.clipped", "PARS_PEER_CORL"),
    "corl_cal_ql": ("corl_cql.cal_ql", "PARS_PEER_CORL"),
    "corl_rebrac": ("corl_rebrac.rebrac", "PARS_PEER_CORL"),
    "implicit_q_learning": ("kostrikov.iql", "PARS_PEER_IMPLICIT_Q_LEARNING"),
    "rlpd": ("kostrikov.rlpd", "PARS_PEER_RLPD"),
    "rlpd_no_entropy": ("kostrikov.rlpd_no_entropy", "PARS_PEER_RLPD"),
    "mcq": ("mcq.plain", "PARS_PEER_MCQ"),
    "mcq_weighted": ("mcq.weighted", "PARS_PEER_MCQ"),
    "mcq_one_sided": ("mcq.one_sided", "PARS_PEER_MCQ"),
    "spot": ("spot.plain", "PARS_PEER_SPOT"),
    "spot_dropout": ("spot.dropout", "PARS_PEER_SPOT"),
    "spot_online": ("spot.online", "PARS_PEER_SPOT"),
    "svr": ("svr.svr", "PARS_PEER_SVR"),
    "sac_rnd": ("sac_rnd.sac_rnd", "PARS_PEER_SAC_RND"),
    "msg": ("msg.single", "PARS_PEER_GOOGLE_RESEARCH"),
    "msg_double": ("msg.double", "PARS_PEER_GOOGLE_RESEARCH"),
    "pex": ("pex.pex", "PARS_PEER_PEX"),
    "off2on": ("off2on.off2on", "PARS_PEER_OFF2ON"),
    "uni_o4": ("uni_o4.offline", "PARS_PEER_UNI_O4"),
    "uni_o4_online": ("uni_o4.online", "PARS_PEER_UNI_O4"),
    "hiql": ("hiql.hiql", "PARS_PEER_HIQL"),
    "hiql_flat": ("hiql.flat", "PARS_PEER_HIQL"),
    "dwsl": ("dwsl.expectation", "PARS_PEER_DWSL"),
    "dwsl_soft": ("dwsl.soft", "PARS_PEER_DWSL"),
    "wgcsl": ("dwsl.wgcsl", "PARS_PEER_DWSL"),
    "gc_iql": ("dwsl.gc_iql", "PARS_PEER_DWSL"),
    "gcpc": ("gcpc.gcpc", "PARS_PEER_GCPC"),
    "ogbench_gcivl": ("ogbench.gcivl", "PARS_PEER_OGBENCH"),
    "ogbench_gciql": ("ogbench.gciql", "PARS_PEER_OGBENCH"),
}


def main(args: Sequence[str]) -> int:
    """Write one record. Returns the exit code."""
    if len(args) != 2 or args[0] not in RECORDS:
        print(f"python -m benchmarks.peers.record NAME OUT.npz; names: {', '.join(RECORDS)}", file=sys.stderr)
        return 2
    place, variable = RECORDS[args[0]]
    folder = os.environ.get(variable)
    if not folder:
        print(f"{args[0]}: skipped; set {variable} to a checkout", file=sys.stderr)
        return 2
    module, _, function = place.partition(".")
    record = getattr(importlib.import_module(HERE + module), function)(folder)
    record.write(Path(args[1]))
    losses = ", ".join(f"{name} {value:.5g}" for name, value in record.items() if "loss/" in name and not value.ndim)
    print(f"{args[1]}: {len(record)} arrays; {losses}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
