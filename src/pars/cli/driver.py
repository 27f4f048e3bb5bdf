"""Does a GPU answer that CUDA 13 can use? `make setup GPU=1` runs this file alone, before there are any packages."""

from __future__ import annotations

import subprocess
import sys

DRIVER = 580  # the series that came with CUDA 13.0


def missing() -> str:
    """What is missing in one line, "" where nothing is."""
    needed = f"CUDA 13 needs an NVIDIA GPU with a driver of the {DRIVER} series or newer"
    ask = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return f"{needed}; here nvidia-smi does not answer"
    said = done.stdout.strip().partition("\n")[0]
    series = said.partition(".")[0]
    if done.returncode or not series.isdecimal():
        return f"{needed}; nvidia-smi says: {said or 'nothing'}"
    return "" if int(series) >= DRIVER else f"{needed}; here it is {said}"


if __name__ == "__main__":
    line = missing()
    print(line, end="\n" if line else "")
    sys.exit(7 if line else 0)  # the exit code of ResourceError
