"""`pars export`: a folder from a run, and what becomes of one that is damaged or foreign."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from pars import load_policy
from pars.data import from_arrays
from pars.errors import CheckpointError, ObservationError, ResourceError
from pars.export.contract import CONTRACT, WEIGHTS, sealed, sha256
from pars.export.folder import export
from tests import runs
from tests.cli.said import Pars, one_line

for _name in ("onnx", "onnxruntime", "flatbuffers"):
    pytest.importorskip(_name, reason="the extra `export` is not installed")


@cache
def delivered() -> Path:
    """A policy folder. Do not write below it."""
    return export(runs.finished_run(), runs.SESSION / "delivered", member=1).folder


def test_a_folder_has_the_policy_and_says_what_it_is() -> None:
    policy, run = load_policy(delivered()), load_policy(runs.finished_run(), 1)
    obs = np.random.default_rng(0).normal(size=(50, 4))
    np.testing.assert_array_equal(policy(obs), run(obs))
    assert repr(policy) == repr(run)
    contract = json.loads((delivered() / CONTRACT).read_text())
    assert {path.name for path in delivered().iterdir()} == {CONTRACT, *contract["files"]}
    data = runs.few_rows()
    assert contract["data"] == {"name": data.name, "fingerprint": data.fingerprint, "rows": contract["data"]["rows"]}
    met = np.fromfile(runs.group(runs.finished_run()) / "replay" / "transitions.f32", np.float32).reshape(-1, 2, 13)
    low = np.minimum(data.card["obs"]["min"], met[:, 1, :4].min(axis=0))
    np.testing.assert_allclose([one["low"] for one in contract["inputs"]], low, rtol=1e-6)
    assert (contract["run"]["member"], contract["run"]["seed"], contract["fallback"]) == (1, 1, [0.0, 0.0])
    assert contract["run"]["settings"]["actor_hidden"] == [8, 8]


def test_an_earlier_policy_is_delivered_with_what_was_known_then(tmp_path: Path) -> None:
    run = runs.finished_run()
    made = export(run, tmp_path / "early", at="online-20")
    then, told = load_policy(made.folder), json.loads((made.folder / CONTRACT).read_text())
    obs = np.random.default_rng(0).normal(size=(50, 4))
    assert (told["run"]["phase"], told["run"]["step"]) == ("online", 20)
    assert not np.array_equal(then(obs), load_policy(run)(obs))
    passport = (made.folder / "passport.html").read_text()
    assert "online step 20" in passport and "online step 30" not in passport


def test_a_folder_is_loaded_without_jax() -> None:
    absent = "import sys; sys.modules['jax'] = None\n"
    code = f"{absent}from pars import load_policy; print(load_policy({str(delivered())!r})([0] * 4).shape)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout == "(2,)\n", found.stderr[-500:]


def test_the_passport_names_what_matters(tmp_path: Path) -> None:
    page = (delivered() / "passport.html").read_text()
    for words in (
        "From 4 inputs it sets action 0 and action 1",
        "Not judged: pars judge",
        "Distance to the data",
        "observation 3",
        runs.few_rows().fingerprint,
        "POLICY_FELL_BACK",
    ):
        assert words in page, words
    assert "http" not in page.replace("http://www.w3.org", "") and str(Path.cwd()) not in page
    run = tmp_path / "run"
    shutil.copytree(runs.finished_run(), run)
    name = runs.group(run).name
    row = dict(member=f"{name}/1", phase="online", step=30, estimator="FQE", estimate=-3.25, low=-4, high=-2.5)
    row |= dict(trust=False, flags=["overlap"])
    others = [row | dict(member=f"{name}/0", estimate=9), row | dict(step=20, estimate=8)]
    (run / "judge.json").write_text(json.dumps({"format": 1, "estimates": [row, *others]}))
    page = (export(run, tmp_path / "out", member=1).folder / "passport.html").read_text()
    assert (
        "-3.25 (-4 to -2.5)" in page
        and "overlap" in page
        and "Not judged" not in page
        and ">9 (" not in page
        and ">8 (" not in page
    )


Damage = Callable[[Path, dict[str, Any]], dict[str, Any] | None]  # returns the contract where it is changed and sealed


def file(name: str, change: Callable[[bytes], bytes]) -> Damage:
    def damage(folder: Path, contract: dict[str, Any]) -> None:
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return damage


def gone(name: str) -> Damage:
    return lambda folder, contract: (folder / name).unlink()


def entry(**changes: Any) -> Damage:
    return lambda folder, contract: {**contract, **changes}


def listed(change: Callable[[dict[str, Any]], Any]) -> Damage:
    """A change inside the contract by somebody who knows how to seal it."""

    def damage(folder: Path, contract: dict[str, Any]) -> dict[str, Any]:
        change(contract)
        return contract

    return damage


def weights(change: Callable[[dict[str, np.ndarray]], Any]) -> Damage:
    def damage(folder: Path, contract: dict[str, Any]) -> dict[str, Any]:
        arrays = load_file(folder / WEIGHTS)
        change(arrays)
        data = save(arrays)
        (folder / WEIGHTS).write_bytes(data)
        contract["files"][WEIGHTS] = {"size": len(data), "sha256": sha256(data)}
        return contract

    return damage


def first(arrays: dict[str, np.ndarray], kind: Any = np.float32) -> str:
    return next(name for name, array in arrays.items() if array.dtype == kind and array.ndim == 2)


def reread(folder: Path, contract: dict[str, Any]) -> None:
    text = (folder / CONTRACT).read_text().replace('"high": 1.0', '"high": 2.0', 1)
    (folder / CONTRACT).write_text(text)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "no contract": (gone(CONTRACT), f"is a policy without its {CONTRACT}"),
    "empty contract": (file(CONTRACT, lambda data: b""), "cannot be read: Expecting value"),
    "half a contract": (file(CONTRACT, lambda data: data[:200]), "cannot be read"),
    "binary contract": (file(CONTRACT, lambda data: b"\xff\xfe\x00"), "cannot be read"),
    "a list": (file(CONTRACT, lambda data: b"[]"), "is no contract of a policy"),
    "deep": (file(CONTRACT, lambda data: b"[" * 100_000), "cannot be read"),
    "foreign": (file(CONTRACT, lambda data: b'{"name": "x"}'), "is no contract of a policy"),
    "newer": (entry(format=7), "has format 7, this version reads 1"),
    "limits changed": (reread, "was changed after it was written"),
    "no files": (entry(files=None), "lists no files"),
    "elsewhere": (listed(lambda c: c["files"].update({"../x": {}})), "lists '../x', which is not beside it"),
    "no model": (gone("policy.onnx"), "policy.onnx cannot be read: No such file"),
    "no weights": (gone(WEIGHTS), f"{WEIGHTS} cannot be read: No such file"),
    "weights not listed": (listed(lambda c: c["files"].pop(WEIGHTS)), f"lists no {WEIGHTS}"),
    "cut": (file(WEIGHTS, lambda data: data[:-4]), "bytes, the contract says otherwise"),
    "one bit": (file("policy.onnx", lambda data: data[:-1] + b"\0"), "policy.onnx does not match its checksum"),
    "C edited": (file("policy.c", lambda data: data.replace(b"0", b"1", 1)), "policy.c does not match its checksum"),
    "runner edited": (file("run.py", lambda data: data.replace(b"OK", b"KO", 1)), "run.py does not match its checksum"),
    "weights of another": (file(WEIGHTS, lambda data: data[:-4] + b"abcd"), "does not match its checksum"),
    "weights renamed": (weights(lambda a: a.update(x=a.pop(first(a)))), "do not fit together: operation 'dense'"),
    "weights NaN": (weights(lambda a: a[first(a)].fill(np.nan)), "hold NaN"),
    "weights cut": (weights(lambda a: a.update({first(a): a[first(a)][:, 1:].copy()})), "operation 'dense'"),
    "weights double": (weights(lambda a: a.update({first(a): a[first(a)].astype(float)})), "are float64"),
    "unknown step": (listed(lambda c: c["program"]["ops"][0].__setitem__(0, "save")), "operation 'save'"),
    "no step": (listed(lambda c: c["program"].update(ops=[])), "do not fit together: result"),
    "no program": (listed(lambda c: c.pop("program")), "is incomplete: no 'program'"),
    "an input less": (listed(lambda c: c["inputs"].pop()), "names are not as many as the policy's inputs"),
    "an output more": (listed(lambda c: c["outputs"].append(c["outputs"][0])), "names are not as many"),
    "limits turned": (listed(lambda c: c["outputs"][0].update(low=5)), "lower bound is not below its upper one"),
    "a limit that is text": (listed(lambda c: c["outputs"][0].update(low="x")), "is incomplete: could not convert"),
    "history 0": (entry(history=0), "a history of 0 observations is none"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_or_foreign_folder_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    damage, line = DAMAGES[name]
    folder = tmp_path / "policy"
    shutil.copytree(delivered(), folder)
    changed = damage(folder, json.loads((folder / CONTRACT).read_text()))
    if changed is not None:
        (folder / CONTRACT).write_text(json.dumps(sealed(changed)))
    with pytest.raises(CheckpointError) as told:
        load_policy(folder)
    assert line in str(told.value) and "\n" not in str(told.value) and str(folder) in str(told.value)


@pytest.mark.usefixtures("own_folders")
def test_the_command_writes_checks_and_refuses(pars: Pars, tmp_path: Path) -> None:
    run, out = runs.finished_run(), tmp_path / "policy"
    said = pars("export", run, "--out", out, "--fallback", "0.5,-0.5")
    assert said.code == 0 and f"passport: {out}/passport.html" in said.out, said
    assert json.loads((out / CONTRACT).read_text())["fallback"] == [0.5, -0.5]
    said = pars("export", out, "--check")
    assert said.code == 0 and "whole and unchanged" in said.out and "action 1 -1..1" in said.out
    assert pars("export", run, "--out", out).code == 0  # again
    (out / "policy.c").unlink()
    one_line(pars("export", out, "--check"), 4, "policy.c cannot be read")
    one_line(pars("export", tmp_path / "nowhere", "--check"), 4, "no folder")
    one_line(pars("export", run, "--out", tmp_path), 2, "is there already and is no policy folder")
    one_line(pars("export", run, "--member", "7", "--out", out), 2, "members are 0 to 1")
    one_line(pars("export", run, "--fallback", "1", "--out", out), 2, "has 1 numbers, and there are 2 actions")
    one_line(pars("export", run, "--fallback", "1,2", "--out", out), 2, "2 for action 1 is not within -1..1")
    one_line(pars("export", run, "--fallback", "1,x", "--out", out), 2, "write a number for every action")
    one_line(pars("export", out, "--check", "--member", "1"), 2, "takes no other option")


def test_without_its_packages_it_says_which_to_install(pars: Pars, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    one_line(pars("export", runs.finished_run()), 7, "pars export needs onnxruntime: pip install 'pars[export]'")


def test_a_disk_that_does_not_answer_is_no_damaged_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "policy.h":
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ResourceError, match=r"policy\.h cannot be read: Input/output error \(error 5\)"):
        load_policy(delivered())


def test_what_the_data_call_missing_is_delivered(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = {"temp": rng.normal(size=200), "valve": rng.uniform(-1, 1, 200), "r": rng.normal(size=200)}
    frame["temp"][7] = -9999
    mapping = {"obs": "temp", "action": "valve", "reward": "r", "terminal": 0, "episode": "file"} | {
        "missing": -9999,
        "fill": "forward",
    }
    data = from_arrays(frame, mapping=mapping)
    run = runs.train(tmp_path / "run", "bc", None, data=data, steps=2, online_steps=0, eval_every=2)
    made = export(run, tmp_path / "out")
    contract, page = (json.loads((made.folder / CONTRACT).read_text()), (made.folder / "passport.html").read_text())
    assert contract["sentinels"] == [-9999] and contract["inputs"][0]["low"] > -9999
    assert "missing, -9999 or infinite" in page
    for policy in (load_policy(run), load_policy(made.folder)):
        with pytest.raises(ObservationError, match="'temp' is -9999, which stands for a missing value"):
            policy([-9999.0])
