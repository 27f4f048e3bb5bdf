"""Reads a run folder into plain records with NumPy arrays; unfinished runs are welcome.

What can be missing (a run that was just started, a line that was half written, a damaged probe) is left out and
named in `problems`; what makes the folder no run at all raises an error of one line.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pars.errors import CheckpointError, UsageError
from pars.files import GONE, deserted, open_plain, pass_on, read_json, read_sealed
from pars.position import Position
from pars.report.parts import join_probes, whole
from pars.report.records import PHASES, Curve, GroupRecord, Member, ProbeRecord, Run

FORMATS = (1, 2, 3)  # of run.json
PROBE_ARRAYS = {
    "landscape": ("grid", "q", "line", "q_line", "policy_action", "data_action"),
    "trajectories": ("positions", "success"),
    "actions": ("action", "data_action"),
}


def tasks_of(folder: Path) -> list[Path]:
    """The runs of a folder that has one for each of several tasks, as its tasks.json lists them; none of any other."""
    try:
        names = read_json(folder / "tasks.json")
    except (OSError, ValueError):
        return []
    listed = names if isinstance(names, list) else []
    plain = [name for name in listed if isinstance(name, str) and Path(name).name == name]
    return [folder / name for name in plain if any((folder / name).glob("*/run.json"))]


def read_run(folder: Path | str) -> Run:
    """The run in `folder`, which holds either group folders or is itself one.

    Raises UsageError if the folder is no run, CheckpointError if it is one but cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"no run folder {folder}; give the folder that `pars train --out` wrote")
    found = [folder] if (folder / "run.json").exists() else sorted(p.parent for p in folder.glob("*/run.json"))
    if not found:
        raise UsageError(f"{folder} is not a run: neither it nor a folder in it holds a run.json")
    groups = [read_group(path) for path in found]
    return Run(folder, whole(sorted(groups, key=_place_on_command_line)))


def read_group(folder: Path, looks: bool = True) -> GroupRecord:
    """One group folder. Raises CheckpointError if run.json or a log is damaged.

    Args:
        looks: read its probes too.
    """
    info = _read_json(folder / "run.json")
    if info.get("format") not in FORMATS:
        known = ", ".join(map(str, FORMATS))
        raise CheckpointError(
            f"{folder / 'run.json'} has format {info.get('format')!r}, this version of pars reads {known}; "
            "use the version that wrote it"
        )
    members = _members(folder / "run.json", info)
    problems: list[str] = []
    try:
        status = _read_json(folder / "status.json") if (folder / "status.json").exists() else {}
    except CheckpointError as error:  # it is rewritten at each block; the logs still tell the story
        status = {}
        problems.append(str(error))
    seen = [_read_probes(folder / "probes", kind, len(members), problems) if looks else [] for kind in PROBE_ARRAYS]
    algorithm, task = str(info.get("algorithm", "unknown")), info.get("task")
    if status.get("state") == "running" and deserted(folder):
        status |= _as_left(folder)
    plan, phase = _dict(info, "plan"), str(status.get("phase") or "offline")
    return GroupRecord(
        folder=folder,
        algorithm=algorithm,
        title=str(info.get("title") or algorithm),
        task=str(task) if task else None,
        physics=str(info.get("physics") or "unknown"),
        members=members,
        varied=[str(name) for name in info.get("varied") or []],
        plan=plan,
        dataset=_dict(info, "dataset"),
        task_card=_dict(info, "task_card"),
        command=str(info.get("command") or ""),
        versions=_dict(info, "versions"),
        machine=_dict(info, "machine"),
        state=str(status.get("state") or "unknown"),
        # the trainer calls its start offline, also where no such phase is planned
        phase="online" if plan.get("offline_steps") == 0 and phase == "offline" else phase,
        step=status["step"] if isinstance(status.get("step"), int) else 0,
        message=str(status.get("message") or ""),
        metrics=_read_log(folder / "metrics.csv", len(members), problems),
        timing=_read_timing(folder / "timing.csv", problems),
        landscapes=seen[0],
        trajectories=seen[1],
        actions=seen[2],
        problems=problems,
        from_data=[dict(one) for one in info.get("from_data") or []],
        outputs=[dict(one) for one in info.get("outputs") or []],
        part_of=str(info["part_of"]) if info.get("part_of") else None,
    )


def _as_left(folder: Path) -> dict[str, Any]:
    """How a run stands whose process was killed, and could not say so: where it would go on."""
    found = (Position.of(path.name) for path in (folder / "checkpoints").glob("*"))
    last = max((place for place in found if place), default=None)
    return {"state": "interrupted"} | ({"phase": last.phase, "step": last.step} if last else {})


def _place_on_command_line(group: GroupRecord) -> tuple[int, int, str]:
    words = re.split(r"[\s,]+", group.command)
    words = words[words.index("train") + 1 :] if "train" in words else words[1:]  # `pars` is the command's name, too
    place = words.index(group.algorithm) if group.algorithm in words else len(words)
    return place, (group.folder / "run.json").stat().st_mtime_ns, group.folder.name


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_sealed(path)
    except (OSError, ValueError) as error:
        pass_on(path, error)
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} cannot be read ({reason}); restore it or train again") from error


def _dict(info: dict[str, Any], key: str) -> dict[str, Any]:
    value = info.get(key)
    return value if isinstance(value, dict) else {}


