"""Ops that map each code of a channel to a code: 256 answers per channel are computed, and every pixel looks its up.

The answers are those of ``numerics``, so that training has no arithmetic of its own here. Gradients are looked up
likewise: for the real value ``t`` of an answer before rounding, ``∂t/∂x`` and, for a learned slope, ``∂t/∂slope``.
See ``functions`` for centered codes, for what gradients are with respect to, and for the gradient of a range.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.graph import Node, ops
from sr2tflite.numerics import elementwise
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.numerics.requantize import add_params
from sr2tflite.quant.functions import inside_only, range_gradient
from sr2tflite.quant.specs import OutputGrid

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Constant:
    """The codes of a constant operand, one or one per channel, with their parameters."""

    codes: NDArray[np.int8]
    params: QuantParams

    comes_first: bool = False
    """Whether it is the op's first input: SUB takes from it."""

    @property
    def centered(self) -> NDArray[np.int64]:
        """Codes minus zero point, channels × 1."""
        return self.codes.reshape(-1, 1).astype(np.int64) - self.params.zero_point[0]

    @property
    def scale(self) -> float:
        return self.params.scale[0]


@dataclass(frozen=True)
class Answers:
    """Of all 256 codes of the input, −128 first; rows are channels, or one for all."""

    codes: Array
    """Centered, before saturation."""

    real: Array
    """t, not rounded."""

    slope: Array
    """∂t/∂x."""

    by_parameter: Array | None = None
    """∂t/∂p for a learned parameter, one per channel."""


def answers(node: Node, x: QuantParams, out_scale: float, constant: Constant | None) -> Answers:
    """What an op makes of every code.

    Args:
        node: LOGISTIC, LEAKY_RELU, PRELU, or an ADD, SUB or MUL with a constant.
        x: Parameters of the activation.
        out_scale: Of the output.
        constant: Slopes, or the operand.
    """
    v = (np.arange(-128, 128) - x.zero_point[0])[None]
    scale = x.scale[0]
    real = scale * v
    match node.op:
        case ops.Logistic():
            t = 1 / (1 + np.exp(-np.clip(real, -100, 100)))
            return _broadcast(elementwise.logistic(v, scale), t, t * (1 - t))
        case ops.LeakyRelu(alpha=alpha):
            slope = np.where(v > 0, 1.0, alpha)
            return _broadcast(elementwise.leaky_relu(v, alpha, scale, out_scale), real * slope, slope)
    assert constant is not None
    value = constant.scale * constant.centered
    match node.op:
        case ops.PRelu():
            codes = elementwise.prelu(v, constant.centered, scale, constant.scale, out_scale)
            slope = np.where(v > 0, 1.0, value)
            return _broadcast(codes, real * slope, slope, np.minimum(real, 0.0))
        case ops.Mul():
            multiplier = elementwise.mul_multiplier(scale, constant.scale, out_scale)
            return _broadcast(elementwise.mul(v, constant.centered, multiplier), real * value, value)
        case _:
            return _sum(node, v, scale, out_scale, constant)


def _sum(node: Node, v: NDArray[np.int64], scale: float, out_scale: float, constant: Constant) -> Answers:
    """ADD or SUB with a constant."""
    (a, scale_a), (b, scale_b) = (v, scale), (constant.centered, constant.scale)
    if constant.comes_first:
        (a, scale_a), (b, scale_b) = (b, scale_b), (a, scale_a)
    is_difference = isinstance(node.op, ops.Sub)
    sign = -1.0 if is_difference else 1.0
    params = (elementwise.subtract_params if is_difference else add_params)(scale_a, scale_b, out_scale)
    slope = np.array(sign if constant.comes_first else 1.0)
    return _broadcast(elementwise.add(a, b, params), scale_a * a + sign * scale_b * b, slope)


def _broadcast(codes: NDArray[Any], real: NDArray[Any], slope: NDArray[Any], *more: NDArray[Any]) -> Answers:
    shape = np.broadcast_shapes(codes.shape, real.shape, slope.shape)
    return Answers(*(np.broadcast_to(np.asarray(part, np.float64), shape) for part in (codes, real, slope, *more)))


@dataclass(frozen=True)
class TableSpec:
    """The answers of one op in one step."""

    answers: Answers
    zero_point: int
    """Of the input."""

    grid: OutputGrid


class _Table(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, _parameter: Tensor | None, _bounds: Tensor | None, spec: TableSpec) -> Tensor:
        places = _places(x, spec)
        codes = _look_up(np.clip(spec.answers.codes, spec.grid.low, spec.grid.high), places)
        ctx.save_for_backward(places, codes)
        ctx.spec = spec
        return codes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,), spec = grads, cast(TableSpec, ctx.spec)
        places, codes = ctx.saved_tensors
        found = spec.answers
        ratio = _look_up(found.real / spec.grid.scale, places)
        inside = inside_only(grad, ratio, spec.grid)
        grad_x = inside * _look_up(found.slope, places)
        grad_parameter = grad_range = None
        if ctx.needs_input_grad[1]:
            assert found.by_parameter is not None
            grad_parameter = (inside * _look_up(found.by_parameter, places)).sum((0, 2, 3))
        if ctx.needs_input_grad[2]:
            grad_range = range_gradient(grad, codes, inside, float((inside * ratio).sum()), spec.grid)
        return grad_x, grad_parameter, grad_range, None


def _places(x: Tensor, spec: TableSpec) -> Tensor:
    """Where in the flat table each pixel's answer stands, NHWC: ``256·channel + q + 128``."""
    codes = x.permute(0, 2, 3, 1).to(torch.int32).add_(spec.zero_point + 128)
    channels = len(spec.answers.codes)
    if channels > 1:
        codes += torch.arange(0, 256 * channels, 256, device=x.device, dtype=torch.int32)
    return codes.contiguous()


def _look_up(table: Array, places: Tensor) -> Tensor:
    """What stands there, NCHW in channels-last memory."""
    flat = torch.from_numpy(np.ascontiguousarray(table, np.float32).reshape(-1)).to(places.device)
    return flat.index_select(0, places.reshape(-1)).reshape(places.shape).permute(0, 3, 1, 2)


def look_up(x: Tensor, parameter: Tensor | None, bounds: Tensor | None, spec: TableSpec) -> Tensor:
    """The codes of an op that works code by code, saturated.

    Args:
        x: Centered codes, NCHW.
        parameter: The learned slopes, which receive the gradient; the codes used are the spec's.
        bounds: Real ends (l, u) of the output's range, likewise; None when it is fixed.
        spec: The answers.
    """
    return cast(Tensor, _Table.apply(x, parameter, bounds, spec))  # type: ignore[no-untyped-call]
