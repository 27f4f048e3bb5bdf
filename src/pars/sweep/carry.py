"""A unit's folder on its way to another machine and back: its files as bytes, each with its checksum.

Of checkpoints only the newest of each phase travel, which is what a run goes on from. What arrives is checked against
the checksums, then laid down in an order that leaves a run that can go on at any moment: logs, then checkpoints, which
must verify, and how it stands last.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from pars.errors import CheckpointError
from pars.files import beneath, open_plain
from pars.system import replacing, write_whole
from pars.training.checkpoint import newest_of_each, prune, verify

CHECKPOINTS, STATUS, LOCK = "checkpoints", "status.json", "lock"


class Item(NamedTuple):
    data: bytes
    sha256: str


Parcel = dict[str, Item]  # by their paths below the unit's folder


def pack(folder: Path) -> Parcel:
    """What a run's folder is made of; nothing of one that is not there. Raises FileNotFoundError where a checkpoint
    gives way to a newer one meanwhile."""
    saved = [path for own in newest_of_each(folder / CHECKPOINTS) for path in sorted(own.iterdir())]
    rest = [path for path in sorted(folder.rglob("*")) if path.is_file() and _travels(path.relative_to(folder))]
    return {str(path.relative_to(folder)): _item(path) for path in [*saved, *rest]}  # logs go on after a checkpoint


def _travels(name: Path) -> bool:
    """Whether a file that is none of a checkpoint's is one of the run's, and not being written."""
    return name.parts[0] not in (CHECKPOINTS, LOCK) and not any(part.startswith(".") for part in name.parts)


def _item(path: Path) -> Item:
    with open_plain(path) as file:
        data = file.read()
    return Item(data, hashlib.sha256(data).hexdigest())


def unpack(folder: Path, parcel: Parcel) -> None:
    """Lay down what came. Raises CheckpointError if it is not what was sent, and leaves then what was there."""
    for name, item in parcel.items():
        if hashlib.sha256(item.data).hexdigest() != item.sha256:
            raise CheckpointError(f"{folder / name} did not arrive whole")
    places = {name: beneath(folder, name) for name in parcel}
    saved = [name for name in parcel if Path(name).parts[0] == CHECKPOINTS]
    last = [name for name in parcel if name == STATUS]
    for name in sorted(parcel.keys() - {*saved, *last}):
        write_whole(places[name], parcel[name].data)
    _lay_checkpoints(folder, {name: parcel[name] for name in saved})
    for name in last:
        write_whole(places[name], parcel[name].data)


def _lay_checkpoints(folder: Path, items: Parcel) -> None:
    came = sorted({Path(name).parent.name for name in items})
    for name in came:
        with replacing(folder / CHECKPOINTS / name) as aside:
            aside.mkdir()
            for path, item in items.items():
                if Path(path).parent.name == name:
                    (aside / Path(path).name).write_bytes(item.data)
        newest = verify(folder / CHECKPOINTS / name)
    if came:
        prune(folder / CHECKPOINTS, newest.position, keep=1)
