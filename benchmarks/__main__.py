"""The benchmarks: `make bench`, or `python -m benchmarks [PART ...] [options of the part]`."""

import importlib
import inspect
import subprocess
import sys
from collections.abc import Sequence

from pars import system
from pars.errors import ParsError

PARTS = {
    "physics": "environment steps per second beside the bare simulator",
    "evaluation": "whole evaluations beside the bare simulator taking the same actions",
    "training": "gradient steps per second beside the limit, FLOP, compile time, memory",
    "methods": "the same in every phase of every method with a formula, at Figure 19's sizes (--quick: tiny)",
    "scaling": "cost against batch size, width, critics and members, beside the arithmetic",
    "memory": "training on data larger than memory (writes gigabytes: PARS_MEMORY_GB, 1 by default)",
    "loading": "from a file on disk to the first gradient step, cold and from the cache",
    "online": "online training: time of an environment step beside its updates and physics",
    "gpu": "precisions, populations, kernels per step, hours for the paper's tables, exact resume (--dry: tiny)",
    "paper": "a column of the paper's Table 2 as one population, as far as the minutes go (--dry: tiny)",
    "kernels": "kernels, waits, bytes of a step and the least time on an H100, which need not be there",
    "twins": "AntMaze twins beside what is public about D4RL's files (PARS_WALKER: another walker's weights)",
    "robots": "MuJoCo twins, made where absent: times, returns reached, BC's published scores (hours at first)",
    "own_data": "logs of a mediocre controller in a plant's units: constant policies, returns (--before; --dry: tiny)",
    "judge": "ways to choose a policy without a simulator against the truth (--show: what is there; --dry: tiny)",
    "sweep": "a sweep whose workers and driver are killed beside one that is left alone (--ray: on a cluster)",
    "search": "halving in populations beside random search of the same cost, on PointMaze (--dry: tiny)",
    "peers": "other implementations beside ours",
    "time_to_score": "wall-clock time to a score",
    "scores": "scores of the same algorithms trained by ours and by the peers, on the same data",
}
# minutes; the others take longer, or need what not everybody has
USUAL = ("physics", "evaluation", "training", "scaling")


def main(args: Sequence[str]) -> int:
    """Run the parts named, each in a process of its own if there are several. Returns the exit code."""
    names = [word for i, word in enumerate(args) if not any(other.startswith("-") for other in args[: i + 1])]
    if not names and set(args) & {"-h", "--help"}:
        print(usage())
        return 0
    options = list(args[len(names) :])
    names = names or list(USUAL)
    if unknown := [name for name in names if name not in PARTS]:
        print(f"unknown part {unknown[0]!r}; known: {', '.join(PARTS)} (python -m benchmarks --help)", file=sys.stderr)
        return 2
    if len(names) > 1:
        return max(subprocess.call([sys.executable, "-m", "benchmarks", name, *options]) for name in names)
    return run(names[0], options)


def usage() -> str:
    listed = "\n".join(f"  {name:14} {what}" for name, what in PARTS.items())
    return (
        "python -m benchmarks [PART ...] [options]\n"
        f"{listed}\nWithout a part: {', '.join(USUAL)}. Options go to the parts; PART --help lists those of one."
    )


def run(name: str, options: Sequence[str]) -> int:
    """One part in this process; a part that takes arguments gets the options. Returns the exit code."""
    print(f"== {name}", flush=True)
    try:
        system.setup()  # before anything computes
        part = importlib.import_module(f"benchmarks.{name}")
        part.run(options) if "args" in inspect.signature(part.run).parameters else part.run()
    except ParsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
