"""Decimal commas in tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pars.data.formats.layout import Array
from pars.errors import DataError

COMMA, POINT = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*"), re.compile(r"\s*[-+]?\d*\.\d+([eE][-+]?\d+)?\s*")
SURE = re.compile(r"\s*[-+]?(0?|0\d+|\d{4,}),\d+\s*|\s*[-+]?\d*,(\d{1,2}|\d{4,}|\d+e.*)\s*", re.I)  # no thousands
MIXED, TIGHT = re.compile(r"\d,\d+\s+[-+\d]"), re.compile(r"\d,[-+\d]")  # commas in vectors
COMMAS = "decimal commas are read as points"


class Marks:
    """Decimal commas of a table whose cells other signs separate, as spreadsheets of many countries write it."""

    def __init__(self, path: Path, separator: str) -> None:
        self.path, self.apart = path, separator not in (",", " ")
        self.first: dict[str, tuple[str, int, str]] = {}  # cell of each kind, with its line and column

    @property
    def commas(self) -> bool:
        """Whether a decimal comma was met."""
        return "comma" in self.first

    def pointed(self, name: str, cells: Sequence[str], lines: Array) -> Sequence[str]:
        """A column's cells with points in the place of decimal commas."""
        if cells and cells[0].lstrip().startswith("["):
            self._check_vectors(name, cells, lines)
        if not self.apart:
            return cells
        for kind, like in (("point", POINT), ("comma", COMMA), ("sure", SURE)):
            sign = "." if kind == "point" else ","
            if kind not in self.first and any(sign in cell for cell in cells):
                at = next((i for i, cell in enumerate(cells) if like.fullmatch(cell)), None)
                self.first |= {} if at is None else {kind: (cells[at], int(lines[at]), name)}
        if not self.commas:
            return cells
        return [cell.replace(",", ".") if COMMA.fullmatch(cell) else cell for cell in cells]

    def _check_vectors(self, name: str, cells: Sequence[str], lines: Array) -> None:
        """Raise DataError if commas in vectors may be decimal ones, as in `[0,5 1,5]`, or `[0,5]` beside `;`."""
        pointed = not self.apart or any("." in cell for cell in cells)
        doubtful = MIXED.search if pointed else _tight
        at = next((i for i, cell in enumerate(cells) if doubtful(cell)), None)
        if at is not None:
            raise DataError(
                f"{self.path}: column {name!r} holds {cells[at][:40]!r} in line {lines[at]}: do its commas stand "
                "before decimals or between numbers? write points before decimals, and a space after commas"
            )

    def check(self) -> None:
        """Raise DataError if the commas, or points beside them, may stand between thousands."""
        comma, point = self.first.get("comma"), self.first.get("point")
        if comma and (point or "sure" not in self.first):
            beside = " and {!r} in line {} of {!r}".format(*point) if point else ""
            raise DataError(
                f"{self.path}: {comma[0]!r} in line {comma[1]} of {comma[2]!r}{beside}: do commas stand before "
                "decimals or thousands? write points before decimals, and nothing between thousands"
            )


def _tight(cell: str) -> bool:
    """Whether commas in a vector have no space behind, and no two stand in one word, as in `[0,1,0]`."""
    return bool(TIGHT.search(cell)) and all(word.count(",") < 2 for word in cell.split())
