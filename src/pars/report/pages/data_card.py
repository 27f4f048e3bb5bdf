"""The data card for people: what is in the data in sentences, a row for every column, the episodes in pictures."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pars.data.checking.doctor import spread, yardsticks
from pars.data.column_units import unit_of
from pars.data.formats.layout import in_rows
from pars.report.charts import sparks
from pars.report.charts.episodes import timeline
from pars.report.charts.maze import coverage, histogram
from pars.report.pages import html

Card = Mapping[str, Any]
LONG = 24  # rows of a table that still stand open
NEEDED = ("columns", "episode_length", "returns", "reward", "duplicate_rows", "obs", "action")


def complete(card: Card) -> bool:
    """Whether a card of a run has all that is shown here; those of earlier versions lack some."""
    return all(isinstance(card.get(name), dict) for name in NEEDED)


def sentences(card: Card, name: str, notes: Iterable[str]) -> list[str]:
    """What the data are, and the notes of reading them."""
    length, returns, reward, copies = card["episode_length"], card["returns"], card["reward"], card["duplicate_rows"]
    widths = len(card["obs"]["mean"]), len(card["action"]["min"])
    found = [
        f"{name} has {card['episodes']:,} episodes with {card['rows']:,} rows ({card['transitions']:,} transitions), "
        f"{widths[0]} observations and {widths[1]} actions wide.",
        f"Rows of an episode: {_spread(length)}.",
        f"Return of an episode: {_spread(returns)}.",
        f"Reward of a row: {_spread(reward)}; not 0 in {100 * reward['density']:.3g}% of the rows, above 0 in "
        f"{reward['positive_rows']:,}.",
        _ends(card),
    ]
    if known := card["action"].get("range"):
        found.append(f"Bounds of the actions, which become [-1, 1]: {known['source']}.")
    if copies["copies"]:
        found.append(
            f"{copies['copies']:,} rows repeat an earlier one; row {copies['first']} repeats row {copies['earlier']}."
        )
    if maze := card.get("maze"):
        found.append(
            f"Free cells visited: {maze['free_cells_visited']:.0%}; rows in walls or off the map: "
            f"{maze['outside']:.2%}."
        )
    if beside := card.get("yardsticks"):
        found.append(f"Beside D4RL's: {yardsticks(beside)}.")
    return found + [note[0].upper() + note[1:] for note in notes]


def _spread(values: Card) -> str:
    return spread(values) if values["min"] < values["max"] else f"always {values['min']:.4g}"


def _ends(card: Card) -> str:
    after = "" if card["terminals_end_episodes"] else " (episodes go on after them)"
    cut = "there is no column of timeouts" if card["timeouts"] is None else f"{card['timeouts']:,} rows are timeouts"
    both = f", {card['terminal_timeouts']:,} are both" if card["terminal_timeouts"] else ""
    return f"{card['terminals']:,} rows are terminal{after}, {cut}{both}."


def pictures(card: Card, name: str) -> str:
    """The episodes in order, their returns and lengths; of mazes where they were."""
    maze = card.get("maze")
    found = [
        coverage(maze["coverage"], maze, name) if maze and "coverage" in maze else None,
        timeline(card.get("timeline"), name),
        histogram(card["returns"]["histogram"], "returns", "Returns of episodes", "raw return", name),
        histogram(card["episode_length"]["histogram"], "lengths", "Lengths of episodes", "actions", name),
    ]
    return html.figures([one for one in found if one is not None], "third")


def columns(card: Card) -> str:
    """A row for every column of observations and actions."""
    rows = [*_rows(card, "observations", card["obs"]), *_rows(card, "actions", card["action"])]
    header = ["column", "values", "over time", "unit", "smallest", "mean", "largest", "std", "missing", "at bound"]
    looked = (card.get("columns") or {}).get("rows")
    note = ""
    if looked:
        note = f"Values and courses: of {looked:,} rows, evenly drawn; the band goes from the least to the greatest."
    table = html.table(header, rows, pairs=True) + html.note(note)
    shown = html.details(f"All {len(rows)} columns", table) if len(rows) > LONG else table
    return html.chooser([*_histograms(card)]) + shown


def _histograms(card: Card) -> Iterator[tuple[Any, ...]]:
    """Of every column that is drawn, and of the reward: name, unit, ends and counts."""
    drawn = card.get("columns") or {}
    for key in ("observations", "actions"):
        for name, one in zip(_names(card, key), drawn.get(key) or [], strict=False):
            yield _named(name, key), unit_of(name), one["low"], one["high"], one["histogram"]
    if one := drawn.get("reward"):
        yield "reward", "", one["low"], one["high"], one["histogram"]


def _names(card: Card, key: str) -> list[str]:
    """Of observations or actions."""
    of = card["obs" if key == "observations" else "action"]
    return (card.get("names") or {}).get(key) or [f"{key.removesuffix('s')} {i}" for i in range(len(of["min"]))]


def _named(name: str, key: str) -> str:
    return f"{name} (action)" if key == "actions" and not name.startswith("action ") else name


def _rows(card: Card, key: str, of: Card) -> Iterator[list[Any]]:
    drawn, missing = ((card.get(part) or {}).get(key) or [] for part in ("columns", "missing"))
    for i, name in enumerate(_names(card, key)):
        figures = [f"{of[part][i]:.4g}" if part in of else "—" for part in ("min", "mean", "max", "std")]
        bound = f"{of['at_bound'][i]:.2%}" if "at_bound" in of else "—"
        lacks = in_rows(missing[i]) if i < len(missing) and missing[i] else "none"
        yield [
            _named(name, key),
            *_sparks(drawn[i] if i < len(drawn) else None, name),
            unit_of(name) or "—",
            *figures,
            lacks,
            bound,
        ]


def _sparks(one: Card | None, name: str) -> tuple[Any, Any]:
    if one is None:
        return "—", "—"
    course = one["course"]
    said = f"from {one['low']:.4g} to {one['high']:.4g}"
    drawn = sparks.course(course["least"], course["mean"], course["greatest"], f"{name} over the rows, {said}")
    return html.Markup(sparks.bars(one["histogram"], f"Histogram of {name}, {said}")), html.Markup(drawn)
