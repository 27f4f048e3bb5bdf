"""Maps, frame and shortest paths, against the published numbers."""

import numpy as np
import pytest

from pars.envs.maze import MAPS, PLAY_GOALS, Maze


def maze(name: str, cell: float = 1.0) -> Maze:
    return Maze.named(name, cell=cell, goal_radius=0.45)


@pytest.mark.parametrize(
    ("name", "shape", "free", "path", "goal"),
    [
        ("umaze", (5, 5), 7, 6, (0, 2)),
        ("medium", (8, 8), 26, 10, (5, 5)),
        ("large", (9, 12), 46, 14, (8, 6)),
    ],
)
def test_maps_have_the_published_size_path_and_goal(name, shape, free, path, goal):
    m = maze(name)
    assert m.wall.shape == shape
    assert len(m.free_cells) == free
    assert m.steps_to[m.goal_cell][m.start_cell] == path
    assert tuple(m.goal) == goal
    assert tuple(maze(name, 4.0).goal) == (4 * goal[0], 4 * goal[1])


def test_frame_puts_x_along_columns_and_y_along_rows():
    m = maze("large", 4.0)
    assert m.xy(np.array(m.start_cell)).tolist() == [0, 0]
    assert m.xy(np.array([1, 3])).tolist() == [8, 0]
    assert m.xy(np.array([3, 1])).tolist() == [0, 8]


@pytest.mark.parametrize("name", MAPS)
def test_cell_of_inverts_xy_up_to_half_a_cell(name):
    m = maze(name, 4.0)
    for offset in ([0, 0], [1.9, -1.9], [-1.9, 1.9]):
        assert (m.cell_of(m.xy(m.free_cells) + offset) == m.free_cells).all()
    assert m.cell_of(np.array([-100.0, 1e6])).tolist() == [len(m.map) - 1, 0]


@pytest.mark.parametrize("name", MAPS)
def test_next_cell_walks_a_shortest_path_from_everywhere_to_everywhere(name):
    m = maze(name)
    for goal in m.free_cells:
        for cell in m.free_cells:
            at, steps = tuple(cell), 0
            while at != tuple(goal):
                following = tuple(m.next_cell[*goal, *at])
                assert abs(following[0] - at[0]) + abs(following[1] - at[1]) == 1 and not m.wall[following]
                at, steps = following, steps + 1
            assert steps == m.steps_to[*goal, *cell]
        assert tuple(m.next_cell[*goal, *goal]) == tuple(goal)


@pytest.mark.parametrize("name", MAPS)
def test_wall_rectangles_cover_exactly_the_walls(name):
    m = maze(name)
    cells = np.stack(np.meshgrid(*map(np.arange, m.wall.shape), indexing="ij"), axis=-1)
    centres = m.xy(cells)
    covered = np.zeros(m.wall.shape, int)
    for x, y, width, height in m.walls():
        covered += (abs(centres[..., 0] - x) < width) & (abs(centres[..., 1] - y) < height)
    assert (covered == m.wall).all()  # each wall cell once, no free cell


@pytest.mark.parametrize("name", PLAY_GOALS)
def test_play_goals_are_free_cells(name):
    m = maze(name)
    assert not any(m.wall[goal] for goal in PLAY_GOALS[name])


def test_play_goals_are_those_of_d4rls_collection_maps():
    """The cells "G" of BIG_MAZE and HARDEST_MAZE in d4rl/locomotion/maze_env.py, and of ULTRA_MAZE in the fork that
    published ultra (ZhengyaoJiang/d4rl).
    """
    assert {
        "medium": ((2, 6), (5, 1), (6, 5)),
        "large": ((1, 6), (3, 5), (3, 10), (5, 2), (7, 4), (7, 6), (7, 9)),
        "ultra": (
            *((1, 4), (1, 11), (1, 14), (2, 5), (2, 9), (3, 7), (4, 3), (4, 12), (5, 1), (5, 7), (5, 10)),
            *((5, 14), (6, 5), (7, 3), (7, 11), (8, 1), (8, 7), (8, 13), (9, 5), (10, 9), (10, 14)),
        ),
    } == PLAY_GOALS


def test_card_is_plain_json():
    import json

    card = json.loads(json.dumps(maze("umaze").card()))
    assert card["origin"] == [1, 1] and card["goal"] == [0.0, 2.0] and card["map"][1] == "#r..#"
