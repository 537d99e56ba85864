"""MUL of two activations; see ``functions`` for what travels and what gradients are."""

from typing import Any, cast

import torch
from torch import Tensor

from sr2tflite.quant.functions import inside_only, range_gradient
from sr2tflite.quant.specs import MulSpec


class _Mul(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, _bounds: Tensor | None, spec: MulSpec) -> Tensor:
        ratio = (a * b).mul_(spec.multiplier)
        codes = ratio.round().clamp_(spec.grid.low, spec.grid.high)
        ctx.save_for_backward(a, b, ratio, codes)
        ctx.spec = spec
        return codes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,), spec = grads, cast(MulSpec, ctx.spec)
        a, b, ratio, codes = ctx.saved_tensors
        inside = inside_only(grad, ratio, spec.grid)
        grad_range = None
        if ctx.needs_input_grad[2]:
            pulled = float((inside * ratio).sum())
            grad_range = range_gradient(grad, codes, inside, pulled, spec.grid)
        return inside * b * spec.scale_b, inside * a * spec.scale_a, grad_range, None


def mul(a: Tensor, b: Tensor, bounds: Tensor | None, spec: MulSpec) -> Tensor:
    """MUL of two activations, with fused ReLU, requantization and saturation; shapes broadcast.

    ``v = clip(round_half_even(float32(v_a·v_b)·m), lo, hi)``; equals XNNPACK's ``qs8_vmul`` bit for bit.
    """
    a, b = torch.broadcast_tensors(a, b)  # type: ignore[no-untyped-call]
    return cast(Tensor, _Mul.apply(a, b, bounds, spec))  # type: ignore[no-untyped-call]
