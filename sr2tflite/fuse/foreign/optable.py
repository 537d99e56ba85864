"""What each ONNX op that works on pixels is in torch."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sr2tflite.fuse.foreign import windows
from sr2tflite.fuse.foreign.apply import Apply
from sr2tflite.fuse.foreign.call import Call, Picture

Maker = Callable[[Call], nn.Module]


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Maker:
    """Two images, or an image and one value per channel, in either order."""

    def maker(call: Call) -> nn.Module:
        first, second = call.operands
        if isinstance(first, Picture) and isinstance(second, Picture):
            return Apply(function)
        if isinstance(first, Picture):
            return Apply(function, _present(call, 1))
        return Apply(lambda x, constant: function(constant, x), _present(call, 0))

    return maker


def _present(call: Call, position: int) -> np.ndarray:
    constant = call.channelwise(position)
    assert constant is not None  # the checker has counted the inputs
    return constant


def _div(call: Call) -> nn.Module:
    divisor = call.channelwise(1)
    if divisor is None or (divisor == 0).any():
        raise call.refuse("a divisor of zero", "any other")
    return Apply(torch.div, divisor)


def _extreme(function: Callable[[Tensor, Tensor], Tensor], bound: str) -> Maker:
    """Min and Max of any number of images and constants; one value for all channels is a clamp."""

    def maker(call: Call) -> nn.Module:
        positions = [i for i, operand in enumerate(call.operands) if not isinstance(operand, Picture)]
        constants = [_present(call, position) for position in positions]
        alike = [float(constant.item()) for constant in constants if constant.size == 1]
        others = [constant for constant in constants if constant.size > 1]

        def apply(first: Tensor, *rest: Tensor) -> Tensor:
            for other in rest:
                first = function(first, other)
            for value in alike:
                first = first.clamp(**{bound: value})
            return first

        return Apply(apply, *others)

    return maker


def _clip(call: Call) -> nn.Module:
    low, high = call.bound(1), call.bound(2)
    return nn.Identity() if low is None and high is None else Apply(lambda x: x.clamp(low, high))


def _batch_norm(call: Call) -> nn.Module:
    if call.attribute("training_mode", 0) or len(call.node.output) > 1:
        raise call.refuse(
            "a batch normalization that trains", "fixed statistics", hint="export the network in eval mode"
        )
    scale, offset, mean, variance = (call.weights(position) for position in (1, 2, 3, 4))
    assert scale is not None
    assert offset is not None
    assert mean is not None
    assert variance is not None
    epsilon = float(call.attribute("epsilon", 1e-5))
    return Apply(lambda x, w, b, m, v: F.batch_norm(x, m, v, w, b, eps=epsilon), scale, offset, mean, variance)


def _prelu(call: Call) -> nn.Module:
    return Apply(lambda x, slope: F.prelu(x, slope), _present(call, 1).reshape(-1))


def _leaky_relu(call: Call) -> nn.Module:
    alpha = float(call.attribute("alpha", 0.01))
    return Apply(lambda x: F.leaky_relu(x, alpha))


def _hard_sigmoid(call: Call) -> nn.Module:
    alpha, beta = float(call.attribute("alpha", 0.2)), float(call.attribute("beta", 0.5))
    return Apply(lambda x: (x * alpha + beta).clamp(0, 1))


def _concat(call: Call) -> nn.Module:
    if call.attribute("axis") not in (1, -3):
        raise call.refuse(f"axis {call.attribute('axis')} of different images", "1, the channels")
    if len(call.pictures) != len(call.operands):
        raise call.refuse("concatenation with a constant", "images only")
    return Apply(lambda *images: torch.cat(images, 1))


OPS: dict[str, Maker] = {
    "Conv": windows.conv,
    "ConvTranspose": windows.conv_transpose,
    "Pad": windows.pad,
    "BatchNormalization": _batch_norm,
    "Add": _binary(torch.add),
    "Sub": _binary(torch.sub),
    "Mul": _binary(torch.mul),
    "Div": _div,
    "Neg": lambda _call: Apply(torch.neg),
    "Concat": _concat,
    "Relu": lambda _call: Apply(torch.relu),
    "LeakyRelu": _leaky_relu,
    "PRelu": _prelu,
    "Clip": _clip,
    "Min": _extreme(torch.minimum, "max"),
    "Max": _extreme(torch.maximum, "min"),
    "Sigmoid": lambda _call: Apply(torch.sigmoid),
    "Tanh": lambda _call: Apply(torch.tanh),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda _call: Apply(lambda x: x * (x / 6 + 0.5).clamp(0, 1)),
}
"""By op type; each is given a node that at least one image reaches."""
