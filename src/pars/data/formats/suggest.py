"""A first mapping of a source whose columns have names of their own, guessed from names and values: a file to correct.

`pars data check DATA --suggest mapping.toml` writes it, every column with what it holds and the reason of the guess
(roles.py) beside it.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pars.data.checking.magnitude import doubtful, is_odd, usual
from pars.data.formats.files import TABLES
from pars.data.formats.forms import form_of
from pars.data.formats.layout import Array, in_rows
from pars.data.formats.mapping import INDEX, quoted
from pars.data.formats.roles import counts_rows, is_command, roles, words_of
from pars.data.formats.sources import find
from pars.data.formats.tables import Cells, NotNumbers, is_date
from pars.errors import DataError, UsageError

Names = Callable[[Path], list[str]]
Read = Callable[..., Cells]

EPISODE = (
    r"(episode|run|trial|traj(ectory)?|batch|demo|rollout|day|shift|cycle|session|lot)"
    r"([ _]?(id|index|idx|no|nr|number))?"
)
TIME = r"t|ts|time([ _]?s(tamp|econds)?)?|timestamp.*|date([ _]?time)?"
REWARD = r"(.*[ _.])?rewards?|r|gain|profit"
JUDGED = {"score", "quality", "kpi", "objective", "performance", "yield", "revenue", "cost", "loss", "penalty"}
WHO = {"operator", "user", "name", "person", "staff", "crew", "team", "driver", "engineer", "technician", "supervisor"}
TERMINAL = r"(is[ _])?terminals?"
ENDED = r"trip(ped)?|fail(ed|ure)?|fault|alarm|crash(ed)?|fell|fallen|stop(ped)?|esd|error"
DOUBTFUL = r"alarm|fault|error"  # after which runs often go on
CONTROL = r"[\x00-\x1f\x7f-\x9f]"  # which TOML takes in no comment, and a terminal may obey
MOST_WORDS = 12  # different words of a column that is taken for a state
SHOWN = 3  # of more
MANY_WORDS = 1000  # that are kept in mind
MOST_CODES = 3  # different numbers that stand for no value, of a column
MOST_BYTES = 2**28  # of files that are looked at
MOST_ROWS = 50_000  # by whose course it is judged how a column moves


@dataclass
class Look:
    """What a column of the source holds."""

    low: float = np.inf
    high: float = -np.inf
    missing: int = 0
    files: int = 0  # that have the column
    is_text: bool = False
    words: dict[str, None] = field(default_factory=dict)  # in the order of their first appearance
    course: Array = field(default_factory=lambda: np.zeros(0))  # [at most `MOST_ROWS`], of numbers

    @property
    def text(self) -> str:
        """In a few words."""
        lacks = f", {in_rows(self.missing)} without" if self.missing else ""
        if self.is_text:
            many = len(self.words) > MOST_WORDS
            shown = ", ".join([*self.words][: SHOWN if many else MOST_WORDS]) or "no words"
            return shown + (", ..." if many else "") + lacks
        return (f"{self.low + 0.0:.4g} to {self.high + 0.0:.4g}" if self.low <= self.high else "no values") + lacks


def suggested(path: Path) -> str:
    """The mapping as TOML.

    Raises UsageError for forms that are no tables: they name their columns by groups. DataError for tables that hold
    no number.
    """
    source = find(path)
    forms = {form_of(file) for file in source.files}
    if not forms <= set(TABLES) or len(forms) > 1:
        raise UsageError(f"{path}: --suggest is for tables (CSV, Parquet); pars data check lists what others hold")
    files = _drawn(source.files)
    looks: dict[str, Look] = {}
    for file in files:
        _look(file, *TABLES[form_of(file)], looks)
    if all(look.is_text or look.low > look.high for look in looks.values()):
        raise DataError(f"{path}: no column holds numbers, there is nothing to map; give a table with a row per step")
    lines = _lines(path, looks, len(files), len(source.files))
    return "".join(f"{re.sub(CONTROL, _written_out, line)}\n" for line in lines)


def _written_out(sign: re.Match[str]) -> str:
    """As TOML has it in texts."""
    return f"\\u{ord(sign[0]):04x}"


def _drawn(files: list[Path]) -> list[Path]:
    """All files or, of more than `MOST_BYTES`, evenly drawn ones with the first and the last."""
    share = MOST_BYTES / max(sum(file.stat().st_size for file in files), 1)
    count = max(2, int(share * len(files)))
    return files if share >= 1 else [files[round(i)] for i in np.linspace(0, len(files) - 1, min(count, len(files)))]


def _look(file: Path, names_in: Names, read: Read, looks: dict[str, Look]) -> None:
    """Add what the columns of a file hold; a column that holds a word once is one of words."""
    names = names_in(file)
    found = {name: looks.setdefault(name, Look()) for name in names}
    while True:
        numbers = [name for name in names if not found[name].is_text]
        try:
            cells = read(file, numbers, [name for name in names if found[name].is_text])
            break
        except NotNumbers as error:
            found[error.column].is_text = True
    for name, look in found.items():
        look.files += 1
        look.missing += cells.missing[name].rows if name in cells.missing else 0
        if look.is_text:
            words = dict.fromkeys(cells.words[name].tolist())
            look.words |= {word: None for word in words if word and len(look.words) <= MANY_WORDS}
        else:
            values = np.asarray(cells.numbers[name], np.float64)
            finite = values[np.isfinite(values)]
            if values.ndim == 1:
                look.course = np.concatenate([look.course, values[: MOST_ROWS - len(look.course)]])
            look.low = min(look.low, float(finite.min(initial=np.inf)))
            look.high = max(look.high, float(finite.max(initial=-np.inf)))


def _lines(path: Path, looks: dict[str, Look], files: int, of: int) -> Iterable[str]:
    places: dict[str, list[str]] = {key: [] for key in ("obs", "action", "reward", "terminal", "episode", "time")}
    left: list[str] = []
    judged = [name for name, look in looks.items() if _place(name, look) == "obs" and JUDGED & {*words_of(name)}]
    guesses = roles({name: _measured(look) for name, look in looks.items() if _place(name, look) == "obs"})
    for name, look in looks.items():
        place = _place(name, look) if look.files == files else ""
        place = "action" if place == "obs" and guesses[name].is_action else place
        places.get(place, left).append(name)
    judged = [] if places["reward"] else [name for name in judged if name in places["obs"]]
    places["obs"] = [name for name in places["obs"] if name not in judged]
    yield f"# What the columns of {path} are: a guess by their names, their units and how they move, with its reason"
    yield f"# behind each. Check every line, then: pars data check {path} --map THIS_FILE"
    if files < of:
        yield f"# (looked at {files:,} of {of:,} files: rare words may be missing)"
    for key, what in (("obs", "what a policy sees"), ("action", "what it sets")):
        yield f"{key} = [  # {what}"
        yield from (f"  {_text(name)},  # {looks[name].text}: {guesses[name].why}" for name in places[key])
        yield "]"
    yield from _one(
        "reward",
        places["reward"],
        looks,
        '""  # no column looks like it: name one, larger is better; 0 for what needs none (bc, hiql)',
    )
    yield from (f"# perhaps: {_text(quoted(name))}  # {looks[name].text}; a cost: -{quoted(name)}" for name in judged)
    yield from _terminal(places["terminal"], looks)
    if places["episode"]:
        yield from _one("episode", places["episode"], looks, "")
    elif of > 1:
        yield 'episode = "file"'
    if places["time"]:
        yield from _one("time", places["time"], looks, "")
    codes = {
        str(code).removesuffix(".0"): None
        for name in [*places["obs"], *places["action"]]
        for code in _codes(looks[name])
    }
    if codes:
        yield f'missing = "{"|".join(codes)}"  # stands where there is no value'
    if codes or any(looks[name].missing for name in [*places["obs"], *places["action"], *places["reward"]]):
        yield 'fill = "forward"  # or "drop-row", "drop-episode"'
    for name in left:
        where = f", in {looks[name].files:,} of {files:,} files" if looks[name].files < files else ""
        where += ", counts the rows" if counts_rows(looks[name].course) else ""
        where += ", no value at all" if _is_empty(looks[name]) else ""
        yield f"# left out: {_text(name)}  # {looks[name].text}{where}"


def _codes(look: Look) -> list[float]:
    """Numbers of a column that seem to stand for missing values: known for it or huge, and far from the others."""
    seen = np.append(look.course[np.isfinite(look.course)], [look.low, look.high] if look.low <= look.high else [])
    if not len(seen):
        return []
    low, high = usual(seen)
    found = [value for value in np.unique(seen[doubtful(seen)]).tolist() if is_odd(value, low, high)]
    return found if len(found) <= MOST_CODES else []  # more are a quantity with large values


def _is_empty(look: Look) -> bool:
    """Whether a column of numbers holds none but codes."""
    return not look.is_text and len(look.course) > 0 and bool(np.isnan(_measured(look)).all())


def _measured(look: Look) -> Array:
    """The course [n] of a column, NaN where a code stands."""
    return np.where(np.isin(look.course, _codes(look)), np.nan, look.course)


def _text(value: str) -> str:
    """As TOML has it."""
    return json.dumps(value, ensure_ascii=False)


def _place(name: str, look: Look) -> str:
    """Which of our names a column is of; empty: none. What may be an action is an observation here."""
    if INDEX.fullmatch(name):
        return ""
    for place, pattern in (("time", TIME), ("episode", EPISODE)):
        if re.fullmatch(pattern, name, re.I):
            return place
    if look.is_text and all(map(is_date, [*look.words][:MOST_WORDS])):
        return "time" if look.words else ""
    if (counts_rows(look.course) and not is_command(name)) or _is_empty(look):
        return ""
    if look.is_text:
        return "terminal" if len(look.words) <= MOST_WORDS and not WHO & {*words_of(name)} else ""
    found = (
        place for place, pattern in (("reward", REWARD), ("terminal", TERMINAL)) if re.fullmatch(pattern, name, re.I)
    )
    return next(found, "obs")


def _one(key: str, names: list[str], looks: dict[str, Look], otherwise: str) -> Iterable[str]:
    yield f"{key} = {_text(quoted(names[0]))}  # {looks[names[0]].text}" if names else f"{key} = {otherwise}"
    yield from (f"# or: {_text(name)}  # {looks[name].text}" for name in names[1:])


def _terminal(names: list[str], looks: dict[str, Look]) -> Iterable[str]:
    """The first column that tells an end, and the others beside it."""
    ended = {name: [word for word in looks[name].words if re.fullmatch(ENDED, word, re.I)] for name in names}
    chosen = next((name for name in names if ended[name] or not looks[name].is_text), None)
    if chosen is None:
        yield "terminal = 0  # no column seems to say that the task itself ended"
    else:
        value = f"{quoted(chosen)}=={'|'.join(ended[chosen])}" if ended[chosen] else quoted(chosen)
        doubt = any(re.fullmatch(DOUBTFUL, word, re.I) for word in ended[chosen])
        yield f"terminal = {_text(value)}  # {chosen}: {looks[chosen].text}; where the task itself ended"
        yield from ["# in doubt: where a run goes on after it, it is no end: terminal = 0"] if doubt else []
    for name in names:
        if name != chosen:
            yield f"# or: {_text(f'{quoted(name)}==WORD')}  # {name}: {looks[name].text}"
