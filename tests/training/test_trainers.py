"""A model that depends on no varied setting is trained once for each seed and dataset, and no bit tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import pars.training.run
from pars.algos import ALGORITHMS
from pars.config import grid
from pars.core import Spec
from pars.errors import Interrupted, UsageError
from pars.packing import width
from pars.testing.tiny import Looks, as_on_a_gpu, course, tiny_learner
from pars.training import trainers
from pars.training.launch import make_groups, train_runs
from pars.training.learner import Learner
from pars.training.placement import place
from pars.training.plan import DataIn, How, Plan, Request
from pars.training.program import Program
from pars.training.view import Stop
from tests import runs
from tests.training import toys
from tests.training.test_teams import TASKS, Told, made_up

GAINS, SEEDS = [0.1, 0.5, 1.0], [0, 1]
MEMBERS = [(gain, seed) for gain in GAINS for seed in SEEDS]
PLAN = Plan(offline_steps=6, online_steps=0, eval_every=6, eval_episodes=1)
TOLD = "behaviour: {} of {} members train it, the others get copies"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ALGORITHMS, "toy_shared", toys.SHARED)
    monkeypatch.setattr(pars.training.run, "FIRST", 1)
    monkeypatch.setattr(pars.training.run, "CHUNK_SECONDS", 0.0)  # a dispatch is a step


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[int]]:
    """By phase, the numbers of rows that blocks were called with."""
    found: dict[str, set[int]] = {}
    block = Program.block

    def counted(self: Program, phase: str, streaming: bool) -> Any:
        def run(cfg: Any, *rest: Any) -> Any:
            found.setdefault(phase, set()).add(len(jax.tree.leaves(cfg)[0]))
            return compiled(cfg, *rest)

        compiled = block(self, phase, streaming)
        return run

    monkeypatch.setattr(Program, "block", counted)
    return found


def train(
    out: Path,
    gains: Sequence[float] = GAINS,
    seeds: Sequence[int] = SEEDS,
    data: Sequence[int] = (0,),
    data_in: DataIn = "memory",
    stop: Stop | None = None,
) -> list[str]:
    """Runs of the toy, one for each dataset, together -> what the view was told."""
    asked = []
    for number in data:
        groups = make_groups(["toy_shared"], None, {"gain": [*gains]}, seeds)
        asked.append(Request(groups, [PLAN] * len(groups), made_up(number), None, out / TASKS[number]))
    view = Told()
    train_runs(asked, How(view, stop or Stop(), (), data_in), root=out if len(asked) > 1 else None)
    return view.notes


def ended(out: Path, number: int = 0) -> tuple[dict[str, np.ndarray], str, str]:
    """The last state, the metrics and the digest of a run on a dataset."""
    folder = runs.group(out / TASKS[number], "toy_shared")
    return (
        runs.saved_state(folder),
        (folder / "metrics.csv").read_text(),
        runs.digest(out / TASKS[number], "toy_shared"),
    )


def of_member(text: str, member: int) -> list[str]:
    """Lines of metrics.csv without the number of their member."""
    lines = (line.split(",") for line in text.splitlines()[1:])
    return [",".join(words[:2] + words[3:]) for words in lines if words[2] == str(member)]


@pytest.mark.shipped
def test_members_that_share_a_model_are_those_alone(tmp_path: Path, rows: dict[str, set[int]]) -> None:
    """2 seeds x 3 settings: the phase is compiled for two, and each member ends bit for bit where it ends alone."""
    notes = train(tmp_path / "six")
    assert TOLD.format(2, 6) in notes
    assert rows == {"behaviour": {2}, "offline": {6}}
    state, metrics, _ = ended(tmp_path / "six")
    for number, (gain, seed) in enumerate(MEMBERS):
        out = tmp_path / f"{gain}-{seed}"
        assert not any("members train" in note for note in train(out, [gain], [seed]))
        alone, alone_metrics, _ = ended(out)
        for name in alone:
            np.testing.assert_array_equal(
                state[name][number : number + 1] if state[name].ndim else state[name], alone[name]
            )
        assert of_member(metrics, number) == of_member(alone_metrics, 0)
    others = state["['state'].other"]
    assert len(np.unique(others, axis=0)) == 2 and len(np.unique(state["['state'].actor"], axis=0)) == 6


def test_streamed_stopped_and_over_two_datasets_no_bit_changes(tmp_path: Path, rows: dict[str, set[int]]) -> None:
    for number in (0, 1):
        train(tmp_path / "alone", data=[number])
    alone = [ended(tmp_path / "alone", number)[1:] for number in (0, 1)]
    rows.clear()
    assert TOLD.format(4, 12) in train(tmp_path / "both", data=(0, 1))
    assert rows == {"behaviour": {4}, "offline": {12}}
    train(tmp_path / "streamed", data=(0, 1), data_in="stream")
    for most in (5, 3, 13):  # at steps 2 and 3 of the model, then behind it
        with pytest.raises(Interrupted):
            train(tmp_path / "stopped", data=(0, 1), stop=Looks(most))
    train(tmp_path / "stopped", data=(0, 1))
    for how in ("both", "streamed", "stopped"):
        assert [ended(tmp_path / how, number)[1:] for number in (0, 1)] == alone, how


def test_a_run_from_before_a_model_was_shared_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tmp_path / "new")
    with monkeypatch.context() as patched:
        (phase,) = toys.SHARED.before
        apart = replace(toys.SHARED, before=(replace(phase, depends_on=None),))
        patched.setitem(ALGORITHMS, "toy_shared", apart)
        with pytest.raises(Interrupted):
            train(tmp_path / "old", stop=Looks(5))
    assert any(note.startswith("resuming") and note.endswith("behaviour step 2") for note in train(tmp_path / "old"))
    assert ended(tmp_path / "old")[1:] == ended(tmp_path / "new")[1:]


def test_at_once_as_on_a_gpu_members_get_the_same_copies() -> None:
    configs = grid(toys.SHARED.configure(), {"gain": GAINS})
    members = [(cfg, seed) for cfg in configs for seed in SEEDS]

    def trained() -> Any:
        learner = tiny_learner(toys.SHARED, members)
        assert learner.trainers["behaviour"].count == 2
        return course(learner, learner.placement.take(learner.state), (2, 3), "behaviour")

    in_turn = trained()
    with as_on_a_gpu():
        at_once = trained()
    assert in_turn["state"].other.shape[0] == len(np.unique(in_turn["metrics"]["model_size"])) * 3 == 6
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6), at_once, in_turn)


def test_who_trains_is_told_by_seed_data_and_what_the_model_depends_on() -> None:
    (phase,) = toys.SHARED.before
    configs = [*grid(toys.SHARED.configure(), {"gain": [0.1, 0.2], "keep": [0.5, 0.9]})] * 2
    assert [cfg.keep for cfg in configs[:4]] == [0.5, 0.9, 0.5, 0.9]
    seeds, data = [0] * 4 + [1] * 4, [0] * 3 + [7] * 5
    assert trainers.alike(phase, configs, seeds, data).tolist() == [0, 1, 0, 2, 3, 4, 3, 4]
    apart = replace(phase, depends_on=None)
    assert trainers.alike(apart, configs, seeds, data).tolist() == [*range(8)]


def test_what_is_copied_must_be_named() -> None:
    (phase,) = toys.SHARED.before
    nameless = replace(toys.SHARED, before=(replace(phase, trains=()),))
    learner = Learner(nameless, [nameless.configure()], [0], Spec(4, 2))
    with pytest.raises(UsageError, match=r"phase behaviour has `depends_on`; name the fields of the state in its `tra"):
        learner.load(np.zeros((100, width(Spec(4, 2))), np.float32))


@pytest.mark.parametrize("critics", [1, 4])
def test_rows_are_copied_to_the_last_bit(critics: int) -> None:
    """On devices that share members or critics; a zero keeps its sign, NaN its payload."""
    whole = place(3 if critics == 4 else 6, critics)
    few = replace(whole, members=2)
    count = whole.members
    x = (
        np.tile(np.array([-0.0, 0.0, np.nan, 1.0], np.float32), (count, 1))
        * np.arange(count, dtype=np.float32)[:, None]
    )
    tree = {"float": x, "int": np.arange(count, dtype=np.int32), "bool": np.arange(count) % 2 == 1}
    at = np.array([0, count - 1])
    got = few.take(jax.jit(lambda tree: few.select(tree, at))(whole.put(tree)))
    jax.tree.map(
        lambda have, want: np.testing.assert_array_equal(have.view(np.uint8), want[at].view(np.uint8)), got, tree
    )
    back = whole.take(jax.jit(lambda tree: whole.select(tree, [0, 1, 1] * (count // 3)))(few.put(got)))
    np.testing.assert_array_equal(np.signbit(back["float"]), np.signbit(x[at][[0, 1, 1] * (count // 3)]))
