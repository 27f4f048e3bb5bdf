"""Which files a source is: one file, several (`a.npz,b.npz`), a pattern (`logs/*.csv`) or a folder.

A folder is Minari's (one file), LeRobot's (its Parquet files, with a mapping of its own), or the files of one form
that lie in it or below it. Files are read in the order of their names, 2 before 10.
"""

import glob
import hashlib
from pathlib import Path
from typing import NamedTuple

from pars.data.cache import file_sha256
from pars.data.formats import minari
from pars.data.formats.mapping import natural
from pars.errors import DataError

SUFFIXES = (".hdf5", ".h5", ".npz", ".csv", ".tsv", ".parquet")
PACKED = (".gz", ".bz2", ".xz")  # of tables in CSV
LEROBOT = Path("meta/info.json")
LEROBOT_NAMES = {
    "observations": "observation.state",
    "actions": "action",
    "rewards": "next.reward",
    "terminals": "next.success",
    "episode": "episode_index",
    "time": "timestamp",
}


class Source(NamedTuple):
    """The files of a source, and the names that its form gives its columns."""

    files: list[Path]
    names: dict[str, str]


def is_several(name: str) -> bool:
    """Whether a name is a list or a pattern of files rather than one."""
    return not Path(name).exists() and any(sign in name for sign in "*?[,")


def suffix(path: Path) -> str:
    """Of a file, without that of a packer: logs.csv.gz has .csv."""
    return Path(path.name.removesuffix(path.suffix)).suffix if path.suffix in PACKED else path.suffix


def find(path: Path) -> Source:
    """The files of a source. Raises DataError if there are none."""
    if path.is_dir():
        return _folder(path)
    if path.exists() or not is_several(str(path)):
        return Source([_existing(path)], {})
    files: list[Path] = []
    for part in str(path).split(","):
        part = part.strip()
        pattern = not Path(part).exists() and glob.has_magic(part)
        found = sorted(map(Path, glob.glob(part, recursive=True)), key=_order) if pattern else [_existing(Path(part))]
        if not found:
            raise DataError(f"{part}: no file is named like this; give a folder, or a pattern in quotes")
        files += found
    return Source(files, {})


def title(path: Path) -> str:
    """What a source is called: its file or folder, of several files the folder of the first."""
    if not is_several(str(path)):
        return path.stem
    first = find(path).files[0]
    return first.parent.name or first.stem


def digest(path: Path) -> str:
    """SHA-256 of a source; of several files, over theirs in order."""
    files = find(path).files
    found = [file_sha256(file) for file in files]
    return found[0] if len(found) == 1 else hashlib.sha256("\n".join(found).encode()).hexdigest()


def _existing(path: Path) -> Path:
    if not path.exists():
        raise DataError(f"{path}: no such file; give the path of a {', '.join(SUFFIXES)} file, or a dataset's id")
    return path


def _folder(path: Path) -> Source:
    """What lies in a folder."""
    if found := minari.in_folder(path):
        return Source([found], {})
    if (path / LEROBOT).is_file():
        files = sorted((path / "data").rglob("*.parquet"), key=_order)
        if files:
            return Source(files, LEROBOT_NAMES)
        raise DataError(f"{path}: is LeRobot's, but there is no Parquet file below data; fetch the data too")
    forms: dict[str, list[Path]] = {}
    for file in sorted(path.rglob("*"), key=_order):
        if suffix(file) in SUFFIXES and file.is_file() and not file.name.startswith("."):
            forms.setdefault(suffix(file), []).append(file)
    if not forms:
        raise DataError(
            f"{path}: is a folder without Minari's data/{minari.FILE} and without any {', '.join(SUFFIXES)} file; give "
            "such a folder, or one file"
        )
    if len(forms) > 1:
        counts = ", ".join(f"{len(files)} {form}" for form, files in forms.items())
        raise DataError(
            f"{path}: is a folder with files of several forms ({counts}); name those of one, as in '{path}/*.csv'"
        )
    (files,) = forms.values()
    return Source(files, {})


def _order(path: Path) -> list[int | str]:
    return natural(str(path))
