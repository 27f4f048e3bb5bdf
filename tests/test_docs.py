"""Every code block of README.md, its neighbours and docs/ runs.

`python` blocks run in a temporary folder, one namespace per file. What they print stands behind `# -> ` on the line of
each `print`, with `...` for what may differ. In `sh` blocks every line is a `pars` command, in `console` blocks every
line after `$ ` and its output below; they run in the same folder and leave what `--out` names. `sh notest` is for
set-up and long commands: there only the make targets, the subcommands of `pars` and their options must exist. Blocks in
other languages (text, json) are not run.

Pages show the networks that a user trains, their tests are about the words: what `pars train` and `pars.train` are not
told of widths is small here, looks at states are left out, and no figure becomes a file. Populations of the same
algorithm and size share one program in a process: so pages keep to four members of `pars`, two of `td3_bc`.
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

import pars
from pars import api
from pars.algos import ALGORITHMS, find_algorithm
from pars.cli import main as cli
from pars.presets import PRESETS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
train = api.train
SMALL = dict.fromkeys(("hidden", "actor_hidden", "behaviour_hidden"), (8,))


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


class Command(NamedTuple):
    """A line of a shell block in words, and the output that stands below it in a console."""

    words: list[str]
    shown: list[str]


def commands(block: Block) -> list[Command]:
    """The commands of a shell block; comments are left out."""
    found: list[Command] = []
    for line in block.code.replace("\\\n", " ").splitlines():
        if block.info[0] == "console" and not line.startswith("$ "):
            found[-1].shown.append(line)
        elif words := shlex.split(line.removeprefix("$ "), comments=True):
            found.append(Command(words, []))
    return found


def check_command(command: Command, block: Block, folder: Path) -> None:
    """Run one `pars` command and look at what it prints and writes; in a `notest` block only whether it exists."""
    words = command.words
    if words[0] == "make":
        targets = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        for target in targets:
            assert re.search(rf"^{re.escape(target)}:", MAKEFILE, re.M), f"line {block.line}: no make target {target!r}"
    if "notest" in block.info:
        if words[0] == "pars":
            check_words(words[1:], block, folder)
        return
    assert words[0] == "pars", f"line {block.line}: {words[0]!r} does not run in the tests; mark the fence `sh notest`"
    assert not {"|", "&&", ";", ">", "&"} & set(words), f"line {block.line}: one command per line, without a shell"
    code, output, errors = run_here(words[1:], folder)
    where = f"line {block.line}: {shlex.join(words)}"
    assert code == 0, f"{where}: exit {code}\n{errors[-2000:]}"
    assert output.strip(), f"{where}: it says nothing"
    if "--out" in words:
        assert (folder / words[words.index("--out") + 1]).exists(), f"{where}: nothing is there"
    check_shown(command.shown, output, where)


def check_words(words: list[str], block: Block, folder: Path) -> None:
    """The subcommand and the options of a command that is not run are in its help."""
    depth = 2 if words[:1] == ["data"] else 1
    name = " ".join(["pars", *(word for word in words[:depth] if not word.startswith("-"))])
    _, help_text, _ = run_here([*name.split()[1:], "--help"], folder)
    assert help_text.startswith(f"usage: {name} "), f"line {block.line}: no command {name}"
    for option in [word for word in words if word.startswith("--")]:
        assert re.search(rf"(?<!\S){option}(?![\w-])", help_text), f"line {block.line}: no option {option}"


def check_shown(shown: list[str], output: str, where: str) -> None:
    """Each line that a page shows is among those that were printed, in order; `...` stands for anything."""
    lines = iter(output.splitlines())
    for text in shown:
        pattern = ".*".join(map(re.escape, text.strip().split("...")))
        assert any(re.fullmatch(pattern, line.strip()) for line in lines), f"{where}: {text!r} is not in\n{output}"


def run_here(words: list[str], folder: Path) -> tuple[int, str, str]:
    """Run `pars` in this process, which has JAX at hand and programs compiled. -> exit code, stdout, stderr."""
    code, output, errors = 0, io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            cli.main(words)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, output.getvalue(), errors.getvalue()


def run_python(block: Block, name: str, namespace: dict[str, Any]) -> None:
    """Run a block and compare what it prints with what stands behind `# -> `."""
    source = "\n" * (block.line - 1) + block.code  # so that a traceback names the line of the page
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(source, name, "exec", dont_inherit=True), namespace)
    for number, line in enumerate(block.code.splitlines(), block.line):
        assert "print(" not in line or "# -> " in line, f"{name}:{number}: say what is printed, as # -> 42"
    check_shown(re.findall(r"# -> (.*)", block.code), output.getvalue(), f"{name}:{block.line}")


def run_page(text: str, name: str, folder: Path) -> dict[str, Any]:
    """Run all blocks of a page in order, inside `folder`. Returns the namespace of its Python blocks.

    Algorithms that the page adds to `pars.ALGORITHMS` are there for its own commands only.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with patch.dict(ALGORITHMS), patch.dict(PRESETS):
        for block in blocks(text):
            assert block.info, f"{name}:{block.line}: a fence without a language; write ```text for plain text"
            if block.info[0] == "python":
                run_python(block, name, namespace)
            elif block.info[0] in ("sh", "console", "bash", "shell"):
                for command in commands(block):
                    check_command(command, block, folder)
    return namespace


def train_small(algorithms: Any, *given: Any, **options: Any) -> Path:
    """`pars.train` without probes, with SMALL widths where all its algorithms have them and the page says none."""
    configs = [find_algorithm(name).config for name in ([algorithms] if isinstance(algorithms, str) else algorithms)]
    small = {name: width for name, width in SMALL.items() if all(hasattr(config, name) for config in configs)}
    settings = small | dict(options.get("settings") or {})
    return train(algorithms, *given, **{"probes": ()} | options | {"settings": settings})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.usefixtures("no_png")
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own; what a page collects stays in the data folder of the session for the others."""
    monkeypatch.chdir(tmp_path)
    for module in (pars, api):  # pars.train is found in api when it is first asked for
        monkeypatch.setattr(module, "train", train_small)
    monkeypatch.setattr("pars.report.charts.plot.to_svg", lambda fig: "<svg></svg>")
    run_page(page.read_text(encoding="utf-8"), str(page), tmp_path)


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
        ("```python\nprint(1)\n```", "page:2: say what is printed"),
        ("```python\nprint(1)  # -> 2\n```", "'2' is not in"),
        ("```python\nprint(1)  # -> 1\nprint(2)  # -> 1\n```", "'1' is not in"),
        ("```console\n$ pars algos bc\nalgorithm\n```", "'algorithm' is not in"),
        ("```sh\npars algos nothing-like-it\n```", "exit 2"),
        ("```sh notest\npars nothing-like-it\n```", "no command pars nothing-like-it"),
        ("```sh notest\npars train pars task --step 5\n```", "no option --step"),
    ],
)
def test_what_a_page_must_not_hold(page: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ZeroDivisionError), match=re.escape(complaint)):
        run_page(page, "page", tmp_path)


def test_commands_of_a_console_have_their_output_below() -> None:
    block = Block(("console",), "$ pars tasks  # all\npointmaze-umaze\n$ pars eval \\\n  runs/x", 1)
    assert commands(block) == [(["pars", "tasks"], ["pointmaze-umaze"]), (["pars", "eval", "runs/x"], [])]


def test_what_may_differ_is_three_dots(tmp_path: Path) -> None:
    run_page("```python\nprint(12345)  # -> 1...5\n```\n```console\n$ pars algos bc\nbc: ...\n```", "page", tmp_path)
