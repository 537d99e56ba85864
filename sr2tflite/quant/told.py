"""Ops that also tell what they round: ``t/s`` beside the codes, for objectives that compare the two.

A gradient with respect to ``t/s`` is, as everywhere here, with respect to the real value t. It passes the rounding and
the saturation by: what is clipped can be drawn back into the range.
"""

from typing import Any, cast

import torch
from torch import Tensor

from sr2tflite.quant.functions import (
    Rounding,
    Slope,
    add_accumulators,
    add_inside,
    conv_backward,
    conv_codes,
    inside_only,
    range_gradient,
    real,
    rounded_from,
    sloped,
)
from sr2tflite.quant.specs import AddSpec, ConvSpec, OutputGrid

Told = tuple[Tensor, Tensor]
"""Centered codes v and the ratios t/s they were rounded from, N·C·H·W."""


def mismatch(told: Told, scale: float) -> Tensor:
    """``‖X − q(X)‖_F``, a scalar in the units of X.

    References:
        Overcoming Distribution Mismatch in Quantizing Image Super-Resolution Networks (ECCV 2024),
        https://arxiv.org/abs/2307.13337: M_i of one layer.
    """
    codes, ratio = told
    apart = (real(ratio, scale) - real(codes, scale)).square().sum()
    return (apart + 1e-12).sqrt()  # the root has no gradient at zero


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
    ) -> Told:
        ratio, codes = conv_codes(x, spec)
        ctx.save_for_backward(x, ratio, codes)
        ctx.spec, ctx.slope = spec, slope
        return codes, ratio

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad, direct), spec = grads, cast(ConvSpec, ctx.spec)
        x, ratio, codes = ctx.saved_tensors
        inside = inside_only(grad, ratio, spec.grid)
        passed = sloped(inside, ratio, ctx.slope)
        needed = [ctx.needs_input_grad[0], ctx.needs_input_grad[1], True]
        grad_x, grad_w, grad_b = conv_backward(passed + direct, x, spec, needed)
        grad_range = None
        if ctx.needs_input_grad[3]:
            grad_range = range_gradient(grad, codes, inside, _dot(passed, ratio), spec.grid)
        return grad_x, grad_w, grad_b, grad_range, None, None


class _Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, _bounds: Tensor | None, spec: AddSpec) -> Told:
        acc = add_accumulators(a, b, spec)
        codes = (acc >> spec.shift).float().clamp_(spec.grid.low, spec.grid.high)
        ratio = acc.float() * 2.0**-spec.shift - 0.5
        ctx.save_for_backward(acc.float(), ratio, codes)
        ctx.spec = spec
        return codes, ratio

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad, direct), spec = grads, cast(AddSpec, ctx.spec)
        acc, ratio, codes = ctx.saved_tensors
        inside = add_inside(grad, acc, spec)
        grad_range = None
        if ctx.needs_input_grad[2]:
            grad_range = range_gradient(grad, codes, inside, _dot(inside, ratio), spec.grid)
        passed = inside + direct
        return passed, passed if spec.scale_b > 0 else -passed, grad_range, None


class Mismatches:
    """Computes as ``functions`` does, and keeps the mismatch of every output whose range is learned."""

    def __init__(self) -> None:
        self._found: list[Tensor] = []

    def taken(self) -> list[Tensor]:
        """The mismatches since the last call, of forwards with gradients."""
        found, self._found = self._found, []
        return found

    def conv(self, x: Tensor, weight: Tensor, bias: Tensor, bounds: Tensor | None, spec: ConvSpec) -> Tensor:
        """As ``functions.conv``."""
        told = cast(Told, _Conv.apply(x, weight, bias, bounds, spec, None))  # type: ignore[no-untyped-call]
        return self._kept(told, bounds, spec.grid.scale)

    def add(self, a: Tensor, b: Tensor, bounds: Tensor | None, spec: AddSpec) -> Tensor:
        """As ``functions.add``."""
        a, b = torch.broadcast_tensors(a, b)  # type: ignore[no-untyped-call]
        told = cast(Told, _Add.apply(a, b, bounds, spec))  # type: ignore[no-untyped-call]
        return self._kept(told, bounds, spec.grid.scale)

    def rounded(self, x: Tensor, bounds: Tensor | None, grid: OutputGrid) -> Tensor:
        """As ``functions.rounded_from``."""
        return self._kept(rounded_from(x, bounds, grid), bounds, grid.scale)

    def _kept(self, told: Told, bounds: Tensor | None, scale: float) -> Tensor:
        if bounds is not None and torch.is_grad_enabled():
            self._found.append(mismatch(told, scale))
        return told[0]


class Tapped(Rounding):
    """Computes as ``Rounding`` does, and keeps what the last convolution with gradients has rounded."""

    def __init__(self, slope: Slope | None = None) -> None:
        super().__init__(slope)
        self._kept: Tensor | None = None

    def taken(self) -> Tensor:
        """t, real, N·C·H·W, before a fused ReLU; it is forgotten."""
        kept, self._kept = self._kept, None
        assert kept is not None
        return kept

    def conv(self, x: Tensor, weight: Tensor, bias: Tensor, bounds: Tensor | None, spec: ConvSpec) -> Tensor:
        """As ``functions.conv``."""
        told = cast(Told, _Conv.apply(x, weight, bias, bounds, spec, self.slope))  # type: ignore[no-untyped-call]
        self._kept = real(told[1], spec.grid.scale) if torch.is_grad_enabled() else None
        return told[0]


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum())
