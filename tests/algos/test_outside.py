"""Algorithms from elsewhere: installed packages, modules that a user names, and runs that name what is not here."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import pars
from pars import algos, api, presets
from pars.algos import ALGORITHMS, bc, every_algorithm, find_algorithm, import_modules, outside, register
from pars.cli import main as cli
from pars.collect.runs import collect_run
from pars.core import Phase
from pars.errors import CheckpointError, UsageError
from pars.export.load import load_policy
from pars.report import read_run
from tests import runs

CLONE = """
from dataclasses import replace
from pars.algos import bc
ALGORITHM = replace(bc.ALGORITHM, name="{name}", title="A clone")
"""


def install(site: Path, package: str, points: str, code: str) -> None:
    """A package of one module, as pip leaves it: the module, and metadata with its entry points."""
    module, metadata = site / f"{package.replace('-', '_')}.py", site / f"{package.replace('-', '_')}-1.5.dist-info"
    module.write_text(code)
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n")
    (metadata / "entry_points.txt").write_text(f"[pars.algorithms]\n{points}\n")


def test_a_package_is_imported_when_its_algorithm_is_asked_for_and_no_sooner(site: Path) -> None:
    install(site, "my-clone", "clone = my_clone:ALGORITHM", CLONE.format(name="clone"))
    assert find_algorithm("bc") is ALGORITHMS["bc"]
    with pytest.raises(UsageError, match=r"unknown algorithm 'clon'; did you mean clone or cql"):
        find_algorithm("clon")
    assert "my_clone" not in sys.modules and "clone" not in ALGORITHMS
    algo = find_algorithm("clone")
    assert algo is find_algorithm("clone") is sys.modules["my_clone"].ALGORITHM
    assert algos.origin_of(algo) == {
        "module": "my_clone",
        "file": str(site / "my_clone.py"),
        "package": "my-clone",
        "version": "1.5",
    }


def test_a_broken_package_is_one_line_and_ours_go_on(site: Path) -> None:
    install(site, "broken", "clone = broken:ALGORITHM", "import no_such_module\nmore")
    install(site, "dull", "dull = dull:NAME", "NAME = 'dull'")
    install(site, "other", "another = other:ALGORITHM", CLONE.format(name="different"))
    ours = dict(ALGORITHMS)
    for name, words in {
        "clone": r"^algorithm 'clone' of the installed package broken 1\.5 cannot be loaded: ModuleNotFoundError: No "
        "module named 'no_such_module'; mend the package or uninstall it$",
        "dull": "package dull 1.5: dull:NAME is a str and no pars.Algorithm; mend the package",
        "another": "package other 1.5 calls itself 'different'; give the entry point the same name",
    }.items():
        with pytest.raises(UsageError, match=words):
            find_algorithm(name)
    with pytest.warns(UserWarning) as told:
        assert every_algorithm() == list(ours.values())
    assert len(told) == 3 and all("\n" not in str(one.message) for one in told)


def test_names_that_clash_are_refused(site: Path) -> None:
    install(site, "first", "clone = first:ALGORITHM", CLONE.format(name="clone"))
    install(site, "second", "clone = second:ALGORITHM\niql = second:ALGORITHM", CLONE.format(name="clone"))
    with pytest.raises(UsageError, match=r"'clone' is in several packages \(.* 1\.5, .* 1\.5\); uninstall all but one"):
        find_algorithm("clone")
    with pytest.warns(UserWarning, match=r"'iql' of the installed package second 1\.5 is left out: pars has one"):
        assert find_algorithm("iql") is ALGORITHMS["iql"]
    assert not {"first", "second"} & set(sys.modules)
    with pytest.raises(UsageError, match=r"algorithm 'clone' of .*: the installed package .* 1\.5 has one; rename it"):
        register(replace(bc.ALGORITHM, name="clone"))
    with pytest.raises(UsageError, match=r"'pars' of pars\.algos\.bc: the module pars\.algos\.pars has one; rename it"):
        register(replace(bc.ALGORITHM, name="pars"))
    with pytest.raises(UsageError, match=r"register takes a pars\.Algorithm, got a str"):
        register("pars")  # type: ignore[arg-type]


def test_a_registered_algorithm_trains_with_its_presets(site: Path, tmp_path: Path) -> None:
    own = presets.Preset("me", task={runs.TASK: {"actor_hidden": (8, 8), "batch_size": 8}}, steps={runs.TASK: 3})
    algo = replace(bc.ALGORITHM, name="mine", presets=own)
    pars.register(algo)
    pars.register(algo)  # the same again
    run = api.train("mine", runs.TASK, data=runs.few_rows(), out=tmp_path / "run", eval_episodes=1, quiet=True)
    described = runs.description(runs.group(run, "mine"))
    assert described["members"][0]["settings"]["actor_hidden"] == [8, 8] and described["plan"]["offline_steps"] == 3
    assert described["origin"]["module"] == "pars.algos.bc"
    assert presets.source("mine") == "me"


def test_in_a_notebook_a_cell_may_run_again(site: Path) -> None:
    kind = type("Config", (bc.Config,), {"__module__": "__main__"})
    first, again = (replace(bc.ALGORITHM, name="mine", config=kind, title=title) for title in ("1", "2"))
    register(first)
    register(again)
    assert find_algorithm("mine") is again


def test_a_module_is_imported_by_name_or_by_file(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "by_name.py").write_text(CLONE.format(name="one") + "ALGORITHMS = {'two': replace(ALGORITHM, name='two')}")
    (tmp_path / "by_file.py").write_text("import pars\n" + CLONE.format(name="three") + "pars.register(ALGORITHM)")
    import_modules(["by_name", str(tmp_path / "by_file.py")])
    import_modules(["by_name", str(tmp_path / "by_file.py")])
    assert [find_algorithm(name).name for name in ("one", "two", "three")] == ["one", "two", "three"]
    assert algos.origin_of(ALGORITHMS["three"]) == {"module": "by_file", "file": str(tmp_path / "by_file.py")}
    (tmp_path / "wanted.py").write_text(CLONE.format(name="four"))
    monkeypatch.setenv("PARS_IMPORT", f"by_name:{tmp_path / 'wanted.py'}")
    assert find_algorithm("four") in every_algorithm()


def test_a_module_that_cannot_be_imported_is_one_line_and_adds_nothing(site: Path) -> None:
    before, settings = dict(ALGORITHMS), dict(presets.PRESETS)
    clone = CLONE.format(name="clone")
    broken = {
        "fails": (
            clone + "import pars; pars.register(ALGORITHM); 1 / 0",
            "ZeroDivisionError: division by zero; mend it",
        ),
        "stops": ("raise SystemExit(3)", "SystemExit: 3; mend it"),
        "taken": (CLONE.format(name="iql"), r"algorithm 'iql' of pars\.algos\.bc: the module pars\.algos\.iql has one"),
        "steals": (
            clone + "import pars; pars.ALGORITHMS['iql'] = ALGORITHM",
            "it replaces the algorithm 'iql'; rename",
        ),
        "wrong": ("ALGORITHM = 3", "wrong: ALGORITHM is a int and no pars.Algorithm"),
        "needs": ("import by_nobody", "ModuleNotFoundError: No module named 'by_nobody'; mend it"),
    }
    for name, (code, words) in broken.items():
        (site / f"{name}.py").write_text(code)
        for way in (name, str(site / f"{name}.py")):
            with pytest.raises(UsageError, match=words) as told:
                import_modules([way])
            assert "\n" not in str(told.value)
            sys.modules.pop(name, None)
    absent = {
        "nowhere": r"No module named 'nowhere'; install it or give the path of its file, such as \./nowhere\.py",
        "./nowhere.py": "there is no such file; give one, or the name of a module",
        str(site): "it is not a .py file",
    }
    for name, words in absent.items():
        with pytest.raises(UsageError, match=words):
            import_modules([name])
    (site / "json.py").write_text(clone)
    with pytest.raises(UsageError, match="another module is called 'json'; rename the file"):
        import_modules([str(site / "json.py")])
    assert before == ALGORITHMS and settings == presets.PRESETS


def test_the_command_imports_what_it_is_told(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "mine.py").write_text(CLONE.format(name="mine"))
    (tmp_path / "yours.py").write_text(CLONE.format(name="yours"))
    line = ["algos", "--import", str(tmp_path / "mine.py"), "--import", str(tmp_path / "yours.py")]
    cli.main(line)
    listed = capsys.readouterr().out.splitlines()
    assert {"pars", "mine", "yours"} <= {words.split()[0] for words in listed}
    cli.main([*line, "--presets", "mine"])
    assert "pointmaze" not in capsys.readouterr().out
    for words in (["train", "x"], ["eval", "x"], ["algos"], ["data", "collect", "--run", "x"]):
        with pytest.raises(SystemExit) as stop:
            cli.main([*words, "--import", "nowhere"])
        said = capsys.readouterr()
        assert (stop.value.code, said.out, said.err.count("\n")) == (2, "", 1), words
        assert said.err.startswith("pars: cannot import 'nowhere': ModuleNotFoundError")


@pytest.mark.filterwarnings("default")
def test_the_command_says_that_a_module_brings_nothing(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.py").write_text("METHOD = 1")
    cli.main(["algos", "bc", "--import", str(tmp_path / "empty.py")])
    told = "brings no algorithm: it has no ALGORITHM or ALGORITHMS and calls no pars.register\n"
    assert capsys.readouterr().err == f"pars: warning: '{tmp_path / 'empty.py'}' is imported and {told}"


EVIL = """
from pathlib import Path
Path(__file__).with_name("executed").touch()
"""


def test_nothing_that_a_run_names_is_imported(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as an algorithm, not as its module, not as the module of an environment."""
    (site / "evil.py").write_text(EVIL)
    monkeypatch.chdir(site)
    folder = tmp_path / "run"
    shutil.copytree(runs.group(runs.finished_run()), folder)
    honest = runs.description(folder)
    origin: dict[str, Any] = {"module": "evil", "file": str(site / "evil.py"), "package": "evil", "version": "1\n2"}
    names = ("evil", "evil:ALGORITHM", "evil.ALGORITHM", str(site / "evil.py"), "./evil.py", "", 3, ["evil"], None)
    lies = [honest | {"algorithm": name, "origin": origin} for name in names]
    lies += [honest | {"algorithm": "mine", "origin": wrong} for wrong in ("evil", ["evil"], {"module": ["evil"]}, 1)]
    tasks = [honest | {"task": task} for task in ("evil:Env-v0", "evil:pkg:Env-v0", "evil:")]
    for lie in lies + tasks:
        (folder / "run.json").write_text(json.dumps(lie))
        read_run(folder)  # all that a report knows of it
        uses = [lambda: api.evaluate(folder, 1), lambda: collect_run(folder, 2)]
        if lie in tasks:
            load_policy(folder)  # which needs no environment
        else:
            uses.append(lambda: load_policy(folder))
        for use in uses:
            with pytest.raises((UsageError, CheckpointError)) as told:
                use()
            assert "\n" not in str(told.value)
    (folder / "run.json").write_text(json.dumps(honest | {"origin": origin}))
    load_policy(folder)  # ours, whatever else it says
    assert not (site / "executed").exists() and "evil" not in sys.modules
    with pytest.warns(UserWarning, match="'evil' is imported and brings no algorithm"):
        import_modules(["evil"])
    assert (site / "executed").exists()  # it would have been seen


