"""One autograd Function per quantized op: the device's integers forward, straight-through gradients backward.

A tensor travels as *centered codes* ``v = q − z``, integers in float32, NCHW in channels-last memory; its real value is
``s·v``. A gradient that travels with it is with respect to the *real value*: no op has to know its neighbors' scales.

Backward of ``y = s·clip(round(t/s), lo, hi)`` with ``s = (u − l)/N``, ``lo = −128 − z``, ``hi = 127 − z``, where
rounding passes its gradient on and t/s *before* rounding says what is inside (after it, half a step beside zero would
be lost to a ReLU, and gradients would be biased):

    ∂y/∂t = 1 inside, 0 outside
    ∂y/∂u = (v − t/s)/N inside, 1 above, 0 below        ∂y/∂l = −(v − t/s)/N inside, 0 above, 1 below

Summed against the gradient g, with ``D = Σ g·v − Σ_inside g·t/s`` and ``T = Σ_outside g``, that is

    ∂L/∂u = (D − lo·T)/N,    ∂L/∂l = T − ∂L/∂u

(above and below enter D as hi and lo times their sums, and hi − lo = N: 255, or less under a ReLU alone). And t is
linear in the weights and bias of a convolution, so ``Σ_inside g·t = Σ W·∂L/∂W + Σ b·∂L/∂b`` (Euler), which is summed
over weights instead of pixels.

Rounding may also pass its gradient on by a slope φ′(t/s) instead of 1: g·t/s and what t receives are then times it.

References:
    Learned Step Size Quantization (Esser et al., 2020), https://arxiv.org/abs/1902.08153, equation 3; here the
    offset is learned too.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from sr2tflite.numerics.fixed_point import FixedPoint, multiply
from sr2tflite.quant.specs import AddSpec, ConvSpec, OutputGrid

Slope = Callable[[Tensor], Tensor]
"""The derivative that stands in for rounding's, at t/s."""


def _flat(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).reshape(-1)


def range_gradient(grad: Tensor, codes: Tensor, inside: Tensor, pulled: float, grid: OutputGrid) -> Tensor:
    """∂L/∂(l, u) of an output grid, shape 2.

    Args:
        grad: g, with respect to the real output.
        codes: v, the centered output codes.
        inside: g where t/s is inside the range, else 0.
        pulled: ``Σ_inside g·t/s``.
        grid: The output grid.
    """
    total = float(torch.dot(_flat(grad), _flat(codes))) - pulled
    if not grid.rectified:
        outside = float(grad.sum()) - float(inside.sum())
        high = (total - grid.low * outside) / grid.steps
        return grad.new_tensor([outside - high, high])
    above = total / grid.steps
    if grid.high < grid.steps:
        above = float((grad - inside)[codes > 0].sum())
        step = (total - grid.high * above) / grid.steps
        return grad.new_tensor([-step, above + step])
    return grad.new_tensor([0.0, above])


def inside_only(grad: Tensor, ratio: Tensor, grid: OutputGrid) -> Tensor:
    """The gradient where t/s is inside the range, else 0."""
    return _inside(grad, ratio, grid.low, grid.high)


def _inside(grad: Tensor, ratio: Tensor, low: float, high: float) -> Tensor:
    """The gradient where low < ratio < high, else 0."""
    return cast(Tensor, torch.ops.aten.hardtanh_backward(grad, ratio, low, high))


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        _weight: Tensor,
        _bias: Tensor,
        _bounds: Tensor | None,
        spec: ConvSpec,
        slope: Slope | None,
    ) -> Tensor:
        ratio, codes = conv_codes(x, spec)
        ctx.save_for_backward(x, ratio, codes)
        ctx.spec, ctx.slope = spec, slope
        return codes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,), spec = grads, cast(ConvSpec, ctx.spec)
        x, ratio, codes = ctx.saved_tensors
        learns_range = ctx.needs_input_grad[3]
        inside = inside_only(grad, ratio, spec.grid)
        needed = [ctx.needs_input_grad[0], learns_range or ctx.needs_input_grad[1], True]
        grad_x, grad_w, grad_b = conv_backward(sloped(inside, ratio, ctx.slope), x, spec, needed)
        grad_range = None
        if learns_range:
            weight = spec.weight_codes * spec.weight_scale.reshape(-1, 1, 1, 1)
            bias = spec.bias_codes * (spec.weight_scale * spec.input_scale)
            pulled = float((weight * grad_w).sum() + (bias * grad_b).sum()) / spec.grid.scale
            grad_range = range_gradient(grad, codes, inside, pulled, spec.grid)
        return grad_x, grad_w, grad_b, grad_range, None, None


