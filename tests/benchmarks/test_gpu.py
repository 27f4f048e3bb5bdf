"""What the benchmarks read off compiled programs and profiles, and their part for GPUs without one."""

from __future__ import annotations

import csv
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.profiler import ProfileData

from benchmarks import agree, child, gpu, hlo, peak
from benchmarks.case import Case, Trainer
from benchmarks.flops import PAPER, TINY
from benchmarks.launched import Launched, launched, read
from pars.training.learner import Learner

HLO = """HloModule example

%body.1 (p.1: (s32[], f32[4])) -> (s32[], f32[4]) {
  %p.1 = (s32[], f32[4]{0}) parameter(0)
  %get.1 = f32[4]{0} get-tuple-element(%p.1), index=1
  %fusion.1 = f32[4]{0} fusion(%get.1), kind=kLoop, calls=%inside
  ROOT %tuple.1 = (s32[], /*index=1*/f32[4]{0}) tuple(%get.1, %fusion.1)
}

%condition.1 (p.2: (s32[], f32[4])) -> pred[] {
  ROOT %compare.1 = pred[] fusion(%p.2), kind=kLoop, calls=%less
}

%short (p.3: f32[4]) -> f32[4] {
  ROOT %copy.1 = f32[4]{0} copy(%p.3)
}

%long (p.4: f32[4]) -> f32[4] {
  %copy.2 = f32[4]{0} copy(%p.4)
  ROOT %dot.1 = f32[4]{0} custom-call(%copy.2), custom_call_target="gemm"
}

ENTRY %main.1 (p.5: f32[4]) -> f32[4] {
  %p.5 = f32[4]{0} parameter(0)
  %while.1 = (s32[], /*index=1*/f32[4]{0}) while(%t), condition=%condition.1, body=%body.1, \
backend_config={"known_trip_count":{"n":"5"}}
  %call.1 = f32[4]{0} call(%p.5), to_apply=%long
  %while.2 = (u32[], /*index=1*/u32[4]{0}) while(%t), condition=%condition.1, body=%body.1, \
backend_config={"known_trip_count":{"n":"5"}}
  ROOT %if.1 = f32[4]{0} conditional(%i, %p.5, %p.5), branch_computations={%short, %long}
}
"""


# A block: a loop of unknown length, in whose turns a loop of eight steps is most; each has a loop of one turn or none.
BLOCK = HLO.replace("ENTRY %main.1 (p.5: f32[4]) -> f32[4]", "%turn (p.5: f32[4]) -> f32[4]").replace('"5"', '"8"')
BLOCK = BLOCK.replace("  %fusion.1 =", "  %w = f32[4]{0} while(%t), condition=%condition.1, body=%short\n  %fusion.1 =")
BLOCK += """
ENTRY %main.2 (p.6: f32[4]) -> f32[4] {
  ROOT %while.3 = (s32[], /*index=1*/f32[4]{0}) while(%t), condition=%condition.1, body=%turn
}
"""


def test_kernels_are_counted_through_loops_calls_and_branches() -> None:
    module = hlo.Module(HLO)
    assert module.total(module.entry) == hlo.Counts(kernels=5 * (1 + 1) + 2 + 1 + 2, waits=1)  # random bits are one


def test_a_step_is_a_part_of_the_turn_that_holds_it() -> None:
    """Of a turn's eight steps each launches its own kernel, the predicate's, and half the time what is delayed."""
    of_step = 1 + 1 + (1 + 1) / 2
    found = hlo.Module(BLOCK, often=0.5).step(8)
    assert found.kernels == pytest.approx(of_step + (2 + 1 + 2) / 8)
    assert found.waits == pytest.approx(1.5 + (1 + 1) / 8)  # of a turn the branch, and the outer loop's own


def test_the_least_is_the_state_twice_and_the_batch() -> None:
    one, five = (hlo.floor(Case("pars", PAPER[0], members)) for members in (1, 5))
    critic = 37 * 256 + 2 * 256 * 256 + 256 + 3 * 3 * 256 + 1  # with norms
    assert 8 * 4 * 4 * critic < 1e6 * one["least"] < 1.3 * 8 * 4 * 4 * critic  # parameters, targets, two moments
    assert five["least"] == pytest.approx(5 * one["least"])
    assert one["float32_us"] == pytest.approx(1e6 * 2.294e9 / 67e12, rel=1e-3)


