"""Figure 19 of Kim et al. 2025 (arXiv 2507.08761): seconds for 5,000 gradient steps, and memory, of every algorithm;
and which share each reaches of what this machine's matrix products alone do.

Rows of other libraries are added from the file that `$PARS_PEERS_RESULTS` names, which `python -m benchmarks peers`
writes where PARS_PEERS_CSV says.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from pars import presets
from pars.algos import ALGORITHMS
from pars.errors import UsageError
from pars.report.charts.plot import COLORS, INK, Picture, figure, legend, picture, plain_log, style, to_csv
from pars.report.stats.comparison import Comparison
from pars.reproduce.base import Arrays, Finding, Part, Study
from pars.reproduce.paper.speed import ACTION, OBS, SECONDS, TASK, measure_memory, measure_round

STEPS = 5000  # to which the measured rate is extrapolated
ROUNDS = 3
PEERS = "PARS_PEERS_RESULTS"
PARTS_COLORS = ("#d9d9d9", COLORS[5], COLORS[0], COLORS[4])


class Peer(NamedTuple):
    """Another library's row: gradient steps per second, and their least and most over the repeats."""

    name: str
    rate: float
    least: float
    most: float


def peers(path: str | None) -> list[Peer]:
    """Other libraries at AntMaze's shape. path: of the benchmark's CSV. Raises UsageError if it is none."""
    if not path:
        return []
    columns = ("steps_per_second", "least", "most")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [
                Peer(f"{row['peer']}: {row['algorithm']}", *(float(row[name]) for name in columns))
                for row in csv.DictReader(file)
                if f"{OBS}/{ACTION}" in row["shape"] and row["peer"] != "ours"
            ]
    except (OSError, KeyError, ValueError) as error:
        said = f"{PEERS}={path} is not what `python -m benchmarks peers` writes with PARS_PEERS_CSV"
        raise UsageError(f"{said} ({type(error).__name__}: {error})") from None


def show(parts: Mapping[str, Arrays]) -> Finding:
    rounds = [arrays for name, arrays in parts.items() if name.startswith("round")]
    names = [str(name) for name in rounds[0]["names"]]
    seconds = {name: STEPS / np.array([one["rate"][i] for one in rounds]) for i, name in enumerate(names)}
    measured = {name: float(parts[f"memory {name}"]["bytes"]) for name in names if f"memory {name}" in parts}
    others = peers(os.environ.get(PEERS))
    comparisons = [Comparison(title(name), f"s for {STEPS:,} steps", values) for name, values in seconds.items()]
    comparisons += [Comparison(title(name), "memory, MB", np.array([size / 1e6])) for name, size in measured.items()]
    foreseen = {name: rounds[0]["need"][i] for i, name in enumerate(names)}
    load = float(np.mean([one["load"] for one in rounds]))
    pictures = [
        _times(seconds, others, f"{rounds[0]['device']}, load {load:.1f}"),
        _memory(foreseen, float(rounds[0]["base"]), measured),
    ]
    if all("flop" in one for one in rounds):  # rounds of earlier versions do not have it
        pictures.append(_limit([_cost(rounds, i, measured.get(name)) for i, name in enumerate(names)], len(rounds)))
    return Finding(comparisons, pictures, _reading(seconds, measured, others))


def title(name: str) -> str:
    """As the algorithm's authors write it, with the number of critics where it is a setting."""
    algo = ALGORITHMS[name]
    critics = getattr(algo.configure(presets.settings(name, TASK)), "critics", None)
    return f"{algo.title}, {critics} critic{'s' if critics > 1 else ''}" if critics else algo.title


