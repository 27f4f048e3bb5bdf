"""docs/reliability.md: what is promised, and what trying it gave."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HEAD = """# Reliability

What is promised of runs and data, and what was tried to break it. The figures are written by `python -m tests.torture
--write`.

```sh notest
make torture
```

runs everything (hours; `python -m tests.torture saves --minutes 5` one part for so long; Linux, gcc). `make test`
runs a little of it.

## Promised

- **A checkpoint that was saved is there**, after a kill at any moment, a full disk or an error of the disk. At most
  the work since the newest one is lost: two minutes, or the interval between two evaluations if one was given up on a
  signal.
- **A run that is continued ends bit for bit** where an undisturbed one ends, on the same machine and number of cores.
- **Nothing that was damaged is used without a word**: SHA-256 of the arrays, of the logs as far as a checkpoint
  stands on them, of every manifest, `run.json`, `status.json` and of converted data. What has none is harmless:
  wall-clock figures (`timing.csv`), TensorBoard's events, pictures for the report. Of `metrics.csv` a report reads
  what it can and says what it leaves out.
- **A folder from elsewhere is data**: nothing in it is executed, links are not followed, nothing outside of it is
  written, and nothing in it that has another name than pars gives is deleted.
- **An error is one line** with one of the [exit codes](guide.md#exit-codes). What the system refuses is 7, with the
  file and the number.
- **A signal is answered within ten seconds** where the processor is not shared with much else, also in an evaluation.
- **An environment of one's own ends nothing but itself** with [`--isolate`](tasks.md#environments-of-your-own): a crash
  of its native code or a hang is one line, exit code 5, and the checkpoints stay.
- **Of two commands on one run one is told of the other**; what a lock file says keeps nobody out, only a living process
  does.
- **The clock is not believed**: back an hour, ten years ahead or standing, results are the same.
- **A download is a whole file or none**: no redirects off the web, no body without end or larger than the disk.

## Not promised

- Checksums find damage; they are no signatures. Whoever can write to the folder can write checksums that fit.
- Converted data that rots on the disk without a change of its size or times is found with `--verify always` alone.
- Without `--isolate`, what native code of an environment does to the process. With it: it is no sandbox.
- Network disks whose `fsync` or `flock` do not keep their word; two machines that write to one folder there.
- Bits on a GPU: a continued run is as exact as the GPU's own sums are.

## Tried

Each part until nothing was left to try, or for the time below. "Harmless": what was used afterwards was what it had
been; converted data that was damaged is made again. Kills, races and clocks are of tiny runs of PARS, whole commands.
The table of bad inputs (96, in `make test`: tests/cli/test_bad_inputs.py) has each with its exit code and two lines at
most. The limits are of real processes; 4 GB are of address space, which is more than memory. Where fewer were tried
than `make torture` tries, the machine was shared and the time was up; a part that was run alone for a given time has
that beside its date.

What verification costs at a second start on a million rows (29/8), by `python -m benchmarks loading --verify`: 38 ms of
59 s on a busy machine, 0.06 %; 0.4 to 13 ms of 7 s on an idle one.
"""


TABLE = ("| part | what | tried | results | wrong |", "|---|---|---|---|---|")
Part = tuple[list[str], str]  # lines of the table, and when that was


def write(results: Path, target: Path, order: Iterable[str]) -> None:
    """Make the page of the results that `python -m tests.torture` kept; parts that these lack stay as they are there.

    Args:
        order: of the parts.
    """
    known = earlier(target.read_text(encoding="utf-8")) if target.exists() else {}
    known |= {name: _part(name, found) for name, found in json.loads(results.read_text()).items()}
    shown = [known[name] for name in order if name in known]
    lines = [HEAD, *TABLE, *(line for rows, _ in shown for line in rows)]
    target.write_text("\n".join([*lines, "", f"Dates: {', '.join(when for _, when in shown)}.", ""]), encoding="utf-8")


def _part(name: str, found: Mapping[str, Any]) -> Part:
    rows = []
    for tally in (one for one in found["tallies"] if one["tried"]):
        outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(tally["outcomes"].items()))
        rows.append(f"| {name} | {tally['what']} | {tally['tried']:,} | {outcomes} | {len(tally['faults'])} |")
    most = f" of at most {found['minutes']:g}" if found.get("minutes") else ""
    return rows, f"{name} {found['date']} ({found['seconds'] / 60:.1f} min{most})"


def earlier(page: str) -> dict[str, Part]:
    """The parts of a page."""
    rows: dict[str, list[str]] = {}
    for line in page.splitlines():
        if (cells := line.split(" | ")) and len(cells) == 5 and line not in TABLE:
            rows.setdefault(cells[0].removeprefix("| "), []).append(line)
    dates = page.rpartition("\nDates: ")[2].removesuffix(".\n")
    when = {one.partition(" ")[0]: one for one in dates.split(", ")}
    return {name: (found, when[name]) for name, found in rows.items() if name in when}
