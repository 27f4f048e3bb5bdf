"""Pieces of the page, from the templates beside this folder. Every text that enters is escaped there; `Markup`, as
these functions give it, is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import markupsafe

from pars.errors import ResourceError
from pars.report.charts.plot import Picture, line_style
from pars.system import write_whole

TEMPLATES = Path(__file__).parent.parent / "templates"
Markup = markupsafe.Markup  # what is markup already, such as a drawing in a table


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _parts() -> Any:
    """The macros of parts.html."""
    return _templates().get_template("parts.html").module


def text(value: Any) -> str:
    """`value` as escaped text; markup as it is."""
    return markupsafe.escape(value)


def page(title: str, body: str) -> str:
    """A whole HTML document. `body` is markup, `title` is text."""
    touched = any(part in body for part in ('class="touch"', 'class="chooser"', "data-series="))
    return _templates().get_template("page.html").render(title=title, body=Markup(body), touched=touched)


def save(target: Path, text: str, mend: str) -> Path:
    """Write a page and return its path. Raises ResourceError, which ends with how to mend it."""
    try:
        write_whole(target, text)
    except OSError as error:
        raise ResourceError(f"cannot write {target}: {error.strerror or error}; {mend}") from error
    return target


def joined(*parts: str) -> str:
    """Markup after markup."""
    return Markup("\n".join(parts))


def head(title: str, verdict: str = "", *after: str, before: Iterable[str] = ()) -> str:
    """The top of a page: its title, what came out in one line, and markup `before` and `after` that."""
    lines = SimpleNamespace(before=[Markup(part) for part in before], after=[Markup(part) for part in after])
    return _parts().head(title, verdict, lines)


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
    lines = [
        SimpleNamespace(
            name=row[0],
            cells=list(zip(header[1:], row[1:], strict=True)),
            marked=index < len(differs) and differs[index],
            link=links[index] if index < len(links) else "",
        )
        for index, row in enumerate(rows)
    ]
    return _parts().table(header, lines, " ".join(["stack", *["tight"] * tight, *["pairs"] * pairs]))


def matrix(corner: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[tuple[str, str]]]]) -> str:
    """A table of all against all, which scrolls sideways on a phone.

    rows: the row's name and its cells, each a kind (the style of the cell) and lines of text, the first one large.
    """
    return _parts().matrix((corner, *columns), list(rows))


def definitions(pairs: Iterable[tuple[str, Any]]) -> str:
    return _parts().definitions(list(pairs))


def figures(pictures: Sequence[Picture], width: str) -> str:
    """A grid of figures with captions and their numbers to download; empty text without pictures. Series of a figure
    can be hidden by their names, in small figures by those of a `legend` above."""
    return _parts().figures(list(pictures), width) if pictures else ""


def legend(labels: Sequence[str]) -> str:
    """Line samples with their names, as drawn in the figures below them."""
    return _parts().legend(_keys(enumerate(labels)))


def _keys(series: Iterable[tuple[int, str]]) -> list[tuple[str, str, str]]:
    """Name, colour and dashes of each."""
    items = []
    for index, label in series:
        look = line_style(index)
        dashes = "" if look["linestyle"] == "-" else " ".join(str(2 * length) for length in look["linestyle"][1])
        items.append((label, look["color"], dashes))
    return items


def chooser(columns: Sequence[Any]) -> str:
    """A histogram of the column that is chosen, for pages whose script runs; nothing where it does not.

    columns: of each its name, its unit, the ends of its histogram, and the counts in it.
    """
    return _parts().chooser(columns) if columns else ""


def section(title: str, *parts: str) -> str:
    """A titled section of markup; nothing at all if every part is empty."""
    body = "".join(parts)
    return _parts().section(title, Markup(body)) if body else ""


def details(title: str, body: str) -> str:
    return _parts().details(title, Markup(body)) if body else ""


def heading(title: str) -> str:
    """Of a part of a section."""
    return _parts().heading(title)


def bullets(lines: Iterable[str], kind: str = "beside") -> str:
    found = list(lines)
    return _parts().bullets(found, kind) if found else ""


def note(message: str, kind: str = "note") -> str:
    return _parts().note(message, kind) if message else ""


def code(lines: str) -> str:
    """As it is typed; nothing without it."""
    return _parts().code(lines) if lines else ""


def cards(items: Sequence[Any]) -> str:
    """Pages side by side, each with name, link, image, alt, about, planned, finished, verdicts and short."""
    return _parts().cards(items) if items else ""


def reading(lines: Sequence[str]) -> str:
    """How to read this page, folded away; nothing where there is nothing to say."""
    return _parts().reading(lines) if lines else ""
