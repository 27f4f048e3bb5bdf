"""`pars data clean`: data of one's own as one file in D4RL's layout, with what reading it took done and written down.

Holes are mended, episodes cut, flags read off and columns named by the mapping and its rules (formats/mapping.py); here
actions in units of their own are scaled to [-1, 1], each from the least and greatest value on file. The file keeps the
names and the ranges, and says in `made` what was done.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pars.data.action_range import TOLERANCE
from pars.data.dataset import from_arrays
from pars.data.formats import cleaned, hdf5
from pars.data.formats.files import read_columns
from pars.data.formats.layout import Array
from pars.errors import UsageError
from pars.units import ActionRange


class Cleaned(NamedTuple):
    """What was written."""

    rows: int
    record: list[str]  # what was done, a sentence each
    warnings: list[str]  # what remains


def clean(path: Path, out: Path, mapping: Mapping[str, Any] | None = None) -> Cleaned:
    """Write the source `path` to the HDF5 file `out`.

    Args:
        mapping: the user's names and rules, see formats/mapping.py.

    Raises UsageError if `out` is there already or no HDF5 name, DataError if the source must not be trained on even so.
    """
    if out.suffix not in (".hdf5", ".h5"):
        raise UsageError(f"--out {out}: is written as HDF5; give it a name such as {out.with_suffix('.hdf5')}")
    if out.exists():
        raise UsageError(f"--out {out}: is there already; name another file, or remove it")
    columns = read_columns(path, mapping=mapping)
    record, known = [*columns.notes], None
    arrays = {key: _numbers(values) for key, values in columns.items()}
    if len(arrays["actions"]) and np.abs(arrays["actions"]).max() > 1.0 + TOLERANCE:
        known = columns.action_range or _span(arrays["actions"])
        arrays["actions"] = known.to_scaled(arrays["actions"])
        spans = ", ".join(f"{a:.4g} to {b:.4g}" for a, b in zip(known.low, known.high, strict=True))
        record.append(f"actions: scaled to [-1, 1], each from its range on file: {spans}")
    found = from_arrays(arrays, name=str(path), next_obs=columns.next_obs)
    both = (arrays["terminals"].reshape(-1) != 0) & (arrays.get("timeouts", np.zeros(1)).reshape(-1) != 0)
    if both.any():
        arrays["timeouts"] = arrays["timeouts"].reshape(-1) * ~both
        record.append(f"ends: {int(both.sum()):,} rows were both terminal and timeout and are terminal now")
    said = "; ".join(record) or "nothing had to be changed"
    names = {key: list(own) for key, own in columns.names.items()}
    hdf5.write(out, arrays, {"made": f"cleaned from {path.name}: {said}", **cleaned.facts(names, known)})
    return Cleaned(len(arrays["rewards"]), record, [*columns.warnings, *found.card["warnings"]])


def _numbers(values: Array) -> Array:
    return np.asarray(values, np.float32 if values.dtype.kind == "f" else values.dtype)


def _span(action: Array) -> ActionRange:
    """From the least to the greatest value of each column; one that never changes stands in the middle of its own."""
    low, high = action.min(axis=0), action.max(axis=0)
    return ActionRange.of(low - (low == high), high + (low == high), "the data's least and greatest")
