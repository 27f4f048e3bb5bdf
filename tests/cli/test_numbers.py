"""Numbers that no option takes, far too large, negative or no numbers at all, are refused before any work."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import pytest

from tests.cli.said import Pars, one_line
from tests.data.files import columns, write_npz
from tests.runs import finished_run

E12, E24 = "1" + 12 * "0", "1" + 24 * "0"
MOST = "must be at most 2,147,483,647"
COLLECT = "data collect pointmaze-umaze-diverse"
OWN = "train bc --data own.npz --quiet"
SEARCH = "search td3_bc --data own.npz bc_weight=log(0.01,10) --steps 20"
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
    f"data verify pointmaze-umaze-diverse --rows {E12}": MOST,
    f"data verify pointmaze-umaze-diverse --episodes {E12}": "episodes=1000000000000 must be at most 100,000",
    "tasks --measure --seconds 1e300": "seconds=1e+300; measure each task for a time above 0, at most 3600 s",
    "eval RUN --env-timeout 1e300": "--env-timeout 1e+300: seconds, a number from 0 (any time) to 1e+06",
    f"{OWN} --env Pendulum-v1 --env-timeout 1e300": "--env-timeout 1e+300: seconds, a number",
    "video RUN --out v.gif --size 100000000": "size=100000000 must be at most 2,000",
    "video RUN --out v.gif --size 1": "size=1 must be a whole number from 16 on",
    f"video RUN --out v.gif --steps {E12}": MOST,
    f"video RUN --out v.gif --episode {E24}": MOST,
    f"judge RUN --rows {E12}": MOST,
    f"judge RUN --truth {E12}": "truth=1000000000000 must be at most 100,000",
    f"judge RUN --fit-steps {E12}": MOST,
    f"sweep {OWN[6:]} --workers {E12}": "--workers=1000000000000 must be at most 1,000",
    f"sweep {OWN[6:]} --workers 1 --cores {E24}": MOST,
    f"sweep {OWN[6:]} --workers 1 --members {E24}": MOST,
    f"sweep {OWN[6:]} --workers 1 --retries {E24}": MOST,
    f"{SEARCH} --trials {E12}": "--trials=1000000000000 must be at most 10,000",
    f"{SEARCH} --width {E24}": "must be at most 10,000",
    f"{SEARCH} --rungs {E12}": "--rungs=1000000000000 must be at most 30",
    f"{SEARCH} --keep {E12}": "--keep=1000000000000 must be at most 10,000",
    f"{SEARCH} --keep 1": "--keep=1 must be a whole number from 2 on",
    f"{SEARCH} --search-seed {E12}": "--search-seed=1000000000000 must be at most 9,999",
    f"{SEARCH} --final-seeds {E12}": "--final-seeds=1000000000000 must be at most 10,000",
    f"{SEARCH} --budget {400 * '9'}h": "is not a time such as 90s",
    f"reproduce table2 --seeds {E12} --dry-run": "--seeds=1000000000000 must be at most 10,000",
    f"reproduce table2 --rows {E12} --data twin --dry-run": MOST,
    f"reproduce table2 --episodes {E12} --dry-run": "must be at most 100,000",
    "data collect hopper-random-v2 --rows 1e6": "--rows takes a whole number, not '1e6'; For full helptext, see",
    "data verify hopper-random-v2 --rows many": "--rows takes a whole number, not 'many'; For full helptext, see",
    "data collect hopper-random-v2 --noise much": "--noise takes a number, not 'much'; For full helptext, see",
    "reproduce table2 --steps-scale all": "--steps-scale takes a number, not 'all'; For full helptext, see",
    "reproduce table2 --steps-scale nan --dry-run": "--steps-scale nan is not a share up to 1",
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
    pars: Pars, own_folders: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("PARS_MEMORY", "20GB")
    write_npz(own_folders / "own.npz", columns(80, episode=20))
    words = shlex.split(line.replace("RUN", str(finished_run())))
    begin = time.process_time()
    code, said = (2, REFUSED[line]) if line in REFUSED else (7, TOO_MUCH[line])
    one_line(pars(*words), code, said)
    assert time.process_time() - begin < 20.0
