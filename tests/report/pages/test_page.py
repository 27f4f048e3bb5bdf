"""The page: valid, self-contained, escaped, and complete enough to be read without the run."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from pars.report import summary, write_report
from pars.report.load import read_run
from pars.report.series import all_series, show
from tests.report.fabricate import write_group

PARS = {"offline": {4000: [40, 50, 60], 10000: [62, 71, 80]}, "online": {1500: [70, 80, 80], 3000: [82, 88, 94]}}
TD3_BC = {"offline": {4000: [60, 62, 64], 10000: [0, 2, 4]}, "online": {1500: [0, 2, 4], 3000: [0, 3, 6]}}
Q = {"offline": {4000: [50, 60, 70], 10000: [85, 90, 95]}, "online": {3000: [90, 90, 90]}}
VOID = {"meta", "link", "img", "br", "line"}


class Page(HTMLParser):
    """Checks nesting, collects tags, addresses and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.source = "", text
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def images(self) -> list[str]:
        return [base64.b64decode((img["src"] or "").split(",", 1)[1]).decode() for img in self.all("img")]

    def tables(self) -> dict[str, str]:
        """Name of each download -> its CSV."""
        found = [a for a in self.all("a") if "download" in a]
        return {a["download"] or "": base64.b64decode((a["href"] or "").split(",", 1)[1]).decode() for a in found}


