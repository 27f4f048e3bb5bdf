"""How long a call of an environment may take: an alarm in the main thread; a signal that asks to stop hurries it."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

from pars.errors import Interrupted

HURRY = 5.0  # seconds that a call may still take when a signal has come
TOO_LONG = "mend the environment, or give it longer by --env-timeout SECONDS"


class Late(BaseException):
    """No Exception, so that an environment does not catch it itself."""


@contextlib.contextmanager
def in_time(seconds: float, what: str) -> Iterator[None]:
    """Raise Late in the block when it takes longer, 0: any time; Interrupted if it was hurried. Only in the main thread
    of a system with alarms.

    what: is called, for the line of Interrupted.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    begun, before = time.monotonic(), signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Late:
        if seconds and time.monotonic() - begun >= seconds:
            raise
        raise Interrupted(f"stopped in {what}, which did not end; run the same command to continue") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _late(number: int, frame: object) -> None:
    raise Late


def hurry() -> None:
    """A signal asks to stop: what is being called may take HURRY seconds more, whatever its own limit."""
    if hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) is _late:
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        if not 0 < left <= HURRY:
            signal.setitimer(signal.ITIMER_REAL, HURRY)
