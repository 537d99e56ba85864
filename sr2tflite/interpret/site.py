"""One op where it stands: the node with the records of its tensors, and whose arithmetic runs it."""

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, Op, Tensor
from sr2tflite.numerics.activation import code_range
from sr2tflite.numerics.qparams import LIMITS, QuantParams

Codes = NDArray[Any]
"""An activation NHWC: integers of its tensor's type, or float32 at a file's ends."""

Family = Literal["xnnpack", "builtin", "reference"]
"""What LiteRT is asked for: its default delegate on x86 and ARM CPUs, no delegate, or the reference kernels."""

Arithmetic = Family
"""What runs one op: under ``xnnpack``, ops that the delegate does not take run the builtin kernel."""


@dataclass(frozen=True)
class Site:
    """A node with its tensors."""

    node: Node
    inputs: tuple[Tensor, ...]
    output: Tensor
    position: int = 0
    """Which of the node's outputs this is about; a node of several is as many sites."""

    @classmethod
    def of(cls, graph: Graph, node: Node, position: int = 0) -> "Site":
        """The site of a node of a graph."""
        inputs = tuple(graph.tensors[name] for name in node.inputs)
        return cls(node, inputs, graph.tensors[node.outputs[position]], position)

    @property
    def op(self) -> Op:
        return self.node.op

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"{self.op.kind} {self.output.name}"

    def dtype(self, expected: tuple[str, ...] = ("int8", "uint8")) -> str:
        """The type that the activations share.

        Raises:
            UnsupportedError: They have several types, or one that is not expected.
        """
        types = {tensor.dtype for tensor in (*self.inputs, self.output)}
        if len(types) == 1 and (found := types.pop()) in expected:
            return found
        names = ", ".join(tensor.dtype for tensor in (*self.inputs, self.output))
        raise UnsupportedError(f"has tensors {names}; expected all of {' or '.join(expected)}", where=self.where)

    def code_range(self, arithmetic: Arithmetic, activation: str | None = None) -> tuple[int, int]:
        """Smallest and largest code that the output keeps under the op's fused activation, or a given one."""
        name = str(activation or getattr(self.op, "activation", "NONE"))
        return code_range(name, quant(self.output), self.output.dtype, half_even=arithmetic == "xnnpack")


def quant(tensor: Tensor) -> QuantParams:
    """A tensor's quantization parameters.

    Raises:
        UnsupportedError: It has none.
    """
    if tensor.quant is None:
        raise UnsupportedError(
            f"is {tensor.dtype} without a scale; expected a quantized tensor",
            where=tensor.name,
            hint="quantize the whole model with `sr2tflite ptq` or `sr2tflite qat`",
        )
    return tensor.quant


def affine(tensor: Tensor) -> tuple[float, int]:
    """Scale and zero point of a tensor that has one of each.

    Raises:
        UnsupportedError: It has none, or several.
    """
    params = quant(tensor)
    if len(params.scale) != 1:
        raise UnsupportedError("has a scale per channel; expected one", where=tensor.name)
    return params.scale[0], params.zero_point[0]


def limits(tensor: Tensor) -> tuple[int, int]:
    """Smallest and largest code of a tensor's type."""
    return LIMITS[tensor.dtype]
