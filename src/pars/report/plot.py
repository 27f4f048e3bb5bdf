"""How figures look and how they become SVG: one style, one set of colours, no global state.

Colours are those of Okabe and Ito (2008), told apart by people with any common colour blindness; lines also differ in
dash pattern so that a print in grey can be read. Figures are drawn small (about the width of a phone) with ten point
text and scale up on a desk.
"""

import base64
import csv
import io
import warnings
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5A5A5A", "#8C6D00")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1, 1.5, 1)))
INK, FAINT = "#222222", "#8a8a8a"
HALF, SMALL = (4.8, 3.3), (3.3, 2.3)  # inches
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "path",
    "svg.hashsalt": "pars",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class Picture:
    """One figure of the report. svg: the drawing, csv: the numbers in it, width: half, small or third of the page."""

    name: str
    title: str
    caption: str
    alt: str
    svg: str
    csv: str
    width: str = "half"

    def image_uri(self) -> str:
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()

    def csv_uri(self) -> str:
        return "data:text/csv;base64," + base64.b64encode(self.csv.encode()).decode()


@contextmanager
def style() -> Any:
    """The house style for the figures drawn inside; whatever the caller had set comes back."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name in another script shows as boxes
        yield


def figure(size: tuple[float, float] = HALF) -> Figure:
    fig = Figure(figsize=size, layout="constrained")
    FigureCanvasSVG(fig)
    return fig


def to_svg(fig: Figure) -> str:
    """The figure as an SVG element, without date and without the XML prologue."""
    buffer = io.StringIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def to_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV; floats with nine digits, enough for float32."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([f"{float(cell):.9g}" if _is_float(cell) else cell for cell in row])
    return buffer.getvalue()


def _is_float(cell: Any) -> bool:
    return isinstance(cell, float) or (hasattr(cell, "dtype") and cell.dtype.kind == "f")


def line_style(index: int) -> dict[str, Any]:
    """Colour and dashes of the series number `index`, the same in every figure."""
    return {"color": COLORS[index % len(COLORS)], "linestyle": DASHES[index % len(DASHES)]}


def thousands(axes: Axes) -> None:
    """Step numbers as 10k rather than 10000, at most five of them: they have to fit a phone."""
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: short(value)))


def short(value: float) -> str:
    """1500 -> 1.5k, 2000000 -> 2M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