def test_a_run_whose_algorithm_is_not_here_says_where_it_came_from(site: Path, tmp_path: Path) -> None:
    install(site, "my-clone", "clone = my_clone:ALGORITHM", CLONE.format(name="clone"))
    (tmp_path / "mine.py").write_text(CLONE.format(name="mine"))
    import_modules([str(tmp_path / "mine.py")])
    options: dict[str, Any] = dict(data=runs.few_rows(), settings=runs.TINY_ACTOR, steps=2, eval_episodes=1, quiet=True)
    run = api.train(["clone", "mine"], runs.TASK, out=tmp_path / "run", **options)
    for name in ("clone", "mine"):
        del ALGORITHMS[name]
    (site / "my_clone-1.5.dist-info" / "entry_points.txt").unlink()
    outside.claims(fresh=True)
    with pytest.raises(UsageError) as told:
        load_policy(runs.group(run, "clone"))
    assert "module 'my_clone' of the package 'my-clone 1.5'" in str(told.value)
    assert str(told.value).endswith("install that package, or give --import (or PARS_IMPORT) if you trust it")
    with pytest.raises(UsageError, match=r"module 'mine' in the file '.*mine\.py', and what a run names is never imp"):
        load_policy(runs.group(run, "mine"))
    assert len(read_run(run).groups) == 2  # a report needs no algorithm


