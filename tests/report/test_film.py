"""The film of Q far beyond the data: which moments, which panels, which line."""

from pathlib import Path

import pytest
from PIL import Image

from pars.errors import UsageError
from pars.report import film
from pars.report.load import history, read_run
from pars.report.series import all_series
from tests.report.fabricate import CARD, write_group, write_probes

SCORES = {"offline": {0: [0.0, 0.0], 20: [50.0, 60.0]}}


def group(folder: Path, steps: tuple[int, ...], **options: object) -> Path:
    write_group(folder, scores=SCORES, seeds=(0, 1), **options)  # type: ignore[arg-type]
    for step in steps:
        write_probes(folder / "probes", "offline", step, 2, pull=0.1 * step)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """PARS looked at three times, TD3+BC twice."""
    group(tmp_path / "run" / "pars-a", (0, 10, 20))
    group(tmp_path / "run" / "td3_bc-b", (0, 20), algorithm="td3_bc")
    return tmp_path / "run"


def test_a_film_has_a_frame_for_each_moment(run: Path, tmp_path: Path) -> None:
    path = film.write([run], tmp_path / "film.gif", ["ours", "theirs"])
    with Image.open(path) as gif:
        assert gif.n_frames == 3 and gif.info["loop"] == 0  # type: ignore[attr-defined]


def test_a_panel_shows_what_was_seen_last(run: Path) -> None:
    ours, theirs = film._panels([run], [])
    assert [look.step for look in ours.looks] == [0, 10, 20] and [ours.title, theirs.title] == ["PARS", "TD3+BC"]
    assert theirs.at((0, 10)).step == 0 and theirs.at((1, 5)).step == 20


def test_every_column_says_what_it_shows(run: Path) -> None:
    """Five panels leave a place empty: the one above it has the label and the numbers."""
    panels = [*film._panels([run], []), *film._panels([run], []), film._panels([run], [])[0]]
    fig = film._draw(panels, (0, 20))
    fig.draw_without_rendering()
    axes = [ax for ax in fig.axes if ax.axison]
    said = [(bool(ax.get_xlabel()), any(tick.get_visible() for tick in ax.get_xticklabels())) for ax in axes]
    assert said == [(False, False), (False, False), *[(True, True)] * 3]


def test_a_damaged_look_is_left_out(run: Path) -> None:
    (run / "pars-a" / "probes" / "landscape-offline-10.npz").write_bytes(b"no zip")
    found = read_run(run).groups[0]
    assert [look.step for look in history(found)] == [0, 20]


@pytest.mark.parametrize(
    "names, said", [(["one"], "--names has 1 and .* has 2 settings"), ([], "nothing to show; train with --probes")]
)
def test_what_cannot_be_shown_is_said(run: Path, tmp_path: Path, names: list[str], said: str) -> None:
    if not names:
        for path in run.rglob("*.npz"):
            path.unlink()
    with pytest.raises(UsageError, match=said):
        film.write([run], tmp_path / "film.gif", names)


def test_the_line_is_the_tasks_or_that_of_the_largest_reward(tmp_path: Path) -> None:
    group(tmp_path / "task" / "pars-a", ())
    card = {**CARD, "reward": {"max": 2.0}}
    dataset = {"name": "mine", "fingerprint": "1", "card": card}
    group(tmp_path / "data" / "pars-a", (), task=None, settings=[{"discount": 0.9}] * 2, dataset=dataset)
    known = [film.possible_return(all_series(read_run(tmp_path / name))[0]) for name in ("task", "data")]
    assert known == [1.0, pytest.approx(20.0)]
