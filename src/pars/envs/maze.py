"""Maze maps of D4RL (Fu et al. 2020, arXiv 2004.07219), their frame, and shortest paths through them.

The start cell `r` is the origin; x grows with the column, y with the row (the frame of D4RL's AntMaze).
"""

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Array = np.ndarray

# '#' wall, '.' free, 'r' start cell, 'g' goal cell of the evaluation.
MAPS: dict[str, tuple[str, ...]] = {
    "umaze": (
        "#####",
        "#r..#",
        "###.#",
        "#g..#",
        "#####",
    ),
    "medium": (
        "########",
        "#r.##..#",
        "#..#...#",
        "##...###",
        "#..#...#",
        "#.#..#.#",
        "#...#.g#",
        "########",
    ),
    "large": (
        "############",
        "#r...#.....#",
        "#.##.#.#.#.#",
        "#......#...#",
        "#.####.###.#",
        "#..#.#.....#",
        "##.#.#.#.###",
        "#..#...#.g.#",
        "############",
    ),
    "ultra": (
        "################",
        "#r......#......#",
        "#.###.#.#.##.#.#",
        "#.###.#....#.#.#",
        "#...#.##.###.#.#",
        "#.#...#........#",
        "#...#...#.###.##",
        "#.#.###.#...#.##",
        "#.......#.#....#",
        "##.##.#...####.#",
        "##.#..#.#.....g#",
        "################",
    ),
    "giant": (  # of OGBench; its medium and large are D4RL's
        "################",
        "#r#......##....#",
        "#.#.##.#.#..##.#",
        "#...#..#...#...#",
        "#.###.######.#.#",
        "#...#...#....#.#",
        "###.#.#..#.#.###",
        "#...#..#...#...#",
        "#.#.#.######.#.#",
        "#.###...#...##.#",
        "#.....#...#...g#",
        "################",
    ),
}

# Cells (row, column) of the goals on D4RL's collection maps ("play"), and on ultra's, published with it (ULTRA_MAZE).
PLAY_GOALS: dict[str, tuple[tuple[int, int], ...]] = {
    "medium": ((2, 6), (5, 1), (6, 5)),
    "large": ((1, 6), (3, 5), (3, 10), (5, 2), (7, 4), (7, 6), (7, 9)),
    "ultra": (
        *((1, 4), (1, 11), (1, 14), (2, 5), (2, 9), (3, 7), (4, 3), (4, 12), (5, 1), (5, 7), (5, 10)),
        *((5, 14), (6, 5), (7, 3), (7, 11), (8, 1), (8, 7), (8, 13), (9, 5), (10, 9), (10, 14)),
    ),
}

MOVES = ((1, 0), (-1, 0), (0, 1), (0, -1))  # order decides between equally short paths


