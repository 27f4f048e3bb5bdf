"""Where the files are that others made; a test that asks for one that is not there is skipped."""

import os
from pathlib import Path

import pytest

REAL = Path(os.environ.get("PARS_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data" / "real"))


def real(name: str) -> Path:
    """A file of others', by name."""
    path = REAL / name
    if not path.is_file():
        pytest.skip(f"no {path}; PARS_REAL_DATA names the folder of others' files, see tests/real/README.md")
    return path
