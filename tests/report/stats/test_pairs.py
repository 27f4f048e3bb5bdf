"""Who beats whom: where two series can be compared, and the matrix on the page."""

from pathlib import Path

import pytest

from pars.report.load import read_run
from pars.report.pages.tables import settings as settings_table
from pars.report.pages.tables import who_beats_whom
from pars.report.series import all_series
from pars.report.stats.pairs import all_pairs, compare
from tests.report.fabricate import write_group
from tests.report.pages.test_page import Page, open_page
from tests.report.pages.test_verdict import ONLINE_ONLY

COMMAND = "pars train pars,iql,rlpd,bc pointmaze-umaze-diverse seed=0..2"


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """PARS and IQL with both phases, RLPD without the offline one, BC without the online one."""
    scores = {
        "pars": {"offline": {10000: [62, 71, 80]}, "online": {3000: [82, 88, 94]}},
        "iql": {"offline": {10000: [60, 62, 64]}, "online": {3000: [60, 88, 95]}},
        "rlpd": {"offline": {0: [0, 2, 4]}, "online": {3000: [1, 3, 5]}},
        "bc": {"offline": {10000: [20, 62, 22]}},
    }
    for name, own in scores.items():
        plan = ONLINE_ONLY if name == "rlpd" else {**ONLINE_ONLY, "offline_steps": 10_000}
        write_group(tmp_path / name, name, own, plan=plan, command=COMMAND)
    return tmp_path


def test_pairs_stand_at_the_last_place_both_have(many: Path):
    pairs = all_pairs(all_series(read_run(many)))
    assert {at: (pair.phase, pair.step) for at, pair in pairs.items() if at[0] < at[1]} == {
        (0, 1): ("online", 3000),
        (0, 2): ("online", 3000),
        (1, 2): ("online", 3000),
        (0, 3): ("offline", 10000),
        (1, 3): ("offline", 10000),
    }  # and none of RLPD with BC
    assert pairs[0, 1].chance.value == (1 + 1.5 + 2) / 9 and pairs[0, 1].runs == (3, 3)
    assert pairs[1, 0].chance.value == 1 - pairs[0, 1].chance.value
    assert pairs[0, 1].difference.value == pytest.approx(88 - 81)
    assert pairs[1, 3].chance.value == (2 + 2.5 + 3) / 9 and pairs[2, 0].chance.value == 0.0
    assert pairs[2, 0].difference.clear and not pairs[0, 1].difference.clear


def test_an_unfinished_one_is_compared_where_both_were(tmp_path: Path):
    write_group(tmp_path / "a", "pars", {"offline": {10000: [5, 6, 7]}, "online": {3000: [8, 8, 9]}})
    write_group(tmp_path / "b", "iql", {"offline": {10000: [1, 2, 3]}, "online": {1000: [4, 5, 6]}})
    write_group(tmp_path / "c", "cql", {"offline": {4000: [1, 2, 3]}})
    write_group(tmp_path / "d", "edac", {"offline": {10000: [float("nan")] * 3}})
    pars, iql, cql, edac = all_series(read_run(tmp_path))
    pair = compare(pars, iql)
    assert pair is not None and (pair.phase, pair.step, pair.chance.value) == ("offline", 10000, 1.0)
    assert compare(pars, cql) is None and compare(pars, edac) is None


def test_untrained_policies_are_not_compared(tmp_path: Path):
    for name in ("sac", "rlpd"):
        write_group(tmp_path / name, name, {"offline": {0: [1, 2, 3]}}, plan=ONLINE_ONLY)
    one, other = all_series(read_run(tmp_path))
    assert compare(one, other) is None


def test_the_matrix_says_who_is_clearly_better(many: Path):
    markup = who_beats_whom(all_series(read_run(many)))
    page = Page(markup)
    cells = [(a.get("class"), i) for i, a in enumerate(page.all("td"))]
    assert len(cells) == 16 and [i for kind, i in cells if kind == "self"] == [0, 5, 10, 11, 14, 15]
    assert [i for kind, i in cells if kind == "better"] == [2, 6] and [i for kind, i in cells if kind == "worse"] == [
        8,
        9,
    ]
    for part in ("0.50[0.00 1.00]", "+7", "offline 10k", "n = 3", "online step 3,000 unless", "—"):
        assert part in page.text, part


def test_tasks_are_not_mixed(tmp_path: Path):
    scores = {"offline": {10000: [5, 6, 7]}}
    for i, (name, task) in enumerate([("pars", "a"), ("iql", "a"), ("pars", "b"), ("iql", "b"), ("bc", "c")]):
        write_group(tmp_path / f"{i}", name, scores, task=task)
    page = Page(who_beats_whom(all_series(read_run(tmp_path))))
    assert len(page.all("table")) == 2 and len(page.all("td")) == 8


def test_many_algorithms_on_one_page(tmp_path: Path):
    for i in range(9):
        scores = {"offline": {5000: [i, i + 1, i + 2], 10000: [2 * i, 2 * i + 1, 2 * i + 9]}}
        write_group(tmp_path / f"a{i}", f"algo{i}", scores, q_max=scores)
    page = open_page(tmp_path)
    assert len(page.tables()["ends.csv"].splitlines()) == 1 + 9
    assert page.tables()["ends.csv"].splitlines()[1].startswith("algo0,offline,10000,3,3.33333333,4.93288286,0,")
    assert page.text.count("algo8") > 5 and "row against column" in page.text
    assert "Thin lines" not in page.text and "Band:" not in page.text


def test_one_series_beats_nobody(tmp_path: Path):
    write_group(tmp_path / "pars", "pars", {"offline": {10000: [5, 6, 7]}})
    assert who_beats_whom(all_series(read_run(tmp_path))) == ""
    assert "ends.csv" not in open_page(tmp_path).tables()


def test_settings_that_differ_between_those_that_have_them(tmp_path: Path):
    own = {"pars": {"critics": 10, "penalty": 1, "discount": 0.9}, "iql": {"critics": 2, "discount": 0.9}, "bc": {}}
    for name, settings in own.items():
        write_group(tmp_path / name, name, {"offline": {10000: [5]}}, settings=[settings], seeds=[0])
    shown, _, folded = settings_table(all_series(read_run(tmp_path))).partition("All settings")
    assert "critics" in shown and "penalty" not in shown and "discount" not in shown
    assert "penalty" in folded and folded.count("differs") == 1
