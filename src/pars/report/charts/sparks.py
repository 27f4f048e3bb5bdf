"""Drawings of a word's size, for the cells of a table: SVG in the page itself, in the page's colours."""

from collections.abc import Sequence
from html import escape

import numpy as np

WIDTH, HEIGHT = 120.0, 28.0


def bars(counts: Sequence[float], alt: str) -> str:
    """A histogram; every bin that is not empty is visible."""
    shares = np.asarray(counts, float) / max(float(np.max(counts, initial=0.0)), 1.0)
    step = WIDTH / len(shares)
    tall = np.where(shares > 0, np.maximum(shares * HEIGHT, 1.5), 0.0)
    boxes = [_box("full", i * step, max(step - 0.8, 0.8), HEIGHT - high, high) for i, high in enumerate(tall) if high]
    return _drawing("".join(boxes), alt)


def course(least: Sequence[float], mean: Sequence[float], greatest: Sequence[float], alt: str) -> str:
    """A line over time with the band of its values."""
    low, middle, high = (np.asarray(values, float) for values in (least, mean, greatest))
    bottom, top = float(low.min()), float(high.max())
    x = np.linspace(0.0, WIDTH, len(middle)) if len(middle) > 1 else np.array([0.0])

    def at(values: np.ndarray) -> list[str]:
        share = (values - bottom) / (top - bottom) if top > bottom else np.full(len(values), 0.5)
        return [f"{a:.1f},{HEIGHT - 1 - (HEIGHT - 2) * b:.1f}" for a, b in zip(x, share, strict=True)]

    band = f'<polygon class="band" points="{" ".join([*at(low), *reversed(at(high))])}"/>'
    return _drawing(f'{band}<polyline class="line" points="{" ".join(at(middle))}"/>', alt)


def span(low: float, middle: float, high: float, ends: tuple[float, float], alt: str) -> str:
    """From `low` to `high` with a mark in the middle, on an axis from end to end."""
    at = [WIDTH * min(max((x - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0) for x in (low, middle, high)]
    axis = f'<line class="axis" x1="0" x2="{WIDTH}" y1="{HEIGHT / 2}" y2="{HEIGHT / 2}"/>'
    box = _box("full", at[0], max(at[2] - at[0], 1.5), HEIGHT / 2 - 5, 10)
    mark = _box("mark", min(max(at[1] - 1, 0.0), WIDTH - 2), 2, HEIGHT / 2 - 9, 18)
    return _drawing(axis + box + mark, alt)


def _box(kind: str, x: float, width: float, y: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" width="{width:.1f}" y="{y:.1f}" height="{height:.1f}"/>'


def _drawing(inside: str, alt: str) -> str:
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(alt, quote=True)}">{inside}</svg>'
    )
