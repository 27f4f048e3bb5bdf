"""`pars data clean`: data of one's own as one file in D4RL's layout, with what reading it took done and written down.

Holes are mended, episodes cut, flags read off and columns named by the mapping and its rules (formats/mapping.py); here
actions in units of their own are scaled to [-1, 1], each from the least and greatest value on file. The file keeps the
names and the ranges, and says in `made` what was done.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pars.data.dataset import from_arrays
from pars.data.formats import hdf5
from pars.data.formats.files import read_columns
from pars.data.formats.layout import Array
from pars.data.rows import ACTION_TOLERANCE
from pars.errors import UsageError


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
    record, ranges = [*columns.notes], {}
    arrays = {key: _numbers(values) for key, values in columns.items()}
    if len(arrays["actions"]) and np.abs(arrays["actions"]).max() > 1.0 + ACTION_TOLERANCE:
        arrays["actions"], low, high = _scaled(arrays["actions"])
        ranges = {"action_low": low, "action_high": high}
        spans = ", ".join(f"{a:.4g} to {b:.4g}" for a, b in zip(low, high, strict=True))
        record.append(f"actions: scaled to [-1, 1], each from its range on file: {spans}")
    found = from_arrays(arrays, name=str(path), next_obs=columns.next_obs)
    both = (arrays["terminals"].reshape(-1) != 0) & (arrays.get("timeouts", np.zeros(1)).reshape(-1) != 0)
    if both.any():
        arrays["timeouts"] = arrays["timeouts"].reshape(-1) * ~both
        record.append(f"ends: {int(both.sum()):,} rows were both terminal and timeout and are terminal now")
    said = "; ".join(record) or "nothing had to be changed"
    names = {key: list(own) for key, own in columns.names.items()}
    hdf5.write(out, arrays, {"made": f"cleaned from {path.name}: {said}", "columns": json.dumps(names), **ranges})
    return Cleaned(len(arrays["rewards"]), record, [*columns.warnings, *found.card["warnings"]])


def _numbers(values: Array) -> Array:
    return np.asarray(values, np.float32 if values.dtype.kind == "f" else values.dtype)


def _scaled(action: Array) -> tuple[Array, Array, Array]:
    """Actions in [-1, 1] and the range [A] of each; one that never changes becomes 0."""
    low, high = action.min(axis=0).astype(np.float64), action.max(axis=0).astype(np.float64)
    half = np.where(high > low, (high - low) / 2, 1.0)
    return np.clip((action - (low + high) / 2) / half, -1, 1).astype(np.float32), low, high
