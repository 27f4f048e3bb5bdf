"""Numbers that no option takes, far too large, negative or no numbers at all, are refused before any work."""

from __future__ import annotations

import shlex
import time

import pytest

from tests.cli.said import Pars, one_line
from tests.runs import finished_run

E12, E24 = "1" + 12 * "0", "1" + 24 * "0"
MOST = "must be at most 2,147,483,647"
COLLECT = "data collect pointmaze-umaze-diverse"
REFUSED = {
    f"{COLLECT} --rows {E12}": MOST,
    f"{COLLECT} --rows 50 --seed {E24}": MOST,
    f"data collect hopper-random-v2 --rows {E24}": MOST,
    f"data collect hopper-random-v2 --rows 50 --seed {E12}": MOST,
    f"data collect antmaze-umaze-v2 --rows {E12}": MOST,
    f"data collect --run RUN --rows {E12}": MOST,
    f"data collect --run RUN --rows 50 --seed {E24}": MOST,
    "data collect --run RUN --noise nan": "noise=nan must be a number from 0",
    "data collect --run RUN --noise inf": "noise=inf must be a number from 0",
    f"data train-ant --steps {E12}": MOST,
    f"data train-ant --seed {E12}": MOST,
}
TOO_MUCH = {
    f"{COLLECT} --rows 2000000000": "rows=2000000000 of pointmaze-umaze-diverse would take 112.0 GB of memory at least",
    "data collect hopper-medium-v2 --rows 2000000000": "of hopper-medium-v2 would take",
    "data collect door-expert-v1 --rows 2000000000": "of door-expert-v1 would take",
    "data collect --run RUN --rows 2000000000": "and 20.0 GB are free; ask for less, or say how much",
    "data train-ant --steps 2000000000": "a replay of 2,000,000,000 steps would take",
}


@pytest.mark.parametrize("line", [*REFUSED, *TOO_MUCH])
def test_a_number_that_no_option_takes_is_refused_at_once(
    pars: Pars, own_folders: object, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("PARS_MEMORY", "20GB")
    words = shlex.split(line.replace("RUN", str(finished_run())))
    begin = time.process_time()
    code, said = (2, REFUSED[line]) if line in REFUSED else (7, TOO_MUCH[line])
    one_line(pars(*words), code, said)
    assert time.process_time() - begin < 5.0
