"""Table 13: what its single setting scores stands beside the best of the other methods."""

from __future__ import annotations

import numpy as np
import pytest

from pars.presets.sets import SETS
from pars.report.records import Curve
from pars.reproduce.grid import Cell, Key, paper_grade
from pars.reproduce.paper.table14 import TABLE13
from pars.reproduce.results import FoundResults
from pars.reproduce.sets import best_other

pytestmark = pytest.mark.usefixtures("no_png")


def test_the_best_other_method_is_table_2s() -> None:
    found = {task: (best_other("table2", task).method, best_other("table2", task).mean) for task in SETS["antmaze"]}
    assert found["antmaze-umaze-v2"] == ("MSG", 97.9) and found["antmaze-ultra-play-v0"] == ("ReBRAC", 22.4)


def test_it_stands_beside_ours() -> None:
    key = Key("antmaze-large-play-v2", "PARS single setting")
    curve = Curve(np.array([10]), np.array([[70.0], [80.0]]))
    found = FoundResults(TABLE13, paper_grade(TABLE13), {key: Cell(key, {("offline", "score"): curve}, "")}, 8)
    first, second = TABLE13.show(found).reading
    assert first == "Printed in Table 2 of the best other method: antmaze-large-play-v2 64.3 (MSG)."
    assert second.endswith("(n = 2) with the single setting, 64.3 printed of the others.")
