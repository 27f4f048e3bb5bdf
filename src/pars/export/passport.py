"""passport.html: one page about a delivered policy, for whoever is to run it. Loads nothing from elsewhere."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from typing import Any

from pars.export.contract import SENTINELS
from pars.report.load import read_run
from pars.report.metrics import METRICS
from pars.report.pages import html
from pars.report.pages.verdict import verdict
from pars.training.restore import Restored

JUDGED = "judge.json"  # of a run, by `pars judge`
TOLD = ("score", "return_mean", "bc_distance", "saturated_share", "action_spread", "data_action_spread")
Contract = Mapping[str, Any]
C_USE = """#include "policy.h"

float obs[POLICY_INPUTS] = {{{inputs}}};  /* in this order, in the units of the data */
float action[POLICY_OUTPUTS];
int flag = policy_act(obs, action);  /* POLICY_OK, POLICY_OUT_OF_RANGE or POLICY_FELL_BACK */
"""


def passport(restored: Restored, member: int, contract: Contract, apart: float) -> str:
    """The page. apart: of ONNX Runtime's actions from the policy's, in parts of the range."""
    body = [
        _head(restored, contract),
        html.section("What goes in", _inputs(contract), html.note(_BEYOND)),
        html.section("What comes out", _outputs(contract), html.note(_FALLBACK.format(missing=_missing(contract)))),
        html.section("How good it is", _estimates(restored, member), _measured(restored, member)),
        html.section("Where not to trust it", _limits(restored, contract)),
        html.section("What it was trained on", html.definitions(_training(restored, contract))),
        html.section("How to run it", *_running(contract), html.note(_alike(apart))),
        html.section("Settings", html.details("All of them", html.definitions(contract["run"]["settings"].items()))),
    ]
    return html.page(f"Passport of a {contract['title']} policy", "\n".join(body))


_BEYOND = (
    "Smallest and largest are what training saw. Beyond them the policy acts too, but it was never told what happens "
    "there: every runner flags such a row."
)
_FALLBACK = (
    "No action leaves its range. The fallback is given where an input is {missing}; by default it is the "
    "middle of the range, which need not be safe: choose yours with --fallback."
)


def _missing(contract: Contract) -> str:
    codes = [f"{code:g}" for code in contract[SENTINELS]]
    return " or ".join([", ".join(["missing", *codes]), "infinite"])


def _head(restored: Restored, contract: Contract) -> str:
    inputs, outputs = len(contract["inputs"]), [one["name"] for one in contract["outputs"]]
    run = contract["run"]
    parts = [
        html.note(
            f"Member {run['member']} (seed {run['seed']}) of {restored.folder.parent.name}, at {restored.position}. "
            f"State of the run: SHA-256 {run['digest'][:16]}…"
        ),
        *(html.note(f"Warning: {line}", "warn") for line in verdict(read_run(restored.folder)).warnings),
    ]
    title = f"Passport · {contract['title']} policy"
    return html.head(title, f"From {inputs} inputs it sets {_listed(outputs)}.", *parts)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _inputs(contract: Contract) -> str:
    shown = [[one["name"], one["unit"] or "—", _bound(one["low"]), _bound(one["high"])] for one in contract["inputs"]]
    return html.table(["input", "unit", "smallest seen", "largest seen"], shown, tight=True)


def _bound(value: float | None) -> str:
    return "not known" if value is None else f"{value:.5g}"


def _outputs(contract: Contract) -> str:
    outputs = zip(contract["outputs"], contract["fallback"])
    shown = [
        [one["name"], one["unit"] or "—", f"{one['low']:.5g}", f"{one['high']:.5g}", f"{value:.5g}"]
        for one, value in outputs
    ]
    return html.table(["output", "unit", "lowest", "highest", "fallback"], shown, tight=True)


def _estimates(restored: Restored, member: int) -> str:
    """What `pars judge` found, of this member where it stands."""
    group, position = restored.folder, restored.position
    found = next((path for path in (group / JUDGED, group.parent / JUDGED) if path.is_file()), None)
    unjudged = html.note(f"Not judged: pars judge {group.parent} estimates its return from data alone.")
    if found is None:
        return unjudged
    try:
        judged = json.loads(found.read_text(encoding="utf-8"))
        here = [one for one in judged["estimates"] if one["member"] == f"{group.name}/{member}"]
        own = [one for one in here if (one["phase"], one["step"]) == (position.phase, position.step)]
        shown = [
            [
                str(one["estimator"]),
                f"{one['estimate']:.5g} ({one['low']:.5g} to {one['high']:.5g})",
                "yes" if one["trust"] else "no",
                ", ".join(map(str, one["flags"])) or "none",
            ]
            for one in own
        ]
        warned = "".join(html.note(f"{line}.", "warn") for line in judged.get("warnings", ()))
        behaviour = f" The data's own: {judged['behaviour']['estimate']:.5g}." if "behaviour" in judged else ""
    except (OSError, ValueError, KeyError, TypeError):
        return html.note(f"{found.name} of the run cannot be read; run pars judge again.", "warn")
    if not own:
        return unjudged
    header = ["estimator", "estimate (interval)", "to be trusted", "flags"]
    text = f"Estimates from data alone of the return of an episode, discounted.{behaviour}"
    return html.note(text) + warned + html.table(header, shown, [not one["trust"] for one in own])


def _measured(restored: Restored, member: int) -> str:
    """The newest of what training had logged about this member."""
    courses, here = [phase.name for phase in restored.algo.course], restored.position
    newest: dict[str, tuple[str, str, str]] = {}
    with open(restored.folder / "metrics.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            when = (courses.index(row["phase"]), int(row["step"]))
            if row["member"] == str(member) and row["name"] in TOLD and when <= (here.number, here.step):
                newest[row["name"]] = (row["phase"], row["step"], row["value"])
    shown = [
        [METRICS[name].title, f"{float(value):.4g}", f"{phase} step {int(step):,}", METRICS[name].text]
        for name, (phase, step, value) in ((name, newest[name]) for name in TOLD if name in newest)
    ]
    return html.table(["measured in training", "value", "at", "meaning"], shown) if shown else ""


def _limits(restored: Restored, contract: Contract) -> str:
    card = restored.description["dataset"]["card"]
    points = [
        "On an input outside of the ranges above, or on several at values that never came together in the data.",
        "Where its actions are far from what was ever done in a like state: pars replay shows that on logs of yours.",
    ]
    if contract["task"] is None:
        points.append("In closed loop before it was tried: no simulator was there to measure its return.")
    if contract["run"]["phase"] == "offline":
        points.append("Where the plant has changed since the logs were written: it has learned from these alone.")
    points += [f"The data had a warning: {line}" for line in card.get("warnings") or []]
    return html.bullets(points)


def _training(restored: Restored, contract: Contract) -> list[tuple[str, Any]]:
    data, card = restored.description["dataset"], restored.description["dataset"]["card"]
    pairs = [
        ("method", f"{contract['title']} ({restored.algo.paper})"),
        ("data", data.get("name")),
        ("rows", f"{data['rows']:,}"),
        ("episodes", f"{card['episodes']:,}{_kept_out(data)}" if "episodes" in card else "not known"),
        ("fingerprint", data.get("fingerprint")),
        ("environment", contract["task"] or "none: trained on the data alone"),
        ("settings that the data decided", _decided(restored)),
        ("versions", ", ".join(f"{name} {number}" for name, number in contract["versions"].items())),
    ]
    return [(name, value) for name, value in pairs if value]


def _kept_out(data: Mapping[str, Any]) -> str:
    return f", {data['holdout']:.0%} of them held out of training" if data.get("holdout") else ""


def _decided(restored: Restored) -> str:
    chosen = restored.description.get("from_data") or []
    return "; ".join(f"{one['name']}={one['value']} ({one['reason']})" for one in chosen)


def _running(contract: Contract) -> list[str]:
    example = ", ".join("..." for _ in contract["inputs"][:3]) + (", ..." if len(contract["inputs"]) > 3 else "")
    ways = {
        "Python, with numpy and onnxruntime alone": "python run.py observations.csv > actions.csv",
        "C, with nothing but its mathematics": C_USE.format(inputs=example) + "\ncc -O2 your_program.c policy.c -lm",
        "Whatever reads ONNX": 'policy.onnx: input "obs" [N, inputs], output "action" [N, outputs], float32, opset 17',
        "Where pars is": 'pars.load_policy("this folder")(obs)\npars export "this folder" --check',
    }
    return [html.joined(html.heading(name), html.code(text)) for name, text in ways.items()]


def _alike(apart: float) -> str:
    return (
        f"ONNX Runtime's actions, held against the policy's when this was written, differ by {apart:.1g} of the range "
        "at most. contract.json has size and SHA-256 of every file here."
    )
