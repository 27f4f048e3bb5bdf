"""How figures look and how they become SVG: one style, one set of colours, no global state.

Colours are those of Okabe and Ito (2008), told apart by people with any common colour blindness; lines also differ in
dash pattern so that a print in grey can be read. Figures are drawn small (about the width of a phone) with ten point
text and scale up on a desk.
"""

import base64
import csv
import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5A5A5A", "#8C6D00")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1, 1.5, 1)))
INK, FAINT = "#222222", "#8a8a8a"
HALF, SMALL = (4.1, 3.0), (2.8, 2.1)  # inches: on a phone, 330 pixels, ten points stay eleven pixels
SERIES = re.compile(r"series-(\d+)-")  # begins the id of what belongs to one
MOST = 13  # series in one figure, or figures of one phase
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
    """One figure of the report. svg: the drawing, csv: the numbers in it, png: the drawing for slides and letters.

    gif: the same moving, shown in the place of the drawing where there is one. points: places as shares of the sides,
    what they say, and the name of their series. series: number and name of those that a page can hide.
    """

    name: str
    title: str
    caption: str
    alt: str
    svg: str
    csv: str
    png: bytes = b""
    gif: bytes = b""
    points: tuple[tuple[float, float, str, str], ...] = ()  # what can be read off, from the left and from the top
    series: tuple[tuple[int, str], ...] = ()

    def image_uri(self) -> str:
        if self.gif:
            return "data:image/gif;base64," + base64.b64encode(self.gif).decode()
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()

    def csv_uri(self) -> str:
        return "data:text/csv;base64," + base64.b64encode(self.csv.encode()).decode()


@contextmanager
def style() -> Any:
    """The house style for the figures drawn inside; whatever the caller had set comes back."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():  # type: ignore[arg-type]
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


def picture(fig: Figure, name: str, title: str, caption: str, alt: str, csv: str, *, png: bool = True) -> Picture:
    """The figure as SVG, and as PNG where it is to be a file, with what belongs to it."""
    with style():
        drawing, made = to_svg(fig), to_png(fig) if png else b""
    return Picture(name, title, caption, alt, drawing, csv, made, series=_series(fig))


@contextmanager
def as_series(axes: Axes, index: int) -> Iterator[None]:
    """What is drawn inside is the series number `index`, named by the first label: it can be hidden, see `Picture`."""
    before = {*axes.get_children()}
    yield
    for number, artist in enumerate(one for one in axes.get_children() if one not in before):
        artist.set_gid(f"series-{index}-{number}")


def shares(axes: Axes, places: Iterable[tuple[Any, Any]]) -> np.ndarray:
    """Where points of the axes [n, 2] lie in the figure once it is drawn: from its left and from its top, as shares of
    its sides."""
    at = axes.transData.transform(np.asarray([*places], float).reshape(-1, 2))
    found = axes.figure.transFigure.inverted().transform(at)
    return np.c_[found[:, 0], 1.0 - found[:, 1]]


def _series(fig: Figure) -> tuple[tuple[int, str], ...]:
    """Number and name of each, in the order of the numbers."""
    found: dict[int, str] = {}
    for artist in (one for axes in fig.axes for one in axes.get_children()):
        known, label = SERIES.match(artist.get_gid() or ""), str(artist.get_label())
        if known and not label.startswith("_"):
            found.setdefault(int(known[1]), label)
    return tuple(sorted(found.items()))


def to_png(fig: Figure) -> bytes:
    """The figure as a PNG of 200 dots per inch, without date."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=200, metadata={"Software": None})
    return buffer.getvalue()


def to_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV; floats with nine digits, enough for float32."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([f"{float(cell):.9g}" if _is_float(cell) else cell for cell in row])
    return buffer.getvalue()


def blank(value: float) -> float | str:
    """A cell for `to_csv`, empty where there is no number."""
    return float(value) if np.isfinite(value) else ""


def _is_float(cell: Any) -> bool:
    return isinstance(cell, float) or (hasattr(cell, "dtype") and cell.dtype.kind == "f")