def open_page(run: Path) -> Page:
    return Page(write_report(run).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Page:
    run = tmp_path_factory.mktemp("runs") / "demo"
    metrics = {"critic_loss": PARS, "action_norm": TD3_BC, "zero_share": PARS, "my_metric": PARS}
    write_group(run / "pars-1", "pars", PARS, q_max=Q, metrics=metrics, probes=True)
    write_group(run / "td3_bc-1", "td3_bc", TD3_BC, q_max=Q, probes=True, settings=[{"reward_scale": 1.0}] * 3)
    return open_page(run)


def test_the_document_is_whole(full: Page):
    assert full.all("html") == [{"lang": "en"}]
    assert "pointmaze-umaze-diverse" in full.text
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in full.all("meta")
    assert len(full.all("title")) == 1
    ids = [attributes["id"] for _, attributes in full.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_nothing_is_loaded_from_elsewhere(full: Page):
    for tag, attributes in full.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes[name])
    assert full.all("script") == [{}] and full.all("iframe") == []  # our own, which reads and hides
    for svg in full.images():
        for address in re.findall(r'(?:href|src)="([^"]*)"', svg) + re.findall(r"url\(([^)]*)\)", svg):
            assert address.startswith(("#", "data:")), address


def test_every_picture_is_described_and_well_formed(full: Page):
    assert all(len(image["alt"] or "") > 20 for image in full.all("img"))
    for svg in full.images():
        ElementTree.fromstring(svg)
        assert "mathdefault" not in svg


def test_every_picture_has_its_numbers(full: Page):
    tables = full.tables()
    assert len([a for a in full.all("a") if "download" in a]) == len(full.all("img"))
    assert tables["score.csv"].splitlines()[:2] == ["series,seed,phase,step,score", "PARS,0,offline,4000,40"]
    assert len(tables["score.csv"].splitlines()) == 1 + 2 * 3 * 4
    assert "PARS,2,offline,10000,0.95" in tables["q_max.csv"]  # 95 scaled by 100
    assert "TD3+BC,2,offline,10000,95" in tables["q_max.csv"]
    assert {"trajectories.csv", "coverage.csv", "returns.csv", "lengths.csv", "my_metric.csv"} <= set(tables)
    assert {"landscape-online.csv", "q-line-online.csv"} <= set(tables)


def test_means_can_be_read_off_the_curves(full: Page):
    """Where they stand in the figure, as shares of its sides: steps to the right, higher scores further up."""
    touched = [json.loads(box["data-points"] or "") for box in full.all("div") if "data-points" in box]
    (points,) = [found for found in touched if any(text == "PARS, online 3,000: 88" for *_, text, _ in found)]
    place = {text: (x, y) for x, y, text, _ in points}
    first, last = place["PARS, offline 4,000: 50"], place["PARS, online 3,000: 88"]
    assert 0.0 < first[0] < last[0] < 1.0 and 1.0 > first[1] > last[1] > 0.0


def test_series_can_be_hidden_by_their_names(full: Page):
    """Every name of a legend is that of parts of the figures, which a script finds by their ids."""
    known = {box["data-name"] for box in full.all("span") if "data-name" in box}
    assert known == {"PARS", "TD3+BC"}
    shown = [json.loads(box["data-series"] or "") if "data-series" in box else [] for box in full.all("figure")]
    drawn = [(series, svg) for series, svg in zip(shown, full.images(), strict=True) if series]
    assert len(drawn) > 3 and {name for series, _ in drawn for _, name in series} == known
    for series, svg in drawn:
        ids = [element.get("id", "") for element in ElementTree.fromstring(svg).iter()]
        for index, _ in series:
            own = [one for one in ids if one.startswith(f"series-{index}-")]
            assert own and len(own) == len({*own})
    inside = re.findall(r'<p class="legend" hidden>(.*?)</p>', full.source, re.S)
    assert inside and all(
        words.startswith("Show") and "<svg" not in words for words in inside
    )  # the figure has the legend
    score = next(svg for series, svg in drawn if len(series) > 1)
    assert {"series-0-0-key", "series-0-0-name"} <= {one.get("id") for one in ElementTree.fromstring(score).iter()}


def test_pages_say_how_to_read_them(full: Page):
    assert "How to read this page" in full.text and "All maps of Q share one scale" in full.text
    assert "same colours as its neighbours" in full.text


def test_the_first_action_runs_to_the_right(full: Page):
    rows = [line.split(",") for line in full.tables()["landscape-online.csv"].splitlines()[1:]]
    top = max((row for row in rows if row[0] == "q"), key=lambda row: float(row[3]))
    assert (float(top[1]), float(top[2])) == pytest.approx((0.5, -0.3))  # where the fabricated bump is


def test_the_page_says_what_belongs_to_a_number(full: Page):
    for part in (
        "PARS reached 88 ± 6 (mean ± sample std of 3 seeds, 30 episodes each)",
        "ddof = 1",
        "Physics: stock",
        "percentile bootstrap",
        "82, 88, 94",
        "88 ± 6 at online step 3,000 (n = 3)",
        "Warning: 2.1 % of the actions lie on the border of the box",
        "pars train pars,td3_bc pointmaze-umaze-diverse seed=0..2",
        "410 ([400 420], n = 2)",
        "0.10.2",
        "of 30 episodes reached the goal",
    ):
        assert part in full.text, part


def test_names_are_escaped(tmp_path: Path):
    evil = '<script>alert("x")</script>&$x$'
    write_group(
        tmp_path / "pars-1", evil, PARS, task=evil, command=evil, versions={evil: evil}, probes=True,
        settings=[{"note": evil, evil: 1}] * 3, status={"message": evil}, state="diverged",
        dataset={"name": evil, "fingerprint": evil, "rows": 3, "card": {"warnings": [evil], evil: evil}},
        metrics={"loss" + evil.replace(",", ""): PARS},
    )  # fmt: skip
    page = open_page(tmp_path)
    assert len(page.all("script")) <= 1 and page.source.count("<script") <= 1
    assert evil in page.text
    for svg in page.images():
        ElementTree.fromstring(svg)


def test_the_page_says_on_top_how_the_data_was_made(tmp_path: Path):
    made = "twin of hopper-medium-v2, not D4RL's file: our own SAC, seed 0"
    for name in ("pars", "bc"):  # on the same data, so it is said once
        dataset = {"name": "hopper-medium-v2", "fingerprint": "ab", "card": {"made": made}}
        write_group(tmp_path / name, name, PARS, dataset=dataset, physics="d4rl")
    head, _, _ = open_page(tmp_path).text.partition("percentile bootstrap")
    assert "Physics: d4rl." in head and head.count(f"Data hopper-medium-v2: {made}.") == 1


def test_unfinished_run_with_half_a_line(tmp_path: Path):
    folder = write_group(tmp_path / "pars-1", "pars", {"offline": {1000: [1, 2, 3]}}, state="running")
    with open(folder / "metrics.csv", "a") as file:
        file.write("offline,2000,0,sc")
    page = open_page(tmp_path)
    assert "PARS is unfinished: offline step 1,000 of 10,000." in page.text
    assert "half-written line" in page.text


@pytest.mark.parametrize("task", [None, "Hopper-v5"])
def test_runs_with_next_to_nothing(tmp_path: Path, task: str | None):
    folder = write_group(
        tmp_path / "pars-1", "pars", task=task, maze=False, state="running", dataset={}, plan={}, versions={},
        machine={}, task_card={}, command="",
    )  # fmt: skip
    (folder / "timing.csv").unlink()
    page = open_page(tmp_path)
    assert page.all("img") == []
    assert len(summary(tmp_path)) == 5


def test_diverged_values_are_drawn_around(tmp_path: Path):
    nan, inf = float("nan"), float("inf")
    scores = {"offline": {1000: [5, 5, nan], 2000: [nan, nan, nan]}}
    metrics = {"critic_loss": {"offline": {1000: [1, 1e30, inf], 2000: [nan, inf, -inf]}}}
    folder = write_group(
        tmp_path / "pars-1", "pars", scores, metrics=metrics, q_max=scores, probes=True, state="diverged"
    )
    path = next(folder.glob("probes/landscape*"))
    with np.load(path) as file:
        arrays = dict(file)
    arrays["q"][:] = nan
    arrays["q_line"][0] = inf
    np.savez(path, **arrays)
    assert "has no finite score at its last evaluation" in open_page(tmp_path).text


def test_single_seed_and_a_sweep_of_many_settings(tmp_path: Path):
    settings = [{"reward_scale": float(scale)} for scale in range(1, 16)]
    scores = {"offline": {1000: list(range(15))}}
    write_group(tmp_path / "pars-1", "pars", scores, settings=settings, seeds=[0] * 15, q_max=scores, probes=True)
    page = open_page(tmp_path)
    assert "Shown: the first 13 of 15 settings" in page.text
    assert len(page.tables()["score.csv"].splitlines()) == 16


def test_the_same_run_gives_the_same_page(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", PARS, q_max=Q, probes=True)
    first = write_report(tmp_path).read_bytes()
    assert write_report(tmp_path).read_bytes() == first
    assert list(tmp_path.glob("*.tmp")) == []


def test_settings_are_shown_as_people_write_them():
    assert [show(v) for v in (100.0, 0.001, True, None, [256, 256], "pre")] == [
        "100", "0.001", "yes", "none", "(256, 256)", "pre",
    ]  # fmt: skip


def test_series_share_settings_but_not_seeds(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", PARS)
    (one,) = all_series(read_run(tmp_path))
    assert one.seeds == [0, 1, 2] and one.label == "PARS" and one.setting == {}


def test_a_page_needs_neither_script_nor_server(full: Page):
    """Without the script everything is there; the script asks for nothing from elsewhere."""
    script = full.source.partition("<script>")[2].partition("</script>")[0]
    assert script and not re.search(r"fetch|import|XMLHttp|https?:|eval", script)
    assert "Losses and probes" in full.text and len(full.all("details")) >= 3
