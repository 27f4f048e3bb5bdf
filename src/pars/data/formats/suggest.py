"""A first mapping of a source whose columns have names of their own, guessed from names and values: a file to correct.

`pars data check DATA --suggest mapping.toml` writes it, every column with what it holds beside it.
"""

import contextlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pars.data.formats.files import TABLES, form_of
from pars.data.formats.mapping import INDEX, quoted
from pars.data.formats.sources import find
from pars.errors import DataError, UsageError

EPISODE = r"(episode|run|trial|traj(ectory)?|batch|demo|rollout)([ _]?(id|index|idx|no|nr|number))?"
TIME = r"t|ts|time([ _]?s(tamp|econds)?)?|timestamp.*|date([ _]?time)?"
REWARD = r"(.*[ _.])?rewards?|r|gain|profit"
ACTION = (
    r"(actions?|act|u|cmd|command|ctrl|control|valve|pump|setpoint|sp)([ _.].*)?|.*[ _](cmd|command|setpoint|sp|out)"
)
TERMINAL = r"(is[ _])?terminals?"
ENDED = r"trip(ped)?|fail(ed|ure)?|fault|alarm|crash(ed)?|fell|fallen|stop(ped)?|esd|error"
MOST_WORDS = 12  # different words of a column that is taken for a state


@dataclass
class Look:
    """What a column of the source holds."""

    low: float = np.inf
    high: float = -np.inf
    missing: int = 0
    words: dict[str, None] = field(default_factory=dict)  # in the order of their first appearance

    @property
    def text(self) -> str:
        """In a few words."""
        lacks = f", {self.missing:,} rows without" if self.missing else ""
        if self.words:
            return ", ".join([*self.words][:MOST_WORDS]) + lacks
        return (f"{self.low:.4g} to {self.high:.4g}" if self.low <= self.high else "no values") + lacks


def suggested(path: Path) -> str:
    """The mapping as TOML. Raises UsageError for forms that are no tables; they name their columns by groups."""
    source = find(path)
    forms = {form_of(file) for file in source.files}
    if not forms <= set(TABLES) or len(forms) > 1:
        raise UsageError(f"{path}: --suggest is for tables (CSV, Parquet); pars data check lists what others hold")
    looks = _looks(source.files, *forms)
    return "\n".join(_lines(path, looks, len(source.files))) + "\n"


def _looks(files: list[Path], form: str) -> dict[str, Look]:
    """Of all columns of all files, which have those of the first."""
    names_in, read = TABLES[form]
    looks = {name: Look() for name in names_in(files[0])}
    for file in files:
        there = [name for name in names_in(file) if name in looks]
        for name in there:
            look = looks[name]
            with contextlib.suppress(DataError):
                if not look.words:
                    cells = read(file, [name])
                    values = cells.numbers[name]
                    finite = values[np.isfinite(values)]
                    look.low = min(look.low, float(finite.min(initial=np.inf)))
                    look.high = max(look.high, float(finite.max(initial=-np.inf)))
                    look.missing += sum(missing.rows for missing in cells.missing.values())
                    continue
            cells = read(file, [], [name])
            look.words |= dict.fromkeys(word for word in cells.words[name].tolist() if word)
            look.missing += sum(missing.rows for missing in cells.missing.values())
    return looks


def _lines(path: Path, looks: dict[str, Look], files: int) -> Iterable[str]:
    places: dict[str, list[str]] = {key: [] for key in ("obs", "action", "reward", "terminal", "episode", "time")}
    left: list[str] = []
    for name, look in looks.items():
        place = _place(name, look)
        places.get(place, left).append(name)
    yield f"# What the columns of {path} are: a guess. Put every name in its place, then"
    yield f"# pars data check {path} --map THIS_FILE"
    for key, what in (("obs", "what a policy sees"), ("action", "what it sets")):
        yield f"{key} = [  # {what}"
        yield from (f"  {_text(name)},  # {looks[name].text}" for name in places[key])
        yield "]"
    yield from _one("reward", places["reward"], looks, '""  # no column looks like it: name one; larger is better')
    yield from _terminal(places["terminal"], looks)
    if files > 1:
        yield 'episode = "file"'
    elif places["episode"]:
        yield from _one("episode", places["episode"], looks, "")
    if places["time"]:
        yield from _one("time", places["time"], looks, "")
    if any(looks[name].missing for name in [*places["obs"], *places["action"], *places["reward"]]):
        yield 'fill = "forward"  # or "drop-row", "drop-episode"'
    yield from (f"# left out: {_text(name)}  # {looks[name].text}" for name in left)


def _text(value: str) -> str:
    """As TOML has it."""
    return json.dumps(value, ensure_ascii=False)


def _place(name: str, look: Look) -> str:
    """Which of our names a column is of; empty: none."""
    if INDEX.fullmatch(name):
        return ""
    for place, pattern in (("time", TIME), ("episode", EPISODE)):
        if re.fullmatch(pattern, name, re.I):
            return place
    if look.words:
        return "terminal" if len(look.words) <= MOST_WORDS else ""
    for place, pattern in (("reward", REWARD), ("terminal", TERMINAL), ("action", ACTION)):
        if re.fullmatch(pattern, name, re.I):
            return place
    return "obs"


def _one(key: str, names: list[str], looks: dict[str, Look], otherwise: str) -> Iterable[str]:
    yield f"{key} = {_text(quoted(names[0]))}  # {looks[names[0]].text}" if names else f"{key} = {otherwise}"
    yield from (f"# or: {_text(name)}  # {looks[name].text}" for name in names[1:])


def _terminal(names: list[str], looks: dict[str, Look]) -> Iterable[str]:
    for name in names:
        look = looks[name]
        ended = [word for word in look.words if re.fullmatch(ENDED, word, re.I)]
        if ended or not look.words:
            value = f"{quoted(name)}=={'|'.join(ended)}" if ended else quoted(name)
            yield f"terminal = {_text(value)}  # {name}: {look.text}; where the task itself ended"
            return
    yield "terminal = 0  # no column seems to say that the task itself ended"
    yield from (f"# or: {_text(f'{quoted(name)}==WORD')}  # {name}: {looks[name].text}" for name in names)
