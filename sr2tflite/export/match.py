"""The proof of a file that another writer made: same network, other names and order.

The file is read back and walked from its output to its input beside the graph it should hold, so that every op, scale,
weight and bias of the graph meets its own in the file.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import VerificationError
from sr2tflite.export.kinds import Kind
from sr2tflite.export.proof import Proof, counted
from sr2tflite.graph import Graph, Node, Op, Tensor, ops, tflite
from sr2tflite.numerics.qparams import QuantParams, dequantize

_WEIGHTS = {"float16": "equal to their float16 rounding", "dynamic-range": "within half an int8 step"}
_HINT = "take --backend direct, which writes the graph as it is"


def prove_match(data: bytes, graph: Graph, kind: Kind) -> Proof:
    """Read a ``.tflite`` of another writer back and compare it with the graph it should hold.

    Args:
        data: The file's bytes.
        graph: The graph as it was to be written: sized, with the file's own ends.
        kind: Of the file. float16: weights are those of the graph rounded to float16. dynamic-range: they are within
            half a step of the graph's.

    Raises:
        VerificationError: Something differs; the first node of the graph that does is named.
        InputError: The bytes cannot be read.
        UnsupportedError: A tensor is of a type outside the deploy graph.
    """
    back = tflite.read(data, graph.name)
    walk = Walk(back, graph)
    pairs = walk.pairs
    for node in graph.nodes:
        if node.output in pairs:
            _compare(graph, node, back, pairs[node.output], kind)
            _compare_wiring(graph, node, pairs[node.output], walk.places)
    if len(back.nodes) != len(graph.nodes) or len(pairs) != len(graph.nodes):
        _fail(f"the file's ops are {back.summary()}; expected {graph.summary()}", graph.name)
    for name, other in zip(graph.inputs + graph.outputs, back.inputs + back.outputs, strict=True):
        if difference := _activation_fault(back.tensors[other], graph.tensors[name]):
            _fail(difference, name)
    if back.input.shape != graph.input.shape:
        _fail(f"has shape {back.input.shape} in the file; expected {graph.input.shape}", graph.input.name)
    return replace(counted(back), weights_are=_WEIGHTS.get(kind, "equal"))


def _fail(difference: str, where: str) -> None:
    raise VerificationError(difference, where=where, hint=_HINT)


class Walk:
    """Pairs every node and activation of the graph with the file's that stands in its place, from the output up."""

    def __init__(self, back: Graph, graph: Graph) -> None:
        self._back, self._graph = back, graph
        self.pairs: dict[str, Node | None] = {}
        """Output of a node of the graph → the file's node; None where the file has none there."""

        self.places: dict[str, str] = dict(zip(graph.inputs, back.inputs, strict=True))
        """Activation of the graph → the file's, by the first way that leads there."""

        pending = list(zip(graph.outputs, back.outputs, strict=True))
        while pending:
            wanted, found = pending.pop()
            if wanted not in self.places:
                self.places[wanted] = found
                pending.extend(self._step(wanted, found))

    def _step(self, wanted: str, found: str) -> Iterator[tuple[str, str]]:
        node, other = self._graph.producer(wanted), self._back.producer(found)
        if node is None:
            return iter(())
        self.pairs[wanted] = other
        if other is None or node.op.kind != other.op.kind:
            return iter(())
        return zip(node.inputs, other.inputs, strict=False)


def _compare(graph: Graph, node: Node, back: Graph, other: Node | None, kind: Kind) -> None:
    place = f"{node.op.kind} {node.output}"
    if other is None or canonical(node.op, graph, node) != canonical(other.op, back, other):
        _fail(f"is {other.op if other else 'an input'} in the file; expected {node.op}", place)
        return
    if len(node.inputs) != len(other.inputs):
        _fail(f"reads {len(other.inputs)} tensors in the file; expected {len(node.inputs)}", place)
    for name, found in zip((*node.inputs, node.output), (*other.inputs, other.output), strict=True):
        wanted, tensor = graph.tensors[name], back.tensors[found]
        difference = _constant_fault(tensor, wanted, kind) if wanted.is_constant else _activation_fault(tensor, wanted)
        if difference:
            _fail(f"{name} {difference}", place)


def _compare_wiring(graph: Graph, node: Node, other: Node | None, places: dict[str, str]) -> None:
    """Every input is the file's tensor that stands in its place, whichever way led there."""
    found = other.inputs if other else ()
    for name, tensor in zip(node.inputs, found, strict=True):
        if not graph.tensors[name].is_constant and places[name] != tensor:
            _fail(f"reads {tensor} in the file where it should read {name}", f"{node.op.kind} {node.output}")


def canonical(op: Op, graph: Graph, node: Node) -> Op:
    """Without what makes no difference: padding of a 1×1 kernel at stride 1."""
    if isinstance(op, ops.Conv2D | ops.DepthwiseConv2D):
        is_point = graph.tensors[node.inputs[1]].shape[1:3] == (1, 1) and op.stride == (1, 1)
        return replace(op, padding="VALID", dilation=(1, 1)) if is_point else op
    return op


def _activation_fault(found: Tensor, wanted: Tensor) -> str | None:
    if (found.dtype, found.quant) != (wanted.dtype, wanted.quant):
        return f"is {found.dtype} with {found.quant} in the file; expected {wanted.dtype} with {wanted.quant}"
    fits = len(found.shape) == len(wanted.shape) and all(
        a is None or b is None or a == b for a, b in zip(found.shape, wanted.shape, strict=True)
    )
    return None if fits else f"has shape {found.shape} in the file; expected {wanted.shape}"


def _constant_fault(found: Tensor, wanted: Tensor, kind: Kind) -> str | None:
    if found.data is None or wanted.data is None:
        return "is no constant in the file"
    if not np.array_equal(core_shape(found.data.shape), core_shape(wanted.data.shape)):
        return f"has shape {found.shape} in the file; expected {wanted.shape}"
    values = found.data.reshape(wanted.data.shape)
    if (found.dtype, plain(found.quant)) == (wanted.dtype, plain(wanted.quant)):
        return _value_fault(values, wanted.data, kind)
    if kind == "dynamic-range" and found.dtype == "int8" and found.quant is not None:
        step = np.abs(found.quant.broadcast(found.data.ndim)[0])
        # half a step of rounding, and float32's own
        far = np.abs(dequantize(found.data, found.quant) - wanted.data) > step * (0.5 + 2.0**-16)
        return f"{int(far.sum())} of {far.size} weights are off by more than half a step" if far.any() else None
    return f"is {found.dtype} with {found.quant} in the file; expected {wanted.dtype} with {wanted.quant}"


def _value_fault(found: NDArray[Any], wanted: NDArray[Any], kind: Kind) -> str | None:
    expected = wanted.astype(np.float16).astype(np.float32) if kind == "float16" else wanted
    differs = found != expected
    return f"{int(differs.sum())} of {wanted.size} values differ from the graph's" if differs.any() else None


def core_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without leading axes of size 1, which broadcast."""
    sizes = list(shape)
    while sizes and sizes[0] == 1:
        del sizes[0]
    return tuple(sizes)


def plain(quant: QuantParams | None) -> QuantParams | None:
    """One scale along an axis is one scale."""
    return quant if quant is None or len(quant.scale) > 1 else replace(quant, axis=None)
