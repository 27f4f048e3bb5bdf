"""The laws of the house that the source itself can be asked about."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from scripts import structure

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "pars"
MODULES = sorted(SOURCE.rglob("*.py"))
FILES = [
    *MODULES,
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "benchmarks").rglob("*.py")),
    *sorted((ROOT / "scripts").glob("*.py")),
]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES_MAX = 350

# From top to bottom: a room may import what stands below it. Every room has its place here.
FLOORS = (
    *(
        "cli",
        "reproduce",
        "sweep",
        "judge",
        "testing",
        "export",
        "api",
        "report",
        "collect",
        "training",
        "probes",
        "algos",
        "presets",
        "data",
        "envs",
    ),
    *("rl", "packing", "core", "nn", "config", "files", "position", "system", "places", "units", "alarm", "errors"),
)
APART = {  # what a room must not know although it stands below
    "algos": {"data", "envs", "packing", "files", "system", "places"},
    "presets": {"algos", "data", "envs", "rl", "nn", "core"},
    "data": {"rl", "nn"},
    "envs": {"rl", "nn", "packing", "core"},
    "report": {"training", "collect", "algos", "rl", "nn", "core", "envs"},
    "training.learner": {"data", "envs"},
    "training.source": {"data", "envs"},
    "training.feed": {"data", "envs"},
    "training.prefetch": {"data", "envs"},
}
EXCEPT = {("data", "rl.returns")}  # arithmetic on recorded rewards, without a network
LOOP = (
    "core",
    "training.learner",
    "training.source",
    "training.prefetch",
    "training.online",
    "training.rollout",
    "training.run",
)
IMPORTED_AS = {"PIL": "pillow"}  # where a package and its module differ in name


@cache
def graph() -> structure.Graph:
    """What each module imports."""
    return structure.module_graph(SOURCE)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports, also inside functions."""
    return {name.split(".")[0] for name in structure.imports(tree(path), "pars")}


def test_every_room_has_its_floor() -> None:
    assert set(FLOORS) == structure.room_graph(graph()).keys()


def test_imports_point_one_way() -> None:
    level = {room: number for number, room in enumerate(FLOORS)}
    up = [(a, b) for a, rooms in structure.room_graph(graph()).items() for b in rooms if level[b] <= level[a]]
    assert not up, "import from a room above"
    assert structure.circles(graph()) == []


def test_rooms_apart_do_not_know_each_other() -> None:
    for name, others in APART.items():
        found = [module for module in graph() if (module + ".").startswith(name + ".")]
        assert found, f"no {name}: moved? then move its law too"
        for module in found:
            known = {target for target in graph()[module] if target.partition(".")[0] in others}
            assert not {target for target in known if (name, target) not in EXCEPT}, module


def test_nothing_loaded_can_execute_code() -> None:
    forbidden = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    for path in MODULES:
        assert not forbidden & imported(path), path
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                where = f"{path}, line {node.lineno}"
                assert not (isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec")), where
                for keyword in node.keywords:
                    never = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                    assert keyword.arg != "allow_pickle" or never, f"{where}: allow_pickle must be False"


@pytest.mark.parametrize("name", LOOP)
def test_loops_ask_for_no_name(name: str) -> None:
    """No task, dataset or algorithm is compared with by name where training happens."""
    algorithms = {module.stem for module in (SOURCE / "algos").glob("*.py")} - {"__init__"}
    for node in ast.walk(tree(SOURCE / f"{name.replace('.', '/')}.py")):
        if isinstance(node, ast.Compare):
            parts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
            words = {part for part in parts if isinstance(part, str)}
            assert not words & algorithms, f"line {node.lineno}"
            assert not any(re.search("maze|hopper|cheetah|walker", word) for word in words), f"line {node.lineno}"


def test_third_party_imports_are_declared() -> None:
    """What src/pars imports is in pyproject.toml: as a dependency, or in an extra."""
    extras = PROJECT["optional-dependencies"].values()
    listed = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    declared = {re.split(r"[\[<>=~!; ]", line)[0].lower() for line in listed}
    for path in MODULES:
        top = imported(path) - set(sys.stdlib_module_names) - {"pars"}
        assert {IMPORTED_AS.get(name, name).lower() for name in top} <= declared, path


def test_benchmarks_need_no_further_package() -> None:
    """So that they run on a machine with a GPU and little else; adapters of peers import their peers."""
    declared = {re.split(r"[\[<>=~!; ]", line)[0].lower() for line in PROJECT["dependencies"]}
    for path in (ROOT / "benchmarks").glob("*.py"):
        top = imported(path) - set(sys.stdlib_module_names) - {"pars", "benchmarks"}
        assert {IMPORTED_AS.get(name, name).lower() for name in top} <= declared, path


def test_files_stay_short_and_name_no_machine() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= LINES_MAX, path
        assert not re.search(r"/(home|root|Users)/\w", text), f"{path}: an absolute path of one machine"


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
    assert all(version.startswith("13.0.") for version in gpu["nvidia-cuda-nvcc"])  # see requirements/cuda.in


def test_lock_holds_every_dependency() -> None:
    listed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    names = {re.split(r"[\[<>=~!; ]", line)[0].lower() for line in listed}
    assert names - {"pars"} <= pins("cpu.txt").keys()  # dev names pars' own extras
