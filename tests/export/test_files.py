"""Every file of a delivered policy acts as `load_policy` does: ONNX, the runner, C and JAX, for every algorithm."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from pars.algos import ALGORITHMS
from pars.export import folder
from pars.export.c_file import to_c
from pars.export.contract import CONTRACT
from pars.export.policy import Policy
from tests.export import policies

for _name in ("onnx", "onnxruntime", "flatbuffers"):
    pytest.importorskip(_name, reason="the extra `export` is not installed")
ROWS, CLOSE = 10_000, 1e-5
SENTINEL = -999.9  # no float32
MAIN = """
#include <stdio.h>
#include "policy.h"
int main(void)
{
    float obs[POLICY_INPUTS], action[POLICY_OUTPUTS];
    while (fread(obs, sizeof obs, 1, stdin) == 1) {
        float flag = (float)policy_act(obs, action);
        fwrite(action, sizeof action, 1, stdout);
        fwrite(&flag, sizeof flag, 1, stdout);
    }
    return 0;
}
"""
GCC = "gcc -std=c99 -O1 -Wall -Wextra -Werror -pedantic -fsanitize=address,undefined -fno-sanitize-recover=all"


def facts(policy: Policy) -> dict[str, Any]:
    """A contract, as far as files are written from it. Of every second input a range is known."""
    names = [f'{name} "{i}" é??/' for i, name in enumerate([*policy.inputs * policy.history, *policy.goals])]
    known = [{"low": -3.0, "high": 3.0}, {"low": None, "high": None}]
    inputs = [{"name": name, "kind": "observation", **known[i % 2]} for i, name in enumerate(names)]
    outputs = [one._asdict() for one in policy.outputs]
    whole = {"kind": "pars policy", "format": 1, "title": "A */ policy", "method": policy.method}
    whole |= {"inputs": inputs, "outputs": outputs, "history": policy.history, "fallback": [12.5, -1.0]}
    whole |= {"sentinels": [SENTINEL]}
    return whole | {"versions": {"pars": "0"}, "run": {"digest": "abc"}, "program": policy.program.listed()}  # type: ignore


def rows(policy: Policy) -> np.ndarray:
    """As data have them, on bounds, and some that no policy can act on."""
    found = policies.rows(policy, ROWS if policy.history == 1 else 500)
    found[::7] = np.clip(found[::7], -3.0, 3.0)
    found[3], found[8, -1], found[9, 0] = np.inf, -np.inf, SENTINEL
    if policy.history == 1:
        found[11, 0] = np.nan
    return found


def expected(policy: Policy, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Actions and flags."""
    bad = ((np.isinf(seen) if policy.history > 1 else ~np.isfinite(seen)) | (seen == np.float32(SENTINEL))).any(axis=1)
    out = (np.abs(seen[:, ::2]) > 3.0).any(axis=1)
    usual = policy.program(np.where(bad[:, None], np.float32(0.0), seen))
    return np.where(bad[:, None], [12.5, -1.0], usual), np.where(bad, 2, out)


