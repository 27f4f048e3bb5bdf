"""A mistake in an algorithm from elsewhere is told as its own, with file and line; ours stay internal errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from pars.cli import main as cli
from tests import runs

MISTAKEN = """
import jax.numpy as jnp
from dataclasses import replace
from pars.algos import bc

def init(cfg, spec, key):
    return bc.init(cfg, spec, key)["actor"]

def update(cfg, state, batch, key, step):
    return bc.update(cfg, state, batch, key, step) + 1

def act(cfg, state, obs, key, explore):
    return jnp.dot(obs, helper(state))

def helper(state):
    return state.actor.params["nowhere"]

def wrong_state(cfg, state, batch, key, step):
    return (state, state), {}

ALGORITHMS = [
    replace(bc.ALGORITHM, name=name, title=name, **{hook.__name__: hook})
    for name, hook in (("starts", init), ("learns", update), ("acts", act))
] + [replace(bc.ALGORITHM, name="turns", update=wrong_state)]
"""


@pytest.fixture
def told(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Train one of these; the exit code and the line on stderr."""
    file = tmp_path / "mistaken.py"
    file.write_text(MISTAKEN)

    def train(name: str, *more: str) -> tuple[int, str]:
        line = ["train", name, runs.TASK, "--import", str(file), "--data", str(runs.few_rows_file()), "actor_hidden=8"]
        with pytest.raises(SystemExit) as stop:
            cli.main([*line, "--steps", "2", "--eval-episodes", "1", "--out", str(tmp_path / name), "--quiet", *more])
        return int(stop.value.code or 0), capsys.readouterr().err.removeprefix("pars: ")

    return train


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("starts", 'key)["actor"]', "TypeError: tuple indices must be integers or slices, not str"),
        ("learns", "step) + 1", 'TypeError: can only concatenate tuple (not "int") to tuple'),
        ("acts", '["nowhere"]', "KeyError: 'nowhere'"),
    ],
)
def test_it_says_which_algorithm_and_where(told, tmp_path: Path, name: str, text: str, line: str) -> None:
    number = 1 + next(i for i, code in enumerate(MISTAKEN.splitlines()) if code.endswith(text))
    where = f"{tmp_path / 'mistaken.py'}:{number}"
    assert told(name) == (2, f"algorithm '{name}' failed at {where}: {line} (--debug shows the traceback)\n")


def test_debug_shows_the_traceback(told) -> None:
    with pytest.raises(KeyError, match="nowhere"):
        told("acts", "--debug")


def test_what_only_fails_later_points_to_the_checks(told) -> None:
    code, line = told("turns")
    assert code == 1 and line.startswith("internal error: TypeError: ") and line.count("\n") == 1
    assert line.endswith("(--debug shows where; see pars.testing.check_algorithm, too, for your own)\n")


def test_ours_stay_internal_errors(told, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*options: object, **more: object) -> None:
        raise RuntimeError("a slip")

    monkeypatch.setattr("pars.training.launch.run_jobs", broken)
    code, line = told("learns")
    assert code == 1 and line.startswith("internal error: RuntimeError: a slip (")
