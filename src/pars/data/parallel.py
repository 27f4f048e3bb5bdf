"""Work in threads, for what lets other threads run meanwhile: NumPy on large arrays, zlib, hashes, files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from pars.system import cores

T = TypeVar("T")
R = TypeVar("R")

MOST = 8  # threads; more would only hold more chunks at a time


def in_order(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`function` of every item, in their order, computed in threads a few items ahead of what has been taken."""
    threads = min(cores(), MOST)
    with ThreadPoolExecutor(threads, "pars-data") as pool:
        ahead: deque[Future[R]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for job in ahead:
                job.cancel()
