"""`pars data clean`: data of one's own as one file in D4RL's layout, with what reading it took done and written down.

Holes are mended, episodes cut, flags read off and columns named by the mapping and its rules (formats/mapping.py); here
actions in units of their own are scaled to [-1, 1] from the range that is given, or else from the least to the greatest
value on file, which is said. The file keeps the names and the ranges, and says in `made` what was done.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pars.data.action_range import Found, find_range
from pars.data.dataset import from_arrays
from pars.data.formats import cleaned, hdf5
from pars.data.formats.files import read_columns
from pars.data.formats.layout import Array, Columns
from pars.data.rows import named
from pars.errors import UsageError


class Cleaned(NamedTuple):
    """What was written."""

    rows: int
    record: list[str]  # what was done, a sentence each
    warnings: list[str]  # what remains


def clean(path: Path, out: Path, mapping: Mapping[str, Any] | None = None, action_range: str | None = None) -> Cleaned:
    """Write the source `path` to the HDF5 file `out`.

    Args:
        mapping: the user's names and rules, see formats/mapping.py.
        action_range: of the actions, see `pars.units.parse_range`.

    Raises UsageError if `out` is there already or no HDF5 name, DataError if the source must not be trained on even so.
    """
    if out.suffix not in (".hdf5", ".h5"):
        raise UsageError(f"--out {out}: is written as HDF5; give it a name such as {out.with_suffix('.hdf5')}")
    if out.exists():
        raise UsageError(f"--out {out}: is there already; name another file, or remove it")
    columns = read_columns(path, mapping=mapping)
    record = [*columns.notes]
    known, assumed = _range_of(columns, str(path), action_range)
    columns.update({key: _numbers(values) for key, values in columns.items()})
    if known:
        columns["actions"] = known.to_scaled(columns["actions"])
        record.append(f"actions: scaled to [-1, 1] from {known} ({known.source})")
    columns.action_range = None
    remains = [assumed] if assumed else []
    remains += [one for one in from_arrays(columns, name=str(path)).card["warnings"] if one != assumed]
    both = (columns["terminals"].reshape(-1) != 0) & (columns.get("timeouts", np.zeros(1)).reshape(-1) != 0)
    if both.any():
        columns["timeouts"] = columns["timeouts"].reshape(-1) * ~both
        record.append(f"ends: {int(both.sum()):,} rows were both terminal and timeout and are terminal now")
    said = "; ".join(record) or "nothing had to be changed"
    names = {key: list(own) for key, own in columns.names.items()}
    facts = cleaned.facts(names, known, columns.sentinels)
    hdf5.write(out, columns, {"made": f"cleaned from {path.name}: {said}", **facts})
    return Cleaned(len(columns["rewards"]), record, remains)


def _numbers(values: Array) -> Array:
    return np.asarray(values, np.float32 if values.dtype.kind in "fi" else values.dtype)


def _range_of(columns: Columns, source: str, given: str | None) -> Found:
    """As training would read it."""
    action = columns["actions"].reshape(len(columns["actions"]), -1)
    names = [named(columns.names, "actions", i) for i in range(action.shape[1])]
    known = columns.action_range
    return find_range(action, source, None, given, known, names, columns.place) if len(action) else Found(None)
