"""Random datasets, run folders and settings, drawn by hypothesis: each ends in a correct result or in one line with a
code, within two seconds."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pars.algos import ALGORITHMS
from pars.config import parse_axes
from pars.data import load_dataset
from pars.errors import ParsError
from pars.files import read_sealed, sealed
from pars.report.load import read_group
from pars.training.checkpoint import MANIFEST
from pars.training.folder import RunFolder, read_description, read_status
from pars.training.launch import make_variants
from tests.torture.common import Budget, Tally, tree
from tests.torture.flips import a_run

SLOW = 2.0  # seconds of the processor
KEYS = ("observations", "actions", "rewards", "terminals", "timeouts", "next_observations", "infos/goal", "x")
TYPES = ("<f4", "<f8", "<f2", "<i4", "<u8", "|b1", "<c8", "|S3", "<M8[s]", ">f4")
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 0.5, 2.0, np.nan, np.inf, -np.inf, 1e38, 1e-40])
SHAPES = st.one_of(
    st.tuples(st.integers(0, 40)), st.tuples(st.integers(0, 40), st.integers(0, 4)), st.sampled_from([(), (40, 2, 2)])
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8), st.just([]), st.just({})
)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    shape, kind = draw(SHAPES), draw(st.sampled_from(TYPES))
    values = np.resize(np.array(draw(st.lists(NUMBERS, min_size=1, max_size=6))), shape)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return values.astype("<i8").astype(kind) if kind.endswith("[s]") else values.astype(kind)


def usual(rows: int) -> dict[str, np.ndarray]:
    ends = np.zeros(rows, bool)
    ends[-1:] = True
    wide = np.arange(rows, dtype=np.float32)[:, None]
    return {"observations": wide, "actions": np.cos(wide), "rewards": wide[:, 0], "terminals": ends, "timeouts": ends}


DATASETS = st.builds(
    lambda rows, changes, gone: {k: v for k, v in (usual(rows) | changes).items() if k not in gone},
    st.integers(0, 40),
    st.dictionaries(st.sampled_from(KEYS), arrays(), max_size=3),
    st.sets(st.sampled_from(KEYS), max_size=1),
)


def dataset(root: Path, data: dict[str, np.ndarray]) -> None:
    np.savez(root / "a.npz", **{key: value for key, value in data.items() if "/" not in key})
    load_dataset(root / "a.npz")


def structure(root: Path, data: dict[str, np.ndarray], noise: list[tuple[float, int]]) -> None:
    """HDF5, with bytes of the file replaced."""
    with h5py.File(root / "a.hdf5", "w") as file:
        for key, value in data.items():
            if value.dtype.kind not in "Mc":
                file[key] = value
    content = bytearray((root / "a.hdf5").read_bytes())
    for place, byte in noise:
        content[int(place * (len(content) - 1))] = byte
    (root / "a.hdf5").write_bytes(content)
    load_dataset(root / "a.hdf5")


def lie(root: Path, name: str, path: list[int], value: Any) -> None:
    """A file of a run in which one value is another, with the right checksum."""
    folder = root / "run"
    a_run(folder)
    file = folder / name if "/" not in name else next(folder.glob(name))
    facts = read_sealed(file)
    place: Any = facts
    for step in path:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = keys[step % len(keys)]
        if not isinstance(place[key], dict | list) or step % 5 == 0:
            place[key] = value
            break
        place = place[key]
    file.write_text(sealed(facts))
    read_status(folder)
    read_group(folder)
    with closing(RunFolder(folder, read_description(folder))) as run:
        if run.checkpoint:
            run.checkpoint.restore(tree(0))


def words(root: Path, algorithm: str, given: list[tuple[str, str]]) -> None:
    axes = parse_axes(f"{name}={text}" for name, text in given)
    for variant in make_variants([algorithm], None, axes):
        for cfg in variant.configs:
            cfg.check()


NAMES = sorted({name for algo in ALGORITHMS.values() for name in algo.config.__dataclass_fields__})
ODD = ["0", "-1", "1e400", "nan", "true", "256x256", "0..3", "0..99999999", "", ","]
SETTINGS = st.lists(st.tuples(st.sampled_from(NAMES), st.one_of(st.sampled_from(ODD), st.text(max_size=6))), max_size=3)
NOISE = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4)
FILES = st.sampled_from(["run.json", "status.json", f"checkpoints/1-online-000000020/{MANIFEST}"])
PARTS: dict[str, tuple[Callable[..., None], tuple[Any, ...], int]] = {
    "random datasets (npz)": (dataset, (DATASETS,), 2000),
    "HDF5 with random bytes": (structure, (DATASETS, NOISE), 500),
    "run folders that lie": (lie, (FILES, st.lists(st.integers(0, 50), min_size=1, max_size=5), LEAVES), 500),
    "settings": (words, (st.sampled_from(sorted(ALGORITHMS)), SETTINGS), 300),
}
ANY = dict(deadline=None, database=None, derandomize=True, suppress_health_check=[*HealthCheck])


def run(budget: Budget, share: float = 1.0) -> list[Tally]:
    """All parts, with so large a share of their examples."""
    return [_part(name, own, max(1, int(PARTS[name][2] * share))) for name, own in budget.shared(PARTS)]


def _part(name: str, budget: Budget, examples: int) -> Tally:
    act, drawn, _ = PARTS[name]
    tally = Tally(name)

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=[*HealthCheck]
    )
    @given(st.tuples(*drawn))
    def tried(values: tuple[Any, ...]) -> None:
        if budget.over:
            return
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            os.environ["PARS_DATA_DIR"] = str(Path(folder) / "data")
            begin = time.process_time()
            outcome, wrong = _outcome(lambda: act(Path(folder), *values))
            if time.process_time() - begin > SLOW:
                wrong += f" {time.process_time() - begin:.1f} s"
            tally.add(outcome, f"{wrong} of {json.dumps(values, default=str)[:200]}" if wrong else "")
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)

    tried()
    return tally


def _outcome(act: Callable[[], None]) -> tuple[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            act()
        except ParsError as error:
            return "one line", "" if "\n" not in str(error) else "two lines"
        except Exception as error:
            return "internal error", f"{type(error).__name__}: {error}"
    return "a result", ""
