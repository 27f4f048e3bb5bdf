"""A mapping as a file, `--map mapping.toml`: the names and rules of formats/mapping.py, one a line.

obs = ["pos_x", "pos_y", "flow, l/s"]     # a list: names as they stand
action = "valve_*+pump"                   # or a text, as on the command line
terminal = "status==TRIP"
fill = "forward"
"""

import tomllib
from pathlib import Path
from typing import Any

from pars.data.formats.mapping import FILL, SHORT, SPLIT_GAP, canonical, parse_mapping
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
        found: dict[str, Any] = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"--map {path}: {reason}; pars data check DATA --suggest {path} writes one") from error
    for name, value in found.items():
        if value in ([], ""):
            none = ", or 0 if there is none (bc, hiql)" if SHORT.get(name, name) == "rewards" else ""
            raise UsageError(f'--map {path}: {name} is empty; name the columns, as in {name} = ["a", "b"]{none}')
        if not isinstance(value, str | int | float | list):
            raise UsageError(f'--map {path}: {name} = {value!r}; name the columns, as in {name} = ["a", "b"]')
    return canonical(found)
