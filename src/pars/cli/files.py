"""Files that the command writes on request."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pars.errors import ResourceError


def write_text(path: Path, text: str, instead: str = "") -> None:
    """Write a file, and the folders that it lies in if they are absent. Raises ResourceError if that is impossible.

    instead: the option that another file is given to, for the message.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror or error}; give another file{instead}") from error


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write a table, as `write_text`."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue(), " to --csv")


def write_records(records: Sequence[dict[str, Any]], csv_file: Path | None, json_file: Path | None) -> None:
    """Write records of the same names as a table, as JSON, both or neither. Raises ResourceError."""
    if csv_file:
        write_csv(csv_file, [list(records[0]), *(list(row.values()) for row in records)])
    if json_file:
        write_text(json_file, json.dumps(records, indent=1) + "\n")
