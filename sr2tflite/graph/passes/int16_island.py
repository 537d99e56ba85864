"""Activations of 16 bits in a graph of 8: the convolutions and sums that write or read them compute in 16 bits."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from math import frexp

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor
from sr2tflite.numerics.builtin import SUM_BITS, shifts_alone
from sr2tflite.numerics.fixed_point import WIDE_LIMITS
from sr2tflite.numerics.qparams import LIMITS, QuantParams, bias_params

LIFT = 2**7
"""Steps of a lifted int16 tensor in one of int8: centered codes, −255…255, times this stay within 16 bits."""

LIFTED, SUMMAND, UNROUNDED, ROUNDED, WIDE = ".lifted", ".summand", ".unrounded", ".rounded", ".wide"
"""What is put after the names of int8 tensors lifted to int16 for a convolution, or for a sum; of int16 results before
they become int8 tensors; of int16 activations rounded to int8 for what else reads them; and of biases."""

_WINDOWS = (ops.Conv2D, ops.DepthwiseConv2D)
_LARGEST_BIAS = LIMITS["int32"][1]
_WHY_NOT = {
    "CONCATENATION": "int16 codes are joined as they are, whatever their scales",
    "DEPTH_TO_SPACE": "it has no int16 kernel",
    "PRELU": "it has no int16 kernel",
}


def declined(graph: Graph, name: str, *, sums_alone: bool = False) -> str | None:
    """Why an activation cannot be an island; None where it can.

    A convolution, or an ADD of two activations, must write it and one read it. Whatever else reads it gets it rounded
    to int8.

    Args:
        graph: A quantized graph of int8 activations.
        name: Of the activation.
        sums_alone: Whether an ADD must read it.
    """
    writer, readers = graph.producer(name), graph.consumers(name)
    if writer is None or name in graph.outputs:
        return "holds pixels: int16 adds nothing to them"
    if not _has_wide_kernel(graph, writer):
        kind = getattr(writer.op, "name", writer.op.kind)
        return f"is written by {kind}: {_WHY_NOT.get(kind, 'int16 is of convolutions and of sums of two activations')}"
    if not any(_is_wide(graph, reader, [name], sums_alone) for reader in readers):
        kinds = sorted({str(getattr(reader.op, "name", reader.op.kind)) for reader in readers})
        wanted = "a sum" if sums_alone else "a convolution or a sum"
        return f"is read by {', '.join(kinds) or 'nothing'} alone; expected {wanted}"
    return next(filter(None, (_window_fault(graph, node) for node in (writer, *readers))), None)


def _has_wide_kernel(graph: Graph, node: Node) -> bool:
    if isinstance(node.op, ops.Add):
        return len(graph.activations(node)) == 2
    return isinstance(node.op, _WINDOWS)


def _window_fault(graph: Graph, node: Node) -> str | None:
    """What LiteRT would compute wrongly, or what is not int8."""
    if not isinstance(node.op, _WINDOWS):
        return None
    x, weight, bias = (graph.tensors[name] for name in node.inputs)
    if isinstance(node.op, ops.DepthwiseConv2D) and weight.dtype != "int8":
        return f"{node.output} has {weight.dtype} weights, which DEPTHWISE_CONV_2D of int16 reads as int8"
    if (x.dtype, bias.dtype) != ("int8", "int32"):
        return f"{node.output} reads {x.dtype} with {bias.dtype} biases; expected int8 and int32"
    return None


def enclosed(graph: Graph, names: Collection[str], *, sums_alone: bool = False) -> list[str]:
    """The activations between islands: all that writes and reads them is wide anyway, so they may be int16 too."""
    return [
        node.output
        for node in graph.nodes
        if node.output not in names
        and declined(graph, node.output, sums_alone=sums_alone) is None
        and all(_is_wide(graph, reader, names, sums_alone) for reader in (node, *graph.consumers(node.output)))
    ]


def int16_islands(graph: Graph, scales: Mapping[str, float], *, sums_alone: bool = False) -> Graph:
    """The same quantized graph with some activations in int16, zero point 0.

    The convolutions that write or read one keep their weights, codes and scales, and compute int16×8 with biases of
    scale ``s_x·s_w``: int32 where sums fit, for LiteRT's fast kernel knows no other, else int64. An int8 tensor that
    such a convolution reads is lifted by QUANTIZE to ``s/2⁷``, which is exact: ``(q − z)·2⁷`` fits, and s has 16
    significant bits. One that it writes is written on that grid and rounded by QUANTIZE: it saturates as it did.
    Neighbors that are both islands need no QUANTIZE between them.

    A sum that writes or reads one is an int16 ADD. Its kernel rounds an input of smaller scale otherwise in the last
    values of an image, so that tiles would not equal the whole; not where the scales' ratio is a power of two. int8
    summands are therefore lifted to the next power of two from ``s/2⁷``, at most half such a step away.

    Args:
        graph: A quantized graph of int8 activations.
        scales: Of each activation that becomes int16; powers of two where a sum reads it.
        sums_alone: Whether convolutions that read an island, and do not write one, read it rounded and stay int8.

    Raises:
        UnsupportedError: An activation cannot be one, or a bias or a ratio of scales is outside what the kernels, or
            our ONNX files, hold; the message names it.
    """
    for name in scales:
        if (reason := declined(graph, name, sums_alone=sums_alone)) is not None:
            raise UnsupportedError(reason, where=name, hint="leave it int8")
    return _Widening(graph, scales, sums_alone).result()


def _is_wide(graph: Graph, node: Node, names: Collection[str], sums_alone: bool) -> bool:
    """Whether a node computes in 16 bits where some activations are int16."""
    if not _has_wide_kernel(graph, node):
        return False
    reads = any(name in names for name in node.inputs)
    return node.output in names or (reads and (isinstance(node.op, ops.Add) or not sums_alone))


class _Widening:
    """Walks the nodes in order and puts in a QUANTIZE wherever the width changes."""

    def __init__(self, graph: Graph, scales: Mapping[str, float], sums_alone: bool) -> None:
        self._before, self._scales, self._sums_alone = graph, scales, sums_alone
        self._graph = replace(graph.copy(), nodes=[])

    def result(self) -> Graph:
        for name, scale in self._scales.items():
            self._graph.update(name, dtype="int16", quant=QuantParams((scale,), (0,)))
        for node in self._before.nodes:
            self._graph.nodes.extend(list(self._rewritten(node)))
        self._graph.drop_unused()
        return self._graph

    def _is_wide(self, node: Node) -> bool:
        return _is_wide(self._before, node, self._scales, self._sums_alone)

    def _rewritten(self, node: Node) -> Iterator[Node]:
        if not self._is_wide(node):
            inputs = (f"{name}{ROUNDED}" if name in self._scales else name for name in node.inputs)
            yield replace(node, inputs=tuple(inputs))
            return
        output = node.output
        if output not in self._scales:
            output = self._int16_of(output, UNROUNDED, _scale(self._before.tensors[output]) / LIFT)
        yield from self._summed(node, output) if isinstance(node.op, ops.Add) else self._convolved(node, output)
        yield from self._as_int8(node, output)

    def _convolved(self, node: Node, output: str) -> Iterator[Node]:
        source, weight, bias = node.inputs
        if source not in self._scales:
            yield from self._lifted(source, LIFTED, _scale(self._before.tensors[source]) / LIFT)
            source = f"{source}{LIFTED}"
        yield Node(node.op, (source, weight, self._bias(node, source, bias, output)), (output,))

    def _summed(self, node: Node, output: str) -> Iterator[Node]:
        for name in (name for name in node.inputs if name not in self._scales):
            yield from self._lifted(name, SUMMAND, power_of_two_from(_scale(self._before.tensors[name]) / LIFT))
        inputs = tuple(name if name in self._scales else f"{name}{SUMMAND}" for name in node.inputs)
        _refuse_ratios(node, *(self._graph.tensors[name] for name in (*inputs, output)))
        yield Node(node.op, inputs, (output,))

    def _as_int8(self, node: Node, output: str) -> Iterator[Node]:
        """What makes int8 of a wide result, where anything reads it so."""
        name = node.output
        if output != name:
            yield Node(ops.Quantize(), (output,), (name,))
        elif any(not self._is_wide(reader) for reader in self._before.consumers(name)):
            rounded = replace(self._before.tensors[name], name=f"{name}{ROUNDED}")
            yield Node(ops.Quantize(), (name,), (self._graph.add_tensor(rounded).name,))

    def _lifted(self, name: str, ending: str, scale: float) -> Iterator[Node]:
        if f"{name}{ending}" not in self._graph.tensors:
            yield Node(ops.Quantize(), (name,), (self._int16_of(name, ending, scale),))

    def _int16_of(self, name: str, ending: str, scale: float) -> str:
        shape = self._before.tensors[name].shape
        return self._graph.add_tensor(Tensor(f"{name}{ending}", shape, "int16", QuantParams((scale,), (0,)))).name

    def _bias(self, node: Node, source: str, name: str, output: str) -> str:
        """The same real values in steps of ``s_x·s_w``: ``round_half_even(q·s / s')`` in float64."""
        bias, weight = self._before.tensors[name], self._before.tensors[node.inputs[1]].quant
        assert bias.data is not None
        assert bias.quant is not None
        assert weight is not None
        params = bias_params(_scale(self._graph.tensors[source]), weight)
        _refuse_multipliers(node, params, self._graph.tensors[output])
        codes = np.rint(bias.data.astype(np.float64) * (np.asarray(bias.quant.scale) / np.asarray(params.scale)))
        if np.abs(codes).max() > _LARGEST_BIAS:
            raise UnsupportedError(
                f"int16×8 takes a bias of {np.abs(codes).max():.3g} steps; expected at most {_LARGEST_BIAS}",
                where=node.output,
                hint="leave what it reads int8",
            )
        dtype = np.int32 if _fits_32_bits(self._before, node, codes) else np.int64
        return self._graph.constant(f"{name}{WIDE}", codes.astype(dtype), params)


def _fits_32_bits(graph: Graph, node: Node, bias: NDArray[np.float64]) -> bool:
    """Whether a kernel takes int32 biases, alike in all families, and no sum of a convolution of int16 leaves int32."""
    x, weight = (graph.tensors[name] for name in node.inputs[:2])
    assert weight.data is not None
    if not isinstance(node.op, ops.Conv2D) or weight.channels != x.channels:
        return False
    sums = -LIMITS["int16"][0] * np.abs(weight.data.astype(np.int64)).sum((1, 2, 3)) + np.abs(bias)
    return bool(sums.max() <= LIMITS["int32"][1])


def power_of_two_from(scale: float) -> float:
    """The smallest power of two that is not smaller."""
    fraction, exponent = frexp(scale)
    return 2.0 ** (exponent - 1 if fraction == 0.5 else exponent)


def _scale(tensor: Tensor) -> float:
    assert tensor.quant is not None
    return tensor.quant.scale[0]


def _refuse_multipliers(node: Node, biases: QuantParams, output: Tensor) -> None:
    largest = max(biases.scale) / _scale(output)
    if not largest < WIDE_LIMITS[1]:
        raise UnsupportedError(
            f"int16×8 multiplies sums by {largest:.3g}; expected under {WIDE_LIMITS[1]:.0f}",
            where=node.output,
            hint="leave it int8",
        )


def _refuse_ratios(node: Node, *tensors: Tensor) -> None:
    """Of an int16 ADD: two summands and the sum."""
    a, b, out = map(_scale, tensors)
    if not shifts_alone(a, b) or not max(a, b) / out < 2.0 ** (SUM_BITS["int16"] - 1):
        raise UnsupportedError(
            f"int16 ADD has input/output scale ratios {a / out:.3g} and {b / out:.3g}; "
            "expected under 2^14, and inputs a power of two apart",
            where=node.output,
            hint="leave it int8",
        )
