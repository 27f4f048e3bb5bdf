"""A worker on this machine: `python -m pars.sweep FOLDER [CORE,CORE [MODULE]]`, started by `pars sweep`."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    if len(sys.argv) > 2 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, map(int, sys.argv[2].split(",")))
    from pars import system

    system.setup(cache=True)
    from pars.sweep.work import serve

    serve(Path(sys.argv[1]), *sys.argv[3:])
