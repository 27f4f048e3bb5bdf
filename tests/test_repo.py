"""The laws of the house that the source itself can be asked about."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "pars"
MODULES = sorted(SOURCE.rglob("*.py"))
FILES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES_MAX = 350

BASE = {"config", "errors", "suggest", "device"}  # known to all
LOOPS = {"learner", "rollout", "run", "launch", "watch", "folder", "checkpoint", "pictures"}
LOOPS |= {
    "memory",
    "overlap",
    "parts",
    "plan",
    "policy",
    "sweep",
    "collect",
    "report",
    "experiments",
    "paper",
    "presets",
    "cli",
}
KNOWS_ONLY = {
    "errors": set(),
    "suggest": set(),
    "device": {"errors"},
    "config": {"errors", "suggest"},
    "core": BASE,
    "layers": BASE,
    "nets": BASE | {"core", "layers"},
    "losses": BASE | {"core"},
    "probes": BASE | {"core", "nets"},
}
KNOWS_NOTHING_OF = {
    "algos": {"envs", "data"} | LOOPS,
    "data": {"algos", "probes", "losses", "nets"} | LOOPS,
    "envs": {"algos", "probes", "losses", "nets"} | LOOPS,
    "learner": {"cli", "report", "experiments", "sweep", "envs", "data"},
    "rollout": {"cli", "report", "experiments", "sweep"},
}
IMPORTED_AS = {"PIL": "pillow"}  # where a package and its module differ in name
TESTED = [pytest.param(path, id=str(path.relative_to(SOURCE))) for path in MODULES]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[str]:
    """Full names of all imported modules, also those inside functions; relative ones are made absolute."""
    here = ["pars", *path.relative_to(SOURCE).with_suffix("").parts]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(here[: -node.level] if node.level else [])
            module = ".".join(part for part in (start, node.module) if part)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    """The first name below `pars`: of src/pars/algos/td3_bc.py "algos", of src/pars/core.py "core"."""
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def rooms_known(path: Path) -> set[str]:
    names = {name.split(".")[1] for name in imports(path) if name.startswith("pars.")}
    return names & {room(module) for module in MODULES} - {room(path)}


@pytest.mark.parametrize("path", TESTED)
def test_imports_point_one_way(path: Path) -> None:
    known = rooms_known(path)
    assert known <= KNOWS_ONLY.get(room(path), known), (
        f"may import {sorted(KNOWS_ONLY[room(path)])}, imports {sorted(known)}"
    )
    assert not known & KNOWS_NOTHING_OF.get(room(path), set())


@pytest.mark.parametrize("path", TESTED)
def test_nothing_loaded_can_execute_code(path: Path) -> None:
    forbidden = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    assert not forbidden & {name.split(".")[0] for name in imports(path)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            assert not (isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec")), f"line {node.lineno}"
            for keyword in node.keywords:
                never = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                assert keyword.arg != "allow_pickle" or never, f"line {node.lineno}: allow_pickle must be False"


@pytest.mark.parametrize("name", ["learner", "rollout", "run", "source", "core"])
def test_loops_ask_for_no_name(name: str) -> None:
    """No task, dataset or algorithm is compared with by name where training happens."""
    path = SOURCE / f"{name}.py"
    if not path.exists():
        pytest.skip(f"no {path.name}")
    algorithms = {module.stem for module in (SOURCE / "algos").glob("*.py")} - {"__init__"}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Compare):
            words = {
                part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)
            }
            assert not words & algorithms, f"line {node.lineno}"
            assert not any(re.search("maze|hopper|cheetah|walker", word) for word in words), f"line {node.lineno}"


def test_third_party_imports_are_declared() -> None:
    """What src/pars imports is in pyproject.toml: as a dependency, or in an extra."""
    extras = PROJECT["optional-dependencies"].values()
    listed = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    declared = {re.split(r"[\[<>=~!; ]", line)[0].lower() for line in listed}
    for path in MODULES:
        top = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"pars"}
        assert {IMPORTED_AS.get(name, name).lower() for name in top} <= declared, path


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_short_and_name_no_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LINES_MAX
    assert not re.search(r"/(home|root|Users)/\w", text), "an absolute path of one machine"


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_locks_pin_by_hash_and_name_no_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    for requirement in re.split(r"\n(?=[a-zA-Z])", text.partition("\n")[2]):
        if requirement[0].isalpha():
            assert "==" in requirement and "--hash=sha256:" in requirement, requirement.split()[0]


def pins(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([\w.+-]+)", (ROOT / "requirements" / name).read_text(), re.M):
        found.setdefault(package, set()).add(version)
    return found


def test_cuda_lock_adds_to_the_cpu_lock() -> None:
    cpu, gpu = pins("cpu.txt"), pins("gpu.txt")
    assert cpu.items() <= gpu.items()
    assert any(name.startswith("jax-cuda") for name in gpu)


def test_lock_holds_every_dependency() -> None:
    listed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    names = {re.split(r"[\[<>=~!; ]", line)[0].lower() for line in listed}
    assert names - {"pars"} <= pins("cpu.txt").keys()  # dev names pars' own extras
