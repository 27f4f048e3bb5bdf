"""A Program as plain C99: two files, no allocation, weights inside, nothing but the standard library's mathematics."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pars.export.contract import SENTINELS
from pars.export.program import Op, Program

HEADER = """/* {title}. Written by pars {version}; see contract.json. */
#ifndef POLICY_H
#define POLICY_H

#define POLICY_INPUTS {inputs}
#define POLICY_OUTPUTS {outputs}

enum {{
    POLICY_OK = 0,
    POLICY_OUT_OF_RANGE = 1, /* it acted, on an input outside of what training saw */
    POLICY_FELL_BACK = 2     /* an input was {missing}: `action` is the fallback */
}};

extern const char *const policy_input_names[POLICY_INPUTS];
extern const char *const policy_output_names[POLICY_OUTPUTS];
extern const float policy_input_low[POLICY_INPUTS], policy_input_high[POLICY_INPUTS]; /* seen in training */
extern const float policy_output_low[POLICY_OUTPUTS], policy_output_high[POLICY_OUTPUTS];
extern const float policy_fallback[POLICY_OUTPUTS];

/* The action for one observation, both in units. Uses {stack} bytes of the stack; may be called by several threads. */
int policy_act(const float obs[POLICY_INPUTS], float action[POLICY_OUTPUTS]);

