"""Files that the command writes on request."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pars.errors import ResourceError


def write_text(path: Path, text: str) -> None:
    """Write a file. Raises ResourceError if that is impossible."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror or error}; give another file") from error


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write a table. Raises ResourceError if that is impossible."""
    try:
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows(rows)
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror or error}; give another file to --csv") from error


def write_records(records: Sequence[dict[str, Any]], csv_file: Path | None, json_file: Path | None) -> None:
    """Write records of the same names as a table, as JSON, both or neither. Raises ResourceError."""
    if csv_file:
        write_csv(csv_file, [list(records[0]), *(list(row.values()) for row in records)])
    if json_file:
        write_text(json_file, json.dumps(records, indent=1) + "\n")
