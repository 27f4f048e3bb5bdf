"""The doctor's page: whole, self-contained, escaped, with the verdict on top."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pars.data.checking.doctor import check
from pars.data.formats.mapping import parse_mapping
from pars.envs import make_task
from pars.errors import ResourceError
from pars.report.pages.doctor import render, write_page
from tests.data.files import columns, write_csv, write_npz
from tests.report.pages.test_page import Page

pytestmark = pytest.mark.usefixtures("own_folders")
UMAZE = make_task("pointmaze-umaze-diverse")


def maze_file(folder: Path, **changes: np.ndarray) -> Path:
    """Rows along the top corridor; the first action is often at its bound."""
    data = columns(obs_dim=4)
    data["observations"][:, :2] = np.linspace((0, 0), (2, 0.1), 200)
    data["actions"][:50, 0] = 1
    return write_npz(folder / "a<b>&.npz", data | changes)


def test_the_page_is_whole_and_loads_nothing(tmp_path):
    text = render(check(maze_file(tmp_path), UMAZE))
    page = Page(text)
    assert "checked for pointmaze-umaze-diverse" in page.text and "a<b>&.npz" in page.text
    assert "Warnings (1): fit for training" in page.text and "12% of the action values are at their bounds" in page.text
    assert set(page.tables()) == {"coverage.csv", "timeline.csv", "returns.csv", "lengths.csv", "at_bound.csv"}
    assert page.tables()["at_bound.csv"].splitlines()[1:] == ["0,25", "1,0"]
    for _, attributes in page.tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    styles = text[: text.index("</style>")]
    assert "@import" not in styles and "url(" not in styles and page.all("script") == [{}]
    for image in page.images():
        assert not re.search(r'(href|src)="(?!#|data:)', image)


def test_refused_data_has_a_page_too(tmp_path):
    obs = np.zeros((200, 4))
    obs[17] = np.nan
    page = Page(render(check(maze_file(tmp_path, observations=obs), UMAZE)))
    assert "Refuse: " in page.text and "the first in row 17" in page.text
    assert "As far as it could be read" in page.text and "200 x 4" in page.text
    assert page.images() == []


def test_long_tables_are_folded(tmp_path):
    page = Page(render(check(write_npz(tmp_path / "a.npz", columns(obs_dim=29)))))
    assert "All 31 columns" in page.text and "observation 28" in page.text and len(page.all("details")) == 2


def test_every_column_has_a_row_with_its_drawings_and_the_data_are_told_in_sentences(tmp_path):
    rows = [(f"{i % 7}.5", "" if i == 3 else i, 30 * (i % 4), -i, int(i % 10 == 9)) for i in range(40)]
    path = write_csv(
        tmp_path / "a.csv", "temp_C,<flow, l/s>,valve_pct,r,end".replace("<flow, l/s>", '"<flow>, l/s"'), rows
    )
    mapping = parse_mapping('obs=temp_C+"<flow>, l/s",action=valve_pct,reward=r,terminal=0,timeout=end') | {
        "fill": "forward"
    }
    text = render(check(path, mapping=mapping, action_range="0..100"))
    page = Page(text)
    cells = re.findall(r'<th scope="row">([^<]*)</th>(.*?)</tr>', text)
    shown = {name: re.findall(r'data-label="([^"]*)">([^<]*)<', row) for name, row in cells}
    assert ("unit", "°C") in shown["temp_C"] and ("missing", "none") in shown["temp_C"]
    assert ("unit", "l/s") in shown["&lt;flow&gt;, l/s"] and ("missing", "1 row") in shown["&lt;flow&gt;, l/s"]
    assert {("unit", "%"), ("largest", "90"), ("mean", "45"), ("at bound", "25.00%")} <= {*shown["valve_pct (action)"]}
    assert len([svg for svg in page.all("svg") if svg["class"] == "spark"]) == 6
    assert "a.csv has 4 episodes with 40 rows (36 transitions), 2 observations and 1 actions wide." in page.text
    assert "Rows of an episode: always 10." in page.text and "Return of an episode: -345 to -45, median" in page.text
    assert page.tables()["at_bound.csv"] == "action,percent_at_bound\nvalve_pct,25\n"
    (bars,) = [svg for svg in page.images() if "% of rows at its bound" in svg]
    assert "valve_pct" in bars and "action dimension" not in bars
    assert page.tables()["timeline.csv"].splitlines()[:3] == [
        "first_row,rows,return,terminal",
        "0,10,-45,0",
        "10,10,-145,0",
    ]


def test_every_column_can_be_looked_at(tmp_path):
    """Its histogram, large: all rows are in it, and the reward is the last."""
    data = columns(obs_dim=4)
    data["observations"][:, 1] = np.linspace(-1.0, 3.0, 200)
    page = Page(render(check(write_npz(tmp_path / "a.npz", data))))
    (box,) = [one for one in page.all("div") if one.get("class") == "chooser"]
    found = json.loads(box["data-columns"])
    assert [name for name, *_ in found] == [*(f"observation {i}" for i in range(4)), "action 0", "action 1", "reward"]
    assert found[1][1:4] == ["", -1.0, 3.0] and sum(found[1][4]) == 200


def test_written_all_or_nothing(tmp_path):
    target = tmp_path / "pages" / "a.html"
    assert write_page(check(maze_file(tmp_path), UMAZE), target) == target
    assert [path.name for path in target.parent.iterdir()] == ["a.html"]
    with pytest.raises(ResourceError, match="pages: Is a directory; give another file to --html"):
        write_page(check(maze_file(tmp_path), UMAZE), target.parent)
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no browser")
def test_a_browser_opens_it_without_complaint(tmp_path):
    page = write_page(check(maze_file(tmp_path), UMAZE), tmp_path / "a.html")
    flags = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --enable-logging=stderr"
    )
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    said = subprocess.run(
        ["chromium", *flags.split(), profile, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert "CONSOLE" not in said.stderr and "Coverage of umaze" in said.stdout
