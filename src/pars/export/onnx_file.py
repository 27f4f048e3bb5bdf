"""A Program as an ONNX model: input "obs" [N, inputs], output "action" [N, outputs], float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pars.export.program import INPUT, Op, Program

OPSET, IR = 17, 8  # of 2022: old enough for what runs in plants, and all that is needed is in it
OUTPUT = "action"

NAMES = {  # of operations that ONNX has too
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "maximum": "Max",
    "minimum": "Min",
    "power": "Pow",
    "negative": "Neg",
    "abs": "Abs",
    "sign": "Sign",
    "floor": "Floor",
    "exp": "Exp",
    "log": "Log",
    "tanh": "Tanh",
    "sqrt": "Sqrt",
    "sin": "Sin",
    "cos": "Cos",
    "greater": "Greater",
    "less": "Less",
    "greater_equal": "GreaterOrEqual",
    "less_equal": "LessOrEqual",
    "equal": "Equal",
    "logical_and": "And",
    "logical_or": "Or",
    "logical_not": "Not",
}


def to_onnx(program: Program, facts: dict[str, str]) -> bytes:
    """The model's file. facts: what it says of itself."""
    graph = _Graph(program)
    for op in program.ops:
        graph.add(op)
    graph.node("Identity", [program.result], OUTPUT)
    outputs = program.sizes[program.result]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "policy",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", program.inputs])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", outputs])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="pars",
    )
    helper.set_model_props(model, facts)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


TRUTHS = {  # what gives true or false
    *("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"),
    *("logical_and", "logical_or", "logical_not"),
}


class _Graph:
    def __init__(self, program: Program) -> None:
        self.program, self.nodes = program, list[Any]()
        self.constants = [numpy_helper.from_array(value, name) for name, value in program.constants.items()]
        self.truths = {name for name, value in program.constants.items() if value.dtype == bool}

    def node(self, kind: str, args: Sequence[str], out: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(args), [out], **attributes))
        return out

    def known(self, name: str, value: Any, dtype: Any = np.int64) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def shaped(self, name: str, shape: Sequence[int], out: str) -> str:
        return self.node("Reshape", [name, self.known(f"{out}_shape", shape)], out)

    def add(self, op: Op) -> None:
        OTHERS[op.kind](self, op) if op.kind in OTHERS else self.node(NAMES[op.kind], op.args, op.out)
        values = op.args[1:] if op.kind == "where" else op.args[:1]
        if op.kind in TRUTHS or (op.kind in ("take", "join", "where") and self.truths & {*values}):
            self.truths.add(op.out)


def _where(graph: _Graph, op: Op) -> None:
    """ONNX Runtime has no choice between truths."""
    which, yes, no = op.args
    if yes not in graph.truths:
        graph.node("Where", op.args, op.out)
        return
    otherwise = graph.node("And", [graph.node("Not", [which], f"{op.out}_not"), no], f"{op.out}_no")
    graph.node("Or", [graph.node("And", [which, yes], f"{op.out}_yes"), otherwise], op.out)


def _dense(graph: _Graph, op: Op) -> None:
    x, matrix = op.args
    inner = graph.program.constants[matrix].shape[0]
    if graph.program.sizes[x] == inner:
        graph.node("MatMul", op.args, op.out)
        return
    rows = graph.shaped(x, (-1, inner), f"{op.out}_rows")
    graph.shaped(graph.node("MatMul", [rows, matrix], f"{op.out}_product"), (-1, op.size), op.out)


def _reduced(kind: str) -> Callable[[_Graph, Op], None]:
    def add(graph: _Graph, op: Op) -> None:
        groups = graph.shaped(op.args[0], (-1, op.size, graph.program.sizes[op.args[0]] // op.size), f"{op.out}_groups")
        if kind == "ReduceSum":
            graph.node(kind, [groups, graph.known(f"{op.out}_axes", [2])], op.out, keepdims=0)
        else:
            graph.node(kind, [groups], op.out, axes=[2], keepdims=0)

    return add


def _round16(graph: _Graph, op: Op) -> None:
    short = graph.node("Cast", op.args, f"{op.out}_short", to=TensorProto.BFLOAT16)
    graph.node("Cast", [short], op.out, to=TensorProto.FLOAT)


def _erfc(graph: _Graph, op: Op) -> None:
    within = graph.node("Erf", op.args, f"{op.out}_within")
    graph.node("Sub", [graph.known(f"{op.out}_one", [1.0], np.float32), within], op.out)


def _log1p(graph: _Graph, op: Op) -> None:
    more = graph.node("Add", [op.args[0], graph.known(f"{op.out}_one", [1.0], np.float32)], f"{op.out}_more")
    graph.node("Log", [more], op.out)


def _trunc(graph: _Graph, op: Op) -> None:
    down = graph.node("Floor", [graph.node("Abs", op.args, f"{op.out}_length")], f"{op.out}_down")
    graph.node("Mul", [down, graph.node("Sign", op.args, f"{op.out}_sign")], op.out)


OTHERS: dict[str, Callable[[_Graph, Op], Any]] = {
    "take": lambda graph, op: graph.node("Gather", op.args, op.out, axis=1),
    "join": lambda graph, op: graph.node("Concat", op.args, op.out, axis=1),
    "not_equal": lambda graph, op: graph.node("Not", [graph.node("Equal", op.args, f"{op.out}_same")], op.out),
    "where": _where,
    "dense": _dense,
    "sum": _reduced("ReduceSum"),
    "max": _reduced("ReduceMax"),
    "min": _reduced("ReduceMin"),
    "round16": _round16,
    "log1p": _log1p,
    "erf": lambda graph, op: graph.node("Erf", op.args, op.out),
    "erfc": _erfc,
    "fmod": lambda graph, op: graph.node("Mod", op.args, op.out, fmod=1),
    "trunc": _trunc,
}
