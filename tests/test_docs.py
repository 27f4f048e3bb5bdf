"""Every code block of README.md and docs/ runs.

`python` blocks run in a temporary folder, one namespace per file. In `sh` blocks every line is a `pars` command, in
`console` blocks every line after `$ `; they run in the same folder. `sh notest` is for set-up and long commands: there
only the make targets and the subcommands of `pars` must exist. Blocks in other languages (text, json) are not run.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from pars.algos import ALGORITHMS
from pars.cli import main as cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if path.exists()]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


class Block(NamedTuple):
    """A fenced block: `info` are the words after the fence, `line` is the number of its first line of code."""

    info: tuple[str, ...]
    code: str
    line: int


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a Markdown text; a fence may be indented, and its indentation is removed."""
    found: list[Block] = []
    fence, info, start, lines = "", (), 0, []  # type: ignore[var-annotated]
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r"^(\s*)(`{3,}|~{3,})\s*(.*)$", line)
        if not fence and match:
            indent, fence, info, start, lines = match[1], match[2], tuple(match[3].split()), number + 1, []
        elif fence and match and match[2].startswith(fence) and not match[3]:
            found.append(Block(info, "\n".join(lines), start))
            fence = ""
        elif fence:
            lines.append(line.removeprefix(indent))
    assert not fence, f"the fence before line {start} is never closed"
    return found


def commands(block: Block) -> list[list[str]]:
    """The commands of a shell block, split into words; comments and the output in a console are left out."""
    text = block.code.replace("\\\n", " ")
    if block.info[0] == "console":
        text = "\n".join(line[2:] for line in text.splitlines() if line.startswith("$ "))
    return [words for line in text.splitlines() if (words := shlex.split(line, comments=True))]


def check_command(words: list[str], block: Block, folder: Path) -> None:
    """Run one `pars` command; in a `notest` block only look whether its target or subcommand exists."""
    if words[0] == "make":
        targets = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        for target in targets:
            assert re.search(rf"^{re.escape(target)}:", MAKEFILE, re.M), f"line {block.line}: no make target {target!r}"
    if "notest" in block.info:
        if words[0] != "pars":
            return
        words = [*words[: 1 + (len(words) > 1 and not words[1].startswith("-"))], "--help"]
    assert words[0] == "pars", f"line {block.line}: {words[0]!r} does not run in the tests; mark the fence `sh notest`"
    assert not {"|", "&&", ";", ">", "&"} & set(words), f"line {block.line}: one command per line, without a shell"
    code, errors = run_here(words[1:], folder)
    assert code == 0, f"line {block.line}: {shlex.join(words)}: exit {code}\n{errors[-2000:]}"


def run_here(words: list[str], folder: Path) -> tuple[int, str]:
    """Run `pars` in this process, which has JAX at hand and programs compiled. -> exit code, stderr."""
    code, errors = 0, io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        try:
            cli.main(words)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, errors.getvalue()


def run_page(text: str, name: str, folder: Path) -> dict[str, Any]:
    """Run all blocks of a page in order, inside `folder`. Returns the namespace of its Python blocks.

    Algorithms that the page adds to `pars.ALGORITHMS` are there for its own commands only.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with patch.dict(ALGORITHMS):
        for block in blocks(text):
            assert block.info, f"{name}:{block.line}: a fence without a language; write ```text for plain text"
            if block.info[0] == "python":
                source = "\n" * (block.line - 1) + block.code  # so that a traceback names the line of the page
                exec(compile(source, name, "exec"), namespace)
            elif block.info[0] in ("sh", "console", "bash", "shell"):
                for words in commands(block):
                    check_command(words, block, folder)
    return namespace


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_runs(page: Path, own_folders: Path) -> None:
    run_page(page.read_text(encoding="utf-8"), str(page), own_folders)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^(`{3,}).*?^\1", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    targets = re.findall(r"\]\(([^)\s#]+)", text) + re.findall(r'(?:src|href)="([^"#]+)"', text)
    dead = [link for link in targets if "://" not in link and not (page.parent / link).exists()]
    assert not dead


PAGE = """
# A page
```python
kept = 1
```
Between, in a list:
  ```python
  kept += 1
  ```
```sh notest
git clone somewhere && cd pars   # not run
make setup GPU=1
```
```text
not python (
```
"""


def test_python_blocks_share_a_namespace(tmp_path: Path) -> None:
    assert run_page(PAGE, "page", tmp_path)["kept"] == 2


def test_an_algorithm_of_a_page_is_there_for_its_commands_only(tmp_path: Path) -> None:
    page = """
```python
import pars
pars.ALGORITHMS["mine"] = pars.ALGORITHMS["bc"]
```
```sh
pars algos mine
```
"""
    run_page(page, "page", tmp_path)
    assert "mine" not in ALGORITHMS


def test_blocks_know_their_lines() -> None:
    assert [(block.info, block.line) for block in blocks(PAGE)] == [
        (("python",), 4),
        (("python",), 8),
        (("sh", "notest"), 11),
        (("text",), 15),
    ]


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("```python\n1 / 0\n```", "division by zero"),
        ("```sh notest\nmake nothing-like-it\n```", "no make target 'nothing-like-it'"),
        ("```sh\ngit clone somewhere\n```", "mark the fence `sh notest`"),
        ("```sh\npars tasks | head\n```", "one command per line"),
        ("```\nplain\n```", "a fence without a language"),
        ("```python\nnever_closed = 1\n", "never closed"),
    ],
)
def test_what_a_page_must_not_hold(page: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ZeroDivisionError), match=re.escape(complaint)):
        run_page(page, "page", tmp_path)


def test_commands_of_a_console_leave_out_the_output() -> None:
    block = Block(("console",), "$ pars tasks  # all\npointmaze-umaze\n$ pars eval \\\n  runs/x", 1)
    assert commands(block) == [["pars", "tasks"], ["pars", "eval", "runs/x"]]