def test_an_environment_of_a_module_is_made_once_that_module_is_imported(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(runs.group(runs.finished_run()), folder)
    (site / "my_envs.py").write_text(
        "import gymnasium\nimport pars.envs\n"
        f"gymnasium.register('Mine-v0', lambda **more: gymnasium.make('pars/{runs.TASK}', **more))"
    )
    (folder / "run.json").write_text(json.dumps(runs.description(folder) | {"task": "my_envs:Mine-v0"}))
    with pytest.raises(UsageError, match="environment 'my_envs:Mine-v0' is made by the module 'my_envs', and what a"):
        api.evaluate(folder, 1)
    import_modules(["my_envs"])
    try:
        (result,) = api.evaluate(folder, 1)
    finally:
        del gymnasium.registry["Mine-v0"]
    assert result.task.id == "my_envs:Mine-v0" and result.scores.shape == (2, 1)


def phases(*names: str) -> tuple[Phase, ...]:
    return tuple(Phase(name, lambda cfg: 1, bc.update) for name in names)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"name": "a b/../c"},
            "an algorithm is called 'a b/../c'; a name has letters, digits and _, such as my_method",
        ),
        ({"name": "mine", "config": dict}, "'mine': its config is no class that inherits from pars.core.LoopSettings"),
        (
            {"name": "mine", "before": phases("offline")},
            "'mine': its phases are 'offline', 'offline', 'online'; each needs a name of its own, such as model",
        ),
        ({"name": "mine", "before": phases("model", "model")}, "'model', 'model', 'offline', 'online'; each needs a"),
        ({"name": "mine", "before": phases("a/b")}, "its phases are 'a/b', 'offline', 'online'; each needs a name"),
    ],
)
def test_what_cannot_be_a_method_is_not_registered(change: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError, match=re.escape(line)):
        pars.register(replace(ALGORITHMS["bc"], **change))
    assert "mine" not in ALGORITHMS
