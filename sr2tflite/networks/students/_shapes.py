"""What the shapes of a state dict's tensors, in order, say of a plain network's settings."""

from collections.abc import Sequence
from math import isqrt

from sr2tflite.networks.blocks.activation import Activation

Shape = tuple[int, ...]


def kernels(shapes: Sequence[Shape]) -> list[Shape]:
    """The four-dimensional ones: convolutions, in order."""
    return [shape for shape in shapes if len(shape) == 4]


def scale_of(channels: int) -> int | None:
    """The scale s where there are 3·s² channels."""
    scale = isqrt(channels // 3)
    return scale if scale and 3 * scale**2 == channels else None


def activation_of(shapes: Sequence[Shape]) -> Activation:
    """``prelu`` where there are more vectors than biases of convolutions; what has no weights cannot be told apart."""
    vectors = sum(len(shape) == 1 for shape in shapes)
    return "prelu" if vectors > len(kernels(shapes)) else "relu"
