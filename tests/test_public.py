"""What `import pars` gives: names, types and version, and how little it starts."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import pars
from pars import errors
from pars.cli import main as cli

ROOM = Path(pars.__file__).parent


def test_type_checkers_see_the_names_that_are_there() -> None:
    """Each public name is imported for them from where it is found when it is used."""
    tree = ast.parse(Path(pars.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {node.names[0].name: node.module for node in block.body if isinstance(node, ast.ImportFrom)}
    assert seen == pars._HOME
    assert (ROOM / "py.typed").exists()


def test_every_error_can_be_caught_by_its_public_name() -> None:
    """`pars.train` raises them."""
    kinds = {
        name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert len(kinds) > 5 and all(getattr(pars, name) is kind for name, kind in kinds.items())


def test_no_room_has_the_name_of_a_function() -> None:
    """Else `pars.name` would be one or the other, by what was imported before."""
    assert not {path.stem for path in ROOM.iterdir()} & set(pars.__all__)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert pars.__version__ == importlib.metadata.version("pars")
    cli.main(["--version"])
    assert capsys.readouterr().out == f"pars {pars.__version__}\n"
    with pytest.raises(AttributeError, match="module 'pars' has no attribute 'versoin'"):
        _ = pars.versoin


@pytest.mark.parametrize("code", ["import pars", "from pars.cli.main import main; main(['--version'])"])
def test_it_starts_nothing(code: str) -> None:
    """Neither JAX nor the search for packages with algorithms."""
    unwanted = ("jax", "numpy", "pars.algos", "pars.training", "gymnasium")
    code = f"{code}\nimport sys\nassert not [name for name in {unwanted} if name in sys.modules]"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100, stdout=subprocess.DEVNULL)


def test_a_command_starts_without_what_only_pages_need() -> None:
    """SciPy's statistics and Matplotlib take as long to import as JAX; a page is written at the end of a run."""
    unwanted = ("matplotlib", "scipy.stats", "jinja2", "pars.report")
    code = f"import sys, pars.cli.commands\nassert not [name for name in {unwanted} if name in sys.modules]"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


@pytest.mark.slow
def test_a_type_checker_knows_signatures(tmp_path: Path) -> None:
    names = ("train", "evaluate", "register", "load_policy", "collect_twin", "__version__")
    (tmp_path / "user.py").write_text("import pars\n" + "".join(f"reveal_type(pars.{name})\n" for name in names))
    line = ["--config-file=", "--follow-imports=silent", "--ignore-missing-imports", f"--cache-dir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *line, "user.py"], cwd=tmp_path, capture_output=True, text=True, timeout=500
    )
    told = [text.partition('is "')[2] for text in done.stdout.splitlines() if "Revealed" in text]
    assert told[0].startswith("def (algorithms: str | typing.Sequence[str], task: ") and "-> pathlib.Path" in told[0]
    assert "fallback=pars.api.Result]" in told[1] and told[5] == 'str"', done.stdout
    assert all(text.startswith("def (") for text in told[:5])
