"""Installed packages and registered algorithms that are gone after the test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pars import algos, presets


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages. What a test registers and imports from below its `tmp_path` is forgotten."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    tables: list[dict[str, Any]] = [algos.ALGORITHMS, algos._homes, presets.PRESETS]
    before = [dict(table) for table in tables]
    yield folder
    for table, was in zip(tables, before):
        table.clear()
        table.update(was)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
