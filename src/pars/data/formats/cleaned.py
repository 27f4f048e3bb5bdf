"""What `pars data clean` writes into its files beside the columns: their names, the range of the actions, and the
numbers that stood for missing values."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from pars.data.formats import hdf5
from pars.units import ActionRange

# attributes; actions are scaled from LOW and HIGH, which SOURCE tells the origin of
COLUMNS, LOW, HIGH, SOURCE = "columns", "action_low", "action_high", "action_range"
SENTINELS = "sentinels"


class Told(NamedTuple):
    """What a cleaned file says of itself."""

    action_range: ActionRange | None  # that its actions were scaled from
    names: dict[str, list[str]]  # of its columns
    sentinels: tuple[float, ...]


def facts(names: dict[str, list[str]], known: ActionRange | None, sentinels: tuple[float, ...] = ()) -> dict[str, Any]:
    """The attributes of a file."""
    bounds = {LOW: known.low, HIGH: known.high, SOURCE: known.source} if known else {}
    return {COLUMNS: json.dumps(names)} | bounds | ({SENTINELS: sentinels} if sentinels else {})


def read(path: Path) -> Told | None:
    """None if the file was not cleaned."""
    with hdf5.opened(path) as file:
        if COLUMNS not in file.attrs:
            return None
        try:
            names = {str(key): [str(name) for name in own] for key, own in json.loads(file.attrs[COLUMNS]).items()}
            sentinels = tuple(float(value) for value in file.attrs.get(SENTINELS, ()))
        except (AttributeError, TypeError, ValueError):
            return None
        if LOW not in file.attrs or HIGH not in file.attrs:
            return Told(None, names, sentinels)
        low, high = ([float(value) for value in file.attrs[end]] for end in (LOW, HIGH))
        source = f"{file.attrs.get(SOURCE, 'the range on file')}, as cleaned"
        return Told(ActionRange.of(low, high, source), names, sentinels)
