"""Every number that training logs has a line that says what it means."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pars.algos import ALGORITHMS
from pars.core import Algorithm, Phase, Step
from pars.envs import make_task
from pars.probes import PROBES
from pars.probes.balance import RETURN_RANK
from pars.probes.flops import update
from pars.probes.held_out import errors
from pars.report.charts.figures import small_curves
from pars.report.load import read_run
from pars.report.metrics import METRICS
from pars.report.series import all_series
from pars.testing.tiny import tiny_batch, tiny_spec
from pars.training.evaluations import Evaluations
from pars.training.held_out import PREFIX
from pars.training.program import state_shapes
from pars.training.rollout import Evaluation
from tests.report.fabricate import write_group

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
SWITCHES = ("penalty", "lagrange")


def logged(algo: Algorithm) -> set[str]:
    """Names that an algorithm and the probes of its state give with every switch on; nothing is computed."""
    cfg = algo.configure({name: True for name in SWITCHES if hasattr(algo.configure(), name)})
    traced = update(algo, cfg, 3, 2)
    state, batch, key = traced.args
    found = [jax.eval_shape(traced.function, jnp.int32(0), state, batch, key)[1]]
    for phase in [*algo.before, *([algo.course[-1]] if algo.online else [])]:
        found.append(jax.eval_shape(*phase_update(algo, phase, cfg))[1])
    batch = batch._replace(extra={**batch.extra, RETURN_RANK: batch.reward})
    for probe in (*PROBES.values(), errors) if algo.sees.plain else ():
        found.append(jax.eval_shape(lambda state, batch, probe=probe: probe(algo, cfg, state, batch), state, batch))
    return set().union(*found)


def phase_update(algo: Algorithm, phase: Phase, cfg: Any) -> tuple[Any, ...]:
    """The update of a phase and shapes to call it with."""
    spec, extra = tiny_spec(algo, cfg)
    state, batch = state_shapes(algo, cfg, spec, phase.name), tiny_batch(algo, phase, cfg, spec, extra)
    step = Step(jnp.asarray(0), jnp.asarray(10), phase.name)
    return lambda s, b: phase.update(cfg, s, b, jax.random.key(0), step), state, batch


def test_every_metric_has_a_meaning_and_every_meaning_a_metric() -> None:
    with ThreadPoolExecutor(1) as thread:
        evaluations = Evaluations(make_task("pointmaze-umaze-fixed"), 1, 1, thread)
        names = set(evaluations.scores(Evaluation(np.zeros((1, 1)), np.ones((1, 1)), None)))
        evaluations.close()
    for algo in ALGORITHMS.values():
        names |= logged(algo)
    names |= {f"{PREFIX}{name}" for name in ("td_error", "action_error")}
    assert names == METRICS.keys()


def test_the_page_has_the_table() -> None:
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    assert rows == [(name, meaning.text.replace("|", "\\|")) for name, meaning in METRICS.items()]


def test_figures_say_what_they_show(tmp_path: Path) -> None:
    curves = {name: {"offline": {1: [1.0], 2: [2.0]}} for name in ("q_mean", "gap", "my_own_loss")}
    write_group(tmp_path / "run", seeds=[0], metrics=curves)
    titles = {one.title: one.caption for one in small_curves(all_series(read_run(tmp_path)))}
    known = {METRICS[name].title: METRICS[name].text for name in ("q_mean", "gap")}
    assert titles == {**known, "My own loss": ""}