def line_style(index: int) -> dict[str, Any]:
    """Colour and dashes of the series number `index`, the same in every figure."""
    return {"color": COLORS[index % len(COLORS)], "linestyle": DASHES[(index + index // len(COLORS)) % len(DASHES)]}


class Track:
    """The x axis of training: offline gradient steps, then online environment steps, each on its own scale.

    Without one of the phases the other takes the whole axis. `at` gives the place of a step on the axis.
    """

    SHARE = 0.65  # length of the online part relative to the offline part

    def __init__(self, ends: dict[str, int]) -> None:
        """ends: last step of each phase that is drawn, in order."""
        self.ends = ends
        lengths = [1.0, self.SHARE] if len(ends) > 1 else [1.0]
        self.starts = dict(zip(ends, (0.0, 1.0), strict=False))
        self.lengths = dict(zip(ends, lengths, strict=False))

    def at(self, phase: str, steps: Any) -> np.ndarray:
        scale = self.lengths[phase] / max(self.ends[phase], 1)
        return np.asarray(self.starts[phase] + scale * np.asarray(steps, float))

    def draw(self, axes: Axes, units: dict[str, str] | None = None) -> None:
        """Ticks, a name under each part, and the line at the switch. units: what a step is, by phase."""
        places: list[float] = []
        labels: list[str] = []
        for phase, end in self.ends.items():
            count = 4 if self.lengths[phase] == 1.0 else 3
            ticks = matplotlib.ticker.MaxNLocator(count, integer=True).tick_values(0, max(end, 1))
            low = 0 if self.starts[phase] == 0 else 0.1 * end  # the switch has one label, that of the last offline step
            ticks = [tick for tick in ticks if low <= tick <= max(end, 1)]
            places += list(self.at(phase, ticks))
            labels += [short(tick) for tick in ticks]
            middle = self.starts[phase] + self.lengths[phase] / 2
            name = f"{phase}\n{units[phase]}" if units else phase
            axes.annotate(
                name, (middle, 0), (0, -17), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
                ha="center", va="top", color=INK, fontsize=9.5, annotation_clip=False,
            )  # fmt: skip
        axes.set_xticks(places, labels)
        axes.set_xlim(-0.02, sum(self.lengths.values()) + 0.03)
        if len(self.ends) > 1:
            axes.axvline(1.0, color=INK, linewidth=1.1, linestyle=(0, (4, 2)), zorder=1.6)


def plain_log(axis: Axis) -> None:
    """Plain numbers on a log axis, labelled between the decades where it spans only a few of them."""
    low, high = sorted(axis.get_view_interval())
    few = low > 0 and high / low < 300
    axis.set_major_locator(matplotlib.ticker.LogLocator(10, subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=9))
    axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: short(value)))
    axis.set_minor_locator(matplotlib.ticker.NullLocator())


def plain_symlog(axis: Axis) -> None:
    """Plain numbers on a symmetric log axis; none so near to 0 on the linear part that it would cover that one."""
    near = 0.3 * axis.get_transform().linthresh  # type: ignore[attr-defined]
    axis.set_major_formatter(
        matplotlib.ticker.FuncFormatter(lambda value, _: "" if 0 < abs(value) < near else short(value))
    )
    axis.set_minor_locator(matplotlib.ticker.NullLocator())


def legend(fig: Figure, axes: Axes) -> None:
    """The legend above the axes, in two columns if the names are short; the figure grows for more than two rows."""
    handles, labels = axes.get_legend_handles_labels()
    columns = 1 if max(map(len, labels)) > 20 else 2
    rows = -(-len(labels) // columns)
    fig.set_figheight(fig.get_figheight() + 0.19 * max(rows - 2, 0))
    drawn = fig.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=2.6, borderaxespad=0.1)
    for source, key, name in zip(handles, drawn.legend_handles, drawn.get_texts(), strict=True):
        own = source.get_gid() if isinstance(source, Artist) else None
        for part, kind in ((key, "key"), (name, "name")) if own and SERIES.match(own) else ():
            part.set_gid(f"{own}-{kind}")  # type: ignore[union-attr]


def short(value: float) -> str:
    """1500 -> 1.5k, 2000000 -> 2M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}".replace("-", "\N{MINUS SIGN}")
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")
