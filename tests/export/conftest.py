from __future__ import annotations

import pytest

from tests.cli.said import Pars


@pytest.fixture
def pars(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Pars:
    monkeypatch.setenv("COLUMNS", "200")  # as wide a terminal as tables may want
    return Pars(capsys)
