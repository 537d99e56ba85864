"""The ops and tensors of any file as a list to look at: also of files that do not fit into the deploy graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from sr2tflite.graph.memory_peak import BITS_OF, Peak, Step, peak
from sr2tflite.graph.model import Graph, Shape, Tensor
from sr2tflite.graph.ops import Opaque
from sr2tflite.numerics.qparams import QuantParams

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
"""Ops that multiply by a weight, which is their second input."""


@dataclass(frozen=True)
class ListedTensor:
    """A tensor of a file."""

    name: str
    shape: Shape
    """As the file has it: NHWC in TFLite, NCHW in ONNX files of other tools; None where a size is free."""

    dtype: str
    is_constant: bool
    size_bytes: int | None
    """None where a size is free, or the type has no size."""

    quant: QuantParams | None = None


@dataclass(frozen=True)
class ListedOp:
    """An op of a file."""

    index: int
    """In execution order, from 0."""

    kind: str
    """TFLite's name, or ONNX's in files of other tools."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None
    """Of the op, in a ``.tflite``."""

    is_foreign: bool = False
    """Whether the deploy graph has no such op."""


@dataclass(frozen=True)
class Listing:
    """All of a file."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, ListedTensor]
    ops: tuple[ListedOp, ...]

    @property
    def foreign(self) -> tuple[ListedOp, ...]:
        """The ops that the deploy graph does not have."""
        return tuple(op for op in self.ops if op.is_foreign)

    @property
    def parameters(self) -> int:
        """Values in constants."""
        return sum(prod(size or 0 for size in one.shape) for one in self.tensors.values() if one.is_constant)

    @property
    def constant_bytes(self) -> int:
        """Bytes of the constants."""
        return sum(one.size_bytes or 0 for one in self.tensors.values() if one.is_constant)

    def macs(self, op: ListedOp) -> int | None:
        """Multiplications of an op with a weight, each with its addition; 0 for ops without one.

        ``MACs = values of the weight · positions``: pixels of the output, or of the input of TRANSPOSE_CONV.

        Returns:
            None where a size is free.
        """
        if op.kind not in _WEIGHTED or len(op.inputs) < 2 or not op.outputs:
            return 0
        weight, place = self.tensors[op.inputs[1]], self.tensors[op.outputs[0]]
        if op.kind == "TRANSPOSE_CONV":
            place = next((self.tensors[name] for name in op.inputs if not self.tensors[name].is_constant), place)
        sizes = (*weight.shape, *place.shape[:-1])
        return None if None in sizes else prod(size or 0 for size in sizes)

    def memory_peak(self) -> Peak[str] | None:
        """The peak of activation memory (see ``memory_peak``); None where a tensor's size is unknown."""
        flowing = [one for one in self.tensors.values() if not one.is_constant]
        if any(one.size_bytes is None for one in flowing):
            return None
        sizes = {one.name: one.size_bytes or 0 for one in flowing}
        steps = [Step(op.inputs, op.outputs) for op in self.ops]
        return peak(steps, self.inputs, self.outputs, lambda name: sizes.get(name, 0))


def of_graph(graph: Graph) -> Listing:
    """The list of a deploy graph."""
    return Listing(
        graph.inputs,
        graph.outputs,
        {name: _listed(tensor) for name, tensor in graph.tensors.items()},
        tuple(
            ListedOp(
                index,
                getattr(node.op, "name", node.op.kind),
                node.inputs,
                node.outputs,
                vars(node.op),
                is_foreign=isinstance(node.op, Opaque),
            )
            for index, node in enumerate(graph.nodes)
        ),
    )


def _listed(tensor: Tensor) -> ListedTensor:
    size = tensor_bytes(tensor.shape, BITS_OF[tensor.dtype])
    return ListedTensor(tensor.name, tensor.shape, tensor.dtype, tensor.is_constant, size, tensor.quant)


def tensor_bytes(shape: Shape, bits: int) -> int | None:
    """The bytes of a tensor; None where a size is free or a value has no size.

    Args:
        shape: Of the tensor.
        bits: Of a value; 0 where it has none.
    """
    return None if None in shape or not bits else -(-bits * prod(size or 0 for size in shape) // 8)
