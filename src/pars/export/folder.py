"""`pars export`: a policy as a folder that runs without this library."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import save

from pars.config import to_dict
from pars.core import ONLINE
from pars.data.column_units import unit_of
from pars.errors import CheckpointError, ResourceError, UsageError
from pars.export import contract as contracts
from pars.export.c_file import to_c
from pars.export.contract import CONTRACT, GOAL, WEIGHTS, Delivered, read_folder
from pars.export.load import policy_of
from pars.export.policy import Policy
from pars.export.program import INPUT, Program
from pars.packing import width
from pars.training.folder import REPLAY
from pars.training.restore import Restored, member_of

ROWS = 1000  # on which the model is held against the policy
FAR = 1e-5  # of an output's range, that they may differ by
Ranges = tuple[np.ndarray, np.ndarray] | None


@dataclass(frozen=True)
class Export:
    """What was written, and how far ONNX Runtime's actions are from `load_policy`'s at most, in parts of the range."""

    folder: Path
    files: Sequence[str]
    apart: float


def export(
    run: Path | str, out: Path, member: int = 0, fallback: Sequence[float] | None = None, at: str | None = None
) -> Export:
    """Write the policy of one member of a run to the folder `out`, which must be new or one of `export`'s own.

    Raises UsageError, CheckpointError, ResourceError (also where a package of the extra `export` is missing).

    Args:
        fallback: action where there is no observation to act on, in units; by default the middle of each range.
        at: the step of a policy that is kept, see `load_policy`.
    """
    _needs_packages()
    if out.exists() and not (out / CONTRACT).exists():
        raise UsageError(f"--out {out}: is there already and is no policy folder; name another")
    restored = member_of(run, member, at)
    policy = policy_of(restored, member)
    program = policy.program
    if not isinstance(program, Program):
        raise UsageError(f"{run} cannot be exported: {getattr(program, 'why', '')}; load_policy acts by JAX")
    if bad := [name for name, value in program.constants.items() if np.isnan(value).any()]:
        raise CheckpointError(f"{run}: weights of the policy are NaN ({bad[0]}); export another checkpoint or member")
    seen = ranges(restored, member)
    facts = describe(restored, member, policy, program, seen, chosen_fallback(policy, fallback))
    files = contents(program, facts)
    apart = differs(program, facts, files["policy.onnx"], seen)
    from pars.export.passport import passport  # draws: slow to import

    files["passport.html"] = passport(restored, member, facts, apart).encode()
    write(out, files, facts)
    read_folder(out)
    return Export(out, [CONTRACT, *files], apart)


def _needs_packages() -> None:
    """Raises ResourceError."""
    try:
        import flatbuffers  # noqa: F401  of jax.export
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ResourceError(f"pars export needs {error.name}: pip install 'pars[export]'") from None


def chosen_fallback(policy: Policy, given: Sequence[float] | None) -> list[float]:
    """Raises UsageError unless it lies within the bounds."""
    if given is None:
        return [(one.low + one.high) / 2 for one in policy.outputs]
    if len(given) != len(policy.outputs):
        raise UsageError(f"--fallback has {len(given)} numbers, and there are {len(policy.outputs)} actions")
    for number, one in zip(given, policy.outputs):
        if not one.low <= number <= one.high:
            raise UsageError(f"--fallback: {number:g} for {one.name} is not within {one.low:g}..{one.high:g}")
    return [*map(float, given)]


def ranges(restored: Restored, member: int) -> Ranges:
    """Least and greatest [O] of every observation in training: in the data, and in what the member had met online."""
    card = restored.description["dataset"]["card"]
    obs = card.get("trained_obs") or card.get("obs")
    low, high = (np.array(obs[name]) for name in ("min", "max")) if obs else (None, None)
    log = restored.folder / REPLAY
    steps = restored.position.step if restored.position.phase == ONLINE else 0
    if steps and log.is_file() and log.stat().st_size:
        extra = tuple((name, tuple(shape)) for name, shape in restored.description.get("columns") or [])
        whole = len(restored.seeds) * (width(restored.spec, extra) + 1)  # one environment step of all members
        kept = np.memmap(log, np.float32, "r")
        rows = kept[: min(steps, len(kept) // whole) * whole]
        met = rows.reshape(-1, len(restored.seeds), whole // len(restored.seeds))[:, member, : restored.spec.obs_dim]
        if len(met):
            low = met.min(axis=0) if low is None else np.minimum(low, met.min(axis=0))
            high = met.max(axis=0) if high is None else np.maximum(high, met.max(axis=0))
    return None if low is None or high is None else (low, high)


def describe(
    restored: Restored, member: int, policy: Policy, program: Program, seen: Ranges, fallback: list[float]
) -> dict[str, Any]:
    """contract.json, all but the checksums of files."""
    low, high = ([None] * len(policy.inputs),) * 2 if seen is None else (seen[0].tolist(), seen[1].tolist())
    inputs = [
        _input(f"{name}, {ago} before" if ago else name, "observation", unit_of(name), low[i], high[i])
        for ago in reversed(range(policy.history))
        for i, name in enumerate(policy.inputs)
    ]
    seen_of = dict(zip(policy.inputs, zip(low, high)))
    for name in policy.goals:
        least, most = seen_of.get(name, (None, None))
        inputs.append(_input(f"goal {name}", GOAL, unit_of(name), least, most))
    told, position = restored.description, restored.position
    data = told["dataset"]
    return {
        "kind": contracts.KIND,
        "format": contracts.FORMAT,
        "method": restored.algo.name,
        "title": restored.algo.title,
        "inputs": inputs,
        "history": policy.history,
        "outputs": [{**one._asdict(), "unit": unit_of(one.name)} for one in policy.outputs],
        "fallback": fallback,
        contracts.SENTINELS: list(policy.sentinels),
        "data": {name: data.get(name) for name in ("name", "fingerprint", "rows")},
        "task": told.get("task"),
        "run": {
            "digest": restored.saved.digest,
            "phase": position.phase,
            "step": position.step,
            "member": member,
            "seed": restored.seeds[member],
            "settings": to_dict(restored.configs[member]),
        },
        "versions": {name: version(name) for name in ("pars", "jax", "numpy", "onnx")},
        "program": program.listed(),
    }


def _input(name: str, kind: str, unit: str, low: float | None, high: float | None) -> dict[str, Any]:
    return {"name": name, "kind": kind, "unit": unit, "low": low, "high": high}


def contents(program: Program, facts: Mapping[str, Any]) -> dict[str, bytes]:
    """The files that act, by name."""
    from pars.export.onnx_file import OPSET, to_onnx

    told = {"method": facts["title"], "run": facts["run"]["digest"], "opset": str(OPSET)}
    c_files = {name: text.encode() for name, text in to_c(program, facts).items()}
    return {
        WEIGHTS: save({name: np.ascontiguousarray(value) for name, value in program.constants.items()}),
        "policy.onnx": to_onnx(program, told),
        "run.py": (Path(__file__).parent / "run.py").read_bytes(),
        **c_files,
        "policy.stablehlo": to_jax(program),
    }


def to_jax(program: Program) -> bytes:
    """A function of obs [N, inputs] for `jax.export.deserialize`, on processors and on GPUs."""
    (rows,) = jax.export.symbolic_shape("N")
    given = jax.ShapeDtypeStruct((rows, program.inputs), np.float32)
    return bytes(jax.export.export(jax.jit(lambda x: program(x, jnp)), platforms=["cpu", "cuda"])(given).serialize())


def differs(program: Program, facts: Mapping[str, Any], model: bytes, seen: Ranges) -> float:
    """How far ONNX Runtime's actions are from the policy's at most, in parts of the range, on rows drawn from what
    training saw and beyond. Raises CheckpointError if that is too far."""
    import onnxruntime

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(ROWS, program.inputs)).astype(np.float32)
    if seen is not None:
        own = len(seen[0]) * facts["history"]
        low, high = (np.tile(x, facts["history"]) for x in seen)
        rows[:, :own] = low + rng.uniform(-0.5, 1.5, (ROWS, own)) * (high - low)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    span = np.array([one["high"] - one["low"] for one in facts["outputs"]])
    apart = float((np.abs(session.run(None, {INPUT: rows})[0] - program(rows)) / span).max())
    if not apart <= FAR:
        raise CheckpointError(f"ONNX Runtime's actions differ from the policy's by {apart:.2g} of the range; report it")
    return apart


def write(out: Path, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> None:
    """All at once: an interrupted export leaves nothing, and an older one stays until then. Raises ResourceError."""
    listed = {name: {"size": len(data), "sha256": contracts.sha256(data)} for name, data in files.items()}
    whole = contracts.sealed({**json.loads(json.dumps(facts)), "files": listed})
    aside = out.with_name(f".writing-{out.name}")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        for name, data in files.items():
            (aside / name).write_bytes(data)
        (aside / CONTRACT).write_text(json.dumps(whole, indent=1), encoding="utf-8")
        if out.exists():
            shutil.rmtree(out)
        aside.rename(out)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise ResourceError(f"cannot write {out}: {error.strerror or error}; give another --out") from None


def check(folder: Path) -> Delivered:
    """A policy folder, of which every file is what it was. Raises CheckpointError."""
    if not folder.is_dir():
        raise CheckpointError(f"no folder {folder}; give one that `pars export` wrote")
    return read_folder(folder)