def sloped(inside: Tensor, ratio: Tensor, slope: Slope | None) -> Tensor:
    """What t receives of a gradient inside the range."""
    return inside if slope is None else inside * slope(ratio)


def conv_backward(grad: Tensor, x: Tensor, spec: ConvSpec, needed: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of input, weights and bias, as far as they are needed, from that of t."""
    weight = spec.weight_codes * spec.weight_scale.reshape(-1, 1, 1, 1)
    where = spec.geometry
    grad_x, grad_w, grad_b = torch.ops.aten.convolution_backward(
        grad,
        x,
        weight,
        [len(weight)],
        where.stride,
        where.padding,
        where.dilation,
        False,
        [0, 0],
        where.groups,
        needed,
    )
    if grad_w is not None:
        grad_w = grad_w.mul_(spec.input_scale)
    return grad_x, grad_w, grad_b


def conv_codes(x: Tensor, spec: ConvSpec) -> tuple[Tensor, Tensor]:
    """``t/s``, accumulators times multipliers in float32, and the codes it is rounded to."""
    where = spec.geometry
    weight, bias = spec.weight_codes, spec.bias_codes
    if spec.wide:
        x, weight, bias = x.double(), weight.double(), bias.double()
    acc = F.conv2d(x, weight, bias, where.stride, where.padding, where.dilation, where.groups)
    fixed = None if spec.fixed is None else _fixed(acc, spec.fixed)
    ratio = acc.float().mul_(spec.multiplier.reshape(-1, 1, 1))
    codes = ratio.round() if fixed is None else fixed
    return ratio, codes.clamp_(spec.grid.low, spec.grid.high)


def _fixed(acc: Tensor, factor: FixedPoint) -> Tensor:
    """Accumulators as a builtin kernel requantizes them; NumPy's, since ``numerics`` defines it."""
    sums = acc.permute(0, 2, 3, 1).to(torch.int64).cpu().numpy()
    codes = multiply(sums, factor, ties_up=True)
    return torch.from_numpy(codes).to(acc.device, torch.float32).permute(0, 3, 1, 2)


class _Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, _bounds: Tensor | None, spec: AddSpec, slope: Slope | None) -> Tensor:
        acc = add_accumulators(a, b, spec)
        codes = (acc >> spec.shift).float().clamp_(spec.grid.low, spec.grid.high)
        ctx.save_for_backward(a, b, acc.float(), codes)
        ctx.spec, ctx.slope = spec, slope
        return codes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,), spec = grads, cast(AddSpec, ctx.spec)
        a, b, acc, codes = ctx.saved_tensors
        inside = add_inside(grad, acc, spec)
        passed = inside if ctx.slope is None else inside * ctx.slope(acc * 2.0**-spec.shift - 0.5)
        grad_range = None
        if ctx.needs_input_grad[2]:
            flat = _flat(passed)
            real = spec.scale_a * float(torch.dot(flat, _flat(a))) + spec.scale_b * float(torch.dot(flat, _flat(b)))
            grad_range = range_gradient(grad, codes, inside, real / spec.grid.scale, spec.grid)
        return passed, passed if spec.scale_b > 0 else -passed, grad_range, None, None


def add_inside(grad: Tensor, acc: Tensor, spec: AddSpec) -> Tensor:
    """The gradient where accumulators, as float32, lie inside the range, else 0."""
    low, high = ((end + 0.5) * 2.0**spec.shift for end in (spec.grid.low, spec.grid.high))
    return _inside(grad, acc, low, high)


def add_accumulators(a: Tensor, b: Tensor, spec: AddSpec) -> Tensor:
    """``v_a·m_a + v_b·m_b + 2^(shift−1)`` in int32: t/s + ½ in steps of 2^−shift."""
    acc = a.to(torch.int32).mul_(spec.multiplier_a)
    return acc.add_(b.to(torch.int32).mul_(spec.multiplier_b)).add_(1 << (spec.shift - 1))


