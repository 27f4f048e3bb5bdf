"""Which units a sweep has, and what becomes of them when workers die: with workers that only say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pars.errors import CheckpointError, Interrupted
from pars.sweep.drive import Drive
from pars.sweep.units import FILE, Order, Unit, fair, is_done, read_order, share, write_order
from pars.sweep.work import Ended
from pars.training.view import Stop

DIED, DONE = Ended("died", "its worker ended with code -9"), Ended("finished")


def unit(number: int) -> Unit:
    return Unit("", "td3", (2 * number, 2 * number + 1), f"td3-{number}", (("offline", 100),))


class Told:
    """A pool that answers as it is told: for each unit its ends, one after another."""

    def __init__(self, room: int, ends: dict[int, list[Ended]]) -> None:
        self.room, self.ends, self.asked, self.closed = room, ends, list[int](), False
        self.held: list[int] = []

    def start(self, number: int) -> None:
        self.asked.append(number)
        self.held.append(number)
        assert len(self.held) <= self.room

    def wait(self, seconds: float) -> Iterator[tuple[int, Ended]]:
        number = self.held.pop(0)
        yield number, self.ends[number].pop(0)

    def close(self) -> None:
        self.closed = True


def drive(root: Path, ends: dict[int, list[Ended]], retries: int = 1, room: int = 2) -> tuple[Drive, list[str], Told]:
    said: list[str] = []
    pool = Told(room, ends)
    return Drive(root, [unit(i) for i in range(len(ends))], pool, Stop(), retries, said.append), said, pool


def test_what_died_is_tried_again_and_what_failed_is_not(tmp_path: Path) -> None:
    ends = {0: [DIED, DONE], 1: [Ended("failed", "diverged", 6)], 2: [Ended("interrupted"), DONE], 3: [DONE]}
    one, said, pool = drive(tmp_path, ends)
    one.run()
    assert one.done == {0, 2, 3}
    assert one.failed == {1: Ended("failed", "diverged", 6)}
    assert sorted(pool.asked) == [0, 0, 1, 2, 2, 3]
    assert said[-1] == "3 of 4 units done, 0 given to workers, 1 failed, 1 workers lost"
    assert "failed: td3-1: diverged" in said
    assert pool.closed


def test_a_unit_that_kills_its_workers_is_given_up_unless_it_gets_on(tmp_path: Path) -> None:
    one, _, _ = drive(tmp_path, {0: [DIED, DIED]})
    one.run()
    assert one.failed[0].code == 7

    def got_on(number: int) -> Ended:
        (tmp_path / "td3-0" / "checkpoints" / f"0-offline-{number:09d}").mkdir(parents=True)
        return DIED

    class GetsOn(Told):
        def wait(self, seconds: float) -> Iterator[tuple[int, Ended]]:
            yield self.held.pop(0), got_on(len(self.asked)) if len(self.asked) < 5 else DONE

    two = Drive(tmp_path, [unit(0)], GetsOn(1, {}), Stop(), 1, lambda line: None)
    two.run()
    assert (two.done, two.killed) == ({0}, 4)


def test_a_folder_in_use_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pars.sweep.drive.AGAIN", 0.0)
    busy = Ended("busy", "in use by process 1", 4)
    one, _, _ = drive(tmp_path, {0: [busy, busy, DONE]}, retries=0)
    one.run()
    assert one.done == {0}
    monkeypatch.setattr("pars.sweep.drive.BUSY", 0.0)
    two, _, _ = drive(tmp_path, {0: [busy]})
    two.run()
    assert two.failed == {0: busy}


def test_a_signal_ends_it_and_says_how_it_stands(tmp_path: Path) -> None:
    one, _, pool = drive(tmp_path, {0: [DONE]})
    one.stop.signalled = True
    with pytest.raises(Interrupted, match=r"0 of 1 units done.*run the same command"):
        one.run()
    assert pool.closed


def test_units_have_members_by_workers_and_cores() -> None:
    assert fair(10_000, workers=100, cores=8, gpu=False) == 25
    assert fair(16, workers=2, cores=4, gpu=False) == 4
    assert fair(45, workers=2, cores=8, gpu=True) == 23


def test_an_order_comes_back_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    order = Order({"algorithms": ["td3"]}, (unit(0), unit(1)))
    write_order(tmp_path, order)
    assert read_order(tmp_path) == order
    text = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text(text.replace("td3-1", "td3-2"))
    with pytest.raises(CheckpointError, match="checksum"):
        read_order(tmp_path)


def test_how_far_a_unit_is(tmp_path: Path) -> None:
    assert (share(tmp_path, unit(0)), is_done(tmp_path, unit(0))) == (0.0, False)
    (tmp_path / "td3-0" / "checkpoints" / "0-offline-000000025").mkdir(parents=True)
    assert share(tmp_path, unit(0)) == 0.25
