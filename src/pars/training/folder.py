"""A group's folder on disk: what it trains (run.json), how it stands (status.json), its logs and its checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pars.errors import CheckpointError
from pars.files import GONE, beneath, naming, open_plain, read_json, read_sealed, sealed
from pars.position import Position
from pars.system import write_whole
from pars.training import checkpoint
from pars.training.board import Board, Curves, board_name
from pars.training.checkpoint import Checkpoint, unreadable
from pars.training.log import METRICS, REPLAY, TIMING, WALL_CLOCK, Prefix, open_log
from pars.training.longer import LENGTHS, is_longer
from pars.training.trackers import track

TASKS = "tasks.json"  # in a folder of several runs: their names
FORMAT = 3  # of run.json
READABLE = (1, 2, FORMAT)  # of folders that can be evaluated
ALIKE = (2, FORMAT)  # of folders whose checkpoints are laid out as today's
BOARDS = "tensorboard"
FOLDERS = ("checkpoints", "policies", "probes", BOARDS)  # written below, beside the logs
HEADERS = {METRICS: "phase,step,member,name,value\n", TIMING: "phase,step,name,value\n", REPLAY: ""}


class RunFolder:
    """Opened by the one process that trains. `checkpoint` is where it resumes, None at the start.

    Args:
        at: where it may resume at most, if not at its newest checkpoint.
        tracker: where the curves go, too; see pars.training.trackers.
    """

    def __init__(
        self, path: Path, description: Mapping[str, Any], at: Position | None = None, tracker: str | None = None
    ):
        self.path, self._description, self._tracker = path, description, tracker
        there = check_description(path, description)
        if there is None:
            path.mkdir(parents=True, exist_ok=True)
            write_whole(path / "run.json", sealed(description))
        elif is_longer(description["plan"], there["plan"]):
            self._lengthen(description, there)
        try:
            for name in FOLDERS:
                beneath(path, name)
            files = {name: beneath(path, name) for name in HEADERS}
        except OSError as error:
            raise unreadable(path, error, "cannot write to") from None
        self.checkpoint: Checkpoint | None = checkpoint.resumable(path / "checkpoints", at)
        known = self.checkpoint.logs if self.checkpoint else {}
        lengths = {name: known.get(name, Prefix(0)).bytes for name in HEADERS}
        self._logs = {name: open_log(file, lengths[name], name not in WALL_CLOCK) for name, file in files.items()}
        for name, header in HEADERS.items():
            if not self._logs[name].length:
                self._logs[name].append(header.encode())
        self._curves: dict[int, list[Curves]] = {}

    def metrics(self, position: Position, values: Mapping[str, np.ndarray]) -> None:
        """Append values [P] by name to metrics.csv, and to TensorBoard and the tracker."""
        lines = []
        for name, column in values.items():
            for member, value in enumerate(column):
                lines.append(f"{position.phase},{position.step},{member},{name},{float(value)!r}\n")
        self._logs[METRICS].append("".join(lines).encode())
        for member in range(max(map(len, values.values()), default=0)):
            own = {f"{position.phase}/{name}": float(column[member]) for name, column in values.items()}
            for curves in self._of(member):
                curves.add(position.step, own)

    def history(self, lines: str) -> None:
        """Append lines of another folder's metrics.csv, with which this one begins."""
        self._logs[METRICS].append(lines.encode())

    def timing(self, position: Position, values: Mapping[str, float]) -> None:
        """Append wall-clock figures. They are the one log that a resumed run does not repeat exactly."""
        lines = [f"{position.phase},{position.step},{name},{float(value)!r}\n" for name, value in values.items()]
        self._logs[TIMING].append("".join(lines).encode())

    def elapsed(self) -> float:
        """Seconds that earlier processes trained up to the checkpoint, as logged; damaged lines do not count."""
        self._logs[TIMING].sync()
        found, text = [0.0], b""
        with suppress(OSError), open_plain(self.path / TIMING) as file:
            text = file.read()
        for line in text.decode(errors="replace").splitlines():
            if ",elapsed_seconds," in line:
                with suppress(ValueError):
                    found.append(float(line.rpartition(",")[2]))
        return max(seconds for seconds in found if np.isfinite(seconds))

    def transitions(self, rows: np.ndarray, last: np.ndarray) -> None:
        """Append one environment step of all members: packed rows [P, W] and whether the episode ended [P]."""
        record = np.concatenate([rows, last[:, None]], axis=1, dtype=np.float32)
        self._logs[REPLAY].append(record.tobytes())

    def read_transitions(self, members: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Everything appended so far: rows [T, P, W] and last [T, P]."""
        self._logs[REPLAY].sync()
        with naming(self.path / REPLAY):
            records = np.fromfile(self.path / REPLAY, np.float32).reshape(-1, members, width + 1)
        return records[..., :-1], records[..., -1] > 0

    def save(self, position: Position, tree: Any) -> Checkpoint:
        """A durable checkpoint of `tree` that knows how long the logs are now."""
        prefixes = {name: log.sync() for name, log in self._logs.items()}
        self.checkpoint = checkpoint.save(self.path / "checkpoints", position, tree, prefixes)
        return self.checkpoint

    def status(self, state: str, position: Position, message: str = "", **more: Any) -> None:
        entry = {"state": state, "phase": position.phase, "step": position.step, "message": message, **more}
        write_whole(self.path / "status.json", sealed(entry))

    def _lengthen(self, description: Mapping[str, Any], there: Mapping[str, Any]) -> None:
        """Ask for more from here on. The state goes first: in between, the run is one to be finished as it was."""
        state = {**read_status(self.path), "state": "interrupted"}
        write_whole(self.path / "status.json", sealed(state))
        lengthened = [*there.get("lengthened", []), there["plan"]]
        write_whole(self.path / "run.json", sealed({**description, "lengthened": lengthened}))

    def close(self) -> None:
        for log in self._logs.values():
            log.close()
        for several in self._curves.values():
            for curves in several:
                curves.close()

    def _of(self, member: int) -> list[Curves]:
        """Where the curves of a member go."""
        if member not in self._curves:
            name = board_name(self._description.get("members", ()), member)
            own: list[Curves] = [Board(self.path, f"{BOARDS}/{name}")]
            own += [track(self._tracker, self.path, name, self._description, member)] if self._tracker else []
            self._curves[member] = own
        return self._curves[member]


def note_tasks(root: Path, names: Sequence[str]) -> None:
    """Let `root` be a folder of several runs, one for each task; those that are there stay. Raises
    CheckpointError if one is a link."""
    for name in names:
        _refuse_link(root / name)
    known = [path.name for path in tasks_below(root)]
    write_whole(root / TASKS, json.dumps([*known, *(name for name in names if name not in known)], indent=1))


def tasks_below(root: Path) -> list[Path]:
    """The runs of a folder of several, in the order they were asked for; none of any other folder."""
    try:
        names = read_json(root / TASKS)
    except (OSError, ValueError):
        return []
    listed = names if isinstance(names, list) else []
    plain = [name for name in listed if isinstance(name, str) and Path(name).name == name]
    return [root / name for name in plain if any((root / name).glob("*/run.json"))]


def read_description(path: Path) -> dict[str, Any]:
    """run.json of a group's folder. Raises CheckpointError if it is missing or damaged."""
    try:
        description = read_sealed(path / "run.json")
        if description.get("format") not in READABLE:
            raise ValueError("not written by this version of pars")
        _check_types(description)
        return description
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in GONE:
            raise unreadable(path, error) from None
        raise CheckpointError(f"{path / 'run.json'} cannot be read: {error}; is {path} a run folder?") from None


def _check_types(description: Mapping[str, Any]) -> None:
    """Raises ValueError where an entry is not even of the kind that is asked for."""
    for name, kind in {"algorithm": str, "members": list, "plan": dict, "dataset": dict}.items():
        if not isinstance(description.get(name, kind()), kind):
            raise ValueError(f"its {name} is a {type(description[name]).__name__}")
    for member in description.get("members", []):
        if not isinstance(member, dict) or not isinstance(member.get("settings"), dict) or "seed" not in member:
            raise ValueError("a member has no seed or no settings")
        if type(member["seed"]) is not int:
            raise ValueError(f"a member's seed is a {type(member['seed']).__name__}")


def check_description(path: Path, description: Mapping[str, Any]) -> dict[str, Any] | None:
    """See that the run.json of a group's folder, if any, asks for the same training or the beginning of it. -> what is
    there. Raises CheckpointError."""
    _refuse_link(path)
    if not (path / "run.json").exists():
        return None
    there = read_description(path)
    if there["format"] != FORMAT:
        raise earlier(path)
    here, asked = (_identity(d) for d in (there, description))
    for name in asked:
        if here.get(name) == asked[name] or (name == "plan" and is_longer(asked["plan"], here["plan"])):
            continue
        if name == "plan" and is_longer(here["plan"], asked["plan"]):
            options = [f"--{name} {here['plan'][length]}" for name, length in zip(("steps", "online-steps"), LENGTHS)]
            raise CheckpointError(f"{path} is a longer run: give {' '.join(options)} or more, or use a new --out")
        raise CheckpointError(f"{path} holds another run (its {name} differs); use a new --out")
    return there


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise CheckpointError(f"{path} is a link; put what it leads to in its place")


def earlier(path: Path) -> CheckpointError:
    """Why a folder of an earlier version cannot go on."""
    return CheckpointError(
        f"{path} was begun by an earlier version of pars: it can be evaluated and reported, but not continued; "
        "finish it with that version, or use a new --out"
    )


def read_status(path: Path) -> dict[str, Any]:
    """status.json of a group's folder; a fresh one has none, and a damaged one counts as none."""
    fresh = {"state": "new", "phase": "offline", "step": 0, "message": ""}
    try:
        return fresh | read_sealed(path / "status.json")
    except (OSError, ValueError):
        return fresh


def _identity(description: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a description that must agree for two calls to be the same training."""
    parts = {name: description.get(name) for name in ("algorithm", "task", "members", "plan")}
    parts["dataset"] = (description.get("dataset") or {}).get("fingerprint")
    parts["start"] = (description.get("start") or {}).get("digest")
    return json.loads(json.dumps(parts))
