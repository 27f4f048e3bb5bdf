"""The verdict: what a run showed, in sentences built from its numbers.

Rules, the same for every algorithm:
1. The algorithm named first on the command line leads; nobody leads for having won.
2. Final scores are the claim. A best score is named as best and never leads.
3. Two scores are called different only when the 95 % t interval of the difference of their means leaves out zero.
4. Algorithms are compared at the end of the last phase that both have finished equally far.
"""

from dataclasses import dataclass, field

import numpy as np

from pars.report import conduct
from pars.report.constant import constant_policies
from pars.report.records import PHASES, GroupRecord, Run
from pars.report.series import Series, all_series, when
from pars.report.stats.pairs import compare
from pars.report.stats.statistics import Difference, Estimate, difference, estimate, number

SPREAD = "mean ± sample std"
STEPS = {"offline": "gradient steps offline", "online": "online steps"}


@dataclass(frozen=True)
class RunVerdict:
    """headline: the leading algorithm. others: one sentence per comparison. caveats: what weakens the claim.
    warnings: policies that are not to be used."""

    headline: str
    others: list[str] = field(default_factory=list)
    caveats: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join([*self.warnings, self.headline, *self.others, *self.caveats])


def verdict(run: Run) -> RunVerdict:
    """The verdict on a run: a headline for each task, then comparisons, then caveats."""
    series = all_series(run)
    headlines: list[str] = []
    others: list[str] = []
    for task in dict.fromkeys(one.group.task for one in series):
        here = [one for one in series if one.group.task == task]
        if task is None and all(_last_phase(one) is None for one in here):
            headlines.append(_unscored(here))
            others += conduct.sentences(here)
            continue
        lead = [one for one in here if one.algorithm == here[0].algorithm]
        headlines.append(_headline(lead))
        rest = [one for one in here if one.algorithm != here[0].algorithm]
        if len(lead) == 1:
            others += [_comparison(one, lead[0]) for one in rest]
        else:
            names = list(dict.fromkeys(one.algorithm for one in rest))
            others += [_headline([one for one in rest if one.algorithm == name]) for name in names]
        if rest:  # a ratio matters beside another; alone it stands in the headline
            others += [f"{sentence}." for one in lead if len(lead) == 1 and (sentence := _overestimate(one))]
    return RunVerdict(" ".join(headlines), others, _caveats(run, series), constant_policies(series))


def summary(run: Run) -> list[str]:
    """Lines for the terminal: verdict, a comparison each, data, speed, where the runs stand."""
    found = verdict(run)
    first = run.groups[0]
    rows, warnings = first.dataset.get("rows"), (first.dataset.get("card") or {}).get("warnings") or []
    data = f"data      {first.dataset.get('name', 'unknown')}" + (f", {rows:,} rows" if isinstance(rows, int) else "")
    data += f", {len(warnings)} warning{'s' if len(warnings) != 1 else ''}"
    data += f"; {first.made}" if first.made else ""
    physics = ", ".join(dict.fromkeys(group.physics for group in run.groups if group.task))
    states: dict[str, list[str]] = {}
    for group in run.programs:
        states.setdefault(f"{group.state} at {group.phase} step {group.step:,}", []).append(group.name)
    state = "; ".join(f"{', '.join(titles)} {where}" for where, titles in states.items())
    beside = found.others or ["no other algorithm in this run"]
    return [
        *(f"warning   {line}" for line in found.warnings),
        f"result    {found.headline}" + (f" Physics: {physics}." if physics else ""),
        *(f"{'' if i else 'beside':10}{line}" for i, line in enumerate(beside)),
        data,
        f"speed     {'; '.join(_speed(g) for g in run.programs)}",
        f"state     {state}",
    ]


def _headline(series: list[Series]) -> str:
    """One algorithm on one task: its only setting, or the span over its settings."""
    if len(series) == 1:
        return _alone(series[0])
    scored = [(one, phase) for one in series if (phase := _last_phase(one)) is not None]
    name = series[0].group.title
    if not scored:
        return f"{name} with {len(series)} settings has no score yet."
    finals = [(one, estimate_at(one, phase)) for one, phase in scored]
    low, high = min(finals, key=lambda item: item[1].mean), max(finals, key=lambda item: item[1].mean)
    counts = sorted({score.n for _, score in finals})
    seeds = "–".join(str(n) for n in (counts if len(counts) < 3 else [counts[0], counts[-1]]))
    return (
        f"{name} with {len(series)} settings ended between {low[1].text()} ({_setting(low[0])}) and "
        f"{high[1].text()} ({_setting(high[0])}), {SPREAD} over {seeds} seed{'s' if counts != [1] else ''} each; "
        "the highest of several settings flatters, since it was picked by its score."
    )


