"""The docs site: every page has its place, names lead to lines, all that is public is told. `make docs` builds it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import pars
from scripts import docs_site
from tests.test_docs import PAGES, ROOT

SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def in_nav(found: Any) -> list[str]:
    if isinstance(found, str):
        return [found]
    return [page for part in (found.values() if isinstance(found, dict) else found) for page in in_nav(part)]


def test_every_page_has_its_place() -> None:
    assert sorted(in_nav(SITE["nav"])) == sorted(docs_site.shown_at(page) for page in PAGES)


def test_a_name_in_a_link_is_in_that_file() -> None:
    """`losses.py#td_loss` leads to the lines of td_loss, on the site; the paper's equations are such links."""
    seen = 0
    for page in PAGES:
        for link, name in re.findall(r"\]\(([^)\s#]+\.py)#(\w+)\)", page.read_text(encoding="utf-8")):
            text = (page.parent / link).read_text(encoding="utf-8")
            assert name in [node.name for node in docs_site.definitions(text)], f"{page.name}: no {name} in {link}"
            seen += 1
    assert seen > 20


def test_all_that_is_public_is_told() -> None:
    told = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert not [name for name in pars.__all__ if not re.search(rf"^::: pars\.{name}$|`pars\.{name}`", told, re.M)]


def test_links_lead_to_pages_of_the_site() -> None:
    assert docs_site.place("tutorials/logs.md", "https://elsewhere/x") is None
    for uri, link, there in (
        ("index.md", "docs/data.md", "data.md"),
        ("lab/peers.md", "../../benchmarks/count.py", "source/benchmarks/count.py.md"),
        ("data.md", "../README.md", "index.md"),
    ):
        path = docs_site.place(uri, link)
        assert path and path.exists() and docs_site.shown_at(path) == there


def test_cells_know_their_column() -> None:
    """On a phone a row is a card, and the names stand beside the cells."""
    table = "<table><thead><tr><th>a</th><th><code>b</code> c</th></tr></thead><tr><td>1</td><td>2</td></tr></table>"
    shown = docs_site.on_page_content(f"<p>x</p>{table}")
    assert '<td data-label="a">1</td><td data-label="b c">2</td>' in shown and "<p>x</p>" in shown
    assert "attr(data-label)" in (ROOT / "docs" / "site.css").read_text(encoding="utf-8")


def test_a_file_is_shown_in_pieces_with_its_own_line_numbers(tmp_path: Path) -> None:
    path = ROOT / "src" / "pars" / "rl" / "losses.py"
    lines, shown = path.read_text(encoding="utf-8").splitlines(), docs_site.shown(path)
    pieces = re.findall(r'^`{5}python linenums="(\d+)"\n(.*?)\n`{5}$', shown, re.M | re.S)
    assert "\n".join(code for _, code in pieces).splitlines() == lines
    start = next(int(number) for number, code in pieces if code.startswith("def td_loss"))
    assert lines[start - 1].startswith("def td_loss") and "## td_loss {#td_loss}" in shown


@pytest.mark.parametrize(
    ("link", "ended"), [("[x](index.md)", 0), ("[x](nowhere.md)", 1), ("[x](index.md#no-such)", 1)]
)
def test_make_docs_ends_at_a_broken_link(link: str, ended: int, tmp_path: Path) -> None:
    """The recipe of the Makefile on a site of one page."""
    recipe = re.search(r"^docs:.*\n\t@(.*mkdocs build.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert recipe
    checks = {name: SITE[name] for name in ("strict", "validation")}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump({"site_name": "x", **checks}), encoding="utf-8")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# x\n\n{link}\n", encoding="utf-8")
    line = recipe[1].replace("$(PY)", sys.executable).replace("$$", "$")
    found = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == ended
    assert found.stdout == "" and bool(found.stderr) == bool(ended) and "INFO" not in found.stderr
    assert not ended or link[4:-1].partition("#")[2] in found.stderr