PROFILE = """
planes { name: "/host:CPU" lines { name: "Stream of consciousness" events { metadata_id: 1 duration_ps: 9000000 } } }
planes {
  name: "/device:GPU:0"
  event_metadata { key: 1 value { id: 1 name: "loop_fusion_3" } }
  event_metadata { key: 2 value { id: 2 name: "MemcpyD2H" } }
  event_metadata { key: 3 value { id: 3 name: "MemcpyD2D" } }
  lines { name: "Stream #13(Compute)"
    events { metadata_id: 1 duration_ps: 3000000 } events { metadata_id: 1 duration_ps: 1000000 }
    events { metadata_id: 1 duration_ps: 2000000 } events { metadata_id: 1 duration_ps: 2000000 } }
  lines { name: "Stream #14(MemcpyD2H,MemcpyD2D)"
    events { metadata_id: 2 duration_ps: 1000000 } events { metadata_id: 3 duration_ps: 1000000 }
    events { metadata_id: 3 duration_ps: 1000000 } events { metadata_id: 3 duration_ps: 1000000 } }
  lines { name: "XLA Ops" events { metadata_id: 1 duration_ps: 8000000 } }
}
"""


def test_a_profile_is_read_by_streams() -> None:
    assert read(ProfileData.from_text_proto(PROFILE), 2) == pytest.approx(Launched(2.0, 1.5, 0.5, 6e-6))


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="of a machine without a GPU")
def test_without_a_gpu_nothing_is_launched() -> None:
    assert launched(lambda: jax.numpy.ones(3).block_until_ready(), 1) is None


def test_products_for_the_peak_keep_their_size() -> None:
    x = np.asarray(peak.orthogonal(64))
    np.testing.assert_allclose(x @ x.T, np.eye(64), atol=1e-5)
    assert len(np.unique(np.abs(x @ x).round(5))) > 3 and peak.peak("tf32", 64) > 0


def test_the_most_telling_rows_come_first() -> None:
    rows = [*gpu.cases(gpu.PRECISIONS)]
    assert len(set(rows)) == len(rows)
    assert [(case.precision, case.members, flags) for case, flags in rows[:6]] == [
        ("tf32", 1, ""), ("tf32", 5, ""), ("tf32", 40, ""),
        ("float32", 1, ""), ("bfloat16", 1, ""), ("tf32", 1, "graphs"),
    ]  # fmt: skip
    assert {case.precision for case, _ in gpu.cases(["float32"])} == {"float32"}


def test_whole_chunks_are_profiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a chunk that are left out run as well: from a chunk's beginning none is."""
    trainer, spans = Trainer(Case("pars", TINY, 1)), list[tuple[int, int]]()

    def profiled(dispatch: Callable[[], None], steps: int) -> None:
        begin = trainer.at
        dispatch()
        spans.append((begin, trainer.at - begin))

    monkeypatch.setattr(gpu, "launched", profiled)
    assert gpu.seen(trainer, 1.0)["memory"] > 0
    assert spans == [(32, 64)]


