"""Range ends that a clip bounds."""

from typing import Any, cast

import torch
from torch import Tensor


class _Within(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ends: Tensor, low: Tensor, high: Tensor) -> Tensor:
        ctx.save_for_backward(ends, low, high)
        return torch.minimum(torch.maximum(ends, low), high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,) = grads
        ends, low, high = ctx.saved_tensors
        pushes_out = ((ends >= high) & (grad < 0)) | ((ends <= low) & (grad > 0))
        return grad.masked_fill(pushes_out, 0), None, None


def within(ends: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """``min(max(e, low), high)`` with the gradient of projected descent.

    Where an end lies at a bound or over it, a gradient passes if following it leads back, and is dropped if it leads
    further out: a clamp's own would be zero there, and an end that is once over its bound would never come back.
    """
    return cast(Tensor, _Within.apply(ends, low, high))  # type: ignore[no-untyped-call]
