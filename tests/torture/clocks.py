"""The clock runs back an hour, leaps ten years, stands still, or does so while a run is under way (shim.c): the same
results and no word of it."""

from __future__ import annotations

import ctypes
import shutil
from pathlib import Path

from tests.torture.common import Budget, Tally
from tests.torture.forked import call, few_rows, train
from tests.torture.killed import result
from tests.torture.whole import SHORT

HOUR, YEAR = 3600, 365 * 86400
CLOCKS = {  # seconds that it is shifted, whether it stands, whether the clock that only runs forward stands too
    "back an hour": (-HOUR, 0, 0),
    "forward ten years": (10 * YEAR, 0, 0),
    "back to 1970": (-56 * YEAR, 0, 0),
    "stopped": (0, 1, 0),
    "stopped, the monotonic one too": (0, 1, 1),
}


def run(root: Path, budget: Budget) -> list[Tally]:
    """Of each clock a run that is resumed and reported, an evaluation and a look at data under it."""
    tally, shim, data, said = Tally("a clock that is wrong"), ctypes.CDLL(None), few_rows(), root / "said"
    half = [*SHORT[:4]]
    if wrong := call(train(root / "right", data, SHORT), said).wrong(0):
        raise RuntimeError(wrong)
    wanted = result(root / "right")
    for name, (shift, stands, both) in CLOCKS.items():
        out = root / "timed"
        shutil.rmtree(out, ignore_errors=True)
        call(train(out, data, half), said)

        def set_clock(shift: int = shift, stands: int = stands, both: int = both) -> None:
            shim.torture_clock(ctypes.c_long(shift), stands, both)

        lines = [train(out, data, SHORT), ["eval", str(out), "--episodes", "1"], ["data", "check", str(data)]]
        faults = [wrong for words in lines if (wrong := call(words, said, set_clock).wrong(0))]
        if not faults and result(out) != wanted:
            faults = ["ended otherwise"]
        tally.add(name, "; ".join(faults))
        if budget.over:
            break
    return [tally]
