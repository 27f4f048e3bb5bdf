"""Q over the actions while training: what is measured, the moving picture, and a tiny training."""

import io

import numpy as np
import pytest
from PIL import Image

from pars.reproduce.paper.q_landscape import GRID, QLANDSCAPE, SETTINGS, Size, measures, train
from tests.runs import few_rows

pytestmark = pytest.mark.usefixtures("no_png")

MOMENTS = 3


def fabricated(height: float) -> dict[str, np.ndarray]:
    """Q is 0.5 in the box and `height` times the moment beyond it, for two seeds."""
    first, second = np.meshgrid(GRID, GRID)
    beyond = np.maximum(np.abs(first), np.abs(second)) > 1.0
    q = np.stack([np.where(beyond, height * moment, 0.5) for moment in range(MOMENTS)])
    return {
        "moments": np.array([0, 10, 20]),
        "q": np.stack([q, q]),
        "policy_action": np.zeros((2, MOMENTS, 2)),
        "data_action": np.zeros((5, 2)),
        "seeds": np.array([0, 1]),
        "returns": np.array([[1.0, 0.0], [1.0, 1.0]]),
        "positions": np.zeros((2, 2, 4, 2)),
    }


def test_q_is_measured_in_and_beyond_the_box() -> None:
    found = measures(fabricated(1.0), 1.0)
    assert found["highest"] == pytest.approx(0.5) and found["highest"].shape == (2, MOMENTS)
    assert found["beyond"][0] == pytest.approx([0.0, 1.0, 2.0])
    assert found["share"][0] == pytest.approx([0.0, 0.0, 1.0])  # a return of 1 is possible


def test_the_study_shows_a_moving_picture_and_says_what_came_out() -> None:
    parts = {name: fabricated(2.0 if name == "None" else 0.1) for name in SETTINGS}
    parts["None"]["q"] = 2.0 * parts["None"]["q"] + 1.0
    finding = QLANDSCAPE.show(parts)
    still, moving, *_ = finding.pictures
    gif = Image.open(io.BytesIO(moving.gif))
    assert gif.n_frames == MOMENTS and gif.info["loop"] == 0  # type: ignore[attr-defined]
    assert len(moving.gif) < 1_500_000 and not still.gif and still.csv.count("\n") == 1 + 4 * (GRID.size**2 + 2 + 5)
    assert "75 % of the episodes arrive" in finding.reading[0]
    assert (
        finding.reading[-1].startswith("With neither ingredient Q ends 2.0 times")
        and "not as" not in finding.reading[-1]
    )


def test_a_tiny_training_is_looked_at_on_the_way() -> None:
    size = Size(steps=20, moments=2, width=8, batch=16, episodes=2)
    found = train([3, 4], "LN & PA", size, few_rows())
    assert found["moments"].tolist() == [0, 8, 20]
    assert found["q"].shape == (2, 3, GRID.size, GRID.size) and np.ptp(found["q"][:, 0] - found["q"][:, 2]) > 0
    assert np.abs(found["policy_action"]).max() <= 1.0 and found["policy_action"].shape == (2, 3, 2)
    assert found["returns"].shape == (2, 2) and found["positions"].shape[:2] == (2, 2)
