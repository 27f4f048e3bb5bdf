"""The structure of a checkout: rooms below src/pars, arrows between them, floors, circles.

    python scripts/structure.py [CHECKOUT]

A room is a folder or a file on the top level of src/pars, an arrow says that one room imports another. The floor of a
room is the longest way down from it; rooms in a circle share one. Imports inside functions count like all others, those
for type checkers alone do not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = dict[str, set[str]]


def modules(source: Path) -> dict[str, Path]:
    """Dotted name below the package -> file; a package's __init__ is the package itself, the top one is ""."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Full names that are imported, `package.module.name`; not those under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise SystemExit(f"relative import in line {node.lineno}: write from {package}. ... import ...")
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node, package)


def module_graph(source: Path) -> Graph:
    """Module -> modules of the package that it imports."""
    known, graph = modules(source), {}
    for name, path in known.items():
        graph[name] = set()
        for full in imports(ast.parse(path.read_text(encoding="utf-8"), str(path)), source.name):
            top, _, below = full.partition(".")
            if top == source.name:
                while below and below not in known:  # the last part may be a name in a module
                    below = below.rpartition(".")[0]
                graph[name] |= {below} - {name, ""}
    return graph


def room_graph(graph: Mapping[str, set[str]]) -> Graph:
    """Room -> rooms that it imports."""
    found: Graph = {name.partition(".")[0]: set() for name in graph if name}
    for name, targets in graph.items():
        here = name.partition(".")[0]
        if here:
            found[here] |= {target.partition(".")[0] for target in targets} - {here}
    return found


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Sets of nodes that reach each other: strongly connected components of more than one node."""
    reach = {node: _reached(graph, node) for node in graph}
    found: list[set[str]] = []
    for node in graph:
        ring = {other for other in reach[node] if node in reach[other]} | {node}
        if len(ring) > 1 and ring not in found:
            found.append(ring)
    return found


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found, todo = set(), list(graph[start])
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo += graph[node]
    return found - {start}


def floors(graph: Mapping[str, set[str]]) -> dict[str, int]:
    """Node -> longest way down from it, 0 at the bottom."""
    ring = {node: set().union(*(c for c in circles(graph) if node in c)) or {node} for node in graph}
    found: dict[str, int] = {}

    def depth(node: str) -> int:
        if node not in found:
            below = {target for member in ring[node] for target in graph[member]} - ring[node]
            found[node] = 1 + max(map(depth, below), default=-1)
        return found[node]

    return {node: depth(node) for node in graph}


def main(checkout: Path) -> None:
    source = checkout / "src" / "pars"
    graph = module_graph(source)
    rooms = room_graph(graph)
    by_floor: dict[int, list[str]] = {}
    for room, floor in floors(rooms).items():
        by_floor.setdefault(floor, []).append(room + ("/" if (source / room).is_dir() else ""))
    for floor in sorted(by_floor, reverse=True):
        print(f"{floor:3}  {'  '.join(sorted(by_floor[floor]))}")
    folders = sum((source / room).is_dir() for room in rooms)
    print(f"{folders} folders and {len(rooms) - folders} files on the top level, beside __init__")
    print(f"{len(by_floor)} floors, {sum(map(len, rooms.values()))} arrows between rooms")
    for kind, found in (("rooms", circles(rooms)), ("modules", circles(graph))):
        print(f"circles of {kind}: {'; '.join(', '.join(sorted(ring)) for ring in found) or 'none'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