#endif
"""

ACT = """
int policy_act(const float obs[POLICY_INPUTS], float action[POLICY_OUTPUTS])
{{
{buffers}
    int status = POLICY_OK;
    for (int i = 0; i < POLICY_INPUTS; i++) {{
        if ({refused})
            return fall_back(action);
        if (obs[i] < policy_input_low[i] || obs[i] > policy_input_high[i])
            status = POLICY_OUT_OF_RANGE;
    }}
{body}
    for (int i = 0; i < POLICY_OUTPUTS; i++) {{
        if (!isfinite({result}[i]))
            return fall_back(action);
        action[i] = {result}[i];
    }}
    return status;
}}
"""

HELPERS = {
    "fall_back": """static int fall_back(float action[POLICY_OUTPUTS])
{
    for (int i = 0; i < POLICY_OUTPUTS; i++)
        action[i] = policy_fallback[i];
    return POLICY_FELL_BACK;
}""",
    "larger": """static float larger(float a, float b)
{
    return a > b || a != a ? a : b; /* NaN stays NaN */
}""",
    "smaller": """static float smaller(float a, float b)
{
    return a < b || a != a ? a : b;
}""",
    "round16": """static float round16(float x) /* to bfloat16, ties to even */
{
    uint32_t bits;
    if (x != x)
        return x;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7FFFu + ((bits >> 16) & 1u)) & 0xFFFF0000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}""",
    "dense": """static void dense(const float *x, const float *w, float *y, int rows, int inner, int outer)
{
    for (int r = 0; r < rows; r++, x += inner, y += outer) {
        for (int j = 0; j < outer; j++)
            y[j] = 0.0f;
        for (int i = 0; i < inner; i++)
            for (int j = 0; j < outer; j++)
                y[j] += x[i] * w[i * outer + j];
    }
}""",
}

EACH = {  # of numbers a, b, c
    "add": "{a} + {b}",
    "subtract": "{a} - {b}",
    "multiply": "{a} * {b}",
    "divide": "{a} / {b}",
    "negative": "-{a}",
    "maximum": "larger({a}, {b})",
    "minimum": "smaller({a}, {b})",
    "round16": "round16({a})",
    "sign": "(float)(({a} > 0.0f) - ({a} < 0.0f))",
    "abs": "fabsf({a})",
    "power": "powf({a}, {b})",
    "fmod": "fmodf({a}, {b})",
    **{
        name: f"{name}f({{a}})"
        for name in ("floor", "trunc", "erf", "erfc", "exp", "log", "log1p", "tanh", "sqrt", "sin", "cos")
    },
    "greater": "(float)({a} > {b})",
    "greater_equal": "(float)({a} >= {b})",
    "less": "(float)({a} < {b})",
    "less_equal": "(float)({a} <= {b})",
    "equal": "(float)({a} == {b})",
    "not_equal": "(float)({a} != {b})",
    "logical_and": "{a} * {b}",
    "logical_or": "larger({a}, {b})",
    "logical_not": "1.0f - {a}",
    "where": "{a} != 0.0f ? {b} : {c}",
}


def to_c(program: Program, contract: Mapping[str, Any]) -> dict[str, str]:
    """policy.h and policy.c."""
    written = _Written(program)
    body = "\n".join(f"    {line}" for op in program.ops for line in written.lines(op))
    buffers = "\n".join(f"    float b{i}[{size}];" for i, size in enumerate(written.buffers))
    codes = [_number(code) for code in contract[SENTINELS]]
    refused = "!isfinite(obs[i])" if contract["history"] == 1 else "isinf(obs[i])"  # NaN: before the episode
    refused = " || ".join([refused, *(f"obs[i] == {code}" for code in codes)])
    act = ACT.format(buffers=buffers, body=body, refused=refused, result=written.place(program.result))
    helpers = [text for name, text in HELPERS.items() if f"{name}(" in act]
    system = ["math.h", *(["stdint.h", "string.h"] if "round16(" in act else [])]
    includes = "\n".join(['#include "policy.h"', "", *(f"#include <{name}>" for name in system)])
    known = [written.constant(name) for name in program.constants if re.search(rf"\b{name}\b", act)]
    title = f"{contract['title']} policy".replace("*/", "")
    header = HEADER.format(
        title=title,
        version=contract["versions"]["pars"],
        inputs=program.inputs,
        outputs=len(contract["outputs"]),
        missing=", ".join(["NaN", "infinite", *codes]),
        stack=4 * sum(written.buffers),
    )
    return {"policy.h": header, "policy.c": "\n\n".join([includes, _facts(contract), *known, *helpers]) + "\n" + act}


def _facts(contract: Mapping[str, Any]) -> str:
    inputs, outputs = contract["inputs"], contract["outputs"]
    least, most = ([one["low"] for one in inputs], [one["high"] for one in inputs])
    return "\n".join(
        [
            _names("policy_input_names[POLICY_INPUTS]", [one["name"] for one in inputs]),
            _names("policy_output_names[POLICY_OUTPUTS]", [one["name"] for one in outputs]),
            _array("const float policy_input_low[POLICY_INPUTS]", [-np.inf if x is None else x for x in least]),
            _array("const float policy_input_high[POLICY_INPUTS]", [np.inf if x is None else x for x in most]),
            _array("const float policy_output_low[POLICY_OUTPUTS]", [one["low"] for one in outputs]),
            _array("const float policy_output_high[POLICY_OUTPUTS]", [one["high"] for one in outputs]),
            _array("const float policy_fallback[POLICY_OUTPUTS]", contract["fallback"]),
        ]
    )


class _Written:
    """Where values stand: a value that nobody reads any more leaves its buffer to another."""

    def __init__(self, program: Program) -> None:
        self.program, self.sizes = program, program.sizes
        self.buffers: list[int] = []  # how many numbers each holds
        self._places: dict[str, str] = {}
        last = {name: i for i, op in enumerate(program.ops) for name in op.args} | {program.result: len(program.ops)}
        free: list[int] = []
        for i, op in enumerate(program.ops):
            if not free:
                free.append(len(self.buffers))
                self.buffers.append(0)
            own = free.pop()
            self.buffers[own] = max(self.buffers[own], op.size)
            self._places[op.out] = f"b{own}"
            free += {int(self._places[name][1:]) for name in op.args if name in self._places and last[name] == i}

    def place(self, name: str) -> str:
        return self._places.get(name, name)

    def lines(self, op: Op) -> list[str]:
        out, args = self.place(op.out), [self.place(name) for name in op.args]
        loop = f"for (int i = 0; i < {op.size}; i++)"
        if op.kind in EACH:
            numbers = [f"{x}[{'i' if self.sizes[name] > 1 else '0'}]" for x, name in zip(args, op.args)]
            return [loop, f"    {out}[i] = {EACH[op.kind].format(**dict(zip('abc', numbers)))};"]
        if op.kind == "take":
            return [loop, f"    {out}[i] = {args[0]}[{_at(self.program.constants[op.args[1]], args[1])}];"]
        if op.kind == "join":
            starts = np.cumsum([0, *(self.sizes[name] for name in op.args)])
            parts = zip(args, op.args, starts)
            copies = [
                (f"for (int i = 0; i < {self.sizes[n]}; i++)", f"    {out}[{s} + i] = {x}[i];") for x, n, s in parts
            ]
            return [line for copy in copies for line in copy]
        if op.kind == "dense":
            inner, outer = self.program.constants[op.args[1]].shape
            return [f"dense({args[0]}, {args[1]}, {out}, {self.sizes[op.args[0]] // inner}, {inner}, {outer});"]
        each = self.sizes[op.args[0]] // op.size
        step = {"sum": "{0} + {1}", "max": "larger({0}, {1})", "min": "smaller({0}, {1})"}[op.kind]
        more = step.format(f"{out}[i]", f"{args[0]}[i * {each} + k]")
        start = f"    {out}[i] = {args[0]}[i * {each}];"
        return [f"{loop} {{", start, f"    for (int k = 1; k < {each}; k++)", f"        {out}[i] = {more};", "}"]

    def constant(self, name: str) -> str:
        value = self.program.constants[name]
        kind = "int" if value.dtype == np.int32 else "float"
        return _array(f"static const {kind} {name}[{value.size}]", value.ravel().tolist(), kind)


def _at(index: np.ndarray, name: str) -> str:
    """Index i of a table, without the table where its numbers follow one another."""
    steps = np.diff(index)
    if not steps.any():
        return str(index[0])
    if (steps == 1).all():
        return f"{index[0]} + i" if index[0] else "i"
    return f"{name}[i]"


def _array(declared: str, values: Sequence[Any], kind: str = "float") -> str:
    texts = [str(x) if kind == "int" else _number(x) for x in values]
    lines = [", ".join(texts[i : i + 8]) for i in range(0, len(texts), 8)]
    return f"{declared} = {{\n    " + ",\n    ".join(lines) + "};"


def _number(x: float) -> str:
    """Nine digits give a float32 back."""
    if not np.isfinite(x):
        return "INFINITY" if x > 0 else "-INFINITY"
    text = f"{np.float32(x):.9g}"
    return f"{text}f" if re.search("[.e]", text) else f"{text}.0f"


def _names(declared: str, names: Sequence[str]) -> str:
    texts = ",\n    ".join(f'"{_escaped(name)}"' for name in names)
    return f"const char *const {declared} = {{\n    {texts}}};"


def _escaped(name: str) -> str:
    """UTF-8 as octal escapes, and no trigraph."""
    return "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in name.encode())
