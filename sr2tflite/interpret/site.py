"""One op where it stands: the node with the records of its tensors, and whose arithmetic runs it."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError, VerificationError
from sr2tflite.graph import Graph, Node, Op, Tensor
from sr2tflite.numerics.activation import REAL_RANGES, code_range
from sr2tflite.numerics.qparams import LIMITS, QuantParams

LARGEST_INT32 = LIMITS["int32"][1]

Codes = NDArray[Any]
"""An activation NHWC: integers of its tensor's type, or float32 at a file's ends."""

Family = Literal["xnnpack", "builtin", "reference"]
"""What LiteRT is asked for: its default delegate on x86 and ARM CPUs, no delegate, or the reference kernels."""

Arithmetic = Family
"""What runs one op: under ``xnnpack``, ops that the delegate does not take run the builtin kernel."""

EIGHT_BITS = ("int8", "uint8")
UP_TO_16_BITS = (*EIGHT_BITS, "int16")


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

    @property
    def fits_xnnpack(self) -> bool:
        """Whether XNNPACK has any kernel for the types: for int16, and for int4 weights, it has none."""
        return not {"int16", "int4"} & {tensor.dtype for tensor in (*self.inputs, self.output)}

    def dtype(self, expected: tuple[str, ...] = EIGHT_BITS, of: tuple[Tensor, ...] | None = None) -> str:
        """The type that the activations share.

        Args:
            expected: What it may be.
            of: The tensors that share it; by default all of them.

        Raises:
            UnsupportedError: It is not expected.
            VerificationError: There are several integer types.
        """
        tensors = (*self.inputs, self.output) if of is None else of
        for tensor in tensors:
            if tensor.dtype not in expected:
                raise UnsupportedError(
                    f"{self.op.kind} has a {tensor.dtype} tensor{'' if tensor.quant else ' without a scale'}; "
                    f"expected {' or '.join(expected)}",
                    where=tensor.name,
                    hint="quantize the whole model with `sr2tflite ptq` or `sr2tflite qat`",
                )
        types = sorted({tensor.dtype for tensor in tensors})
        if len(types) > 1:
            constant = next((tensor for tensor in tensors if tensor.is_constant), self.output)
            raise VerificationError(
                f"{self.op.kind} mixes {' and '.join(types)}, which a runtime reads as one; expected one type",
                where=constant.name,
                hint="quantize activations and weights to the same type",
            )
        return types[0]

    def one_scale_each(self, *tensors: Tensor) -> None:
        """Refuse tensors of the node with several scales, or none, and int16 ones with a zero point.

        Raises:
            UnsupportedError: One has a scale per channel, or none.
            VerificationError: One is int16 and has a zero point, which kernels leave out.
        """
        for tensor in tensors:
            if len(quant(tensor).scale) != 1:
                kind = "constant" if tensor.is_constant else "activation"
                raise UnsupportedError(
                    f"{kind} of {self.op.kind} has a scale per channel; expected one", where=tensor.name
                )
            if tensor.dtype == "int16" and affine(tensor)[1]:
                raise VerificationError(
                    f"is int16 with zero point {affine(tensor)[1]}; expected 0",
                    where=tensor.name,
                    hint="quantize it again on a symmetric grid",
                )

    def code_range(self, arithmetic: Arithmetic, activation: str | None = None) -> tuple[int, int]:
        """Smallest and largest code that the output keeps under the op's fused activation, or a given one.

        Raises:
            UnsupportedError: The activation ends beyond int32 steps, where builtin kernels refuse it.
        """
        name = str(activation or getattr(self.op, "activation", "NONE"))
        steps = max(abs(end or 0.0) for end in REAL_RANGES[name]) / affine(self.output)[0]
        if arithmetic != "xnnpack" and steps > LARGEST_INT32:
            raise UnsupportedError(f"{name} ends {steps:.3g} steps from zero; expected int32", where=self.where)
        return code_range(name, quant(self.output), self.output.dtype, half_even=arithmetic == "xnnpack")


def quant(tensor: Tensor) -> QuantParams:
    """A tensor's quantization parameters.

    Raises:
        UnsupportedError: It has none, or a scale that runtimes disagree on: not a normal number of float32.
    """
    if tensor.quant is None:
        raise UnsupportedError(
            f"is {tensor.dtype} without a scale; expected a quantized tensor",
            where=tensor.name,
            hint="quantize the whole model with `sr2tflite ptq` or `sr2tflite qat`",
        )
    for scale in tensor.quant.scale:
        if not is_normal(scale):
            raise UnsupportedError(f"has scale {scale:.3g}; expected a normal float32, from 2^-126", where=tensor.name)
    return tensor.quant


def is_normal(scale: float) -> bool:
    """Whether a scale is positive, finite and has all the bits of a float32."""
    return bool(np.finfo(np.float32).smallest_normal <= scale <= np.finfo(np.float32).max)


def affine(tensor: Tensor) -> tuple[float, int]:
    """Scale and zero point of a tensor that has one of each; see ``Site.one_scale_each``."""
    params = quant(tensor)
    (scale,), (zero_point,) = params.scale, params.zero_point
    return scale, zero_point


def limits(tensor: Tensor) -> tuple[int, int]:
    """Smallest and largest code of a tensor's type."""
    return LIMITS[tensor.dtype]
