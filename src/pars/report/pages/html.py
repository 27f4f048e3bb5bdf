"""Pieces of the page: escaping, tables, figures and the one style sheet. Every string that enters is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from pars.report.charts.plot import Picture, line_style

CSS = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --page: #ffffff; --card: #f6f8fa;
  --mark: #fff3c4; --warn: #9a3412; --link: #0055aa; --draw: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --line: #3a424c; --page: #14181d;
  --card: #1e242b; --mark: #4d4215; --warn: #ffb086; --link: #79b8ff; --draw: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 76rem; color: var(--ink); background: var(--page);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.15rem; margin: 0 0 .25rem; color: var(--soft); font-weight: 600; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: .95rem; margin: 0 0 .35rem; }
a { color: var(--link); }
.verdict { font-size: 1.45rem; line-height: 1.35; margin: .25rem 0 .75rem; font-weight: 600; }
.beside { margin: 0 0 .5rem; padding-left: 1.2rem; }
.caveat, .warn { color: var(--warn); }
.soft, figcaption, .note { color: var(--soft); font-size: .875rem; }
.grid { display: grid; gap: 1rem; margin: 1rem 0; align-items: start; }
.grid.half { grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.grid.third { grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.grid.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); }
figure { margin: 0; padding: .75rem; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
figure img { display: block; width: 100%; height: auto; background: #fff; border-radius: 4px; padding: .35rem; }
.grid.half figure { max-width: 44rem; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .5rem 0; font-size: .9375rem; }
.legend svg { vertical-align: middle; margin-right: .4rem; background: #fff; border-radius: 3px; }
figcaption { margin-top: .5rem; }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; font-size: .9375rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
table.tight { width: auto; min-width: min(100%, 34rem); }
table.tight td, table.tight th { padding-right: 2.5rem; }
thead th { color: var(--soft); font-weight: 600; font-size: .8125rem; }
tbody th { font-weight: 600; }
td { overflow-wrap: anywhere; min-width: 4.5rem; }
.scroll { overflow-x: auto; }
table.matrix { width: auto; }
table.matrix td, table.matrix th { padding: .4rem .5rem; white-space: nowrap; }
table.matrix td small, table.matrix th small { display: block; color: var(--soft); font-weight: 400; }
table.matrix tr > :first-child { position: sticky; left: 0; background: var(--page);
  padding-left: 0; white-space: normal; }
td.better { background: color-mix(in srgb, #0072b2 22%, transparent); font-weight: 600; }
td.worse { background: color-mix(in srgb, #d55e00 22%, transparent); font-weight: 600; }
td.self { color: var(--soft); text-align: center; }
.spark { display: block; width: 7.5rem; height: 1.75rem; overflow: visible; }
.spark .full { fill: var(--draw); } .spark .band { fill: var(--draw); opacity: .3; } .spark .mark { fill: var(--ink); }
.spark .line { fill: none; stroke: var(--draw); stroke-width: 1.2; vector-effect: non-scaling-stroke; }
.spark .axis { stroke: var(--soft); stroke-width: 1; vector-effect: non-scaling-stroke; }
tr.differs { background: var(--mark); }
tr.differs > :first-child { padding-left: .4rem; }
mark { background: var(--mark); color: inherit; padding: 0 .2em; }
pre { white-space: pre-wrap; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .75rem; font-size: .875rem; }
details { margin: .75rem 0; }
summary { cursor: pointer; color: var(--link); }
dl { display: grid; grid-template-columns: max-content 1fr max-content 1fr; gap: .15rem 1.25rem; margin: .5rem 0; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  body { padding: 1rem .75rem 3rem; }
  .verdict { font-size: 1.15rem; }
  table.stack thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table.stack, table.stack tbody { display: block; min-width: 0; width: 100%; }
  table.stack tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  table.stack th, table.stack td { display: block; border: 0; padding: .1rem 0; }
  table.stack td::before { content: attr(data-label) ": "; color: var(--soft); }
  table.pairs tr { display: grid; grid-template-columns: 1fr 1fr; column-gap: 1rem; }
  table.pairs th { grid-column: 1 / -1; }
  tr.differs { padding-left: .4rem !important; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; }
}
@media print { figure, pre { break-inside: avoid; } body { max-width: none; } }
"""


class Markup(str):
    """What is markup already, such as a drawing in a table."""


def text(value: Any) -> str:
    """`value` as escaped text; markup as it is."""
    return str(value) if isinstance(value, Markup) else escape(str(value), quote=True)


