"""A user's own names for the columns: `--map obs=pos_*+vel_*,action=u,reward=r,terminal=status==TRIP,episode=run`.

Left of each `=` stands a name of ours, right of it where its values are: names of columns or arrays, joined by `+`.
`*`, `?` and `[...]` match as in file names, in the order of the file; `pos` alone also means pos_0, pos_1, ... if there
is no plain `pos`. A name in quotes is taken as it stands: `obs="flow, l/s"+"temp 1"`. A number instead of a name is a
constant: `terminal=0` for a task that never ends. `reward=-cost` turns the sign round. `column==VALUE|VALUE` is 1 where
the column holds one of the values, `column!=VALUE` where it does not. Names that the mapping leaves out keep their
meaning.

`episode` is a column that changes when a new episode begins, or `file`: every file is one. The last row of an episode
is then marked as a timeout, unless the task ended there. `time` is a column of times, in seconds or as dates; `fill`
and `split_gap` say what is done about missing values and gaps in time, `missing=-9999|1e30` what numbers stand for
missing values, see episodes.py.

`data/demo_*/actions` stands for one HDF5 group per episode: a pattern in any step but the last, see groups.py.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from pars.data.formats.layout import OPTIONAL, REQUIRED
from pars.errors import DataError, UsageError, unknown

EPISODE, TIME = "episode", "time"
FILE = "file"  # of `episode`: every file is one
FILL, SPLIT_GAP, MISSING = "fill", "split_gap", "missing"
RULES = (FILL, SPLIT_GAP, MISSING)
KEYS = (*REQUIRED, *OPTIONAL, EPISODE, TIME)
SHORT = {
    "obs": "observations",
    "action": "actions",
    "reward": "rewards",
    "terminal": "terminals",
    "done": "terminals",
    "timeout": "timeouts",
    "next_obs": "next_observations",
}
MOST_NAMED = 8  # columns of a file, in a message
MATRICES = ("observations", "actions", "next_observations")
INDEX = re.compile(r"|Unnamed: \d+|__index_level_\d+__|index")  # row numbers, which no pattern means


class Where(NamedTuple):
    """A flag that is read off another column."""

    name: str
    values: tuple[str, ...]
    equal: bool  # 1 where the column holds one of the values, or where it holds none of them


Names = Mapping[str, Any]  # a file's names in its order
Origins = dict[str, list[str] | Where | float]  # our name -> names in the file, a comparison, or a constant


def parse_mapping(text: str) -> dict[str, str]:
    """`obs=state,action=u` as {"observations": "state", "actions": "u"}. Raises UsageError."""
    mapping: dict[str, str] = {}
    for entry in apart(text, ","):
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not (name and equals and value):
            raise UsageError(
                f"--map {text}: {entry.strip()!r} is not of the form name=column; "
                "write it as in --map obs=pos_*+vel_*,action=u"
            )
        key = _key(name)
        if key in mapping:
            raise UsageError(f"--map {text}: {key} is given twice; join columns by +, as in {name}=a+b")
        mapping[key] = value
    return mapping


def apart(text: str, sign: str) -> list[str]:
    """The text cut at a sign, but not inside quotes."""
    return (
        [text] if not text else re.findall(rf'(?:^|(?<={re.escape(sign)}))((?:"[^"]*"|[^{re.escape(sign)}"])*)', text)
    )


def turned(mapping: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """The mapping with `rewards` to be read, and whether they are to be turned round: `reward=-cost`."""
    text = mapping.get("rewards", "")
    if not text.startswith("-") or _number(text) is not None:
        return dict(mapping), False
    return {**mapping, "rewards": text[1:].strip()}, True


def quoted(name: str) -> str:
    """A name as it is written in a mapping: in quotes where it would mean something else."""
    plain = name and not re.search(r"[+,*?\[=|]|^\s|\s$", name) and _number(name) is None
    return name if plain else f'"{name}"'


def canonical(mapping: Mapping[str, Any] | None) -> dict[str, str]:
    """The mapping with D4RL's names on the left, whichever were used; a list of names on the right is their sum, one
    of numbers of a rule any of them.

    Raises UsageError for unknown names, and for two of one meaning.
    """

    def text(name: str, value: Any) -> str:
        if not isinstance(value, list | tuple):
            return str(value)
        return "|".join(map(str, value)) if name in RULES else "+".join(quoted(str(one)) for one in value)

    found: dict[str, str] = {}
    for name, value in (mapping or {}).items():
        if (key := _key(name)) in found:
            same = [one for one in mapping or {} if _key(one) == key]
            raise UsageError(f"--map: {' and '.join(same)} mean the same; leave all but one out")
        found[key] = text(name, value)
    return found


def _key(name: str) -> str:
    if name not in SHORT and name not in KEYS and name not in RULES:
        raise UsageError(unknown("name in --map", name, [*SHORT, *KEYS, *RULES]))
    return SHORT.get(name, name)


def origins(path: Path, names: Iterable[str], mapping: Mapping[str, str], hint: str = "") -> Origins:
    """Which of the file's names make up each of our columns; without a mapping those of the same name.

    Args:
        names: of the file's columns, in its order.
        mapping: from our names (`KEYS`) to expressions.
        hint: the end of the message about a name that is not there.

    Raises DataError for a name in the mapping that the file does not have.
    """
    found: Origins = {}
    own = dict.fromkeys(names)  # in their order; of thousands, too, one is found at once
    for key in KEYS:
        if key not in mapping:
            if key not in (EPISODE, TIME) and (sources := _matching(key, own)):
                found[key] = sources
        elif mapping[key] == FILE and key == EPISODE and FILE not in own:
            continue
        elif (value := _number(mapping[key])) is not None and mapping[key] not in own:
            if key in MATRICES:
                some = ", ".join([*own][:MOST_NAMED]) + (", ..." if len(own) > MOST_NAMED else "")
                raise UsageError(
                    f"--map {key}={mapping[key]}: a number is a constant, and {key} come from columns; name them (the "
                    f"file has {some})"
                )
            found[key] = value
        elif (where := _where(path, key, mapping[key], own, hint)) is not None:
            found[key] = where
        else:
            parts = [part.strip() for part in apart(mapping[key], "+")]
            found[key] = [name for part in parts for name in _named(path, key, part, own, hint)]
    return found


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d+(\.\d*)?", text) else None


def _where(path: Path, key: str, text: str, names: Names, hint: str) -> Where | None:
    """`status==TRIP|ALARM` or `status!=OK`; None for anything else."""
    found = re.fullmatch(r'("[^"]*"|[^"]*?)\s*([=!])=(.+)', text)
    if not found or text in names:
        return None
    if key in MATRICES:
        raise UsageError(f"--map {key}={text}: a comparison is a flag; it is for terminal, timeout and reward")
    (name,) = _named(path, key, found[1].strip(), names, hint)[:1]
    values = tuple(value.strip().strip('"') for value in found[3].split("|"))
    return Where(name, values, found[2] == "=")


def _named(path: Path, key: str, part: str, names: Names, hint: str) -> list[str]:
    if len(part) > 1 and part[0] == part[-1] == '"':
        part = part[1:-1]
        found = [part] if part in names else []
    else:
        found = _matching(part, names)
    if found:
        return found
    known = unknown("column", part, names) if names else "the file has no columns"
    raise DataError(f"{path}: --map {key}: {known}{hint}")


def _matching(part: str, names: Names) -> list[str]:
    """Names equal to `part`, else matching it as a pattern, else those it numbers."""
    if part in names:
        return [part]
    if any(sign in part for sign in "*?["):
        return [name for name in names if fnmatchcase(name, part) and not INDEX.fullmatch(name)]
    own = re.compile(rf"{re.escape(part)}_\d+")
    numbered = [name for name in names if own.fullmatch(name)]
    return sorted(numbered, key=natural)


def natural(name: str) -> list[int | str]:
    """Sort key that puts x_2 before x_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
