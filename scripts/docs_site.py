"""What the docs site takes from outside of docs/: a hook of mkdocs, named in mkdocs.yml.

README.md is the first page, and its neighbours are pages too. A file that a page links to is shown with its lines; a
Python file in pieces with a heading for each class and function, so that `losses.py#td_loss` leads to the lines.
"""

from __future__ import annotations

import ast
import itertools
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
BESIDE = {
    "README": "index.md",
    "CHANGELOG": "changelog.md",
    "CONTRIBUTING": "contributing.md",
    "SECURITY": "security.md",
}
BESIDE = {f"{name}.md": uri for name, uri in BESIDE.items()}
ORIGIN = {uri: ROOT / name for name, uri in BESIDE.items()}
TABLE = re.compile(r"<table>.*?</table>", re.S)
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^( *`{3,}\w+)[ ]+([^\s{`]+)$", re.M)  # our second word: `notest`, or the name of a file


def on_files(files: Files, *, config: Any) -> Files:
    """Adds the pages that are made: those beside README.md, and one for each file that is linked to."""
    for uri, path in ORIGIN.items():
        files.append(File.generated(config, uri, content=path.read_text(encoding="utf-8")))
    linked = {}
    for file in files.documentation_pages():
        linked |= {shown_at(target): target for target in targets(file.src_uri, file.content_string)}
    for uri, path in sorted(linked.items()):
        if uri not in files.src_uris:
            files.append(File.generated(config, uri, content=shown(path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Links lead to pages of the site, and fences say no more than mkdocs understands."""
    here = page.file.src_uri
    if here.startswith("source/"):
        return markdown

    def moved(found: re.Match[str]) -> str:
        path = place(here, found[1])
        uri = shown_at(path) if path else None
        return f"]({posixpath.relpath(uri, posixpath.dirname(here))}{found[2] or ''})" if uri else found[0]

    fenced = lambda found: found[1] if found[2] == "notest" else f'{found[1]} title="{found[2]}"'  # noqa: E731
    return FENCE.sub(fenced, LINK.sub(moved, markdown))


def on_page_content(html: str, **_: Any) -> str:
    """Every cell of a table knows its column's name, which stands beside it where there is no room for columns."""
    return TABLE.sub(lambda found: labelled(found[0]), html)


def labelled(table: str) -> str:
    names = [re.sub(r"<.*?>", "", name).strip() for name in re.findall(r"<th\b[^>]*>(.*?)</th>", table, re.S)]
    column = itertools.cycle(name.replace('"', "&quot;") for name in names)
    return re.sub(r"<td\b", lambda found: f'<td data-label="{next(column)}"', table)


def place(uri: str, link: str) -> Path | None:
    """The file or folder of the repository that a page links to; None of what is elsewhere."""
    if ":" in link:
        return None
    return (ORIGIN.get(uri, DOCS / uri).parent / link).resolve()


def targets(uri: str, text: str) -> set[Path]:
    """What a page links to."""
    return {path for link, _ in LINK.findall(text) if (path := place(uri, link)) and path.exists()}


def shown_at(path: Path) -> str:
    """Where on the site a file of the repository is."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    name = path.relative_to(ROOT).as_posix()
    return BESIDE.get(name, f"source/{name}.md")


def shown(path: Path) -> str:
    """The page of a file: its lines, or what is in a folder. Not searched, as its words drown those of the pages."""
    head = f"---\nsearch:\n  exclude: true\n---\n\n# {path.relative_to(ROOT).as_posix()}\n\n"
    if path.is_dir():
        return head + "".join(f"- `{entry.name}`\n" for entry in sorted(path.iterdir()) if entry.name[0] not in "._")
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return head + fence("md" if path.suffix == ".md" else "text", text.splitlines(), 1)
    lines = text.splitlines()
    starts = [(1, ""), *((line_of(node), node.name) for node in definitions(text))]
    ends = [start - 1 for start, _ in starts[1:]] + [len(lines)]
    pieces = []
    for (start, name), end in zip(starts, ends, strict=True):
        pieces.append(f"## {name} {{#{name}}}\n\n" if name else "")
        pieces.append(fence("python", lines[start - 1 : end], start))
    return head + "".join(pieces)


def definitions(text: str) -> list[Any]:
    """Classes and functions on a module's top level, in their order."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [node for node in ast.parse(text).body if isinstance(node, kinds)]


def line_of(node: Any) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def fence(language: str, lines: list[str], start: int) -> str:
    return "\n".join([f'`````{language} linenums="{start}"', *lines, "`````", "", ""])
