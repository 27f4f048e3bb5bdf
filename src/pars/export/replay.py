"""`pars replay`: an episode of logs, what was done in it, what a policy would have done, and what the critic thinks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.ticker import MaxNLocator

from pars.data import Dataset
from pars.errors import CheckpointError, DataError, UsageError
from pars.export.contract import CONTRACT
from pars.export.folder import ranges
from pars.export.load import policy_of
from pars.export.policy import Policy
from pars.nn.nets import apply_ensemble
from pars.report.charts.plot import COLORS, HALF, Picture, figure, legend, line_style, picture, style, to_csv
from pars.report.pages import html
from pars.training.restore import Restored, member_of

Array = np.ndarray


@dataclass(frozen=True)
class Replay:
    """An episode of T rows. Actions in units; of the policies of all members, the one that is asked for first."""

    restored: Restored
    dataset: Dataset
    episode: int
    obs: Array  # [T, O]
    done: Array  # [T, A]
    would: Array  # [P, T, A]
    q_done: Array | None  # [E, T] of the member's critics, in units of raw reward
    q_would: Array | None
    outside: Array  # [T, O] bool, of what training saw


def replay(run: Path | str, dataset: Dataset, episode: int, member: int = 0, at: str | None = None) -> Replay:
    """at: the step of policies that are kept, see `load_policy`. Raises UsageError, DataError, CheckpointError."""
    if (Path(run) / CONTRACT).exists():
        raise CheckpointError(
            f"{run} is what `pars export` wrote, a policy without critics; give the run that it was exported from"
        )
    restored = member_of(run, member, at)
    _check_columns(restored, dataset)
    rows = _rows(dataset, episode)
    columns = dataset.columns
    obs, scaled = (np.asarray(x[rows], np.float32) for x in (columns.obs, columns.action))
    done = dataset.action_range.to_units(scaled) if dataset.action_range else scaled
    order = [member, *(i for i in range(len(restored.seeds)) if i != member)]
    would = np.stack([_acts(policy_of(restored, i), restored, obs) for i in order])
    own = restored.scale.to_scaled(would[0])
    seen = ranges(restored, member)
    outside = np.zeros(obs.shape, bool) if seen is None else (obs < seen[0]) | (obs > seen[1])
    q_done, q_would = (_values(restored, member, obs, action) for action in (scaled, own))
    return Replay(restored, dataset, episode, obs, done, would, q_done, q_would, outside)


def _check_columns(restored: Restored, dataset: Dataset) -> None:
    """Raises DataError unless the logs have the policy's inputs and outputs."""
    widths = (len(restored.inputs), len(restored.outputs))
    if (dataset.obs_dim, dataset.action_dim) != widths:
        found = f"{dataset.obs_dim} observations and {dataset.action_dim} actions"
        raise DataError(f"{dataset.name} has {found}, the policy takes {widths[0]} and gives {widths[1]}; see --map")
    named = (dataset.card.get("names") or {}).get("observations")
    if named and not restored.inputs[0].startswith("observation ") and list(named) != list(restored.inputs):
        odd = next((a, b) for a, b in zip(named, restored.inputs) if a != b)
        raise DataError(f"{dataset.name} has {odd[0]!r} where the policy takes {odd[1]!r}; see --map")


def _rows(dataset: Dataset, episode: int) -> slice:
    ends = np.flatnonzero(dataset.last)
    if not len(ends) or ends[-1] != len(dataset.last) - 1:
        ends = np.append(ends, len(dataset.last) - 1)
    if not 0 <= episode < len(ends):
        raise UsageError(f"--episode {episode}: {dataset.name} has episodes 0 to {len(ends) - 1}")
    return slice(0 if episode == 0 else int(ends[episode - 1]) + 1, int(ends[episode]) + 1)


def _acts(policy: Policy, restored: Restored, obs: Array) -> Array:
    """[T, A]. A goal is where the episode led to."""
    seen = obs
    if policy.history > 1:
        before = np.full((policy.history - 1, obs.shape[1]), np.nan, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([before, obs]), policy.history, axis=0)
        seen = np.moveaxis(windows, -1, 1)
    if not policy.goals:
        return policy(seen)
    if not set(policy.goals) <= set(restored.inputs):
        raise UsageError(f"a policy of {policy.method} needs goals, and the run does not say which numbers they are")
    return policy(seen, obs[-1, [restored.inputs.index(name) for name in policy.goals]])


def _values(restored: Restored, member: int, obs: Array, action: Array) -> Array | None:
    """Q [E, T] of a member's critics in units of raw reward, where the method has some; actions in [-1, 1]."""
    algo, cfg = restored.algo, restored.configs[member]
    if algo.critic is None or not algo.sees.plain:
        return None
    parts = restored.state.critic.params, restored.state.norm
    params, norm = jax.tree.map(lambda leaf: np.asarray(leaf)[member], parts)
    q = apply_ensemble(algo.critic(cfg), params, norm(obs), jnp.asarray(action, jnp.float32))
    return np.asarray(q) / float(getattr(cfg, "reward_scale", 1.0) or 1.0)


