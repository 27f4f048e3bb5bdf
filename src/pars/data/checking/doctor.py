"""`pars data check`: is this dataset fit for training, what is in it, and what would make it better?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pars.data.catalog import dataset_path, load_dataset
from pars.data.checking.card import NO_REWARDS, Card
from pars.data.checking.fields import Field, Values, list_fields, made, scan_values
from pars.data.checking.fingerprints import compare
from pars.data.d4rl import D4RL, find
from pars.data.dataset import NextObs
from pars.data.formats.forms import aimless
from pars.data.formats.layout import OPTIONAL, REQUIRED
from pars.data.formats.ogbench import NOWHERE
from pars.data.formats.sources import SUFFIXES, is_several
from pars.data.own import ALARMS
from pars.envs.base import Task
from pars.envs.registry import TASKS, make_task
from pars.errors import DataError
from pars.places import user_path

UNREWARDED = (
    "no rewards, as in OGBench's files: read as goal-conditioned methods do, which take goals from the data; for all "
    "others give a goal to be rewarded for, --data-goal X,Y"
)
BARS = " ▁▂▃▄▅▆▇█"
MOST_FIELDS = 30  # listed in the terminal; the page has all
MOST_DIMS = 8  # listed in the terminal; the page has all
LINGERING = (
    "episodes go on after terminal rows, as in D4RL's AntMaze files: such rows stop bootstrapping, only timeouts cut "
    "trajectories"
)
GOES_ON = (
    "{count:,} timeouts stand inside demonstrations that go on to a terminal row, as in D4RL's human files of Adroit: "
    "the recorder counted to the limit, the person went on; as D4RL reads them, each is cut there, counts as two "
    "episodes, and the row of the timeout is left out"
)
DataVerdict = Literal["ok", "warnings", "refuse"]


@dataclass(frozen=True)
class Checkup:
    """Everything that the check found. `card` is None exactly if the data was refused."""

    name: str  # the path or id that was asked for
    task: str | None
    fields: list[Field]
    card: Card | None
    refusal: DataError | None
    warnings: list[str]  # each: what, and how to mend it
    notes: list[str]  # worth knowing, nothing to mend
    training: list[str] = field(default_factory=list)  # what training will do about it
    values: list[Values] = field(default_factory=list)  # of refused data: as far as it could be read
    rewarded: bool = True  # False: OGBench's files without a goal to be rewarded for

    @property
    def verdict(self) -> DataVerdict:
        """Train on it, train on it with open eyes, or do not."""
        return "refuse" if self.refusal else "warnings" if self.warnings else "ok"

    @property
    def headline(self) -> str:
        """The verdict as a sentence."""
        if self.refusal:
            return f"refuse: {self.refusal}"
        if not self.warnings:
            return "ok: nothing to mend"
        those = "it" if len(self.warnings) == 1 else "them"
        return f"warnings ({len(self.warnings)}): fit for training, but read {those} first"


def check(
    name_or_path: str | Path,
    task: Task | None = None,
    *,
    next_obs: NextObs = "shift",
    mapping: Mapping[str, str] | None = None,
    goal: tuple[float, float] | None = None,
    action_range: str | None = None,
) -> Checkup:
    """Check a dataset's id, or a file. What must not be trained on comes back as a refusal, with what could be read.

    Args:
        task: whose widths and maze the data should fit; None: an id's own task, of a file only the file itself.
        next_obs, mapping, goal, action_range: as in `load_dataset`.

    Raises UsageError for an unknown id.
    """
    name = str(name_or_path)
    if task is None and name in TASKS:
        task = make_task(name)
    path = file_of(name)
    try:
        goal = aimless(path, goal, mapping)
        reading: dict[str, Any] = dict(next_obs=next_obs, mapping=mapping, goal=goal, action_range=action_range)
        card = load_dataset(name_or_path, task=task, **reading).card
    except DataError as refusal:
        values = scan_values(path, (*REQUIRED, *OPTIONAL)) if path.is_file() else []
        return Checkup(
            name, task.id if task else None, list_fields(path), None, refusal, [], _made(path), values=values
        )
    warnings, notes = list(card["warnings"]), [*_made(path), *card.get("notes", [])]
    rewarded = goal != NOWHERE
    if not rewarded:
        warnings = [one for one in warnings if not one.startswith(NO_REWARDS)]
        notes.append(UNREWARDED)
    if not card["terminals_end_episodes"] and not any(ALARMS in line for line in warnings):
        notes.append(LINGERING)
    if count := card.get("timeouts_inside"):  # cards of older copies do not have it
        notes.append(GOES_ON.format(count=count))
    found = compare(card, path.name)  # a task that was named for a file says nothing of where the file is from
    if found and found.matches:
        notes.append(found.sentence)
    elif found and "made" not in card:  # a file that says how it was made claims to be no original
        warnings.append(f"{found.sentence}; download it again, or give it another name")
    fields = list_fields(path)
    return Checkup(name, task.id if task else None, fields, card, None, warnings, notes, rewarded=rewarded)


def file_of(name: str) -> Path:
    """The file of a path or id; it need not exist."""
    path = user_path(name)
    if path.exists() or "/" in name or path.suffix in SUFFIXES or is_several(name):
        return path
    return (find(name) if name in D4RL else None) or dataset_path(name)


def _made(path: Path) -> list[str]:
    """How the file says it was made."""
    return [f"made: {said}"] if (said := made(path)) else []


def card_lines(card: Mapping[str, Card]) -> list[tuple[str, str]]:
    """The card as names and texts for a terminal, without its warnings."""
    length, returns, reward, action = card["episode_length"], card["returns"], card["reward"], card["action"]
    copies = card["duplicate_rows"]
    dims = range(min(MOST_DIMS, len(action["min"])))
    names = (card.get("names") or {}).get("actions")
    ranges = [f"{names[i] + ' ' if names else ''}{action['min'][i]:.4g}..{action['max'][i]:.4g}" for i in dims]
    bounds = [f"{action['at_bound'][i]:.1%}" for i in dims]
    more = " ..." if len(action["min"]) > MOST_DIMS else ""
    lines = [
        ("rows", f"{card['rows']:,} ({card['transitions']:,} transitions, {card['episodes']:,} episodes)"),
        ("lengths", spread(length) + _bars(length)),
        ("returns", spread(returns) + _bars(returns)),
        ("rewards", f"{reward['min']:.4g} to {reward['max']:.4g}, not 0 in {100 * reward['density']:.3g}% of the rows, "
         f"above 0 in {reward['positive_rows']:,} rows"),
        ("ends", _ends(card)),
        ("actions", f"{len(action['min'])} wide, {min(action['min']):.3g} to {max(action['max']):.3g}, "
         f"{action['saturation']:.1%} at the bound"),
        ("  range", ", ".join(ranges) + more),
        *([("  bounds", _bounds(action["range"]))] if action.get("range") else []),
        ("  at bound", ", ".join(bounds) + more),
        ("observations", f"{len(card['obs']['mean'])} wide, {min(card['obs']['min']):.4g} to "
         f"{max(card['obs']['max']):.4g}"),
        ("duplicates", f"{copies['copies']:,} rows" + (f", the first is row {copies['first']}, equal to row "
         f"{copies['earlier']}" if copies["copies"] else "")),
    ]  # fmt: skip
    if maze := card["maze"]:
        off = f", {maze['outside']:.1%} of the rows outside of them" if maze["outside"] else ""
        lines.append(("maze", f"{maze['name']}, {maze['free_cells_visited']:.0%} of the free cells visited{off}"))
    if found := card.get("yardsticks"):
        lines.append(("beside D4RL", yardsticks(found)))
    return lines


def yardsticks(found: Mapping[str, str]) -> str:
    """Of an AntMaze twin, on one line."""
    return "; ".join(f"{what} {text}" for what, text in found.items())


def _bounds(known: Card) -> str:
    """What becomes [-1, 1], and how it is known."""
    pairs = zip(known["low"][:MOST_DIMS], known["high"][:MOST_DIMS])
    more = " ..." if len(known["low"]) > MOST_DIMS else ""
    return ", ".join(f"{low:.4g}..{high:.4g}" for low, high in pairs) + f"{more} ({known['source']})"


def spread(values: Mapping[str, Any]) -> str:
    """Of lengths or returns, in words."""
    return f"{values['min']:.4g} to {values['max']:.4g}, median {values['median']:.4g}, mean {values['mean']:.4g}"


def _ends(card: Mapping[str, Card]) -> str:
    timeouts = "no timeouts column" if card["timeouts"] is None else f"{card['timeouts']:,} timeouts"
    after = "" if card["terminals_end_episodes"] else " (episodes go on after them)"
    both = f", {card['terminal_timeouts']:,} rows are both" if card["terminal_timeouts"] else ""
    return f"{card['terminals']:,} terminal rows{after}, {timeouts}{both}"


def _bars(values: Card) -> str:
    """A histogram on one line; every non-empty bin is visible."""
    counts = values["histogram"]["counts"]
    top = max(counts)
    drawn = "".join(BARS[0] if not c else BARS[max(1, round(c / top * (len(BARS) - 1)))] for c in counts)
    return f"  |{drawn}|"


def page_lines(found: Checkup) -> Iterator[tuple[str, str]]:
    """The whole page for a terminal as names and texts: what is in the data, then what is wrong, the verdict last."""
    if found.card:
        yield from card_lines(found.card)
    width = max((len(one.name) for one in found.fields[:MOST_FIELDS]), default=0)
    for one in found.fields[:MOST_FIELDS]:
        yield "fields", f"{one.name:{width}}  {one.dtype:8} {one.shape_text}"
    if len(found.fields) > MOST_FIELDS:
        yield "fields", f"... and {len(found.fields) - MOST_FIELDS} more, all of them on the page of --html"
    for value in found.values:
        rows = ", ".join(map(str, value.bad_rows))
        bad = f", {value.bad:,} NaN or infinite values, first in row {rows}" if value.bad else ""
        yield "values", f"{value.field.name} from {value.low:.4g} to {value.high:.4g}{bad}"
    for note in found.notes:
        yield "note", note
    for line in found.training:
        yield "training", line
    for warning in found.warnings:
        yield "warning", warning
    yield "verdict", "refuse" if found.refusal else found.headline  # the command prints the refusal itself
