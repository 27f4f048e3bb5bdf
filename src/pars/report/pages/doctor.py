"""The page of `pars data check --html`: one file that opens without a server and loads nothing from elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from pars.data.checking.doctor import Checkup
from pars.report.charts.bars import turned
from pars.report.charts.plot import COLORS, INK, Picture, figure, picture, style, to_csv
from pars.report.pages import data_card, html, reading

Card = Mapping[str, Any]
MOST, LONGEST = 16, 20  # names below an axis, and characters of one


def write_page(found: Checkup, target: Path) -> Path:
    """Write the check-up as one HTML file and return its path. Raises ResourceError if that is impossible."""
    return html.save(target, render(found), "give another file to --html")


def render(found: Checkup) -> str:
    """The whole page as HTML."""
    name = Path(found.name).name
    body = [_head(found, name)]
    if found.card:
        body += [
            html.section("What is in it", html.bullets(data_card.sentences(found.card, name, found.notes))),
            html.section("What training will do", html.bullets(found.training)),
            html.section("Columns", data_card.columns(found.card), html.figures(_at_bound(found.card, name), "third")),
            html.section("Episodes", data_card.pictures(found.card, name)),
        ]
    body += [
        html.section("As far as it could be read", _values(found)),
        html.section("Fields of the file", _fields(found)),
    ]
    return html.page(f"{name}: {found.verdict}", "\n".join(body))


def _head(found: Checkup, name: str) -> str:
    task = f" · checked for {found.task}" if found.task else ""
    notes = [html.note(_capital(line)) for line in found.notes if not found.card]
    parts = html.bullets(found.warnings, "beside warn"), *notes, html.reading(reading.CHECK if found.card else ())
    return html.head(f"Data check · {name}{task}", _capital(found.headline), *parts)


def _capital(line: str) -> str:
    return line[0].upper() + line[1:]


def _at_bound(card: Card, name: str) -> list[Picture]:
    """Share of each action dimension at its bounds; nothing to draw if none is."""
    shares = 100 * np.asarray(card["action"]["at_bound"])
    if not shares.any():
        return []
    dims, names = np.arange(len(shares)), (card.get("names") or {}).get("actions")
    labels = [name if len(name) <= LONGEST else f"{name[:LONGEST]}…" for name in names or ()]
    with style():
        fig = figure((3.6, 2.6))
        ax = fig.subplots()
        ax.bar(dims, shares, 0.8, color=COLORS[0])
        ax.set(
            xlabel="" if names else "action dimension", ylabel="% of rows at its bound", xlim=(-0.6, len(shares) - 0.4)
        )
        if labels and len(labels) <= MOST:
            ax.set_xticks(dims, labels, parse_math=False, **turned(labels, 2.6))
        else:
            ax.xaxis.set_major_locator(MaxNLocator(min(len(shares), MOST), integer=True))
        ax.grid(axis="x", visible=False)
        ax.spines["bottom"].set_color(INK)
    return [
        picture(
            fig,
            name="at_bound",
            title="Actions at their bound",
            caption=f"Of the {card['rows']:,} rows of {name}.",
            alt=f"Bar chart of the share of actions at the bound, from {shares.min():.2g} % to {shares.max():.2g} %.",
            csv=to_csv(
                ("action" if names else "dimension", "percent_at_bound"),
                list(zip(names or dims.tolist(), shares.tolist(), strict=True)),
            ),
            png=False,
        )
    ]


def _values(found: Checkup) -> str:
    if not found.values:
        return ""
    cells = [
        [v.field.name, f"{v.low:.4g}", f"{v.high:.4g}", f"{v.bad:,}", ", ".join(map(str, v.bad_rows)) or "none"]
        for v in found.values
    ]
    header = ["field", "smallest", "largest", "NaN or infinite", "first rows with any"]
    return html.table(header, cells, [v.bad > 0 for v in found.values], tight=True)


def _fields(found: Checkup) -> str:
    if not found.fields:
        return ""
    return html.table(["field", "type", "shape"], [[f.name, f.dtype, f.shape_text] for f in found.fields], tight=True)
