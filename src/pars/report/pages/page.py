"""A run's page: one file that opens without a server and loads nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from pars.report.charts import ends, figures, landscape, maze
from pars.report.charts.plot import Picture
from pars.report.pages import data_card, html, reading, tables
from pars.report.pages.doings import doings
from pars.report.pages.verdict import RunVerdict, verdict
from pars.report.records import GroupRecord, Run
from pars.report.series import STEP_NAMES, Series, all_series, show


def render(run: Run) -> str:
    """The whole page as HTML."""
    series = all_series(run)
    found = verdict(run)
    task = " and ".join(
        dict.fromkeys(str(group.task or f"{group.dataset.get('name', 'data')}, no environment") for group in run.groups)
    )
    small = figures.small_curves(series)
    paths = maze.trajectories(series)
    main = [p for p in (figures.score_curve(series), ends.ends(series), figures.q_curve(series)) if p is not None]
    scored = any(group.task for group in run.groups)
    data = html.section("Data", *_data(run)), html.section("What each method would do", doings(series))
    scores = html.section(
        "Scores",
        tables.scores(series),
        html.figures(main, "third" if len(main) > 2 else "half"),
        tables.who_beats_whom(series),
    )
    body = [
        _head(run, found, task),
        *((scores,) if scored else (*data, html.section("Training", html.figures(main, "half")))),
        html.section(
            "What Q believes about actions",
            html.note(_LANDSCAPE) if (maps := landscape.landscapes(series)) else "",
            html.figures(maps, "half" if len(maps) in (2, 4) else "third"),
            html.figures(landscape.lines(series), "half"),
        ),
        html.section("The policy in the maze", html.figures(paths, "half")),
        *(data if scored else ()),
        html.section(
            "Losses and probes",
            html.details(f"{len(small)} small figures", _small(series, small)) if small else "",
        ),
        html.section("Settings", *_from_data(run), tables.settings(series)),
        html.section("Speed", tables.speed(run)),
        html.section("How to repeat this", *_origin(run)),
    ]
    return html.page(f"{task}: {', '.join(dict.fromkeys(one.label for one in series))}"[:120], "\n".join(body))


DRAWN = ("columns", "timeline", "missing", "names")  # parts of the card that the table and the pictures show
FACTS = ("name", "source", "rows", "fingerprint")  # of a dataset
MAZE_NUMBERS = ("free_cells_visited", "outside")
_LANDSCAPE = (
    "Q / reward_scale at one state of the data, over the first two actions; the others are the policy's. Dashed box: "
    "feasible actions. Dots: actions of the data at the nearest states. Stars: actions of the policy, one per seed. "
    "A policy follows Q, so high values outside the data draw it to where nothing was ever tried."
)
_SMALL = (
    "Means over seeds, each averaged over the steps since the entry before; offline and online as in the curves above."
)


def _small(series: Sequence[Series], small: Sequence[Picture]) -> str:
    legend = html.legend([one.label for one in series[: figures.MOST]])
    return html.joined(legend, html.note(_SMALL), html.figures(small, "small"))


def _head(run: Run, found: RunVerdict, task: str) -> str:
    physics = ", ".join(dict.fromkeys(group.physics for group in run.groups if group.task))
    parts = [html.bullets(found.others)]
    parts += [html.note(line, "caveat") for line in found.caveats]
    parts += [html.note(f"Left out while reading: {problem}.", "warn") for problem in run.problems]
    meaning = (
        f" Physics: {physics}. ± is the sample standard deviation (ddof = 1) of seeds, each seed's score being the "
    )
    meaning = f"{meaning}mean over its evaluation episodes." if physics else ""
    parts.append(html.note(f"{_score_meaning(run)}{meaning}"))
    for group in {group.made: group for group in run.groups if group.made}.values():
        parts.append(html.note(f"Data {group.dataset.get('name', 'unknown')}: {group.made}."))
    warnings = [html.note(f"Warning: {line}", "warn") for line in found.warnings]
    return html.head(
        f"{task} · {run.folder.name}", found.headline, *parts, html.reading(reading.of_run(run)), before=warnings
    )


def _score_meaning(run: Run) -> str:
    references = {tuple(group.task_card.get("reference") or ()) for group in run.groups if group.task}
    if not references:
        return ""
    if len(references) > 1:
        return "Scores are normalised by each task's own reference returns."
    pair = references.pop()
    if len(pair) != 2:
        return "Scores are raw returns."
    meaning = f"Scores: raw return {pair[0]:g} is 0 and {pair[1]:g} is 100"
    return f"{meaning}, the share of episodes that reached the goal in %." if pair == (0, 1) else f"{meaning}."


def _data(run: Run) -> list[str]:
    parts = []
    seen: set[str] = set()
    for group in run.groups:
        key = str(group.dataset.get("fingerprint") or group.dataset.get("name"))
        if not group.dataset or key in seen:
            continue
        seen.add(key)
        name = str(group.dataset.get("name") or "the dataset")
        facts = [(part, group.dataset[part]) for part in FACTS if part in group.dataset]
        pairs = [(part, _data_text(value)) for part, value in [*facts, *_flat(group.card)]]
        parts += [html.note(f"Warning: {line}", "warn") for line in group.card.get("warnings") or []]
        if not data_card.complete(group.card):
            parts += [html.definitions(pairs), html.figures(maze.data_pictures(group), "third")]
            continue
        parts += [
            html.bullets(data_card.sentences(group.card, name, group.card.get("notes") or [])),
            data_card.columns(group.card),
            data_card.pictures(group.card, name),
            html.details("All numbers", html.definitions(pairs)),
        ]
    return parts


def _from_data(run: Run) -> list[str]:
    """What the data decided, and the units in which policies act where those are not [-1, 1]."""
    found = []
    for group in run.groups:
        for one in group.from_data:
            text = f"{group.title}: {one['name']}={show(one['value'])}, decided by the data ({one['reason']})."
            found.append(html.note(text))
    bounds = [f"{one['name']} {one['low']:g}..{one['high']:g}" for group in run.groups[:1] for one in group.outputs]
    if run.groups and any((one["low"], one["high"]) != (-1, 1) for one in run.groups[0].outputs):
        found.append(html.note(f"Policies act within: {', '.join(bounds)}."))
    return found


def _flat(card: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The card's numbers and short lists; histograms are in the pictures, the maze is in task_card."""
    out: list[tuple[str, Any]] = []
    for name, value in card.items():
        if name == "maze" and isinstance(value, dict):
            out += [(f"maze: {key.replace('_', ' ')}", value[key]) for key in MAZE_NUMBERS if key in value]
        elif isinstance(value, dict) and name not in DRAWN:
            out += [(f"{name}: {key}".replace("_", " "), entry) for key, entry in value.items() if _short(entry)]
        elif name not in ("warnings", "notes", "rows") and _short(value):
            out.append((name.replace("_", " "), value))
    return out


def _short(value: Any) -> bool:
    return not isinstance(value, dict) and not (isinstance(value, list) and len(value) > 8)


def _data_text(value: Any) -> str:
    """Numbers of the card: counts in full, measurements with four digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "(" + ", ".join(_data_text(entry) for entry in value) + ")"
    return show(value)


def _origin(run: Run) -> list[str]:
    commands = list(dict.fromkeys(group.command for group in run.groups if group.command))
    group = run.groups[0]
    groups = [
        [g.folder.name, g.title, ", ".join(dict.fromkeys(str(m.seed) for m in g.members)),
         g.state, f"{g.phase} step {g.step:,} ({STEP_NAMES.get(g.phase, 'steps')})", g.physics]
        for g in run.programs
    ]  # fmt: skip
    return [
        *map(html.code, commands),
        html.table(["group folder", "algorithm", "seeds", "state", "stands at", "physics"], groups),
        html.details("Versions and machine", html.definitions(_pairs(group))),
    ]


def _pairs(group: GroupRecord) -> list[tuple[str, str]]:
    return [(str(name), show(value)) for part in (group.versions, group.machine) for name, value in part.items()]
