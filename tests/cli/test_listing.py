"""The table of algorithms and the lines of their presets."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import pytest
from rich.console import Console

from pars.algos import ALGORITHMS
from pars.cli import commands, listing
from pars.presets.sets import D4RL


def printed(width: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    Console(width=width).print(listing.table())
    return capsys.readouterr().out.splitlines()


def test_the_table_has_a_line_for_each_algorithm_and_fits(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(120, capsys)
    assert len(lines) == 1 + len(ALGORITHMS)
    assert [line.split()[0] for line in lines[1:]] == list(ALGORITHMS)
    assert any(
        re.fullmatch(r"iql +IQL +Kostrikov.* 2110\.06169 +iql\.py \(\d+\) +LN, PA off +yes .*", s) for s in lines
    )
    narrow = printed(100, capsys)
    assert all(len(line) <= 100 and "…" not in line for line in narrow)


def test_ids_of_datasets_stay_whole_in_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    commands.list_datasets()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    first = {line.split()[0] for line in lines if line[:1].strip()}
    assert first >= {"pointmaze-umaze-diverse", "halfcheetah-medium-expert-v2"}


def test_a_file_of_others_among_the_twins_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "twins").mkdir()
    h5py.File(tmp_path / "twins" / "mine.hdf5", "w").close()
    commands.list_datasets()
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("twin:mine")]
    assert line.split() == ["twin:mine", "?", "yes", str(tmp_path / "twins" / "mine.hdf5")]


@pytest.mark.parametrize(
    ("name", "words"),
    [("pars", "LN+PA on"), ("rebrac", "LN on, PA off"), ("iql", "LN, PA off"), ("bc", "-"), ("bc_10", "-")],
)
def test_ingredients(name: str, words: str) -> None:
    assert listing.ingredients(ALGORITHMS[name]) == words


def test_phases_and_files(capsys: pytest.CaptureFixture[str]) -> None:
    table = {line.split()[0]: line for line in printed(120, capsys)}
    assert "LN on, PA off no      yes" in table["rlpd"] and " yes     no " in table["bc"]
    assert listing.file(ALGORITHMS["cal_ql"]) == listing.file(ALGORITHMS["cql"])


def test_the_page_has_the_same_table() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "algorithms.md"
    rows = re.findall(r"^\| (`\w+`.*?) \|.*\| (.*?) \| (yes|no) \| (yes|no) \|$", page.read_text("utf-8"), re.M)
    found = {}
    for names, files, offline, online in rows:
        for name in re.findall(r"`(\w+)`", names):
            found[name] = set(re.findall(r"\(\.\./(src/pars/algos/\w+\.py)\)", files)), (offline, online)
    assert found.keys() == ALGORITHMS.keys()
    for name, (files, phases) in found.items():
        algo = ALGORITHMS[name]
        assert f"src/pars/algos/{listing.file(algo).split()[0]}" in files, name
        assert phases == tuple("yes" if has else "no" for has in (algo.offline, algo.online)), name


@pytest.mark.parametrize("module", ["__main__", "builtins", "absent"])  # a notebook, no file, a module that went
def test_an_algorithm_without_a_file_is_listed(
    module: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    config = type("Config", (ALGORITHMS["bc"].config,), {"__module__": module})
    monkeypatch.setitem(ALGORITHMS, "mine", dataclasses.replace(ALGORITHMS["bc"], name="mine", config=config))
    assert re.fullmatch(rf"mine +BC .* {module} +- +yes .*", printed(120, capsys)[-1])


def test_an_algorithm_of_a_script_has_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = ModuleType("__main__")
    script.__file__ = str(tmp_path / "mine.py")
    Path(script.__file__).write_text("first = 1\nsecond = 2\n")
    monkeypatch.setitem(sys.modules, "__main__", script)
    config = type("Config", (ALGORITHMS["bc"].config,), {"__module__": "__main__"})
    assert listing.file(dataclasses.replace(ALGORITHMS["bc"], config=config)) == "mine.py (2)"


def section(name: str) -> tuple[list[str], dict[str, str]]:
    """Lines above the datasets, and what stands beside each of them, without line breaks."""
    text = "\n".join(listing.preset_lines([name])).replace("\n      ", " ")
    lines = text.splitlines()
    beside = dict(line.split(maxsplit=1) for line in lines if line.startswith("    "))
    return [line for line in lines if not line.startswith("    ")], beside


@pytest.mark.parametrize("name", ALGORITHMS)
def test_presets_have_a_line_for_each_dataset(name: str) -> None:
    _, beside = section(name)
    assert list(beside) == list(D4RL)
    assert all(len(line) <= listing.WIDTH + 1 for text in listing.preset_lines([name]) for line in text.splitlines())


def test_a_preset_in_words() -> None:
    heads, beside = section("rebrac")
    assert heads[2].startswith("rebrac: tinkoff-ai/ReBRAC")
    assert "  antmaze: discount=0.999 critic_lr=5e-05 reward_scale=100" in heads
    assert beside["antmaze-umaze-v2"] == "bc_weight=0.003 critic_bc_weight=0.002"
    assert beside["antmaze-ultra-play-v0"].endswith("; fallback: none published; those of the large maze")
    assert beside["pen-expert-v1"] == "-"  # these are the defaults
    heads, beside = section("edac")
    assert "  mujoco: --steps 3000000" in heads and "max_backup=true --steps 200000" in beside["pen-cloned-v1"]
    assert "  other presets: corl, tuned (--preset)" in section("iql")[0]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_words_printed_are_the_settings(name: str) -> None:
    """What stands above and beside a dataset, given as settings, is the preset's config."""
    algo = ALGORITHMS[name]
    heads, beside = section(name)
    shared = dict(line.strip().split(": ", 1) for line in heads if re.match(r"  (antmaze|adroit|mujoco): ", line))
    family: Any = lambda task_id: next(f for f in shared if task_id in listing.SETS[f])  # noqa: E731
    for task_id, own in beside.items():
        words = re.findall(r"(\w+)=(\S+?)(?:;| |$)", f"{shared[family(task_id)]} {own.partition('fallback')[0]}")
        expected = algo.configure(listing.presets.settings(name, task_id))
        assert algo.configure(dict(words)) == expected