def _alone(one: Series) -> str:
    phase = _last_phase(one)
    if phase is None:
        return _without_score(one)
    score, step = estimate_at(one, phase), one.last_step(phase)
    if score.n == 0:
        at = when(phase, step, one.group)
        return f"{one.label} has no finite score at its last evaluation ({at}){_peak(one, score)}."
    basis = _basis(one, score)
    if step == 0 and (phase == "offline" or not one.group.offline):
        return f"{one.label} scored {score.text()} ({basis}) before any training."
    if phase == "online" and (before := _before_online(one)) is not None:
        change = difference(_values(one, phase), before, paired=True)
        verb = "reached" if change.clear and change.value > 0 else "ended at"
        return (
            f"{one.label} {verb} {score.text()} ({basis}) after {step:,} {STEPS[phase]}, "
            f"{_direction(change)} {estimate(before).text()} "
            f"{'at the end of offline' if one.group.offline else 'before any'} training."
        )
    return f"{one.label} ended at {score.text()} ({basis}) after {step:,} {STEPS[phase]}{_peak(one, score)}."


def _without_score(one: Series) -> str:
    group = one.group
    done = f"{one.label} trained for {group.step:,} {STEPS.get(group.phase, 'steps')} on {_data(group)}"
    return f"{done}; it has not been evaluated yet."


def _unscored(series: list[Series]) -> str:
    """All that was trained without an environment, in one sentence."""
    done: dict[str, list[str]] = {}
    for one in series:
        group = one.group
        far = f"trained for {group.step:,} {STEPS.get(group.phase, 'steps')} on {_data(group)}"
        done.setdefault(far, []).append(one.label)
    said = "; ".join(f"{_listed(labels)} {far}" for far, labels in done.items())
    return f"{said}; no environment was given, so there is no score."


def _listed(labels: list[str]) -> str:
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def _comparison(one: Series, lead: Series) -> str:
    """One other series beside the leading one, at the end of the last phase both have."""
    phase = _last_phase(one)
    if phase is None:
        return _without_score(one)
    score = estimate_at(one, phase)
    same = one.group.dataset.get("fingerprint") == lead.group.dataset.get("fingerprint")
    data = " on the same data" if same and one.group.dataset.get("fingerprint") else f" on {_data(one.group)}"
    if score.n == 0:
        return _alone(one)
    ended = f"{one.label}{data} ended at {score.text()} (n = {score.n}, {one.last_step(phase):,} {STEPS[phase]})"
    parts = [f"{ended}{_peak(one, score)}"]
    parts.append(_relation(one, lead))
    ratio = _overestimate(one, pronoun=True)
    return "; ".join([*parts, *([ratio] if ratio else [])]) + "."


def _relation(one: Series, lead: Series) -> str:
    """How the score of `one` stands to that of the leading one."""
    pair = compare(one, lead)
    if pair is None:
        return _not_compared(one, lead)
    score, gap = estimate_at(lead, pair.phase), pair.difference
    # the phase need not be named where both runs end in it
    whole = pair.phase == _last_phase(one) == _last_phase(lead)
    where = "" if whole else f" at the end of the {pair.phase} phase ({score.text()})"
    if gap.interval is None:
        word = "higher than" if gap.value > 0 else "lower than" if gap.value < 0 else "equal to"
        by = f" by {number(abs(gap.value))}" if gap.value else ""
        few = "one seed proves nothing" if min(pair.runs) < 2 else "two seeds that agree prove little"
        return f"{word} {lead.label}{where}{by}, but {few}"
    if not gap.clear:
        return (
            f"no clear difference from {lead.label}{where} ({gap.text()}, 95 % t interval; one of its seeds beats "
            f"one of {lead.label} with probability {pair.chance.text()})"
        )
    word, chance = ("higher", pair.chance) if gap.value > 0 else ("lower", pair.chance.flipped)
    return (
        f"{word} than {lead.label}{where} ({gap.text()}, 95 % t interval; a seed of the better one beats a seed of "
        f"the other with probability {chance.text()})"
    )


def _not_compared(one: Series, lead: Series) -> str:
    shared = [p for p in PHASES if one.final(p) is not None and lead.final(p) is not None]
    if not shared:
        return f"not compared with {lead.label}: no phase in common"
    phase = shared[-1]
    if one.last_step(phase) == lead.last_step(phase):
        return f"not compared with {lead.label}: no finite score"
    return (
        f"not compared with {lead.label}, which stands at {phase} step {lead.last_step(phase):,} "
        f"instead of {one.last_step(phase):,}"
    )