def runner(path: Path) -> Any:
    """run.py of a policy folder, as a module."""
    spec = importlib.util.spec_from_file_location("delivered", path / "run.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ALGORITHMS)
def test_onnx_and_its_runner_act_alike(name: str, tmp_path: Path) -> None:
    policy = policies.policy(name)
    told = facts(policy)
    folder.write(tmp_path / "out", folder.contents(policy.program, told), told)
    seen = rows(policy)
    action, flag = runner(tmp_path / "out").Policy(tmp_path / "out").act(seen)
    wanted, flags = expected(policy, seen)
    assert (np.abs(action - wanted) / policies.SPAN).max() < CLOSE
    np.testing.assert_array_equal(flag, flags)
    assert {*flag.tolist()} == {0, 1, 2}


def structures() -> list[str]:
    """An algorithm for each list of operations: the C of the others differs from it in numbers alone."""
    return [*{json.dumps(policies.policy(name).program.listed()): name for name in ALGORITHMS}.values()]


@pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc")
@pytest.mark.parametrize("some", [["rounding", "sac_rnd", "hiql", "gcpc"], pytest.param(None, marks=pytest.mark.slow)])
def test_c_acts_alike_under_sanitizers(some: list[str] | None, tmp_path: Path) -> None:
    for name in some or structures():
        policy = policies.policy("bc", precision="bfloat16") if name == "rounding" else policies.policy(name)
        for file, text in {**to_c(policy.program, facts(policy)), "main.c": MAIN}.items():
            (tmp_path / file).write_text(text)
        subprocess.run(f"{GCC} main.c policy.c -lm -o main".split(), cwd=tmp_path, check=True)
        seen = rows(policy)
        done = subprocess.run([tmp_path / "main"], input=seen.tobytes(), capture_output=True, check=True)
        found = np.frombuffer(done.stdout, np.float32).reshape(-1, 3)
        wanted, flags = expected(policy, seen)
        far = np.abs(found[:, :2] - wanted) / policies.SPAN
        assert (np.quantile(far, 0.99) if name == "rounding" else far.max()) < CLOSE, name
        np.testing.assert_array_equal(found[:, 2], flags, err_msg=name)


def test_jax_reads_its_own_file() -> None:
    policy = policies.policy("pars")
    called = jax.export.deserialize(bytearray(folder.to_jax(policy.program))).call
    seen = policies.rows(policy, 30)
    for part in (seen, seen[:1]):
        np.testing.assert_allclose(called(part), policy.program(part), rtol=1e-5, atol=1e-5)


COLUMNS = "level;flow, l/s;pressure_bar;temp_C\n"
REFUSED = {  # tables, and what the runner says behind their names
    f"{COLUMNS.strip()};level\n1;2;3;4;5\n": ": two columns are named 'level'; give every column a name of its own",
    "a,b\n": ": the first line has no column 'temp_C'; the policy takes temp_C",
    f"{COLUMNS}1;2;3;0.5\n°;2;3;0.5\n": ", line 3: the byte 0xb0 is not UTF-8; save the file as UTF-8",
    f"{COLUMNS}1;2;3;0.5\n1;2,5;3;0.5\n": ", line 3: '2,5' in column 'flow, l/s'; write points before decimals",
    f"{COLUMNS}1;2;3;1,000.5\n": ", line 2: '1,000.5' in column 'temp_C'; write points before decimals",
    'level,"flow, l/s",pressure_bar,temp_C\n1,5,2,3,0,5\n': ", line 2: more cells than the 4 names; put quotes",
    f"{COLUMNS}1;2;3;{'5' * 140_000}\n": ", near line 1: field larger than field limit",
}


def test_the_runner_reads_a_table_by_names(tmp_path: Path) -> None:
    policy = policies.policy("pars")
    told = facts(policy)
    for one, name in zip(told["inputs"], policy.inputs):
        one["name"] = name
    folder.write(tmp_path / "out", folder.contents(policy.program, told), told)
    (tmp_path / "rows.csv").write_text('level,other,"flow, l/s",pressure_bar,temp_C\n1,x,2,3,0.5\n1,x,2,,0.5\n')
    command = [sys.executable, tmp_path / "out" / "run.py", tmp_path / "rows.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    head, first, second = done.stdout.split()
    assert head == "valve_pct,torque_Nm,flag" and second == "12.5,-1.0,2"
    np.testing.assert_allclose([float(x) for x in first.split(",")[:2]], policy([0.5, 3, 2, 1]), rtol=1e-4)
    spreadsheet = '\ufefflevel; other;"flow,\n l/s";pressure_bar ;temp_C\r\n1;x;2;3;0.5\r\n1;x;2;n/a;0.5\r\n'
    (tmp_path / "rows.csv").write_text(spreadsheet, encoding="utf-8")
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout == done.stdout
    table = tmp_path / "rows.csv"
    table.write_text('"temp\n[C]"\tlevel\n1\t2\n')
    assert runner(tmp_path / "out").read(str(table), ["level ", " temp\n[C]"]) == [[2.0, 1.0]]
    for text, line in REFUSED.items():
        table.write_bytes(text.encode("cp1252"))
        with pytest.raises(SystemExit) as stop:
            runner(tmp_path / "out").read(str(table), policy.inputs)
        assert str(stop.value).startswith(f"{table}{line}") and "\n" not in str(stop.value)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and not done.stdout and done.stderr == f"{stop.value}\n"
    done = subprocess.run(command[:2], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == "usage: python run.py observations.csv > actions.csv\n"
    table.unlink()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.endswith(
        "rows.csv: No such file or directory; give the CSV of the observations\n"
    )
    (tmp_path / "out" / "policy.onnx").write_bytes(b"x")
    assert (
        "is not the file that contract.json describes" in subprocess.run(command, capture_output=True, text=True).stderr
    )


@pytest.mark.slow
def test_a_folder_runs_where_numpy_and_onnxruntime_are_alone(tmp_path: Path) -> None:
    """In a fresh environment. That the files come with the environment's packages is looked at, too."""
    policy = policies.policy("pars")
    told = facts(policy)
    folder.write(tmp_path / "out", folder.contents(policy.program, told), told)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "bare"], check=True)
    python = tmp_path / "bare" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "numpy", "onnxruntime"], check=True)
    code = "import run, numpy; print(*run.Policy('.').act(numpy.zeros((1, 4)))[0][0])"
    done = subprocess.run([python, "-I", "-c", f"import sys; sys.path.insert(0, '.'); {code}"], cwd=tmp_path / "out",
                          capture_output=True, text=True, check=True)  # fmt: skip
    np.testing.assert_allclose([*map(float, done.stdout.split())], policy(np.zeros(4)), rtol=1e-4)
    assert (tmp_path / "out" / CONTRACT).exists()