class _Rounded(torch.autograd.Function):
    """Codes, and the ratios t/s they were rounded from, whose gradient passes everything by."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, _bounds: Tensor | None, grid: OutputGrid, slope: Slope | None) -> Any:
        ratio = x / grid.scale
        codes = ratio.round().clamp_(grid.low, grid.high)
        ctx.save_for_backward(ratio, codes)
        ctx.grid, ctx.slope = grid, slope
        return codes, ratio

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad, direct), grid = grads, cast(OutputGrid, ctx.grid)
        ratio, codes = ctx.saved_tensors
        inside = inside_only(grad, ratio, grid)
        passed = sloped(inside, ratio, ctx.slope)
        grad_range = None
        if ctx.needs_input_grad[1]:
            grad_range = range_gradient(grad, codes, inside, float(torch.dot(_flat(passed), _flat(ratio))), grid)
        return passed + direct, grad_range, None, None


class _Real(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, codes: Tensor, scale: float) -> Tensor:  # noqa: ARG004  # the signature is torch's
        return codes * scale

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:  # noqa: ARG004
        return grads[0], None


def real(codes: Tensor, scale: float) -> Tensor:
    """``s·v``, the real values of centered codes; gradients of codes are those of real values already."""
    return cast(Tensor, _Real.apply(codes, scale))  # type: ignore[no-untyped-call]


def rounded_from(
    x: Tensor, bounds: Tensor | None, grid: OutputGrid, slope: Slope | None = None
) -> tuple[Tensor, Tensor]:
    """Codes of real values, ``v = clip(round_half_even(x/s), lo, hi)``, where a simulation begins to round; and x/s."""
    return cast(tuple[Tensor, Tensor], _Rounded.apply(x, bounds, grid, slope))  # type: ignore[no-untyped-call]


def conv(
    x: Tensor, weight: Tensor, bias: Tensor, bounds: Tensor | None, spec: ConvSpec, slope: Slope | None = None
) -> Tensor:
    """CONV_2D or DEPTHWISE_CONV_2D with bias, fused ReLU, requantization and saturation.

    ``v = clip(round_half_even(float32(Σ v_x·q_w + q_b)·m[c]), lo, hi)``;
    equals XNNPACK's ``qs8_qc8w`` convolutions bit for bit. With ``spec.fixed``, the product is that of fixed-point
    numbers; equals TFLite's builtin ``ConvPerChannel`` (``kernels/internal/optimized/integer_ops/conv.h``).

    Args:
        x: Centered codes, NCHW.
        weight: Real weights OIHW, which receive the gradient; the codes used are the spec's.
        bias: Real bias O, likewise.
        bounds: Real ends (l, u) of the output's range, likewise; None when it is fixed.
        spec: The integers.
        slope: Of rounding; None is 1.
    """
    return cast(Tensor, _Conv.apply(x, weight, bias, bounds, spec, slope))  # type: ignore[no-untyped-call]


def add(a: Tensor, b: Tensor, bounds: Tensor | None, spec: AddSpec, slope: Slope | None = None) -> Tensor:
    """ADD or SUB of two activations, with fused ReLU, requantization and saturation; shapes broadcast.

    ``v = clip((v_a·m_a + v_b·m_b + 2^(shift−1)) >> shift, lo, hi)`` in int32;
    equals XNNPACK's ``qs8_vadd`` bit for bit.
    """
    a, b = torch.broadcast_tensors(a, b)  # type: ignore[no-untyped-call]
    return cast(Tensor, _Add.apply(a, b, bounds, spec, slope))  # type: ignore[no-untyped-call]


class Rounding:
    """The arithmetic of this module.

    Args:
        slope: The derivative that stands in for rounding's; None passes gradients straight through.
    """

    def __init__(self, slope: Slope | None = None) -> None:
        self.slope = slope

    def conv(self, x: Tensor, weight: Tensor, bias: Tensor, bounds: Tensor | None, spec: ConvSpec) -> Tensor:
        """As :func:`conv`."""
        return conv(x, weight, bias, bounds, spec, self.slope)

    def add(self, a: Tensor, b: Tensor, bounds: Tensor | None, spec: AddSpec) -> Tensor:
        """As :func:`add`."""
        return add(a, b, bounds, spec, self.slope)

    def rounded(self, x: Tensor, bounds: Tensor | None, grid: OutputGrid) -> Tensor:
        """The codes of :func:`rounded_from`."""
        return rounded_from(x, bounds, grid, self.slope)[0]


PLAIN = Rounding()
