"""SHA-256 of what eight small runs end with: final state, metrics, online transitions.

    PYTHONPATH=src:. python -m benchmarks.digests [--out FILE.csv]

Two versions of the library train alike on one machine if this prints the same lines for both: run it with PYTHONPATH at
either checkout's src. It uses public calls alone, so that it runs on old versions too, and hashes arrays by name and
metrics by value: numbers count, not how a folder is laid out.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
from safetensors.numpy import load_file

TASK = "pointmaze-umaze-diverse"
PLAN: dict[str, Any] = dict(steps=60, eval_every=20, eval_episodes=2, online_eval_every=10)
NETS: dict[str, Any] = dict(hidden=["16x16"], actor_hidden=["16x16"])  # batches as ever: half offline
ENSEMBLE = NETS | dict(critics=[4])
ONLINE: dict[str, Any] = dict(updates_per_step=[2])
# name -> algorithm, settings, options of pars.train
RUNS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "PARS offline": ("pars", ENSEMBLE, {}),
    "PARS online": ("pars", ENSEMBLE | ONLINE, {"online_steps": 30}),
    "PARS population": (
        "pars",
        ENSEMBLE | ONLINE | {"penalty_weight": [0.001, 0.01]},
        {"seeds": (0, 1), "online_steps": 30},
    ),
    "PARS streamed": ("pars", ENSEMBLE | ONLINE, {"online_steps": 30, "data_in": "stream"}),
    "Cal-QL": ("cal_ql", NETS | ONLINE, {"online_steps": 30}),
    "IQL": ("iql", NETS | ONLINE, {"online_steps": 30}),
    "SAC-N": ("sac_n", ENSEMBLE | ONLINE, {"online_steps": 30}),
    "RLPD": ("rlpd", ENSEMBLE | ONLINE | {"random_steps": [5]}, {"online_steps": 30}),
}


def digest(run: Path) -> str:
    """Of a finished run with one group."""
    (folder,) = (path.parent for path in run.glob("*/run.json"))
    newest = max((folder / "checkpoints").glob("*-*/state.safetensors"), key=lambda path: path.stat().st_mtime_ns)
    arrays = {name: array for name, array in load_file(newest).items() if name.startswith("['state']")}
    found = hashlib.sha256()
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].shape} {arrays[name].dtype}".encode() + arrays[name].tobytes())
    with (folder / "metrics.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            found.update("|".join(row[name] for name in ("phase", "step", "member", "name", "value")).encode())
    found.update((folder / "replay" / "transitions.f32").read_bytes())
    return found.hexdigest()


def run(name: str, folder: Path) -> str:
    import pars

    algorithm, settings, options = RUNS[name]
    dataset = pars.load_dataset(TASK, rows=2000)
    options = {"data": dataset, "settings": settings, "quiet": True, "probes": ("actions",), **PLAN, **options}
    return digest(pars.train(algorithm, TASK, out=folder / name.replace(" ", "-"), **options))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the table to this file too")
    given = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", 2)  # which share members or critics, as under the command
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for name in RUNS:
            rows.append((name, run(name, Path(folder))))
            print(f"{rows[-1][1]}  {name}", flush=True)
    if given.out:
        given.out.write_text("".join(f"{name},{value}\n" for name, value in rows))


if __name__ == "__main__":
    sys.exit(main())
