"""Results of workers that do not see the sweep's folder, back through Ray: a parcel at a checkpoint, one at the end."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any, NamedTuple

from pars.errors import CheckpointError
from pars.sweep.carry import Parcel, pack, unpack
from pars.sweep.units import FILE, newest, read_order
from pars.sweep.work import Ended, work

EVERY = 30.0  # seconds between two looks for a new checkpoint to send


class Sent(NamedTuple):
    """What a worker gets in place of a folder."""

    order: bytes  # the sweep's file
    parcel: Parcel  # of its unit, as far as it is
    box: Any  # handle of the `Box`


class Box:
    """Made an actor of Ray's on the driver's machine: keeps parcels until the driver takes them."""

    def __init__(self) -> None:
        self.held: list[tuple[int, Parcel]] = []

    def put(self, number: int, parcel: Parcel) -> None:
        self.held.append((number, parcel))

    def take(self) -> list[tuple[int, Parcel]]:
        held, self.held = self.held, []
        return held


class Post:
    """The driver's side: the units' folders below `root`, sent and received."""

    def __init__(self, ray: Any, root: Path) -> None:
        self.ray, self.root, self.damaged = ray, root, dict[int, Ended]()
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        self.box = ray.remote(Box).options(num_cpus=0, scheduling_strategy=here).remote()

    def send(self, number: int) -> Sent:
        return Sent((self.root / FILE).read_bytes(), pack(self._folder(number)), self.box)

    def receive(self) -> None:
        """Lay down what came. A unit whose last parcel was damaged is in `damaged`: it goes on from what is here."""
        for number, parcel in self.ray.get(self.box.take.remote()):
            self.damaged.pop(number, None)
            try:
                unpack(self._folder(number), parcel)
            except CheckpointError as error:
                self.damaged[number] = Ended("died", str(error))

    def _folder(self, number: int) -> Path:
        order = read_order(self.root)
        assert order is not None  # written before anything starts
        return self.root / order.units[number].place


def work_apart(sent: Sent, number: int, by: str) -> Ended:
    """In a worker: `work` in a folder of this machine, for as long as the unit trains."""
    import ray

    with tempfile.TemporaryDirectory(prefix="pars-") as place:
        root = Path(place).resolve()
        (root / FILE).write_bytes(sent.order)
        order = read_order(root)
        assert order is not None
        folder, ended = root / order.units[number].place, threading.Event()
        unpack(folder, sent.parcel)

        def send() -> None:
            ray.get(sent.box.put.remote(number, pack(folder)))

        def watch() -> None:
            last = newest(root, order.units[number])
            while not ended.wait(EVERY):
                if (now := newest(root, order.units[number])) != last:
                    try:
                        send()
                        last = now
                    except OSError:
                        pass  # a checkpoint gave way to a newer one: that is sent next time

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        try:
            return work(root, number, by)
        finally:
            ended.set()
            watching.join()
            send()
