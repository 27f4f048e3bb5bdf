"""Gradient steps per second of other libraries beside ours: `python -m benchmarks peers`, see docs/lab/peers.md.

Nothing of theirs is in this folder: an adapter imports a peer's own modules from a checkout of yours and calls its own
update functions. Peers bring packages of their own, so each runs in a process of its own interpreter.
"""


def run() -> None:
    """Measure every peer that is there. Imported late: workers import this package without `pars`."""
    from benchmarks.peers import harness

    harness.run()
