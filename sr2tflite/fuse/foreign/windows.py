"""Conv, ConvTranspose and Pad: the ops with a window or a frame."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from sr2tflite.fuse.foreign.apply import Apply
from sr2tflite.fuse.foreign.call import Call
from sr2tflite.fuse.foreign.weights import Array
from sr2tflite.torch_view import same_padding

Pair = tuple[int, int]


_LARGEST = 1024
"""Steps and pads beyond this are damage, and would make anyone's padded image that large."""


def _pair(values: Sequence[int]) -> Pair:
    first, second = (int(value) for value in values)
    return first, second


def _steps(call: Call, name: str, default: int, count: int = 2) -> list[int]:
    """An attribute that says something of height and width, or of their ends."""
    found = [int(value) for value in call.attribute(name, [default] * count)]
    if len(found) != count or not all(0 <= value <= _LARGEST for value in found):
        raise call.refuse(f"{name} {found}", f"{count} numbers of 0…{_LARGEST}")
    return found


def _weights(call: Call) -> list[Array]:
    """Weight and, where there is one, bias."""
    weight, bias = call.weights(1), call.weights(2)
    if weight is None or weight.ndim != 4:
        raise call.refuse(f"a weight of shape {None if weight is None else weight.shape}", "four axes")
    shape = call.attribute("kernel_shape", list(weight.shape[2:]))
    if list(shape) != list(weight.shape[2:]):
        raise call.refuse(f"kernel_shape {list(shape)} and a weight of shape {weight.shape}", "the same twice")
    return [weight] if bias is None else [weight, bias]


def conv(call: Call) -> nn.Module:
    """Conv: zero padded, grouped, dilated, strided."""
    weights = _weights(call)
    kernel, stride = _pair(weights[0].shape[2:]), _pair(_steps(call, "strides", 1))
    dilation, groups = _pair(_steps(call, "dilations", 1)), int(call.attribute("group", 1))
    automatic = call.attribute("auto_pad", "NOTSET")
    top, left, bottom, right = _steps(call, "pads", 0, 4) if automatic == "NOTSET" else (0, 0, 0, 0)
    if (top, left) == (bottom, right) and not automatic.startswith("SAME"):
        return Apply(lambda x, w, b=None: F.conv2d(x, w, b, stride, (top, left), dilation, groups), *weights)
    if not automatic.startswith("SAME"):
        frame = (left, right, top, bottom)
        return Apply(lambda x, w, b=None: F.conv2d(F.pad(x, frame), w, b, stride, 0, dilation, groups), *weights)

    def same(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        axes = zip(x.shape[2:], kernel, stride, dilation, strict=True)
        pads = [same_padding(*axis)[:: 1 if automatic == "SAME_UPPER" else -1] for axis in axes]
        if all(before == after for before, after in pads):
            return F.conv2d(x, w, b, stride, (pads[0][0], pads[1][0]), dilation, groups)
        return F.conv2d(F.pad(x, (*pads[1], *pads[0])), w, b, stride, 0, dilation, groups)

    return Apply(same, *weights)


def conv_transpose(call: Call) -> nn.Module:
    """ConvTranspose with explicit pads; what uneven ones cut off more at one side is cut off."""
    weights = _weights(call)
    if call.attribute("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or call.attribute("output_shape") is not None:
        raise call.refuse("auto_pad or output_shape", "pads", hint="export the network with explicit pads")
    stride, dilation = _pair(_steps(call, "strides", 1)), _pair(_steps(call, "dilations", 1))
    extra, groups = _pair(_steps(call, "output_padding", 0)), int(call.attribute("group", 1))
    top, left, bottom, right = _steps(call, "pads", 0, 4)
    least = min(top, bottom), min(left, right)

    def apply(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        y = F.conv_transpose2d(x, w, b, stride, least, extra, groups, dilation)
        if (top, left) == (bottom, right):
            return y
        rows, columns = y.shape[2] - (bottom - least[0]), y.shape[3] - (right - least[1])
        return y[:, :, top - least[0] : rows, left - least[1] : columns]

    return Apply(apply, *weights)


def pad(call: Call) -> nn.Module:
    """Pad with a constant around height and width."""
    if (mode := call.attribute("mode", "constant")) != "constant":
        raise call.refuse(f"mode {mode}", "constant", hint="pad with zeros, inside the convolution at best")
    pads, value = call.numbers(1) or [], call.weights(2)
    axes = [axis % 4 for axis in call.numbers(3) or range(len(pads) // 2)]
    if len(pads) != 2 * len(axes) or max(pads, default=0) > _LARGEST or (value is not None and not value.size):
        raise call.refuse(f"pads {pads} on axes {axes}", f"two for each axis, of at most {_LARGEST}, and a value")
    before = dict(zip(axes, pads[: len(axes)], strict=True))
    after = dict(zip(axes, pads[len(axes) :], strict=True))
    if any(before.get(axis) or after.get(axis) for axis in (0, 1)) or min(pads, default=0) < 0:
        raise call.refuse(f"pads {pads} on axes {axes}", "pads around height and width")
    frame = (before.get(3, 0), after.get(3, 0), before.get(2, 0), after.get(2, 0))
    fill = 0.0 if value is None else float(value.reshape(-1)[0])
    return Apply(lambda x: F.pad(x, frame, value=fill))
