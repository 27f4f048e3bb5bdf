"""Runs the policy beside this file with numpy and onnxruntime alone:  python run.py observations.csv > actions.csv

The CSV's first line names its columns, which are found by the names in contract.json. The column `flag` says how it
went: 0 well, 1 on a number outside of what training saw, 2 a number was missing or infinite and this is the fallback.
Missing is also a number that stood for a missing value in the data (`sentinels` in contract.json).
A table that is not UTF-8 or has commas before decimals ends in one line on stderr, exit code 1, and no action.
"""

import csv
import hashlib
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import onnxruntime

OK, OUT_OF_RANGE, FELL_BACK = 0, 1, 2


class Policy:
    def __init__(self, folder: Path | str) -> None:
        folder = Path(folder)
        self.contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
        model = (folder / "policy.onnx").read_bytes()
        if hashlib.sha256(model).hexdigest() != self.contract["files"]["policy.onnx"]["sha256"]:
            raise SystemExit(
                f"{folder}: policy.onnx is not the file that contract.json describes; copy the folder anew"
            )
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        inputs, outputs = self.contract["inputs"], self.contract["outputs"]
        self.inputs, self.outputs = [x["name"] for x in inputs], [x["name"] for x in outputs]
        self.low = np.array([-np.inf if x["low"] is None else x["low"] for x in inputs], np.float32)
        self.high = np.array([np.inf if x["high"] is None else x["high"] for x in inputs], np.float32)
        self.fallback = np.array(self.contract["fallback"], np.float32)
        self.sentinels = np.array(self.contract["sentinels"], np.float32)

    def act(self, obs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """obs [N, inputs] -> action [N, outputs], flag [N]: OK, OUT_OF_RANGE or FELL_BACK."""
        obs = np.asarray(obs, np.float32)
        if obs.ndim != 2 or obs.shape[1] != len(self.inputs):
            raise ValueError(f"the policy takes [N, {len(self.inputs)}]: {', '.join(self.inputs)}")
        early = self.contract["history"] > 1  # rows of NaN are from before the episode
        bad = (np.isinf(obs) if early else ~np.isfinite(obs)).any(axis=1)
        action = self.session.run(None, {"obs": obs if early else np.where(np.isfinite(obs), obs, 0)})[0]
        bad |= np.isin(obs, self.sentinels).any(axis=1) | ~np.isfinite(action).all(axis=1)
        out = ((obs < self.low) | (obs > self.high)).any(axis=1)
        flag = np.where(bad, FELL_BACK, np.where(out, OUT_OF_RANGE, OK))
        return np.where(bad[:, None], self.fallback, action), flag


def number(cell: str | None) -> float:
    """Of a cell; NaN where it holds none."""
    try:
        return float(cell or "nan")
    except ValueError:
        return float("nan")


def plain(name: str) -> str:
    """A column's name without spaces around it, on one line, as training reads it off a CSV."""
    return re.sub(r"\s*[\r\n]+\s*", " ", name.strip())


def header(text: str) -> str:
    """The first line, with those that a name in quotes goes on in."""
    lines = text.splitlines(keepends=True)
    whole = ("".join(lines[:n]) for n in range(1, min(len(lines), 20) + 1))
    return next((one for one in whole if one.count('"') % 2 == 0), "".join(lines[:1]))


def read(file: str, wanted: list[str]) -> list[list[float]]:
    """The columns of these names, one list a row. A file that says something else than it seems to ends the program."""
    try:
        text = Path(file).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SystemExit(f"{file}: {error.strerror}; give the CSV of the observations") from None
    except UnicodeDecodeError as error:
        byte, line = error.object[error.start], error.object.count(b"\n", 0, error.start) + 1
        raise SystemExit(f"{file}, line {line}: the byte {byte:#04x} is not UTF-8; save the file as UTF-8") from None
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header(text).count))
    wanted = [*map(plain, wanted)]
    rows = []
    try:
        names = [*map(plain, table.fieldnames or [])]
        table.fieldnames = names
        if absent := [name for name in wanted if name not in names]:
            has = f"has no column {absent[0]!r}; the policy takes {', '.join(wanted)}"
            raise SystemExit(f"{file}: the first line {has}")
        if twice := [name for name in wanted if names.count(name) > 1]:
            raise SystemExit(f"{file}: two columns are named {twice[0]!r}; give every column a name of its own")
        for row in table:
            here = f"{file}, line {table.line_num}"
            if None in row:
                raise SystemExit(f"{here}: more cells than the {len(names)} names; put quotes around commas in a cell")
            if comma := next((name for name in wanted if re.search(r",\d", row[name] or "")), None):
                mend = "write points before decimals, and nothing between thousands"
                raise SystemExit(f"{here}: {row[comma]!r} in column {comma!r}; {mend}")
            rows.append([number(row[name]) for name in wanted])
    except csv.Error as error:
        raise SystemExit(f"{file}, near line {table.line_num}: {error}; write the table again") from None
    return rows


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python run.py observations.csv > actions.csv")
    policy = Policy(Path(__file__).parent)
    obs = read(sys.argv[1], policy.inputs)
    action, flag = policy.act(np.reshape(obs, (-1, len(policy.inputs))))
    said = csv.writer(sys.stdout)
    said.writerow([*policy.outputs, "flag"])
    said.writerows([*map(float, one), int(mark)] for one, mark in zip(action, flag))


if __name__ == "__main__":
    main()
