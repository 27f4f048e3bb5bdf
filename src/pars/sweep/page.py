"""search.html: what was chosen and what it is worth on fresh seeds, all trials with intervals, which settings matter,
what to try next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from pars.config import as_text
from pars.report.charts.plot import COLORS, HALF, INK, Picture, figure, picture, plain_log, shares, style, to_csv
from pars.report.pages import html
from pars.report.stats.statistics import bootstrap_interval, number
from pars.sweep.halving import Result, Trial, best
from pars.sweep.population import LEAST
from pars.sweep.search import Record
from pars.sweep.space import Choice, Space, Span

PAGE = "search.html"
OPEN = 20  # rows of the table that stand open
EDGE = 0.1  # of a range, at its end
TOP = 0.1  # of the trials, of which one says where they lie


def write_page(record: Record, space: Space, out: Path) -> Path:
    """Write the page and return its path. Raises ResourceError if that is impossible."""
    return html.save(out / PAGE, render(record, space), "free some space")


def render(record: Record, space: Space) -> str:
    """The whole page as HTML."""
    asked, (first, *rest) = record.asked, summary(record, space)
    header, rows = table(record, space)
    steps = " / ".join(f"{n:,}" for n in asked["steps"])
    body = [
        html.head(f"Search · {asked['algorithm']} on {asked['task']}", first, *map(html.note, rest)),
        html.section("What to try next", html.bullets(advice(record, space))),
        html.section("Which settings matter", html.figures(_pictures(record, space), "half")),
        html.section(
            "Trials",
            html.note(
                f"What trials were compared by ({record.asked['objective']}s), after {steps} gradient steps, with "
                "intervals of 95 %: of scores over the episodes of one evaluation (Wilson's where scores lie within 0 "
                f"to 100, else Student's; none of fewer than {LEAST}), of estimates as in pars judge. The highest of "
                "many flatters: they are no results."
            ),
            html.table(header, rows[:OPEN]),
            html.details(f"All {len(rows)} trials", html.table(header, rows)) if len(rows) > OPEN else "",
        ),
    ]
    return html.page(f"search: {asked['algorithm']} on {asked['task']}"[:120], "\n".join(body))


def summary(record: Record, space: Space) -> list[str]:
    """What was chosen and what it is worth, in lines."""
    final = record.final
    if final is None:
        return [f"{sum(one.rung >= 0 for one in record.trials)} settings tried; nothing is chosen yet."]
    chosen = record.trials[final["trial"]]
    values = np.array([value for value, _, _ in final["values"]])
    interval = bootstrap_interval(values)
    spread = f" [{number(interval[0])} {number(interval[1])}]" if interval else ""
    top = len(record.asked["steps"]) - 1
    ended = sum(one.rung == top and not one.lost for one in record.trials)
    lost = sum(one.lost for one in record.trials)
    seconds, objective = f"{record.seconds:,.0f} s", record.asked["objective"]
    return [
        f"{words(chosen, space)}: {number(float(values.mean()))}{spread}, mean of {len(values)} fresh seeds "
        f"({final['mark']}).",
        f"Seeds {', '.join(map(str, final['seeds']))}: {', '.join(number(float(v)) for v in values)}. When it was "
        f"chosen its {objective} was {number(chosen.value(chosen.rung))}, the highest of {ended}, which "
        "flatters it.",
        f"{len(record.trials)} trials, {ended} to the end{f', {lost} diverged' if lost else ''}, in "
        f"{len(record.batches)} populations of {record.asked['width']} and {seconds}.",
    ]


def words(trial: Trial, space: Space) -> str:
    """Its settings as they are written on a command line, ranges to three digits."""
    return " ".join(f"{name}={_short(trial.params[name])}" for name in space)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else as_text(value)


def table(record: Record, space: Space) -> tuple[list[str], list[list[str]]]:
    """Header and rows for people, those that came furthest first and among them the highest."""
    order = sorted(record.trials, key=lambda one: (one.lost, -one.rung, -_last(one), one.number))
    rows = []
    for one in order:
        found = one.results[-1] if one.results else None
        score = number(found[0]) if found else "diverged" if one.lost else "not begun"
        interval = _interval(found) if found else ""
        steps = f"{record.asked['steps'][one.rung]:,}" if one.results else ""
        chosen = " chosen" if record.final and record.final["trial"] == one.number else ""
        rows.append([f"{one.number}{chosen}", score, interval, steps, *(_short(one.params[name]) for name in space)])
    return ["trial", record.asked["objective"], "interval", "steps", *space], rows


def _interval(found: Result) -> str:
    _, low, high = found
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"


def _last(one: Trial) -> float:
    return one.value(one.rung) if one.results else -np.inf


def _compared(record: Record) -> tuple[list[Trial], np.ndarray]:
    """Trials with a result of the first rung, where all are alike, and their scores."""
    there = [one for one in record.trials if one.results and one.results[0] is not None]
    return there, np.array([one.value(0) for one in there])


def weight(name: str, space: Space, trials: Sequence[Trial], scores: np.ndarray) -> float:
    """How much a setting decides the score of the first rung, from 0 to 1: of a range the correlation of ranks, of
    values the root of the share of the variance between them."""
    if len(trials) < 3 or np.ptp(scores) == 0:
        return 0.0
    own, values = space[name], [one.params[name] for one in trials]
    ranks = rankdata(scores)  # those that are alike share one
    if isinstance(own, Span):
        with np.errstate(invalid="ignore"):
            found = np.corrcoef(rankdata(values), ranks)[0, 1]
        return float(abs(np.nan_to_num(found)))
    groups = [ranks[[value == one for one in values]] for value in own.values]
    between = sum(len(group) * (group.mean() - ranks.mean()) ** 2 for group in groups if len(group))
    return float(np.sqrt(between / (len(ranks) * ranks.var())))


def advice(record: Record, space: Space) -> list[str]:
    """What to try next, in sentences."""
    trials, scores = _compared(record)
    found: list[str] = []
    if len(trials) < 10:
        return ["Fewer than ten trials: nothing can be said of the settings yet. Give more --trials."]
    top = [trials[i] for i in np.flatnonzero(scores >= np.sort(scores)[-max(3, round(TOP * len(trials)))])]
    if len(top) > len(trials) / 2:  # as many are alike: where they lie says nothing
        top = []
    for name, own in space.items():
        weighs = weight(name, space, trials, scores)
        places = np.array([own.place(one.params[name]) for one in top])
        if not top or weighs < chance(len(trials)):
            pass
        elif isinstance(own, Span):
            for end, near in (("low", places < EDGE), ("high", places > 1 - EDGE)):
                if near.mean() > 0.5:
                    value = own.low if end == "low" else own.high
                    found.append(f"The best lie at the {end} end of {name}: search beyond {value:g}.")
        elif len(own.values) > 1 and len({one.params[name] for one in top}) == 1:
            found.append(f"The best {len(top)} all have {name}={top[0].params[name]}: fix it and search the others.")
        if weighs < 0.1 and len(trials) >= 30 and np.ptp(scores):
            found.append(f"{name} decides next to nothing here: leave it out.")
    found += _told_apart(record)
    if lost := [one for one in record.trials if one.lost]:
        found.append(f"{len(lost)} of {len(record.trials)} trials diverged: see the end of the table for where.")
    return found or ["Nothing stands out: more --trials, or wider ranges."]


def _told_apart(record: Record) -> list[str]:
    """Whether the chosen trial is, from those that came as far."""
    chosen = best(record.trials)
    if chosen is None or (held := chosen.results[-1]) is None:
        return []
    if held[1] is None:
        return [f"Of fewer than {LEAST} episodes there are no intervals: more --eval-episodes tell trials apart."]
    others = [one.results[-1] for one in record.trials if one.rung == chosen.rung and one is not chosen]
    alike = sum(one is not None and one[2] is not None and one[2] >= held[1] for one in others)
    if not alike:
        return []
    verb = "is" if alike == 1 else "are"
    return [
        f"{alike} of {len(others)} other trials that came as far {verb} not told apart from the chosen one by their "
        "intervals: more --eval-episodes tell more."
    ]


def chance(count: int) -> float:
    """Two standard errors of a weight of `count` trials: below that it may be none."""
    return min(1.0, 2.0 / float(count) ** 0.5)


def _pictures(record: Record, space: Space) -> list[Picture]:
    trials, scores = _compared(record)
    if len(trials) < 3:
        return []
    weights = {name: weight(name, space, trials, scores) for name in space}
    names = sorted(space, key=lambda name: -weights[name])
    found = [_bars(weights, names, len(trials), record)]
    return [*found, _map(names[:2], space, trials, scores, record)] if len(names) > 1 else found


def _bars(weights: dict[str, float], names: Sequence[str], count: int, record: Record) -> Picture:
    with style():
        fig = figure((HALF[0], 1.1 + 0.3 * len(names)))
        ax = fig.subplots()
        places = np.arange(len(names))
        ax.barh(places, [weights[name] for name in names], 0.7, color=COLORS[0])
        ax.axvline(chance(count), color=INK, linewidth=0.8, linestyle=(0, (4, 2)))
        ax.set_yticks(places, names)
        ax.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.6), xlabel="how much it decides the score")
        ax.grid(axis="y", visible=False)
    caption = (
        f"Correlation of ranks (values: root of the share of variance between them) after {record.asked['steps'][0]:,} "
        "gradient steps; each setting by itself. Left of the dashed line, at two standard errors, it may be chance "
        f"(n = {count})."
    )
    rows = [(name, weights[name]) for name in names]
    alt = "How much each setting decides: " + ", ".join(f"{name} {weights[name]:.2f}" for name in names)
    return picture(fig, "weights", "What decides", caption, alt, to_csv(("setting", "weight"), rows), png=False)


def _map(names: Sequence[str], space: Space, trials: Sequence[Trial], scores: np.ndarray, record: Record) -> Picture:
    """Every trial by two of its settings, coloured by its score."""
    x, y = (np.array([_along(space[name], one.params[name]) for one in trials]) for name in names)
    with style():
        fig = figure((HALF[0], HALF[1] + 0.4))
        ax = fig.subplots()
        dots = ax.scatter(x, y, c=scores, cmap="viridis", s=26, edgecolors=INK, linewidths=0.3)
        chosen = [i for i, one in enumerate(trials) if record.final and one.number == record.final["trial"]]
        for i in chosen:
            ax.plot(x[i], y[i], "o", markersize=13, markerfacecolor="none", markeredgecolor=COLORS[1])
        for name, axis, scale in zip(names, (ax.xaxis, ax.yaxis), (ax.set_xscale, ax.set_yscale), strict=True):
            own = space[name]
            if isinstance(own, Choice):
                axis.set_ticks(range(len(own.values)), own.values)
            elif own.log:
                scale("log")
                plain_log(axis)
        ax.set(xlabel=names[0], ylabel=names[1])
        fig.colorbar(dots, ax=ax, label=record.asked["objective"])
    rows = [(one.number, *place) for one, *place in zip(trials, x, y, scores, strict=True)]
    caption = f"A dot for each trial after {record.asked['steps'][0]:,} gradient steps. The ring is the chosen one."
    alt = f"Scores of {len(trials)} trials by {names[0]} and {names[1]}."
    csv = to_csv(("trial", names[0], names[1], "score"), rows)
    drawn = picture(fig, "map", f"{names[0]} and {names[1]}", caption, alt, csv, png=False)
    pairs = zip(trials, scores, strict=True)
    said = [f"trial {one.number}: {number(float(score))} ({words(one, space)})" for one, score in pairs]
    places = shares(ax, zip(x.tolist(), y.tolist(), strict=True)).round(4).tolist()
    return replace(drawn, points=tuple((*place, text, "") for place, text in zip(places, said, strict=True)))


def _along(own: Span | Choice, value: Any) -> float:
    """Where a value is drawn; values of a choice stand side by side."""
    return float(value) if isinstance(own, Span) else own.values.index(str(value))
