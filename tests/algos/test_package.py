"""The package of docs/new-algorithm.md: built, installed, and used as a user would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pars import api, testing
from pars.algos import every_algorithm, find_algorithm, origin_of
from pars.cli import main as cli
from pars.export.load import load_policy
from tests import runs
from tests.test_docs import ROOT, blocks

PAGE = (ROOT / "docs" / "new-algorithm.md").read_text(encoding="utf-8")
NAME = "pars-awac"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pip leaves of the package, without a network."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    for block in blocks(PAGE):
        if len(block.info) > 1 and block.info[1].startswith(NAME):
            (source / block.info[1]).parent.mkdir(exist_ok=True)
            (source / block.info[1]).write_text(block.code + "\n")
    quiet = [
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--no-compile",
        "--disable-pip-version-check",
    ]
    line = [sys.executable, "-m", "pip", "install", *quiet, "--target", str(target), str(source / NAME)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def awac(built: Path, site: Path) -> Any:
    """The algorithm of the installed package."""
    for path in built.iterdir():
        (site / path.name).symlink_to(path)
    return find_algorithm("awac")


def test_its_metadata_names_what_it_brings(built: Path, awac: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert origin_of(awac) == {
        "module": "pars_awac",
        "file": str(Path(sys.modules["pars_awac"].__file__ or "")),
        "package": NAME,
        "version": "0.1.0",
    }
    assert awac in every_algorithm()
    cli.main(["algos", "awac", "--presets"])
    said = capsys.readouterr().out
    assert "awac: our own trials" in said and "antmaze: the defaults" in said
    cli.main(["algos", "awac"])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["temperature"])
    assert "of the advantages in the weights" in line and "lambda" in line
    cli.main(["algos", "awac", "--markdown"])
    assert "| `temperature` |" in capsys.readouterr().out


def test_it_trains_evaluates_and_reports(awac: Any, own_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = runs.words({name: runs.TINY[name] for name in ("hidden", "actor_hidden", "batch_size")})
    steps = ["--steps", "20", "--online-steps", "6", "--eval-every", "10", "--eval-episodes", "1", "--out", "run"]
    data = ["--data", str(runs.few_rows_file())]
    cli.main(["train", "awac", runs.TASK, *small, "temperature=0.5,2", "seed=0..1", *steps, *data])
    assert Path("run/report.html").exists()
    described = runs.description(runs.group(Path("run"), "awac"))
    assert described["origin"]["package"] == NAME and len(described["members"]) == 4
    assert described["members"][0]["settings"]["discount"] == 0.95  # of its presets
    capsys.readouterr()
    cli.main(["eval", "run", "--episodes", "1"])
    assert capsys.readouterr().out.count("awac") == 4
    assert np.abs(load_policy("run", 3)(np.zeros((5, 4)))).max() <= 1.0
    assert len(api.evaluate("run", 1)) == 1
    cli.main(["report", "run"])
    said = capsys.readouterr().out
    assert "AWAC" in said and "advantage_weight" in Path("run/report.html").read_text(), said


def test_it_keeps_the_contract(awac: Any) -> None:
    for check in (testing.check_settings, testing.check_state, testing.check_update):
        check(awac)


@pytest.mark.slow
def test_it_keeps_the_whole_contract(awac: Any) -> None:
    (block,) = (block for block in blocks(PAGE) if block.info[1:] == (f"{NAME}/test_awac.py",))
    namespace: dict[str, Any] = {}
    exec(compile(block.code, "test_awac.py", "exec"), namespace)
    namespace["test_awac"]()
