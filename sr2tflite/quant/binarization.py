"""Residual binarization: codes of weights found bit by bit, with thresholds that are learned."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from sr2tflite.quant.redistribution import TANH_HALF
from sr2tflite.quant.weights import LearnedClip, WeightCodes

FULL = (4, 8)
"""Bits of which a type of TFLite cannot hold the code 2^(b−1): int4 ends at 7, int8 at 127."""


class _Sign(torch.autograd.Function):
    """``sgn(u)``, 1 at zero, with the derivative of ``tanh(u/(2·h))/tanh ½``, which is ±1 at u = ±h."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, half: float) -> Tensor:
        ctx.save_for_backward(u)
        ctx.half = half
        return torch.where(u >= 0, 1.0, -1.0).to(u)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (u,) = ctx.saved_tensors
        bent = torch.tanh(u / (2 * ctx.half))
        return grads[0] * (1 - bent * bent) / (2 * ctx.half * TANH_HALF), None


class BinarizedWeights(LearnedClip):
    """Codes as sums of signs, from the greatest bit to the least, of b bits.

    With ``v = 2·w/s``, from i = b − 1 down to 0: ``r = v − 1 − Σ_{j>i} q_j·s_j·2^j``, ``q_i = sgn(r·s_i − t_i)``, and
    ``k = (Σ q_i·2^i + 1)/2``. At the start, s_i = 1 and t_i = 0, that is w/s rounded half up onto −(2^(b−1) − 1) …
    2^(b−1). s_i and t_i, one for each layer and bit, move the thresholds only: k stays a code. At 4 and 8 bits the
    largest is 2^(b−1) − 1 here, which is what int4 and int8 hold. A sign passes its gradient on by tanh's, bent so that
    the last bit's is φ′ of the redistribution quantizer, and k has, at the start, a derivative near 1 by w/s.

    References:
        QuantSR+ (2026), https://arxiv.org/abs/2605.22351, the bit-by-bit residual binarization, as its released code
        has it; how wide tanh is at the higher bits is our reading.
    """

    def __init__(self, limit: int, start: Tensor) -> None:
        super().__init__(limit, start)
        self.bits = (limit + 1).bit_length()
        self.largest = limit if self.bits in FULL else limit + 1
        self.gain = nn.Parameter(torch.ones(self.bits))
        """s_i, from bit 0."""
        self.threshold = nn.Parameter(torch.zeros(self.bits))
        """t_i, from bit 0."""

    def codes(self, ratio: Tensor) -> Tensor:
        """K of ``w/s``, OIHW in float64."""
        return self.binarized(ratio)

    def passed(self, weight: Tensor, used: WeightCodes) -> Tensor:
        """``s·k`` with the gradients by w, c, s_i and t_i; where the bias has raised a scale, c takes none."""
        own = self.clip(weight, per_channel=len(used.scale) > 1).reshape(-1, 1, 1, 1) / self.limit
        step = torch.where(used.raised, used.scale, own).double()
        return (step * self.binarized(weight / step)).float()

    def binarized(self, ratio: Tensor) -> Tensor:
        """K of ``w/s``, in float64 and with its gradient."""
        shifted = 2 * ratio.clamp(-self.limit, self.largest) - 1
        coded, taken = torch.zeros_like(shifted), torch.zeros_like(shifted)
        gains, thresholds = self.gain.double(), self.threshold.double()
        for bit in reversed(range(self.bits)):
            half = 2.0**bit
            residue = shifted - taken
            sign = cast(Tensor, _Sign.apply(residue * gains[bit] - thresholds[bit], half))  # type: ignore[no-untyped-call]
            coded = coded + sign * half
            taken = taken + sign * gains[bit] * half
        return ((coded + 1) / 2).clamp(max=self.largest)