@dataclass(frozen=True)
class Maze:
    """One map with its scale and its evaluation goal. Cells are (row, column), positions (x, y) in `cell` units."""

    name: str
    map: tuple[str, ...]
    cell: float  # length of a cell's side
    goal_radius: float  # distance to the goal cell's centre at which the task is solved

    @classmethod
    def named(cls, name: str, *, cell: float, goal_radius: float) -> "Maze":
        """A maze of `MAPS`."""
        return cls(name, MAPS[name], cell, goal_radius)

    def _find(self, mark: str) -> tuple[int, int]:
        return next((i, row.index(mark)) for i, row in enumerate(self.map) if mark in row)

    @cached_property
    def start_cell(self) -> tuple[int, int]:
        """The cell marked `r`: origin of the frame."""
        return self._find("r")

    @cached_property
    def goal_cell(self) -> tuple[int, int]:
        """The cell marked `g`."""
        return self._find("g")

    @cached_property
    def goal(self) -> Array:
        """Centre of the goal cell, [2]."""
        return self.xy(np.array(self.goal_cell))

    @cached_property
    def wall(self) -> Array:
        """[rows, columns] bool, true where a cell is wall."""
        return np.array([[c == "#" for c in row] for row in self.map])

    @cached_property
    def free_cells(self) -> Array:
        """[F, 2] free cells, row by row."""
        return np.argwhere(~self.wall)

    def xy(self, cells: Array) -> Array:
        """Centres [..., 2] of cells [..., 2]."""
        row, column = self.start_cell
        cells = np.asarray(cells)
        return self.cell * np.stack([cells[..., 1] - column, cells[..., 0] - row], axis=-1).astype(np.float64)

    def cell_of(self, xy: Array) -> Array:
        """Cells [..., 2] that contain positions [..., 2]; positions outside the map give its nearest border cell."""
        xy = np.asarray(xy)
        raw = np.floor(xy[..., ::-1] / self.cell + 0.5).astype(np.int64) + np.array(self.start_cell)
        return np.clip(raw, 0, np.array(self.wall.shape) - 1)

    @cached_property
    def steps_to(self) -> Array:
        """[rows, columns, rows, columns] int: length of the shortest path from a cell (last two) to a goal (first two).

        Breadth-first, 4-connected; -1 where there is no path.
        """
        rows, columns = self.wall.shape
        table = np.full((rows, columns, rows, columns), -1, np.int64)
        for goal in map(tuple, self.free_cells.tolist()):
            table[goal][goal] = 0
            queue = deque([goal])
            while queue:
                i, j = queue.popleft()
                for di, dj in MOVES:
                    to = (i + di, j + dj)
                    if not self.wall[to] and table[goal][to] < 0:
                        table[goal][to] = table[goal][i, j] + 1
                        queue.append(to)
        return table

    @cached_property
    def next_cell(self) -> Array:
        """[rows, columns, rows, columns, 2] int: the cell after a cell (axes 2, 3) on a shortest path to a goal (0, 1).

        The goal itself, walls and cells without a path map to themselves.
        """
        rows, columns = self.wall.shape
        here = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1)
        table = np.broadcast_to(here, (rows, columns, rows, columns, 2)).copy()
        for goal in map(tuple, self.free_cells.tolist()):
            steps = self.steps_to[goal]
            for i, j in self.free_cells.tolist():
                for di, dj in MOVES:
                    if steps[i, j] > 0 and steps[i + di, j + dj] == steps[i, j] - 1:
                        table[goal][i, j] = (i + di, j + dj)
                        break
        return table

    def blocks(self) -> list[tuple[float, float, float, float]]:
        """Rectangles (x, y, half width, half height), one for every wall cell, row by row."""
        half = self.cell / 2
        return [(float(x), float(y), half, half) for x, y in self.xy(np.argwhere(self.wall))]

    def walls(self) -> list[tuple[float, float, float, float]]:
        """Rectangles (x, y, half width, half height) that together cover the wall cells.

        Runs of cells along rows and columns become one rectangle each: fewer contacts to look for, and no seams along
        a straight wall for a body to catch on.
        """
        rectangles = []
        left = self.wall.copy()
        for i, j in np.argwhere(self.wall).tolist():
            if not left[i, j]:
                continue
            right = _run(left[i, j:])
            down = _run(left[i:, j])
            height, width = (down, 1) if down > right else (1, right)
            left[i : i + height, j : j + width] = False
            x, y = self.xy(np.array([i + (height - 1) / 2, j + (width - 1) / 2]))
            rectangles.append((float(x), float(y), width * self.cell / 2, height * self.cell / 2))
        return rectangles

    def card(self) -> dict[str, Any]:
        """JSON-serialisable description, enough to draw the maze."""
        return {
            "name": self.name,
            "map": list(self.map),
            "cell": self.cell,
            "origin": list(self.start_cell),
            "goal": self.goal.tolist(),
            "goal_radius": self.goal_radius,
        }


def _run(line: Array) -> int:
    """Number of leading true entries."""
    return int(len(line) if line.all() else np.argmin(line))
