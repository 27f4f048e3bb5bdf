"""The page of `pars data check --html`: one file that opens without a server and loads nothing from elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from pars.data.checking.doctor import Checkup, spread
from pars.errors import ResourceError
from pars.report.charts.maze import coverage, histogram
from pars.report.charts.plot import COLORS, INK, Picture, figure, picture, style, to_csv
from pars.report.pages import html
from pars.system import write_whole

Card = Mapping[str, Any]
LONG = 12  # rows of a table that still stand open


def write_page(found: Checkup, target: Path) -> Path:
    """Write the check-up as one HTML file and return its path. Raises ResourceError if that is impossible."""
    text = render(found)
    try:
        write_whole(target, text)
    except OSError as error:
        raise ResourceError(f"cannot write {target}: {error.strerror or error}; give another file to --html") from error
    return target


def render(found: Checkup) -> str:
    """The whole page as HTML."""
    name = Path(found.name).name
    body = [_head(found, name)]
    if found.card:
        body += [
            html.section("Episodes", html.definitions(_episodes(found.card)), _pictures(found.card, name)),
            html.section("Actions", _actions(found.card), html.figures(_at_bound(found.card, name), "third")),
            html.section("Observations", _observations(found.card)),
        ]
    body += [
        html.section("As far as it could be read", _values(found)),
        html.section("Fields of the file", _fields(found)),
    ]
    return html.page(f"{name}: {found.verdict}", "\n".join(body))


def _head(found: Checkup, name: str) -> str:
    task = f" · checked for {found.task}" if found.task else ""
    parts = [
        f"<header><h1>Data check · {html.text(name)}{html.text(task)}</h1>",
        f'<p class="verdict">{html.text(found.headline[0].upper() + found.headline[1:])}</p>',
    ]
    if found.warnings:
        parts.append(
            f'<ul class="beside warn">{"".join(f"<li>{html.text(line)}</li>" for line in found.warnings)}</ul>'
        )
    parts += [html.note(line[0].upper() + line[1:]) for line in found.notes]
    parts += [html.note(f"In training: {line}.") for line in found.training]
    return "".join([*parts, "</header>"])


def _episodes(card: Card) -> list[tuple[str, Any]]:
    length, returns, reward, copies = card["episode_length"], card["returns"], card["reward"], card["duplicate_rows"]
    repeated = f"; row {copies['first']} repeats row {copies['earlier']}" if copies["copies"] else ""
    timeouts = "no such column" if card["timeouts"] is None else f"{card['timeouts']:,}"
    pairs = [
        ("rows", f"{card['rows']:,}"),
        ("transitions", f"{card['transitions']:,}"),
        ("episodes", f"{card['episodes']:,}"),
        ("length", spread(length)),
        ("return", spread(returns)),
        ("reward", spread(reward)),
        ("rows with reward not 0", f"{100 * reward['density']:.3g}%"),
        ("rows with reward above 0", f"{reward['positive_rows']:,}"),
        ("terminal rows", f"{card['terminals']:,}" + ("" if card["terminals_end_episodes"] else "; episodes go on")),
        ("timeouts", timeouts),
        ("terminal and timeout", f"{card['terminal_timeouts']:,}"),
        ("duplicate rows", f"{copies['copies']:,}{repeated}"),
    ]
    if maze := card["maze"]:
        pairs.append(("free cells visited", f"{maze['free_cells_visited']:.0%}"))
        pairs.append(("rows in walls or off the map", f"{maze['outside']:.2%}"))
    return pairs


def _pictures(card: Card, name: str) -> str:
    found = [
        coverage(card["maze"]["coverage"], card["maze"], name) if card["maze"] else None,
        histogram(card["returns"]["histogram"], "returns", "Returns of episodes", "raw return", name),
        histogram(card["episode_length"]["histogram"], "lengths", "Lengths of episodes", "actions", name),
    ]
    return html.figures([one for one in found if one is not None], "third")


def _at_bound(card: Card, name: str) -> list[Picture]:
    """Share of each action dimension at its bounds; nothing to draw if none is."""
    shares = 100 * np.asarray(card["action"]["at_bound"])
    if not shares.any():
        return []
    dims = np.arange(len(shares))
    with style():
        fig = figure((3.6, 2.6))
        ax = fig.subplots()
        ax.bar(dims, shares, 0.8, color=COLORS[0])
        ax.set(xlabel="action dimension", ylabel="% of rows at its bound", xlim=(-0.6, len(shares) - 0.4))
        ax.xaxis.set_major_locator(MaxNLocator(min(len(shares), 16), integer=True))
        ax.grid(axis="x", visible=False)
        ax.spines["bottom"].set_color(INK)
    return [
        picture(
            fig,
            name="at_bound",
            title="Actions at their bound",
            caption=f"Of the {card['rows']:,} rows of {name}.",
            alt=f"Bar chart of the share of actions at the bound, from {shares.min():.2g} % to {shares.max():.2g} %.",
            csv=to_csv(("dimension", "percent_at_bound"), list(zip(dims.tolist(), shares.tolist(), strict=True))),
            png=False,
        )
    ]


def _actions(card: Card) -> str:
    action = card["action"]
    rows = zip(action["min"], action["max"], action["at_bound"], strict=True)
    own = (card.get("names") or {}).get("actions") or [f"action {i}" for i in range(len(action["min"]))]
    cells = [[own[i], f"{low:.4g}", f"{high:.4g}", f"{share:.2%}"] for i, (low, high, share) in enumerate(rows)]
    return _folded(html.table(["dimension", "smallest", "largest", "at its bound"], cells, tight=True), len(cells))


def _observations(card: Card) -> str:
    obs = card["obs"]
    rows = zip(obs["mean"], obs["std"], obs["min"], obs["max"], strict=True)
    own = (card.get("names") or {}).get("observations") or [f"observation {i}" for i in range(len(obs["mean"]))]
    cells = [[own[i], *(f"{value:.4g}" for value in row)] for i, row in enumerate(rows)]
    return _folded(html.table(["dimension", "mean", "std", "smallest", "largest"], cells, tight=True), len(cells))


def _folded(table: str, rows: int) -> str:
    """A long table behind a line to open it."""
    return html.details(f"All {rows} dimensions", table) if rows > LONG else table


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
