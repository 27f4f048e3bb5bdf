"""What `pars data clean` writes into its files beside the columns: their names, and the range of the actions."""

import json
from pathlib import Path
from typing import Any

from pars.data.formats import hdf5
from pars.units import ActionRange

# attributes; actions are scaled from LOW and HIGH, which SOURCE tells the origin of
COLUMNS, LOW, HIGH, SOURCE = "columns", "action_low", "action_high", "action_range"


def facts(names: dict[str, list[str]], known: ActionRange | None) -> dict[str, Any]:
    """The attributes of a file."""
    return {COLUMNS: json.dumps(names)} | ({LOW: known.low, HIGH: known.high, SOURCE: known.source} if known else {})


def read(path: Path) -> tuple[ActionRange | None, dict[str, list[str]]] | None:
    """The range that a file's actions were scaled from, and the names of its columns; None if it was not cleaned."""
    with hdf5.opened(path) as file:
        if COLUMNS not in file.attrs:
            return None
        try:
            names = {str(key): [str(name) for name in own] for key, own in json.loads(file.attrs[COLUMNS]).items()}
        except (AttributeError, TypeError, ValueError):
            return None
        if LOW not in file.attrs or HIGH not in file.attrs:
            return None, names
        low, high = ([float(value) for value in file.attrs[end]] for end in (LOW, HIGH))
        return ActionRange.of(low, high, f"{file.attrs.get(SOURCE, 'the range on file')}, as cleaned"), names
