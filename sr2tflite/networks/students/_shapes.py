"""What the shapes of a state dict's tensors, in order, say of a plain network's settings."""

from collections.abc import Sequence
from math import isqrt, prod
from typing import Any

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


def residual_of(shapes: Sequence[Shape]) -> dict[str, Any] | None:
    """Channels, depth and scale of a network of residual blocks that enlarges its features, in whatever order.

    Besides those that enlarge there are a first and a last convolution, two in every block and one behind the blocks.
    """
    found = kernels(shapes)
    channels = next((shape[0] for shape in found if shape[0] == shape[1]), 0)
    larger = [shape[0] // channels for shape in found if shape[1] == channels < shape[0]]
    steps = [isqrt(times) for times in larger if isqrt(times) ** 2 == times > 1]
    blocks, odd = divmod(len(found) - len(steps) - 3, 2)
    if not steps or odd or blocks < 0:
        return None
    return {"channels": channels, "depth": blocks, "scale": prod(steps)}