def _members(path: Path, info: dict[str, Any]) -> list[Member]:
    raw = info.get("members")
    if not isinstance(raw, list) or not raw or not all(isinstance(m, dict) and type(m.get("seed")) is int for m in raw):
        raise CheckpointError(f"{path} names no members (a list of objects with a seed); restore it or train again")
    return [Member(int(m["seed"]), {k: v for k, v in _dict(m, "settings").items() if k != "seed"}) for m in raw]


def _lines(path: Path, header: list[str], problems: list[str]) -> Iterator[list[str]]:
    """Whole data lines of a log. A last line without its newline was cut by a kill and may be half a number."""
    data = b""
    try:
        with open_plain(path) as file:
            data = file.read()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in GONE:
            raise
        raise CheckpointError(f"{path} {error.strerror}") from None
    cut = data.rfind(b"\n") + 1
    if cut < len(data):
        problems.append(f"{path.name} ends in a half-written line, which was left out")
    rows = csv.reader(io.StringIO(data[:cut].decode("utf-8", errors="replace")))
    first = next(rows, None)
    if first is not None and first != header:
        raise CheckpointError(f"{path} starts with {','.join(first)[:60]!r} instead of {','.join(header)!r}")
    yield from rows


def _read_log(path: Path, members: int | None, problems: list[str]) -> dict[str, dict[str, Curve]]:
    """metrics.csv (with a member column) or timing.csv (members None). A repeated row replaces the earlier one."""
    header = ["phase", "step", *(["member"] if members is not None else []), "name", "value"]
    cells: dict[tuple[str, str], dict[tuple[int, int], float]] = {}
    bad = 0
    for row in _lines(path, header, problems):
        try:
            phase, step, *middle, name, value = row
            member = int(middle[0]) if members is not None else 0
            if len(row) != len(header) or not 0 <= member < (members or 1) or not 0 <= int(step) < 2**63:
                raise ValueError(row)
            cells.setdefault((phase, name), {})[member, int(step)] = float(value)
        except (ValueError, IndexError):
            bad += 1
    if bad:
        problems.append(f"{path.name} has {bad} unreadable lines, which were left out")
    out: dict[str, dict[str, Curve]] = {}
    for (phase, name), values in cells.items():
        steps = sorted({at for _, at in values})
        column = {at: place for place, at in enumerate(steps)}
        table = np.full((members or 1, len(steps)), np.nan)
        for (index, at), number in values.items():
            table[index, column[at]] = number
        out.setdefault(phase, {})[name] = Curve(np.array(steps), table)
    return out


def _read_timing(path: Path, problems: list[str]) -> dict[str, dict[str, Curve]]:
    """Of timing.csv, without which a report only says less."""
    try:
        return _read_log(path, None, problems)
    except CheckpointError as error:
        problems.append(f"{error}; wall-clock figures are left out")
        return {}


def _read_probes(folder: Path, kind: str, members: int, problems: list[str]) -> list[ProbeRecord]:
    """The newest readable probe of each phase; a damaged file falls back to the one before it."""
    newest: dict[str, ProbeRecord] = {}
    for phase, step, path in reversed(_probe_files(folder, kind)):
        if phase not in newest and (probe := _read_probe(path, kind, phase, step, members, problems)):
            newest[phase] = probe
    return list(reversed(newest.values()))


def history(group: GroupRecord, kind: str = "landscape") -> list[ProbeRecord]:
    """All readable probes of a kind, oldest first; of a population in parts those that all parts have."""
    found = [
        {
            (phase, step): probe
            for phase, step, path in _probe_files(part.folder / "probes", kind)
            if (probe := _read_probe(path, kind, phase, step, len(part.members), []))
        }
        for part in group.programs
    ]
    common = [place for place in found[0] if all(place in own for own in found)]
    return [joined for place in common for joined in join_probes([[own[place]] for own in found], kind, [])]


def _probe_files(folder: Path, kind: str) -> list[tuple[str, int, Path]]:
    """Phase, step and file of every probe, oldest first."""
    named = [(re.fullmatch(rf"{kind}-(\w+)-(\d+)\.npz", path.name), path) for path in folder.glob(f"{kind}-*-*.npz")]
    found = [(match[1], int(match[2]), path) for match, path in named if match]
    return sorted(found, key=lambda one: (PHASES.index(one[0]) if one[0] in PHASES else len(PHASES), *one))


def _read_probe(path: Path, kind: str, phase: str, step: int, members: int, problems: list[str]) -> ProbeRecord | None:
    try:
        with open_plain(path) as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in PROBE_ARRAYS[kind]}
        _check_probe(kind, arrays, members)
    except Exception as error:  # zip, zlib, header and shape errors of a damaged file have no common base
        problems.append(f"probes/{path.name} was left out: {type(error).__name__} {error}"[:160])
        return None
    return ProbeRecord(phase, step, arrays)


def _check_probe(kind: str, arrays: dict[str, np.ndarray], members: int) -> None:
    if kind == "landscape":
        grid, line = arrays["grid"].size, arrays["line"].size
        fits = arrays["q"].shape in ((members, grid, grid), (members, 1, grid)) and arrays["q_line"].shape == (
            members,
            line,
        )
        fits = fits and arrays["policy_action"].shape[:1] == (members,) and arrays["data_action"].ndim == 2
    elif kind == "actions":
        logged = arrays["data_action"].shape
        fits = len(logged) == 2 and min(logged) > 0 and arrays["action"].shape == (members, *logged)
    else:
        positions, success = arrays["positions"], arrays["success"]
        fits = positions.ndim == 4 and positions.shape[0] == members and positions.shape[3] == 2
        fits = fits and success.shape == positions.shape[:2]
    if not fits:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"shapes do not fit {members} members: {shapes}")
