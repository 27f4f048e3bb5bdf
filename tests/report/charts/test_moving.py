"""Frames as files."""

import io
import sys
from pathlib import Path

import pytest
from PIL import Image

from pars.errors import ResourceError, UsageError
from pars.report.charts import moving

COLORS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0))
FRAMES = [Image.new("RGB", (17, 9), color) for color in COLORS]


def test_a_gif_keeps_all_frames_and_rests_on_the_last() -> None:
    gif = Image.open(io.BytesIO(moving.to_gif([frame.quantize(4) for frame in FRAMES])))
    durations = []
    for i in range(gif.n_frames):  # type: ignore[attr-defined]
        gif.seek(i)
        durations.append(gif.info["duration"])
    assert durations == [moving.FRAME_MS] * 3 + [moving.LAST_MS]


def test_an_mp4_is_written_whole(tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg")
    path = moving.write(FRAMES, tmp_path / "a" / "film.mp4")
    assert path.read_bytes()[4:8] == b"ftyp" and [one.name for one in path.parent.iterdir()] == ["film.mp4"]


def test_what_cannot_be_written_is_said_before_anything_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"ends in \.gif or \.mp4"):
        moving.check(Path("film.avi"))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ResourceError, match=r"pip install 'pars\[video\]'"):
        moving.check(Path("film.mp4"))
