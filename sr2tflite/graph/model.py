"""Tensors, nodes and the graph they make."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph.ops import Op, ResizeBilinear, TransposeConv
from sr2tflite.numerics.qparams import QuantParams

DType = Literal["float32", "int4", "int8", "uint8", "int16", "int32", "int64"]
"""int4 is of weights alone; their codes are kept one to an int8."""

Shape = tuple[int | None, ...]
"""Sizes; None where a height or width is free."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value in the graph: an activation NHWC, or a constant.

    Two tensors are equal when every field is, constants byte for byte.
    """

    name: str
    """Unique in the graph; the user's own name where there is one."""

    shape: Shape
    dtype: DType = "float32"
    quant: QuantParams | None = None
    data: NDArray[Any] | None = None
    """The constant's values, or None for an activation."""

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def storage(self) -> str:
        """The NumPy type that holds its codes."""
        return "int8" if self.dtype == "int4" else self.dtype

    @property
    def channels(self) -> int:
        """Size of the last axis, which is never free."""
        size = self.shape[-1]
        assert size is not None
        return size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tensor):
            return NotImplemented
        if (self.name, self.shape, self.dtype, self.quant) != (other.name, other.shape, other.dtype, other.quant):
            return False
        if self.data is None or other.data is None:
            return self.data is other.data
        return self.data.dtype == other.data.dtype and self.data.tobytes() == other.data.tobytes()

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Node:
    """One op with the names of the tensors it reads and writes."""

    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def output(self) -> str:
        """The only output.

        Raises:
            UnsupportedError: There are several.
        """
        if len(self.outputs) != 1:
            kind = getattr(self.op, "name", self.op.kind)
            raise UnsupportedError(
                f"op {kind} writes {len(self.outputs)} tensors; expected 1", where=", ".join(self.outputs)
            )
        return self.outputs[0]


@dataclass
class Graph:
    """Tensors and nodes in execution order; the only mutable thing here.

    ``value_range`` says what black and white are: (0, 1) or (0, 255).
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    name: str = "model"
    value_range: tuple[float, float] = (0.0, 255.0)
    metadata: dict[str, str] = field(default_factory=dict)
    """Free text that the files carry along: student, source hash, tool version."""

    @property
    def input(self) -> Tensor:
        """The only input tensor.

        Raises:
            UnsupportedError: There are several, or none.
        """
        return self.tensors[_only(self.inputs, "input", self.name)]

    @property
    def output(self) -> Tensor:
        """The only output tensor.

        Raises:
            UnsupportedError: There are several, or none.
        """
        return self.tensors[_only(self.outputs, "output", self.name)]

    @property
    def is_quantized(self) -> bool:
        """Whether any activation carries quantization parameters."""
        return any(tensor.quant is not None and not tensor.is_constant for tensor in self.tensors.values())

    @property
    def scale_factor(self) -> int:
        """How many times larger the output is than the input, from the ops that enlarge and those with a stride."""
        times = dict.fromkeys(self.inputs, Fraction(1))
        for node in self.nodes:
            source = next((times[name] for name in node.inputs if name in times), Fraction(1))
            times.update(dict.fromkeys(node.outputs, source * self.enlargement(node)))
        return int(times[self.outputs[0]])

    def enlargement(self, node: Node) -> Fraction:
        """How many times larger a node's output is than its input, along an axis; below 1 where it is smaller."""
        match node.op:
            case TransposeConv(stride=(down, _)):
                return Fraction(down)
            case ResizeBilinear(size=(height, _)):
                return Fraction(height, self.tensors[node.inputs[0]].shape[1] or height)
        enlarged = getattr(node.op, "block_size", 1) * getattr(node.op, "factor", 1)
        return Fraction(enlarged, getattr(node.op, "stride", (1, 1))[0])

    def add_tensor(self, tensor: Tensor) -> Tensor:
        """Put in a tensor under a name that is not taken."""
        if tensor.name in self.tensors:
            raise InputError(f"tensor name {tensor.name!r} is taken twice", where=self.name)
        self.tensors[tensor.name] = tensor
        return tensor

    def constant(self, name: str, data: NDArray[Any], quant: QuantParams | None = None) -> str:
        """Put in a constant; returns its name."""
        contiguous = np.ascontiguousarray(data)
        self.add_tensor(Tensor(name, contiguous.shape, contiguous.dtype.name, quant, contiguous))  # type: ignore[arg-type]
        return name

    def append(self, op: Op, inputs: Iterable[str], output: Tensor) -> Tensor:
        """Put in a tensor and the node that writes it, at the end."""
        self.add_tensor(output)
        self.nodes.append(Node(op, tuple(inputs), (output.name,)))
        return output

    def update(self, name: str, **changes: Any) -> Tensor:
        """Replace fields of one tensor (not its name)."""
        self.tensors[name] = replace(self.tensors[name], **changes)
        return self.tensors[name]

    def producer(self, tensor: str) -> Node | None:
        """The node that writes a tensor; None for inputs and constants."""
        return next((node for node in self.nodes if tensor in node.outputs), None)

    def consumers(self, tensor: str) -> list[Node]:
        """The nodes that read a tensor."""
        return [node for node in self.nodes if tensor in node.inputs]

    def activations(self, node: Node) -> list[Tensor]:
        """The inputs of a node that are not constants."""
        return [self.tensors[name] for name in node.inputs if not self.tensors[name].is_constant]

    def drop_unused(self) -> None:
        """Forget tensors that no node and no end of the graph names."""
        used = {*self.inputs, *self.outputs}
        for node in self.nodes:
            used.update(node.inputs, node.outputs)
        self.tensors = {name: tensor for name, tensor in self.tensors.items() if name in used}

    def copy(self) -> "Graph":
        """A graph of its own that shares the constants' memory."""
        return replace(self, tensors=dict(self.tensors), nodes=list(self.nodes), metadata=dict(self.metadata))

    def counts(self) -> Mapping[str, int]:
        """How many nodes of each kind, in order of first appearance."""
        counts: dict[str, int] = {}
        for node in self.nodes:
            kind = getattr(node.op, "name", node.op.kind)
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    def summary(self) -> str:
        """The op list in one line: ``CONV_2D×10 ADD DEPTH_TO_SPACE``."""
        return " ".join(kind if count == 1 else f"{kind}×{count}" for kind, count in self.counts().items())


def _only(names: tuple[str, ...], what: str, where: str) -> str:
    if len(names) != 1:
        raise UnsupportedError(f"has {len(names)} {what}s; expected 1", where=where)
    return names[0]