def write_page(found: Replay, target: Path) -> Path:
    """Raises ResourceError if it cannot be written."""
    return html.save(target, render(found), "give another --out")


def apart(found: Replay) -> list[float]:
    """Mean distance of the policy's actions from the logs', of each output, in percent of its range."""
    span = np.array([one.high - one.low for one in found.restored.outputs])
    return (100.0 * np.abs(found.would[0] - found.done) / span).mean(axis=0).tolist()


def render(found: Replay) -> str:
    """The page."""
    names = [one.name for one in found.restored.outputs]
    title = f"{found.restored.algo.title} on episode {found.episode} of {found.dataset.name}"
    far = ", ".join(f"{name} {share:.1f}%" for name, share in zip(names, apart(found)))
    said = f"Mean distance from what was done, in % of the range: {far}"
    body = [
        html.head(f"Replay · {title}", said, html.note(_HOW.format(rows=len(found.obs)))),
        html.section("What was done, and what it would have done", html.figures(_actions(found), "half")),
        html.section("What the critic thinks", *_opinion(found)),
        html.section("Inputs outside of what training saw", _outside(found)),
    ]
    return html.page(f"Replay: {title}", "\n".join(body))


_HOW = (
    "{rows} rows. In each the policy is shown what the logs have: its own actions would have led elsewhere, so this is "
    "its opinion row by row, and no forecast."
)


def _actions(found: Replay) -> list[Picture]:
    pictures, steps = [], np.arange(len(found.obs))
    others = found.would.shape[0] > 1
    for i, one in enumerate(found.restored.outputs):
        would = found.would[:, :, i]
        with style():
            fig = figure(HALF)
            ax = fig.subplots()
            ax.plot(steps, found.done[:, i], label="logs", **line_style(0))
            ax.plot(steps, would[0], label="policy", **line_style(1))
            if others:
                ax.fill_between(steps, would.min(axis=0), would.max(axis=0), color=COLORS[1], alpha=0.15, linewidth=0)
            ax.set(xlabel="row of the episode", ylabel=one.name)
            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            legend(fig, ax)
        rows = zip(steps.tolist(), found.done[:, i], would[0], would.min(axis=0), would.max(axis=0))
        band = f" Band: all {len(would)} members of the run." if others else ""
        pictures.append(
            picture(
                fig,
                name=f"action_{i}",
                title=one.name,
                caption=f"Range {one.low:g} to {one.high:g}.{band}",
                alt=f"Line chart of {one.name} over the rows of the episode, as logged and by the policy.",
                csv=to_csv(("row", "logs", "policy", "lowest_member", "highest_member"), rows),
                png=False,
            )
        )
    return pictures


def _opinion(found: Replay) -> list[str]:
    if found.q_done is None or found.q_would is None:
        return [html.note("This method has no critic that could be asked about an action.")]
    gain = (found.q_would.min(axis=0) - found.q_done.min(axis=0)).mean()
    better = 100.0 * (found.q_would.min(axis=0) > found.q_done.min(axis=0)).mean()
    said = (
        f"It holds the policy's action for the better one in {better:.0f}% of the rows, by {gain:.3g} of return on "
        "average. Critics believe in what their policies do: where the band is wide they do not know."
    )
    steps = np.arange(len(found.obs))
    with style():
        fig = figure(HALF)
        ax = fig.subplots()
        for i, (name, q) in enumerate((("logged", found.q_done), ("policy's", found.q_would))):
            ax.plot(steps, q.min(axis=0), label=f"{name} action", **line_style(i))
            ax.fill_between(steps, q.min(axis=0), q.max(axis=0), color=COLORS[i], alpha=0.15, linewidth=0)
        ax.set(xlabel="row of the episode", ylabel="Q (raw reward)")
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        legend(fig, ax)
    edges = [edge for q in (found.q_done, found.q_would) for edge in (q.min(axis=0), q.max(axis=0))]
    chart = picture(
        fig,
        name="q",
        title="Value of the action",
        caption=f"Lines: least of the {len(found.q_done)} critics. Bands: to the largest.",
        alt="Line chart of the critics' values of the logged action and of the policy's, over the rows of the episode.",
        csv=to_csv(("row", "logs_least", "logs_most", "policy_least", "policy_most"), zip(steps.tolist(), *edges)),
        png=False,
    )
    return [html.note(said), html.figures([chart], "half")]


def _outside(found: Replay) -> str:
    counts = found.outside.sum(axis=0)
    if not counts.any():
        return html.note("None in this episode.")
    rows: list[list[Any]] = [
        [name, f"{count} of {len(found.obs)}", str(np.flatnonzero(found.outside[:, i])[0])]
        for i, (name, count) in enumerate(zip(found.restored.inputs, counts))
        if count
    ]
    return html.table(["input", "rows outside", "first"], rows, tight=True)
