"""Where the files are that others made; test modules that import this are skipped where there are none."""

import os
from pathlib import Path

import pytest

REAL = Path(os.environ.get("PARS_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data" / "real"))
if not REAL.is_dir():
    pytest.skip("no files of others' here; PARS_REAL_DATA names their folder, see README.md", allow_module_level=True)
