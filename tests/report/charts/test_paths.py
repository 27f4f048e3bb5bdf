"""Paths through a maze, coloured by time."""

import numpy as np
import pytest

from pars.report.charts.paths import PARTS, TIME, Paths, _piece, draw_paths, path_picture
from pars.report.charts.plot import figure
from tests.report.fabricate import MAZE

EPISODES = np.full((3, 41, 2), np.nan)
EPISODES[0] = np.linspace((0.0, 0.0), (1.0, 2.0), 41)
EPISODES[1, :2] = [[0.0, 0.0], [0.5, 0.0]]  # shorter than there are colours
EPISODES[2, :1] = [[1.0, 1.0]]  # over before it moved
SUCCESS = np.array([True, False, False])


@pytest.mark.parametrize("length", [1, 2, 7, 41, 1000])
def test_pieces_join_to_the_whole_path(length: int) -> None:
    path = np.stack([np.arange(length), np.arange(length)], axis=1)
    pieces = [_piece(path, part) for part in range(PARTS)]
    assert [piece[0].tolist() for piece in pieces[1:]] == [piece[-1].tolist() for piece in pieces[:-1]]
    assert np.concatenate([pieces[0], *[piece[1:] for piece in pieces[1:]]]).tolist() == path.tolist()


def test_time_is_dark_first_and_light_last() -> None:
    lightness = [float(np.dot(TIME(x)[:3], (0.2126, 0.7152, 0.0722))) for x in np.linspace(0, 1, 11)]
    assert lightness == sorted(lightness) and lightness[0] < 0.1 and 0.6 < lightness[-1] < 0.85


def test_both_outcomes_are_drawn_apart_and_counted() -> None:
    one = Paths("PARS", EPISODES, SUCCESS, np.array([5, 5, 6]))
    for policies in ([one], [one, one._replace(title="TD3+BC")]):
        drawn = path_picture("paths", "Paths", policies, MAZE, caption="Two of three fail.")
        assert (
            drawn.svg.startswith("<svg") and drawn.png and drawn.caption.startswith("Two of three fail. Dark to light")
        )
        assert drawn.csv.count("\n") == 1 + (41 + 2 + 1) * len(policies)
        assert "PARS,5,1,False,1,0.5,0" in drawn.csv and "PARS,6,2,False,0,1,1" in drawn.csv


def test_episodes_are_chosen_evenly_and_none_is_no_error() -> None:
    ax = figure().subplots()
    assert draw_paths(ax, np.repeat(EPISODES[:1], 10, axis=0), MAZE, most=4) == 4
    assert draw_paths(ax, EPISODES[:0], MAZE) == 0
