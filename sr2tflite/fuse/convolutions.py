"""Convolutions that the deploy graph has as they are, and why it has not the others."""

from typing import Any

import torch
from torch import Tensor

from sr2tflite.errors import UnsupportedError
from sr2tflite.fuse.call import Call, Single
from sr2tflite.fuse.regions import is_transposed, shape
from sr2tflite.graph import ops


def _pair(value: Any) -> tuple[int, int]:
    sizes = [value, value] if isinstance(value, int) else [*value, *value][:2]
    return int(sizes[0]), int(sizes[1])


def _padding(call: Call) -> ops.Padding | None:
    """TFLite's name for a convolution's zero padding; None where it has none that holds for every image size."""
    kernel, dilation = _pair(call.argument(1, "weight").shape[2:]), _pair(call.argument(5, "dilation", 1))
    stride, given = _pair(call.argument(3, "stride", 1)), call.argument(4, "padding", 0)
    if given == "same":
        return "SAME"
    pads = (0, 0) if given == "valid" else _pair(given)
    if pads == (0, 0):
        return "SAME" if kernel == stride == (1, 1) else "VALID"
    if stride == (1, 1) and all(2 * p == d * (k - 1) for p, d, k in zip(pads, dilation, kernel, strict=True)):
        return "SAME"
    return None


def is_copied(call: Call) -> bool:
    """Whether a convolution has a constant weight and a padding that TFLite knows."""
    return (
        not is_transposed(call.node) and isinstance(call.argument(1, "weight"), Tensor) and _padding(call) is not None
    )


def convolution(single: Single) -> str:
    """Put a convolution into the graph as it is; only after ``is_copied``."""
    weight, bias, padding = single.argument(1, "weight"), single.argument(2, "bias"), _padding(single)
    assert padding is not None
    op = ops.Conv2D(_pair(single.argument(3, "stride", 1)), _pair(single.argument(5, "dilation", 1)), padding)
    bias = torch.zeros(weight.shape[0]) if bias is None else bias
    return single.builder.convolution(op, single.sources()[0], (weight, bias), single.name)


def refusal(call: Call) -> UnsupportedError | None:
    """Why a convolution that is not copied cannot be one of TFLite's; None where numbers said it before."""
    weight = call.argument(1, "weight")
    if not isinstance(weight, Tensor):
        return call.refuse("a convolution whose weight depends on the input", "a constant weight")
    stride = _pair(call.argument(3, "stride", 1))
    if is_transposed(call.node):
        return _transposed_refusal(call, stride)
    size, pads = "×".join(map(str, weight.shape[2:])), _pair(call.argument(4, "padding", 0))
    return call.refuse(
        f"padding {pads} of a {size} convolution with stride {stride}",
        "none, or what SAME has for every image size: k − 1 in all, with stride 1 or 2",
    )


def _transposed_refusal(call: Call, stride: tuple[int, int]) -> UnsupportedError | None:
    before, after = shape(call.captured.operands(call.node)[0]), shape(call.node)
    assert before is not None
    assert after is not None
    wanted = stride[0] * before[2], stride[1] * before[3]
    if stride[0] == stride[1] and wanted == after[2:]:
        return None
    return call.refuse(
        f"a transposed convolution with stride {stride} makes {after[2]}×{after[3]} out of {before[2]}×{before[3]}",
        f"{wanted[0]}×{wanted[1]}, and one stride for both axes",
        "choose padding and output_padding so that kernel − 2·padding + output_padding = stride",
    )
