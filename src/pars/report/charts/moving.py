"""Moving pictures: frames as GIF, which every browser shows, or as mp4, which is smaller."""

from __future__ import annotations

import importlib
import io
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from pars.errors import ResourceError, UsageError
from pars.system import replacing, write_whole

ENDINGS = (".gif", ".mp4")
FRAME_MS, LAST_MS = 220, 2000  # how long a frame stands, and the last one
DPI = 100


def drawn(fig: Figure, dpi: int = DPI) -> Image.Image:
    """The figure as a picture in full colours."""
    canvas = FigureCanvasAgg(fig)
    fig.set_dpi(dpi)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def in_one_palette(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """The frames in the 256 colours of the last; without dither flat regions compress well."""
    palette = frames[-1].quantize(256)
    return [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]


def to_gif(frames: Sequence[Image.Image], frame_ms: int = FRAME_MS, last_ms: int = LAST_MS) -> bytes:
    """The frames as an endless GIF that rests on the last one."""
    buffer = io.BytesIO()
    durations = [frame_ms] * (len(frames) - 1) + [last_ms]
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False, disposal=1
    )
    return buffer.getvalue()


def check(target: Path) -> None:
    """Raises UsageError for endings that are not known, ResourceError where mp4 cannot be written."""
    if target.suffix not in ENDINGS:
        raise UsageError(f"--out {target}: name a file that ends in {' or '.join(ENDINGS)}")
    if target.suffix == ".mp4":
        _encoder()


def write(frames: Sequence[Image.Image], target: Path, frame_ms: int = FRAME_MS, last_ms: int = LAST_MS) -> Path:
    """Write frames in full colours to `target`, whole or not at all. Raises as `check`, and ResourceError."""
    check(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".gif":
            write_whole(target, to_gif(in_one_palette(frames), frame_ms, last_ms))
        else:
            _write_mp4(frames, target, frame_ms, last_ms)
    except OSError as error:
        raise ResourceError(f"cannot write {target}: {error.strerror or error}; give another file to --out") from error
    return target


def _write_mp4(frames: Sequence[Image.Image], target: Path, frame_ms: int, last_ms: int) -> None:
    """H.264 in colours that browsers show, of even width and height."""
    width, height = (side // 2 * 2 for side in frames[0].size)
    come = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{1000 / frame_ms:g}", "-i", "-"]
    go = ["-an", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    with replacing(target) as aside:
        command = [_encoder().get_ffmpeg_exe(), "-y", "-loglevel", "error", *come, *go, str(aside)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin is not None and process.stderr is not None
            with suppress(BrokenPipeError):  # it has given up, and says why
                for frame in [*frames, *[frames[-1]] * (last_ms // frame_ms)]:
                    process.stdin.write(np.asarray(frame.convert("RGB"))[:height, :width].tobytes())
                process.stdin.close()
            said = process.stderr.read().decode(errors="replace")
        if process.returncode:
            raise ResourceError(f"cannot write {target}: {' '.join(said.split()) or 'ffmpeg failed'}; name a .gif")


def _encoder() -> Any:
    try:
        return importlib.import_module("imageio_ffmpeg")
    except ImportError:
        raise ResourceError("mp4 needs imageio-ffmpeg: pip install 'pars[video]', or name a .gif") from None
