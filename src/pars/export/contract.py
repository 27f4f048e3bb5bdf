"""contract.json: what a delivered policy takes and gives, where it comes from, and what its files must be.

Nothing in a folder is executed when it is read, and nothing is believed that its checksums do not hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from pars.errors import CheckpointError, ResourceError
from pars.export.policy import Policy
from pars.export.program import from_listed
from pars.files import GONE
from pars.units import Output

CONTRACT = "contract.json"  # by which a folder is known
KIND, FORMAT = "pars policy", 1
WEIGHTS = "policy.safetensors"
GOAL = "goal"
SENTINELS = "sentinels"  # numbers that stand for a missing value; contracts of older versions have none
ANEW = "export the run again"


@dataclass(frozen=True)
class Delivered:
    """A policy folder that holds what its contract says."""

    folder: Path
    contract: Mapping[str, Any]
    policy: Policy


def sealed(contract: Mapping[str, Any]) -> dict[str, Any]:
    """The contract with the SHA-256 of all else in it."""
    return {**contract, "sha256": _seal(contract)}


def _seal(contract: Mapping[str, Any]) -> str:
    own = {name: value for name, value in contract.items() if name != "sha256"}
    return sha256(json.dumps(own, sort_keys=True, separators=(",", ":")).encode())


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_folder(folder: Path) -> Delivered:
    """A folder of `pars export`, once all its files are what they were. Raises CheckpointError of one line."""
    contract = _read_contract(folder / CONTRACT)
    contents = {name: _read_file(folder, name, entry) for name, entry in contract["files"].items()}
    if WEIGHTS not in contents:
        raise CheckpointError(f"{folder / CONTRACT} lists no {WEIGHTS}; {ANEW}")
    try:
        arrays = load(contents[WEIGHTS])
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} cannot be read: {_said(error)}; {ANEW}") from None
    try:
        return Delivered(folder, contract, _policy(contract, arrays))
    except CheckpointError as error:
        raise CheckpointError(f"{folder / CONTRACT}: {error}; {ANEW}") from None
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise CheckpointError(f"{folder / CONTRACT} is incomplete: {_said(error)}; {ANEW}") from None


def _read_contract(path: Path) -> dict[str, Any]:
    """Raises CheckpointError."""
    try:
        contract = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path} cannot be read: {_said(error)}; give a folder that `pars export` wrote"
        ) from None
    if not isinstance(contract, dict) or contract.get("kind") != KIND:
        raise CheckpointError(f"{path} is no contract of a policy; give a folder that `pars export` wrote")
    if contract.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has format {contract.get('format')!r}, this version reads {FORMAT}; use the one that wrote it"
        )
    if contract.get("sha256") != _seal(contract):
        raise CheckpointError(f"{path} was changed after it was written: its checksum does not hold; {ANEW}")
    if not isinstance(contract.get("files"), dict):
        raise CheckpointError(f"{path} lists no files; {ANEW}")
    return contract


def _read_file(folder: Path, name: str, entry: Any) -> bytes:
    """Raises CheckpointError unless it is what the contract says, ResourceError if the disk does not give it."""
    if Path(name).name != name:
        raise CheckpointError(f"{folder / CONTRACT} lists {name!r}, which is not beside it; {ANEW}")
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        kind = CheckpointError if error.errno in GONE else ResourceError  # the disk does not give it now
        raise kind(f"{folder / name} cannot be read: {error.strerror} (error {error.errno}); {ANEW}") from None
    if not isinstance(entry, dict) or len(data) != entry.get("size"):
        raise CheckpointError(
            f"{folder / name} has {len(data)} bytes, the contract says otherwise; copy the folder anew"
        )
    if sha256(data) != entry.get("sha256"):
        raise CheckpointError(f"{folder / name} does not match its checksum; copy the folder anew")
    return data


def _policy(contract: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Policy:
    for name, array in arrays.items():
        if array.dtype not in (np.float32, np.int32, np.bool_) or np.isnan(array).any():
            raise CheckpointError(f"the weights {name!r} are {array.dtype} or hold NaN")
    program = from_listed(contract["program"], arrays)
    inputs, history = contract["inputs"], int(contract["history"])
    names = tuple(str(one["name"]) for one in inputs if one["kind"] != GOAL)
    outputs = tuple(Output(str(one["name"]), float(one["low"]), float(one["high"])) for one in contract["outputs"])
    goals = tuple(str(one["name"]).removeprefix(f"{GOAL} ") for one in inputs if one["kind"] == GOAL)
    if history < 1:
        raise CheckpointError(f"a history of {history} observations is none")
    if len(inputs) != program.inputs or len(names) % history or len(outputs) != program.sizes[program.result]:
        raise CheckpointError("its names are not as many as the policy's inputs and outputs")
    if not all(one.low < one.high for one in outputs):
        raise CheckpointError("an output's lower bound is not below its upper one")
    gone = tuple(map(float, contract.get(SENTINELS, ())))
    return Policy(str(contract["method"]), names[-(len(names) // history) :], outputs, goals, history, program, gone)


def _said(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"no {text}" if isinstance(error, KeyError) else text.partition("\n")[0]
