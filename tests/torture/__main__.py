"""`python -m tests.torture`: what is promised of runs and data, tried until it breaks. `make torture` runs all of it.

Each part may be run alone, and for so many minutes; results are kept in --results, and --write puts
them into docs/reliability.md, where the other parts stay.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FAST: dict[str, dict[str, Any]] = {
    "faults": dict(every=6),
    "flips": dict(flips=8, cuts=2),
    "saves": dict(tries=20),
    "conversions": dict(tries=3),
    "locks": {},
}
WHOLE: dict[str, dict[str, Any]] = {
    "faults": dict(every=1),
    "flips": dict(flips=40, cuts=10),
    "saves": dict(tries=200),
    "conversions": dict(tries=50),
    "fuzz": dict(share=1.0),
    "downloads": {},
    "locks": {},
    "commands": dict(tries=400),
    "others": dict(tries=50),
    "whole": dict(tries=60),
    "races": dict(pairs=50),
    "clocks": {},
    "limits": {},
    "soak": dict(minutes=30.0),
}


def parts(root: Path) -> dict[str, Callable[..., Any]]:
    from tests.torture import clocks, downloads, faults, flips, killed, kills, limits, races, soak, whole

    def fuzzed(budget: Any, share: float) -> Any:
        from tests.torture import fuzz  # wants hypothesis

        return fuzz.run(budget, share)

    return {
        "faults": lambda budget, **how: faults.run(root, budget, **how),
        "flips": lambda budget, **how: flips.run(root, budget, **how),
        "saves": lambda budget, **how: [kills.saving(root, budget, **how)],
        "conversions": lambda budget, **how: [kills.converting(root, budget, **how)],
        "downloads": lambda budget: downloads.run(root, budget),
        "locks": lambda budget: races.locks(root, budget),
        "commands": lambda budget, **how: [killed.training(root, budget, **how)],
        "others": lambda budget, **how: killed.others(root, budget, **how),
        "races": lambda budget, **how: races.run(root, budget, **how),
        "clocks": lambda budget: clocks.run(root, budget),
        "limits": lambda budget: limits.run(root, budget),
        "soak": lambda budget, **how: soak.run(root, budget, **how),
        "whole": lambda budget, **how: whole.run(root, budget, **how),
        "fuzz": fuzzed,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(WHOLE)}; all by default")
    parser.add_argument("--minutes", type=float, help="of each part, at most")
    parser.add_argument("--fast", action="store_true", help="a little of what is quick, as in `make test`")
    parser.add_argument("--results", type=Path, default=ROOT / "runs" / "torture.json")
    parser.add_argument("--write", action="store_true", help="only make docs/reliability.md of the results")
    options = parser.parse_args()
    if options.write:
        from tests.torture import page

        page.write(options.results, ROOT / "docs" / "reliability.md", WHOLE)
        return 0
    wanted = FAST if options.fast else {name: WHOLE[name] for name in options.parts or WHOLE}
    quick = next((place for place in (Path("/dev/shm"),) if os.access(place, os.W_OK)), None)  # waits for no disk
    with tempfile.TemporaryDirectory(prefix="pars-torture-", dir=quick) as folder:
        os.chmod(folder, 0o755)  # another user has a part in it
        if "LD_PRELOAD" not in os.environ:  # the library that lets operations fail comes before all others
            from tests.torture.build import build

            os.environ["LD_PRELOAD"] = str(build(Path(folder)))
            paths = (str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH"))  # this checkout, whatever is installed
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
            return os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-m", "tests.torture", *sys.argv[1:]])
        tempfile.tempdir = folder
        os.environ.setdefault("PARS_CACHE_DIR", str(Path(folder) / "cache"))
        return torture(Path(folder), wanted, options.minutes, None if options.fast else options.results)


def torture(folder: Path, wanted: dict[str, dict[str, Any]], minutes: float | None, results: Path | None) -> int:
    """Run the parts. -> how many of them have faults"""
    from tests.torture.common import Budget

    bad = 0
    for name, how in wanted.items():
        begin, place = time.monotonic(), folder / name
        place.mkdir()
        os.environ["PARS_DATA_DIR"] = str(place / "data")
        tallies = parts(place)[name](Budget(minutes and 60 * minutes), **how)
        for tally in tallies:
            print(tally.line(), *(f"  {fault}" for fault in tally.faults[:5]), sep="\n", flush=True)
        bad += any(tally.faults for tally in tallies)
        if results:
            results.parent.mkdir(parents=True, exist_ok=True)
            known = json.loads(results.read_text()) if results.exists() else {}  # others may run other parts
            found = {"date": time.strftime("%Y-%m-%d"), "seconds": round(time.monotonic() - begin), "minutes": minutes}
            known[name] = {**found, "tallies": [asdict(tally) for tally in tallies]}
            results.write_text(json.dumps(known, indent=1))
    return bad


if __name__ == "__main__":
    sys.exit(main())
