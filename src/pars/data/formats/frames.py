"""Columns in memory under a user's own names: a dict of arrays, also nested, or a frame of pandas, polars or Arrow.

None of these packages is imported: a frame has `columns` or `column_names`, and its columns become NumPy arrays.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pars.data.formats import groups
from pars.data.formats.contents import Contents, column_names, column_of, costs, never
from pars.data.formats.episodes import ROW, Remarks, decoded, ended
from pars.data.formats.layout import Array, Column, Columns, load, of_array, require
from pars.data.formats.mapping import EPISODE, FILE, canonical, origins, turned
from pars.errors import DataError, UsageError


def is_frame(data: Any) -> bool:
    """Whether this is a table of some package."""
    return not isinstance(data, Mapping) and hasattr(data, "__getitem__") and _names(data) is not None


def read_frame(data: Any, mapping: Mapping[str, Any] | None, source: str) -> Columns:
    """D4RL's columns of a frame or a dict of arrays.

    Args:
        mapping: the user's names and rules, see formats/mapping.py.
        source: what the data is called in messages.

    Raises DataError for columns that are missing, and what is no numbers.
    """
    path, (mapping, minus) = Path(source), turned(canonical(mapping))
    arrays = _flat(data) if isinstance(data, Mapping) else {name: _array(data[name]) for name in _names(data) or ()}
    nested = isinstance(data, Mapping) and any(isinstance(value, Mapping) for value in data.values())
    if nested and (episodes := groups.pattern(mapping)):
        raise UsageError(
            f"{source}: mapping: {episodes} stands for one group per episode, as HDF5 has; name the arrays"
        )
    contents = Contents(
        list(arrays),
        lambda name: _numbers(source, name, arrays[name]),
        [],
        lambda name: of_array(np.array(["" if value is None else str(value) for value in arrays[name].tolist()])),
        lambda name: _seconds(source, name, arrays[name]),
    )
    chosen = origins(path, contents.names, mapping)
    require(path, chosen, contents.names)
    own = {key: column_of(path, key, chosen, contents, True) for key in chosen}
    found = load(path, own, None, 0)
    said = Remarks()
    said.warnings += never(mapping, found)
    found = decoded(found, mapping, said)
    if minus:
        found["rewards"] = -np.asarray(found["rewards"], np.float64)
    said.warnings += [] if minus else costs(mapping, found["rewards"])
    columns = Columns(ended(path, found, [0], mapping, said, mapping.get(EPISODE) == FILE))
    columns.kept, columns.missing, columns.sentinels = columns.pop(ROW, None), said.missing, said.sentinels
    columns.next_obs = "file" if "next_observations" in mapping else "shift"
    columns.names = column_names(chosen, own)
    columns.notes, columns.warnings = tuple(said.notes), tuple(said.warnings)
    return columns


def read_arrays(data: Mapping[str, Any], source: str) -> dict[str, Array]:
    """A dict under D4RL's names as arrays. Raises DataError for what is several arrays: their order is the user's."""
    if not isinstance(data, Mapping):
        raise DataError(f"{source}: is a {type(data).__name__}; give a dict of arrays, or a frame")
    found: dict[str, Array] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            inside = [f"{key}/{name}" for name in value]
            raise DataError(
                f"{source}: '{key}' is a dict; say what of it belongs there, in which order, as in mapping="
                f"{{'{key}': {inside}}}"
            )
        try:
            found[key] = np.asarray(value)
            matrices = isinstance(value, list | tuple) and len(value) and getattr(value[0], "ndim", 0) == 2
        except ValueError:  # of unlike lengths
            matrices = True
        if matrices:
            raise DataError(
                f"{source}: '{key}' is a {type(value).__name__} of {len(value)}, expected one array with a row for "
                "every step; join parts by numpy.hstack, episodes by numpy.concatenate"
            )
    return found


def _names(data: Any) -> list[str] | None:
    """Of the columns, as text: pandas takes any value for a name."""
    for attribute in ("column_names", "columns"):  # an Arrow table's `columns` are arrays
        found = getattr(data, attribute, None)
        if found is not None and not callable(found):
            return [name for name in found if isinstance(name, str)]
    return None


def _flat(data: Mapping[str, Any], above: str = "") -> dict[str, Array]:
    """Arrays by path, as in an HDF5 file."""
    found: dict[str, Array] = {}
    for name, value in data.items():
        found |= _flat(value, f"{above}{name}/") if isinstance(value, Mapping) else {f"{above}{name}": _array(value)}
    return found


def _array(column: Any) -> Array:
    return np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)


def _numbers(source: str, name: str, values: Array) -> Column:
    """Numbers, with NaN where there are none; lists of one length are rows."""
    try:
        if values.dtype.hasobject:
            values = np.array([np.nan if value is None else value for value in values.tolist()], np.float64)
        if values.dtype.kind not in "fiub":
            raise ValueError
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{source}: column {name!r} holds {values.dtype} values, expected numbers; map another column, or compare, "
            "as in mapping={'terminal': 'status==TRIP'}"
        ) from error
    return of_array(values)


def _seconds(source: str, name: str, values: Array) -> Column:
    """Times as seconds, NaN where there is none."""
    if values.dtype.kind == "M":
        empty = np.isnat(values)
        return of_array(np.where(empty, np.nan, values.astype("datetime64[us]").astype(np.float64) / 1e6))
    return _numbers(source, name, values)
