"""Tables 8 to 11: what the paper prints is what the preset has, and a difference is said."""

from __future__ import annotations

import pytest

from pars.presets import pars as pars_preset
from pars.report.stats.comparison import Reference, verdict
from pars.reproduce.catalogue import CATALOGUE
from pars.reproduce.paper.settings import Printed, equal, preset_values, printed

TABLES = {"table8": 8, "table9": 21, "table10": 65, "table11": 66}


@pytest.mark.parametrize("table", TABLES)
def test_every_printed_value_is_the_presets(table: str) -> None:
    assert len(printed(table)) == TABLES[table] and all(one.datasets for one in printed(table))
    finding = CATALOGUE[table].show({})  # type: ignore[arg-type]
    count = TABLES[table]
    assert (
        finding.reading[-1]
        == f"{count} of {count} values that {table.replace('table', 'Table ')} prints are those of the preset."
    )
    assert {verdict(one) for one in finding.comparisons} == {"inside"}
    assert all(one.estimate.n == 1 for one in finding.comparisons)


def test_scopes_and_widths() -> None:
    assert preset_values(Printed("table9", "all", "hidden", "256")) == [256]
    assert Printed("table8", "hopper", "q_min", "").datasets[0] == "hopper-random-v2"
    assert len(Printed("table9", "adroit", "discount", "").datasets) == 8
    assert preset_values(Printed("table9", "all", "critics", "10")) == [4, 10]  # by family: none is equal
    assert not equal(Printed("table9", "all", "critics", "10"))


def test_a_difference_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pars_preset.ROBOT, "hopper", {"q_min": -1.0})
    finding = CATALOGUE["table8"].show({})  # type: ignore[arg-type]
    assert finding.reading[0] == "hopper: q_min is -166 in the paper and -1 in the preset."
    assert finding.reading[-1].startswith("7 of 8 values")
    assert sorted({verdict(one) for one in finding.comparisons}) == ["above", "inside"]


def test_an_exact_reference_has_no_tolerance_to_tell() -> None:
    assert Reference(0.005, tolerance=0.0).text() == "0.005"