def _before_online(one: Series) -> np.ndarray | None:
    """Score of each seed with which the online phase began, its last offline or the untrained one; None if unknown."""
    if one.group.offline:
        curve = one.curve("offline", "score")
        return None if curve is None else curve.values[:, -1]
    curve = one.curve("online", "score")
    return None if curve is None or curve.steps[0] > 0 else curve.values[:, 0]


def _values(one: Series, phase: str) -> np.ndarray:
    """Score of each seed [n] at the end of a phase, NaN where there is none."""
    curve = one.curve(phase, "score")
    return np.zeros(0) if curve is None else curve.values[:, -1]


def _direction(change: Difference) -> str:
    if change.interval is None:
        return f"{'up' if change.value > 0 else 'down' if change.value < 0 else 'unchanged'} from"
    if change.clear:
        return "up from" if change.value > 0 else "down from"
    return f"no clear change ({change.text()}, 95 % t interval over seeds) from"


def _peak(one: Series, score: Estimate) -> str:
    """`after peaking at ...` when the run lost clearly more than its noise since its best evaluation."""
    best = one.best()
    if best is None:
        return ""
    noise = max(float(np.nan_to_num(best.score.std)), 0.1 * abs(best.score.mean))
    if score.n and best.score.mean - score.mean <= noise:
        return ""
    return f" after peaking at {best.score.text()} (best evaluation, {when(best.phase, best.step, one.group)})"


def _overestimate(one: Series, pronoun: bool = False) -> str:
    ratio = one.peak_q_ratio()
    if ratio is None:
        return ""
    subject = "its largest Q" if pronoun else f"The largest Q of {one.label}"
    if ratio > 1.05:
        return f"{subject} climbed to {number(ratio)} times the largest possible return"
    return f"{subject} stayed within the largest possible return ({number(ratio)} of it at most)"


def _caveats(run: Run, series: list[Series]) -> list[str]:
    out = []
    for group in run.programs:
        planned = group.plan.get(f"{group.phase}_steps")
        at = f"{group.phase} step {group.step:,}" + (f" of {planned:,}" if isinstance(planned, int) else "")
        if group.state == "diverged":
            message = group.message or f"{group.name} diverged at {at}; its last finite checkpoint is kept"
            out.append(f"{message.rstrip('.')}.")
        elif group.state != "finished":
            why = f": {group.message.rstrip('.')}" if group.message else ""
            out.append(f"{group.name} is unfinished: {at}{why}.")
    finals = [estimate_at(one, phase) for one in series if (phase := _last_phase(one)) is not None]
    repeated = sum(len(group.members) for group in run.groups) - sum(len(one.members) for one in series)
    if repeated:
        out.append(f"{repeated} of the members repeat a seed and a setting of another member and are not counted.")
    lost = sum(score.missing for score in finals)
    if lost:
        seeds = (
            "1 seed has no finite score at the end and is"
            if lost == 1
            else f"{lost} seeds have no finite score at the end and are"
        )
        out.append(f"{seeds} not in the mean.")
    if finals and min(score.n for score in finals) < 5:
        out.append("Fewer than five seeds: a repetition may come out differently.")
    return out


def estimate_at(one: Series, phase: str) -> Estimate:
    found = one.final(phase)
    return estimate(np.zeros(0)) if found is None else found


def _last_phase(one: Series) -> str | None:
    return next((phase for phase in reversed(PHASES) if one.final(phase) is not None), None)


def _basis(one: Series, score: Estimate) -> str:
    episodes = one.group.plan.get("eval_episodes")
    each = f", {episodes} episodes each" if score.n > 1 else f", {episodes} episodes"
    seeds = f"{SPREAD} of {score.n} seeds" if score.n > 1 else "one seed, so no spread"
    return seeds + (each if episodes else "")


def _setting(one: Series) -> str:
    label = one.label.split(", ", 1)
    return label[1] if len(label) > 1 else one.label


def _data(group: GroupRecord) -> str:
    return str(group.dataset.get("name") or "the dataset")


def _speed(group: GroupRecord) -> str:
    parts = []
    for phase, name, unit in (
        ("offline", "updates_per_second", "updates/s offline"),
        ("online", "env_steps_per_second", "env steps/s online"),
    ):
        curve = group.timing.get(phase, {}).get(name)
        if curve is not None:
            parts.append(f"{number(float(np.nanmedian(curve.values)))} {unit} (median of {curve.steps.size})")
    elapsed = [curve.values[0, -1] for phase in group.timing.values() if (curve := phase.get("elapsed_seconds"))]
    parts += [f"{number(max(elapsed))} s in all"] if elapsed else []
    return f"{group.name} {', '.join(parts) or 'not measured'}"