def page(title: str, body: str) -> str:
    """A whole HTML document. `body` is markup, `title` is text."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # an empty icon, or browsers ask the server (or the folder) for one
        f'<link rel="icon" href="data:,">\n<title>{text(title)}</title>\n<style>{CSS}</style>\n</head>\n'
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    differs: Sequence[bool] = (),
    tight: bool = False,
    links: Sequence[str] = (),
    pairs: bool = False,
) -> str:
    """A table of texts whose first column names the row; on a phone each row becomes a block.

    differs: rows to highlight, in the order of `rows`. tight: as wide as its contents rather than as the page. links:
    where the names of the rows lead, empty for nowhere. pairs: on a phone two cells stand side by side.
    """
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in header)
    body = []
    for index, row in enumerate(rows):
        name = text(row[0])
        if index < len(links) and links[index]:
            name = f'<a href="{text(links[index])}">{name}</a>'
        cells = [f'<th scope="row">{name}</th>']
        cells += [f'<td data-label="{text(n)}">{text(c)}</td>' for n, c in zip(header[1:], row[1:], strict=True)]
        marked = ' class="differs"' if index < len(differs) and differs[index] else ""
        body.append(f"<tr{marked}>{''.join(cells)}</tr>")
    kind = " ".join(["stack", *["tight"] * tight, *["pairs"] * pairs])
    inside = f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f'<div class="scroll"><table class="{kind}">{inside}</table></div>'


def matrix(corner: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[tuple[str, str]]]]) -> str:
    """A table of all against all, which scrolls sideways on a phone.

    rows: the row's name and its cells, each a kind (the style of the cell) and lines of text, the first one large.
    """
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in (corner, *columns))
    body = []
    for name, cells in rows:
        inner = "".join(f'<td class="{kind}">{_lines(said)}</td>' for kind, said in cells)
        body.append(f'<tr><th scope="row">{_lines(name)}</th>{inner}</tr>')
    inside = f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f'<div class="scroll"><table class="matrix">{inside}</table></div>'


def _lines(said: str) -> str:
    first, *rest = said.split("\n")
    return text(first) + "".join(f"<small>{text(line)}</small>" for line in rest)


def definitions(pairs: Iterable[tuple[str, Any]]) -> str:
    return "<dl>" + "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in pairs) + "</dl>"


def figures(pictures: Sequence[Picture], width: str) -> str:
    """A grid of figures with captions and their numbers to download; empty text without pictures."""
    if not pictures:
        return ""
    return f'<div class="grid {width}">' + "".join(_figure(picture) for picture in pictures) + "</div>"


def _figure(picture: Picture) -> str:
    caption = f"{text(picture.caption)} " if picture.caption else ""
    return (
        f'<figure><h3>{text(picture.title)}</h3><img src="{picture.image_uri()}" alt="{text(picture.alt)}">'
        f'<figcaption>{caption}<a download="{text(picture.name)}.csv" href="{picture.csv_uri()}" '
        f'aria-label="numbers of {text(picture.title)} as CSV">CSV</a></figcaption></figure>'
    )


def legend(labels: Sequence[str]) -> str:
    """Line samples with their names, as drawn in the figures below them."""
    items = []
    for index, label in enumerate(labels):
        look = line_style(index)
        dashes = "" if look["linestyle"] == "-" else " ".join(str(2 * length) for length in look["linestyle"][1])
        stroke = f'stroke="{look["color"]}" stroke-width="2.5"' + (f' stroke-dasharray="{dashes}"' if dashes else "")
        sample = f'<svg width="40" height="12" aria-hidden="true"><line x1="2" x2="38" y1="6" y2="6" {stroke}/></svg>'
        items.append(f"<span>{sample}{text(label)}</span>")
    return f'<p class="legend">{"".join(items)}</p>'


def section(title: str, *parts: str) -> str:
    """A titled section of markup; nothing at all if every part is empty."""
    body = "".join(parts)
    return f"<section><h2>{text(title)}</h2>{body}</section>" if body else ""


def details(title: str, body: str) -> str:
    return f"<details><summary>{text(title)}</summary>{body}</details>" if body else ""


def bullets(lines: Iterable[str], kind: str = "beside") -> str:
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f'<ul class="{kind}">{items}</ul>' if items else ""


def note(message: str, kind: str = "note") -> str:
    return f'<p class="{kind}">{text(message)}</p>' if message else ""