def _times(seconds: Mapping[str, np.ndarray], others: Sequence[Peer], machine: str) -> Picture:
    bars = [(title(name), STEPS / values, COLORS[0]) for name, values in seconds.items()]
    bars += [(one.name, np.array([one.least, one.rate, one.most]), COLORS[1]) for one in others]
    bars = sorted(bars, key=lambda bar: -float(np.median(bar[1])))
    with style():
        fig = figure((6.2, 0.8 + 0.24 * len(bars)))
        ax = fig.subplots()
        for y, (_, rates, color) in enumerate(bars):
            time_ = STEPS / rates
            ax.barh(y, np.median(time_), color=color, height=0.7)
            ax.plot([time_.min(), time_.max()], [y, y], color=INK, linewidth=1.2)
            ax.annotate(
                _seconds(float(np.median(time_))),
                (time_.max(), y),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        ax.set_yticks(range(len(bars)), [name for name, *_ in bars])
        ax.set_ylim(len(bars) - 0.4, -0.6)
        ax.grid(axis="y", visible=False)
        ax.set_xscale("log")
        plain_log(ax.xaxis)
        ax.set_xlim(1.0, 3.0 * max(float((STEPS / rates).max()) for _, rates, _ in bars))
        ax.set(xlabel=f"seconds for {STEPS:,} gradient steps, one seed, log scale")
        rounds = len(next(iter(seconds.values())))
        caption = (
            f"Extrapolated from the median of {rounds} turns of about {SECONDS:g} s, dealt out in rounds over the "
            f"algorithms after compiling; lines: least and most. {machine}, presets of {TASK}."
        )
        if others:
            caption += " Orange: other libraries, measured apart by the benchmarks."
        alt = f"Bar chart of the seconds for {STEPS} gradient steps of {len(bars)} algorithms."
        rows = [(name, np.median(STEPS / rates), *(STEPS / np.sort(rates)[[-1, 0]])) for name, rates, _ in bars]
        csv_text = to_csv(("algorithm", "seconds", "least", "most"), rows)
        return picture(fig, "figure19", f"Time of {STEPS:,} gradient steps", caption, alt, csv_text)


def _seconds(value: float) -> str:
    """Three digits: 6.02 s, 163 s, 1,150 s."""
    digits = max(0, 2 - int(np.floor(np.log10(value))))
    return f"{round(value, 2 - int(np.floor(np.log10(value)))):,.{digits}f} s"


def _memory(foreseen: Mapping[str, np.ndarray], base: float, measured: Mapping[str, float]) -> Picture:
    """foreseen: name -> bytes [3] of data, states, activations."""
    names = sorted(foreseen, key=lambda name: float(foreseen[name].sum()))
    with style():
        fig = figure((6.2, 1.2 + 0.24 * len(names)))
        ax = fig.subplots()
        left = np.zeros(len(names))
        shares = np.array([[base, *foreseen[name]] for name in names]) / 1e6
        for i, (label, color) in enumerate(
            zip(("program", "data", "states", "activations"), PARTS_COLORS, strict=True)
        ):
            ax.barh(range(len(names)), shares[:, i], left=left, color=color, height=0.7, label=f"foreseen: {label}")
            left += shares[:, i]
        known = [(y, measured[name] / 1e6) for y, name in enumerate(names) if measured.get(name)]
        if known:
            ax.scatter(
                [x for _, x in known], [y for y, _ in known], color=INK, s=24, marker="D", label="measured", zorder=4
            )
        ax.set_yticks(range(len(names)), [title(name) for name in names])
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.grid(axis="y", visible=False)
        ax.set(xlabel="memory of one seed, MB")
        legend(fig, ax)
        caption = (
            "Bars: what the library foresees before it starts, on the safe side. Diamonds: the most that a process of "
            "its own took above what JAX holds when it has started, compiling included."
        )
        alt = f"Stacked bar chart of the memory that {len(names)} algorithms need."
        header = ("algorithm", "program_mb", "data_mb", "states_mb", "activations_mb", "measured_mb")
        rows = [
            (title(name), *share, measured[name] / 1e6 if name in measured else "")
            for name, share in zip(names, shares.tolist(), strict=True)
        ]
        return picture(fig, "figure19-memory", "Memory of one seed", caption, alt, to_csv(header, rows))


class Cost(NamedTuple):
    """What a gradient step of an algorithm costs."""

    name: str  # as in titles
    gflop: float  # of its matrix products
    rates: np.ndarray  # GFLOP/s in each round
    shares: np.ndarray  # of the limit in each round
    first: float  # seconds until the first step
    memory: float | None  # bytes


def _cost(rounds: Sequence[Arrays], i: int, memory: float | None) -> Cost:
    gflop = float(rounds[0]["flop"][i]) / 1e9
    rates = np.array([gflop * one["rate"][i] for one in rounds])
    limits = np.array([one["limit"][i] for one in rounds]) / 1e9
    return Cost(title(str(rounds[0]["names"][i])), gflop, rates, rates / limits, float(rounds[0]["first"][i]), memory)


def _limit(costs: Sequence[Cost], rounds: int) -> Picture:
    costs = sorted(costs, key=lambda cost: -float(np.median(cost.shares)))
    with style():
        fig = figure((6.2, 0.8 + 0.24 * len(costs)))
        ax = fig.subplots()
        for y, cost in enumerate(costs):
            low, high = cost.shares.min(), cost.shares.max()
            ax.barh(y, np.median(cost.shares), color=COLORS[0], height=0.7)
            ax.plot([low, high], [y, y], color=INK, linewidth=1.2)
            told = f"{cost.gflop:.3g} GFLOP, {cost.first:.0f} s"
            ax.annotate(told, (high, y), (4, 0), textcoords="offset points", va="center", fontsize=8)
        ax.set_yticks(range(len(costs)), [cost.name for cost in costs])
        ax.set_ylim(len(costs) - 0.4, -0.6)
        ax.grid(axis="y", visible=False)
        ax.set_xlim(0.0, 1.5 * max(float(cost.shares.max()) for cost in costs))
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        ax.set(xlabel="share of what matrix products alone do on this machine")
        caption = (
            f"FLOP of a step's matrix products, read off the program, times steps per second, over the FLOP/s of "
            f"[512, 256] @ [256, 256] measured just before; median of {rounds} turns, lines: least and most. Beside "
            "the bars: FLOP of a step, and seconds until the first (compiling, unless it was compiled before). Steps "
            "are those of the offline phase; models that are trained before it are not counted."
        )
        alt = f"Bar chart of the share of the machine's limit that {len(costs)} algorithms reach."
        header = ("algorithm", "gflop_per_step", "gflop_per_second", "share", "share_least", "share_most",
                  "seconds_to_first_step", "measured_mb")  # fmt: skip
        rows = [
            (one.name, one.gflop, np.median(one.rates), np.median(one.shares), one.shares.min(), one.shares.max(),
             one.first, "" if one.memory is None else one.memory / 1e6) for one in costs
        ]  # fmt: skip
        return picture(fig, "figure19-limit", "Share of the machine's limit", caption, alt, to_csv(header, rows))


def _reading(seconds: Mapping[str, np.ndarray], measured: Mapping[str, float], others: Sequence[Peer]) -> list[str]:
    out = []
    median = {name: float(np.median(values)) for name, values in seconds.items()}
    for name, other in (("sac_n", "faster"), ("msg", "faster"), ("rebrac", "slower"), ("sac_rnd", "slower")):
        if {"pars", name} <= set(median):
            holds = (median["pars"] < median[name]) == (other == "faster")
            times = f"{title(name)} takes {median[name] / median['pars']:.2f} times the time of PARS"
            out.append(
                f"{times}: PARS is {other}, as in the paper." if holds else f"{times}; in the paper PARS is {other}."
            )
    for name in ("rebrac", "sac_rnd"):
        if measured.get("pars") and measured.get(name):
            ratio = measured[name] / measured["pars"]
            ending = "as in the paper" if ratio > 1 else "where the paper has PARS take less"
            out.append(f"{title(name)} takes {ratio:.2f} times the memory of PARS, {ending}.")
    if others:
        fastest = max(others, key=lambda one: one.rate)
        out.append(
            f"{len(others)} rows of other libraries; the fastest is {fastest.name}, {STEPS / fastest.rate:.1f} s."
        )
    else:
        out.append(f"No other library beside ours: set {PEERS} to the CSV of `python -m benchmarks peers`.")
    return out


PARTS: dict[str, Part] = {
    **{f"round {number + 1}": partial(measure_round, number=number) for number in range(ROUNDS)},
    **{f"memory {name}": partial(measure_memory, name=name) for name in ALGORITHMS},
}

FIGURE19 = Study(
    id="figure19",
    title="Time, memory and share of the limit of every algorithm",
    claim="PARS takes less time than SAC-N and MSG with their large ensembles, more than ReBRAC and SAC-RND, and less "
    "memory than those two",
    parts=PARTS,
    show=show,
    seconds=260.0,
    seeds=1,
    notes=(
        "The paper measures on an NVIDIA L40S GPU and its values are not published as numbers: times here are of this "
        "machine and comparable with each other alone.",
        f"{STEPS:,} steps are extrapolated from short turns after compiling, those of the offline phase: models that a "
        "method trains before its policy are not among them. Work that falls due in every so many steps counts by its "
        "share.",
        "Algorithms that train online only are timed on the same gradient step, fed from the dataset. The learner runs "
        "one seed; several share a device better.",
        "A process that finds its programs compiled takes less memory at its start than one that compiles them.",
    ),
)
