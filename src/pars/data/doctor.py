"""`pars data check`: is this file fit for training, and what is in it?"""

from pathlib import Path

from pars.data.card import Card, data_card
from pars.data.files import read_columns
from pars.data.rows import checked_rows
from pars.envs.base import Task

BARS = " ▁▂▃▄▅▆▇█"


def check(path: str | Path, task: Task | None = None, *, next_obs: str = "shift") -> Card:
    """The data card of a file. Raises DataError, in one line, for what must not be trained on.

    Args:
        task: whose widths and maze the data should fit; None: only the file itself is checked.
        next_obs: "shift" or "file", as in `load_dataset`.
    """
    rows = checked_rows(read_columns(Path(path)), str(path), task, next_obs)
    return data_card(rows, task, next_obs)


def card_lines(card: Card) -> list[str]:
    """The card as lines for a terminal, warnings last."""
    length, returns, reward, action = card["episode_length"], card["returns"], card["reward"], card["action"]
    timeouts = "no timeouts column" if card["timeouts"] is None else f"{card['timeouts']:,} timeouts"
    lines = [
        f"rows         {card['rows']:,} ({card['transitions']:,} transitions, {card['episodes']:,} episodes)",
        f"lengths      {length['min']:g} to {length['max']:g}, median {length['median']:g}",
        f"returns      {returns['min']:.4g} to {returns['max']:.4g}, median {returns['median']:.4g}, "
        f"mean {returns['mean']:.4g}  |{_bars(returns['histogram']['counts'])}|",
        f"rewards      {reward['min']:.4g} to {reward['max']:.4g}, not 0 in {reward['density']:.2%} of the rows",
        f"ends         {card['terminals']:,} terminal rows"
        + ("" if card["terminals_end_episodes"] else " (episodes go on after them)")
        + f", {timeouts}",
        f"actions      {len(action['min'])} wide, {min(action['min']):.3g} to {max(action['max']):.3g}, "
        f"{action['saturation']:.1%} at the bound",
        f"observations {len(card['obs']['mean'])} wide, {min(card['obs']['min']):.4g} to {max(card['obs']['max']):.4g}",
    ]
    if card["maze"]:
        visited = card["maze"]["free_cells_visited"]
        lines.append(f"maze         {card['maze']['name']}, {visited:.0%} of the free cells visited")
    return lines + [f"warning      {warning}" for warning in card["warnings"]]


def _bars(counts: list[int]) -> str:
    """A histogram on one line; every non-empty bin is visible."""
    top = max(counts)
    return "".join(BARS[0] if not c else BARS[max(1, round(c / top * (len(BARS) - 1)))] for c in counts)
