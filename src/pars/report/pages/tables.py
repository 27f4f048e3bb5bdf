"""The page's tables: scores, settings, speed."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pars.report.charts.plot import short
from pars.report.pages import html
from pars.report.records import PHASES, Curve, Run
from pars.report.series import Series, differing, show, when
from pars.report.stats.pairs import Pair, all_pairs
from pars.report.stats.statistics import decimals, iqm, number, signed

COLUMNS = 13  # algorithms or settings side by side in a table of settings
AGAINST = 13  # in the matrix of all against all


def scores(series: Sequence[Series]) -> str:
    """Final scores by phase with interval, n and every seed, and the best evaluation, named as picked afterwards."""
    scored = [one for one in series if any(one.final(phase) is not None for phase in PHASES)]
    if not scored:
        return html.note("No evaluation has been logged.")
    phases = [phase for phase in PHASES if any(one.final(phase) is not None for one in scored)]
    lasts = [next(score for phase in reversed(phases) if (score := one.final(phase)) is not None) for one in scored]
    header = ["algorithm", *(f"end of {phase}: mean ± std" for phase in phases)]
    header += ["95 % interval of the last", "n", "seeds of the last", "best evaluation (picked after)"]
    with_iqm = any(last.n > 3 for last in lasts)  # a quarter of fewer is nobody
    header += ["IQM of the last"] if with_iqm else []
    rows = []
    for one, last in zip(scored, lasts, strict=True):
        row = [one.label, *(_at(one, phase) for phase in phases), last.interval_text()]
        row += [f"{last.n} ({last.missing} without a finite score)" if last.missing else str(last.n)]
        row += [_each(last.values), _best(one)]
        rows.append(row + ([number(iqm(last.values)) if last.n > 3 else "n < 4"] if with_iqm else []))
    episodes = sorted({one.group.plan.get("eval_episodes") for one in scored} - {None}, key=str)
    what = "Intervals: percentile bootstrap of the mean over seeds, 2,000 draws; with few seeds it is too narrow. "
    what += f"Episodes per seed and evaluation: {', '.join(map(str, episodes)) or 'not recorded'}. "
    what += "Best: the evaluation with the highest mean over seeds, chosen after seeing all of them, so it flatters."
    return html.table(header, rows) + html.note(what)


def who_beats_whom(series: Sequence[Series]) -> str:
    """One matrix for each task with at least two series that can be compared."""
    tasks = list(dict.fromkeys(one.group.task for one in series))
    here = [[one for one in series if one.group.task == task] for task in tasks]
    return html.joined(*(_matrix(some) for some in here))


def _matrix(series: list[Series]) -> str:
    shown = [one for one in series if any(one.final(phase) is not None for phase in PHASES)][:AGAINST]
    pairs = all_pairs(shown)
    if not pairs:
        return ""
    (phase, step), _ = Counter((pair.phase, pair.step) for pair in pairs.values()).most_common(1)[0]
    rows = []
    for i, one in enumerate(shown):
        counts = sorted({pair.runs[0] for at, pair in pairs.items() if at[0] == i})
        name = f"{one.label}\nn = {'–'.join(map(str, counts[:: max(len(counts) - 1, 1)]))}" if counts else one.label
        rows.append((name, [_duel(pairs.get((i, j)), i == j, (phase, step)) for j in range(len(shown))]))
    note = (
        "Probability that a seed of the row scores higher than a seed of the column, ties counted half [95 % "
        "percentile bootstrap interval over seeds, 2,000 draws; too narrow with few of them]. Below: difference of the "
        f"means [95 % t interval]. All at the end of the last phase that both have finished equally far: {phase} step "
        f"{step:,} unless the cell says otherwise; — means that there is none. Coloured and bold: the t interval "
        "leaves out zero, blue for the row, orange for the column; with many pairs some do by chance."
    )
    more = f" Shown: the first {AGAINST} of {len(series)}." if len(series) > AGAINST else ""
    table = html.matrix("row against column", [one.label for one in shown], rows)
    return html.joined(html.heading("Who beats whom"), table, html.note(note + more))


def _duel(pair: Pair | None, same: bool, usual: tuple[str, int]) -> tuple[str, str]:
    """Kind and lines of one cell of the matrix."""
    if same or pair is None:
        return "self", "" if same else "—"
    gap = pair.difference
    kind = ("better" if gap.value > 0 else "worse") if gap.clear else ""
    place = [f"{pair.phase} {short(pair.step)}"] if (pair.phase, pair.step) != usual else []
    return kind, "\n".join(
        [
            *pair.chance.text().split(" ", 1),
            gap.text() if gap.interval else signed(gap.value, decimals(gap.value)),
            *place,
        ]
    )


def _at(one: Series, phase: str) -> str:
    score, curve = one.final(phase), one.curve(phase, "score")
    return "—" if score is None or curve is None else f"{score.text()} (step {int(curve.steps[-1]):,})"


def _best(one: Series) -> str:
    best = one.best()
    if best is None:
        return "none"
    at = when(best.phase, best.step, one.group)
    return f"{best.score.text()} {at if at.startswith('before') else f'at {at}'} (n = {best.score.n})"


def _each(values: np.ndarray) -> str:
    shown = ", ".join(number(value) for value in values[:10])
    return shown + (f" and {values.size - 10} more" if values.size > 10 else "")


def settings(series: Sequence[Series]) -> str:
    """The plan, the settings that differ between the columns, and all settings folded away."""
    shown = list(series[:COLUMNS])
    names = list(dict.fromkeys(name for one in shown for name in one.settings))
    unlike = {name for name in names if differing({name: one.settings[name]} for one in shown if name in one.settings)}
    header = ["setting", *(one.label for one in shown)]

    def rows(chosen: Sequence[str]) -> list[list[str]]:
        return [
            [name, *(show(one.settings[name]) if name in one.settings else "—" for one in shown)] for name in chosen
        ]

    groups = list({id(one.group): one.group for one in series}.values())[:COLUMNS]
    plan = [
        [name.replace("_", " "), *(show(group.plan.get(name)) for group in groups)]
        for name in dict.fromkeys(name for group in groups for name in group.plan)
    ]
    short = [name for name in names if name in unlike]
    more = (
        f" Shown: the first {COLUMNS} of {len(series)}; run.json of each group has all."
        if len(series) > COLUMNS
        else ""
    )
    note = "Highlighted: what is not the same in all that have it; — means that the algorithm has no such setting."
    full = html.table(header, rows(names), [name in unlike for name in names], tight=True) + html.note(note + more)
    return html.joined(
        html.table(["plan", *(group.title for group in groups)], plan, tight=True) if plan else "",
        html.table(["differs", *header[1:]], rows(short), tight=True) if short and len(shown) > 1 else "",
        html.details("All settings", full),
    )


def speed(run: Run) -> str:
    """Gradient and environment steps per second, compile and elapsed time of every group and phase."""
    rows = []
    for group in run.programs:
        members = f"{len(group.members)} member{'s' if len(group.members) > 1 else ''} in one program"
        for phase in (*group.before, *PHASES):
            logged = group.timing.get(phase, {})
            if logged and (phase != "offline" or group.offline):
                rows.append([
                    f"{group.name}, {phase}",
                    members,
                    _median(logged.get("updates_per_second")),
                    _median(logged.get("env_steps_per_second")),
                    _median(logged.get("evaluation_steps_per_second")),
                    _sum(logged.get("compile_seconds")),
                    _last(logged.get("elapsed_seconds")),
                ])  # fmt: skip
    if not rows:
        return html.note("No timing has been logged.")
    header = ["algorithm, phase", "population", "gradient steps/s", "environment steps/s", "evaluation steps/s"]
    header += ["compile s", "elapsed s"]
    what = (
        "Steps per second count all members: median [range] over the logged intervals. Elapsed: since the last start."
    )
    return html.table(header, rows) + html.note(what)


def _median(curve: Curve | None) -> str:
    values = curve.values[np.isfinite(curve.values)] if curve is not None else np.zeros(0)
    if not values.size:
        return "none"
    span = f"[{number(values.min())} {number(values.max())}], " if values.size > 1 else ""
    return f"{number(float(np.median(values)))} ({span}n = {values.size})"


def _sum(curve: Curve | None) -> str:
    return number(float(np.nansum(curve.values))) if curve is not None else "none"


def _last(curve: Curve | None) -> str:
    return number(float(curve.values[0, -1])) if curve is not None else "none"
