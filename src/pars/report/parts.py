"""Parts of one population that were trained one after another, because memory was short, put together again."""

from dataclasses import replace

import numpy as np

from pars.report.records import PHASES, Curve, GroupRecord, ProbeRecord

MEMBER_ARRAYS = (
    "q",
    "q_line",
    "policy_action",
    "positions",
    "success",
    "action",
)  # of the probes, one row for each member


def whole(groups: list[GroupRecord]) -> list[GroupRecord]:
    """The groups with the parts of a population as one group, at the place of its first part."""
    found: dict[str, list[GroupRecord]] = {}
    for group in groups:
        found.setdefault(group.part_of or str(group.folder), []).append(group)
    return [_join(parts) if len(parts) > 1 else parts[0] for parts in found.values()]


def _join(parts: list[GroupRecord]) -> GroupRecord:
    """One group of the members of all parts; it stands where the last of them does."""
    behind = min(parts, key=lambda part: (part.state == "finished", _number(part.phase), part.step))
    problems: list[str] = []
    return replace(
        parts[0],
        members=[member for part in parts for member in part.members],
        metrics=_join_metrics(parts),
        timing={},  # of each part its own
        landscapes=join_probes([part.landscapes for part in parts], "landscapes", problems),
        trajectories=join_probes([part.trajectories for part in parts], "trajectories", problems),
        actions=join_probes([part.actions for part in parts], "actions", problems),
        state=behind.state,
        phase=behind.phase,
        step=behind.step,
        message=behind.message,
        problems=problems,
        parts=parts,
    )


def _number(phase: str) -> int:
    return PHASES.index(phase) if phase in PHASES else -1


def _join_metrics(parts: list[GroupRecord]) -> dict[str, dict[str, Curve]]:
    """Every metric of all members at every step that any of them logged; NaN where one did not."""
    names = dict.fromkeys((phase, name) for part in parts for phase, own in part.metrics.items() for name in own)
    out: dict[str, dict[str, Curve]] = {}
    for phase, name in names:
        curves = [part.metrics.get(phase, {}).get(name) for part in parts]
        steps = np.unique(np.concatenate([curve.steps for curve in curves if curve is not None]))
        tables = [np.full((len(part.members), len(steps)), np.nan) for part in parts]
        for table, curve in zip(tables, curves, strict=True):
            if curve is not None:
                table[:, np.searchsorted(steps, curve.steps)] = curve.values
        out.setdefault(phase, {})[name] = Curve(steps, np.concatenate(tables))
    return out


def join_probes(probes: list[list[ProbeRecord]], kind: str, problems: list[str]) -> list[ProbeRecord]:
    """The probe of each phase over all members, if all parts made it at the same step."""
    out = []
    for phase in PHASES:
        found = [probe for own in probes for probe in own if probe.phase == phase]
        if not found:
            continue
        shapes = [{n: a.shape[n in MEMBER_ARRAYS :] for n, a in probe.arrays.items()} for probe in found]
        if len(found) < len(probes) or len({probe.step for probe in found}) > 1 or any(s != shapes[0] for s in shapes):
            problems.append(f"the {kind} of its parts are of different {phase} steps and were left out")
            continue
        arrays = {
            name: np.concatenate([probe.arrays[name] for probe in found]) if name in MEMBER_ARRAYS else array
            for name, array in found[0].arrays.items()
        }
        out.append(ProbeRecord(phase, found[0].step, arrays))
    return out
