"""A mapping as a file, `--map mapping.toml`: the names and rules of formats/mapping.py, one a line.

obs = ["pos_x", "pos_y", "flow, l/s"]     # a list: names as they stand
action = "valve_*+pump"                   # or a text, as on the command line
terminal = "status==TRIP"
fill = "forward"
"""

import tomllib
from pathlib import Path
from typing import Any

from pars.data.formats.mapping import FILL, MISSING, SHORT, SPLIT_GAP, canonical, parse_mapping
from pars.errors import UsageError


def reading(text: str | None, fill: str | None = None, split_gap: float | None = None) -> dict[str, str] | None:
    """How a source is read, from the options --map, --fill and --split-gap. Raises UsageError."""
    found = {} if text is None else load(Path(text)) if text.endswith(".toml") else parse_mapping(text)
    found |= {FILL: fill} if fill is not None else {}
    found |= {SPLIT_GAP: f"{split_gap:g}"} if split_gap is not None else {}
    return found or None


def load(path: Path) -> dict[str, str]:
    """The mapping of a file. Raises UsageError if it is not there or no mapping."""
    try:
        found: dict[str, Any] = tomllib.loads(path.read_bytes().decode("utf-8-sig"))  # editors add a mark
    except UnicodeDecodeError as error:
        raise UsageError(f"--map {path}: is not UTF-8; save it as UTF-8, plain text") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        one = f"{path} writes one" if not path.exists() else "NEW.toml writes a new one, to compare"
        raise UsageError(f"--map {path}: {reason}; pars data check DATA --suggest {one}") from error
    for name, value in found.items():
        if value in ([], ""):
            raise UsageError(f"--map {path}: {name} is empty; {_meant(name)}")
        each = value if isinstance(value, list) else [value]
        if any(isinstance(one, bool) or not isinstance(one, str | int | float) for one in each):
            shown = str(value).lower() if isinstance(value, bool) else value
            raise UsageError(f"--map {path}: {name} = {shown}; {_meant(name)}")
    return canonical(found)


def _meant(name: str) -> str:
    """What may stand behind a name."""
    flag = f'name a column, as in {name} = "done", compare, as in {name} = "status==TRIP", or give 0: it never happens'
    columns = f'name the columns, as in {name} = ["a", "b"]'
    others = {
        "rewards": f"{columns}, or 0 if there is none (bc, hiql)",
        "terminals": flag,
        "timeouts": flag,
        MISSING: f"name the numbers that stand for no value, as in {name} = [-9999, 1e30]",
        FILL: f'name a rule, as in {name} = "forward"',
        SPLIT_GAP: f"give seconds, as in {name} = 60",
    }
    return others.get(SHORT.get(name, name), columns)