def test_both_devices_begin_with_copies_of_one_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are no links: of those none is read."""
    asked: list[str] = []

    def trained(word: str, what: str, folder: Path, until: float, **environment: str) -> None:
        asked.append(folder.name)
        agree.far(what, folder)

    monkeypatch.setattr(agree, "_ask", trained)
    (row,) = agree.agreement("bc", tmp_path / "bc", time.monotonic() + 60)
    assert asked == ["cpu", "gpu"] and row["difference"] == 0.0
    assert not (tmp_path / "bc" / "gpu" / "start").is_symlink()


def test_rows_that_no_longer_fit_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is done is in the file, what fails is a line, and the rest goes on."""
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(gpu.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(gpu, "peak", lambda *args: 1.0)

    def measure(case: Case, *rest: object) -> dict[str, object]:
        if case.members == 2:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory\nmore")
        return {"members": case.members, "rate": [1.0], "of_peak": 0.5}

    monkeypatch.setattr(gpu, "measure", measure)
    budget, todo = gpu.Budget(3.0), [(Case("pars", TINY, members), "") for members in (1, 2, 3, 4, 5)]
    rows = gpu.rates(todo, gpu.Scale(), budget, tmp_path)
    assert [row["members"] for row in rows] == [1, 3]
    assert read_csv(tmp_path / "gpu.csv")[1]["members"] == "3"
    assert [title.partition(", N=2, ")[2] for title in budget.left_out] == ["4 seeds, float32", "5 seeds, float32"]
    assert "2 seeds, float32: failed: RuntimeError: RESOURCE_EXHAUSTED: out of memory\n" in capsys.readouterr().out


def test_an_error_of_another_process_is_one_line() -> None:
    with pytest.raises(RuntimeError, match=r"^json.decoder.JSONDecodeError: Expecting value"):
        child.ask("gpu", "no json")


def test_what_ends_too_late_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    budget = gpu.Budget(0.0)
    gpu.checks(Case("bc", TINY, 2), gpu.Scale(("bc",), steps=2), budget, tmp_path)
    assert sorted(budget.left_out) == ["agreement of bc", "resume"]


def test_the_array_that_differs_most_is_named() -> None:
    a = {"['state'].a": np.array([1.0, 2.0]), "['state'].b": np.array([3, 4]), "['sums']['x']": np.array([1.0])}
    b = {"['state'].a": np.array([1.0, 2.5]), "['state'].b": np.array([3, 4]), "['sums']['x']": np.array([-np.inf])}
    assert agree.farthest(a, b) == ("['state'].a", 0.2)
    assert agree.farthest(b, b)[1] == 0.0
    assert np.isnan(agree.farthest(a | {"['state'].b": np.array([np.nan, 4])}, b)[1])


@pytest.mark.slow
def test_resume_is_compared_array_by_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("bc", TINY, 2)
    assert agree.whole(case, 3, tmp_path / "a") == agree.rest(case, 3, tmp_path / "a") == []
    monkeypatch.setattr(Learner, "restore", lambda self, phase, saved: 0)  # a second half that forgets the first
    assert any("actor" in name for name in agree.whole(case, 3, tmp_path / "b"))


@pytest.mark.slow
def test_agreement_starts_from_one_state(tmp_path: Path) -> None:
    (row,) = agree.agreement("bc", tmp_path, time.monotonic() + 600)
    assert row["difference"] < 1e-3
    start, end = (agree._load(tmp_path / "cpu" / name) for name in ("start", "end"))
    assert agree.farthest(start, end)[1] > 1e-3
    with pytest.raises(RuntimeError, match="unknown algorithm"):
        agree.agreement("par", tmp_path / "wrong", time.monotonic() + 600)
    with pytest.raises(subprocess.TimeoutExpired):
        agree.agreement("bc", tmp_path / "late", time.monotonic())


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the GPU part sets in its process."""
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    monkeypatch.setenv("PARS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(gpu.system, "setup", lambda cache=False: None)


@pytest.mark.usefixtures("own_cache")
def test_without_a_gpu_it_says_what_it_would_measure(capsys: pytest.CaptureFixture[str]) -> None:
    if jax.default_backend() != "cpu":
        pytest.skip("there is one")
    gpu.run(["--short"])
    assert capsys.readouterr().out.startswith("no GPU that JAX can use here")


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache")
def test_gpu_part_runs_dry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gpu, "ALGORITHM", "bc")
    gpu.run(["--short", "--dry", "--out", str(tmp_path)])
    rows = read_csv(tmp_path / "gpu.csv")
    kinds = [("float32", ""), ("tf32", ""), ("bfloat16", ""), ("float32", "graphs")]
    assert [(row["precision"], row["flags"]) for row in rows] == kinds
    for row in rows:
        assert float(row["kernels"]) > 10 and float(row["memory"]) > 0
        assert float(row["T2"]) == pytest.approx(6.5e17 / (float(row["tflops"]) * 1e12) / 3600, rel=1e-6)
    checks = {row["check"]: row["found"] for row in read_csv(tmp_path / "gpu-checks.csv")}
    assert len(checks) == 3 and list(checks.values()).count("equal bit for bit") == 2
    assert "left out" not in capsys.readouterr().out


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
