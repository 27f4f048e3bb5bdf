"""Downloads from a server on this machine that lies, leads astray, breaks off and never ends (tests/data)."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from pars.data import download
from tests.data import test_download as servers
from tests.data.files import columns, write_hdf5
from tests.torture.common import Budget, Tally, watched


def run(root: Path, budget: Budget) -> list[Tally]:
    """Every kind of answer: a whole file that was asked for, or exit code 7 and nothing in its place."""
    tally = Tally("a download from a hostile server")
    download.PAUSE, download.TIMEOUT, download.MOST = 0.01, 5.0, 10**6
    with servers.Server(("127.0.0.1", 0), servers.Handler) as server:
        server.content = write_hdf5(root / "published.hdf5", columns(3000)).read_bytes()
        server.answers, server.ranges = servers.ANSWERS, []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        for name in servers.ANSWERS:
            if budget.over:
                break
            target = root / "downloads" / "a.hdf5"
            shutil.rmtree(target.parent, ignore_errors=True)
            server.ranges.clear()
            code, _ = watched(lambda _, name=name, target=target: download.fetch([server.url(name)], target))
            whole = target.exists() and target.read_bytes() in (server.content, servers.changed(server.content))
            wrong = "" if (code == 0 and whole) or (code == 7 and not target.exists()) else f"{name}: ended with {code}"
            tally.add("whole" if code == 0 else f"exit code {code}", wrong)
        server.shutdown()
    return [tally]
