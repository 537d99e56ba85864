"""Graphs with a fault put in, to be found again in their files."""

from dataclasses import replace
from typing import Any

import numpy as np

from sr2tflite.graph import Graph, Node, Tensor, ops
from sr2tflite.numerics.qparams import QuantParams


def next_float(value: float) -> float:
    return float(np.nextafter(np.float32(value), np.float32(np.inf)))


def with_scale(graph: Graph, name: str, scale: float, zero_point: int | None = None) -> Graph:
    quant, graph = graph.tensors[name].quant, graph.copy()
    zero = quant.zero_point[0] if zero_point is None else zero_point
    graph.update(name, quant=QuantParams((scale,), (zero,)))
    return graph


def with_code(graph: Graph, name: str, place: tuple[int, ...], code: int) -> Graph:
    graph, data = graph.copy(), graph.tensors[name].data.copy()
    data[place] = code
    graph.update(name, data=data)
    return graph


def swapped(graph: Graph, one: str, other: str) -> Graph:
    graph, data = graph.copy(), [graph.tensors[name].data for name in (one, other)]
    graph.update(one, data=data[1])
    graph.update(other, data=data[0])
    return graph


def renamed(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name == old else name for name in names)


def with_island(graph: Graph) -> Graph:
    """``body.0`` is dequantized, clipped in float32 and quantized again."""
    graph = graph.copy()
    index = next(i for i, node in enumerate(graph.nodes) if node.output == "body.0")
    inner = graph.tensors["body.0"]
    for name in ("real", "clipped"):
        graph.add_tensor(Tensor(name, inner.shape))
    graph.add_tensor(replace(inner, name="again"))
    chain = (
        (ops.Dequantize(), "body.0", "real"),
        (ops.Relu(), "real", "clipped"),
        (ops.Quantize(), "clipped", "again"),
    )
    rest = [
        replace(n, inputs=tuple("again" if x == "body.0" else x for x in n.inputs)) for n in graph.nodes[index + 1 :]
    ]
    graph.nodes[index + 1 :] = [Node(op, (x,), (y,)) for op, x, y in chain] + rest
    return graph


def changed_op(graph: Graph, output: str, **attributes: Any) -> Graph:
    graph = graph.copy()
    graph.nodes = [
        replace(node, op=replace(node.op, **attributes)) if node.output == output else node for node in graph.nodes
    ]
    return graph


def rewired(graph: Graph) -> Graph:
    """The skip's ADD reads the stem where it should read the body."""
    graph = graph.copy()
    graph.nodes = [replace(n, inputs=("stem", "stem")) if n.output == "trunk" else n for n in graph.nodes]
    return graph
