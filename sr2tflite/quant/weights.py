"""From a convolution's real weights to codes: where the grid lies, which code a weight takes, where gradients go."""

from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor, nn

from sr2tflite.numerics.qparams import WEIGHT_LIMIT
from sr2tflite.quant.bounds import within

SMALLEST_SHARE = 2.0**-6
"""A learned clip does not fall under this part of what it started at."""


@dataclass(frozen=True)
class WeightCodes:
    """What the weights of one step are rounded to."""

    codes: Tensor
    """OIHW, float32."""

    scale: Tensor
    """Broadcasts against the codes, float32."""

    raised: Tensor
    """Whether a scale is larger than the quantizer's own, for the bias; broadcasts likewise."""


class WeightQuantizer(nn.Module):
    """``s = max|w|/L``, per output channel or of all; ``q = clip(round_half_even(w/s), −L, L)``; straight through.

    Args:
        limit: L, the largest code: 127 at eight bits.
    """

    def __init__(self, limit: int = WEIGHT_LIMIT) -> None:
        super().__init__()
        self.limit = limit

    def magnitude(self, weight: Tensor, *, per_channel: bool) -> Tensor:
        """What the largest code stands for, one value per output channel or one; no gradient is asked for."""
        return weight.abs().amax((1, 2, 3)) if per_channel else weight.abs().amax().reshape(1)

    def enlarge(self, ratio: Tensor) -> None:
        """Follow weights that are now so many times as large, per output channel or all, if that does not come about.

        Args:
            ratio: One value per output channel, or one.
        """

    def codes(self, ratio: Tensor) -> Tensor:
        """Codes, float64, of ``w/s``, OIHW in float64, which may be overwritten."""
        return ratio.round_().clamp_(-self.limit, self.limit)

    def passed(self, weight: Tensor, used: WeightCodes) -> Tensor:  # noqa: ARG002  # a default
        """What takes the gradient with respect to ``s·q``: the weights, or a function of them and of own parameters.

        Only its gradient is used, not its value.
        """
        return weight


class ClippedWeights(WeightQuantizer):
    """Weights beyond a clip c saturate, ``s = c/L``, and c takes its part of the gradient.

    With ``r = w/s``, inside where |r| ≤ L and rounding passed straight through: ∂ŵ/∂w = 1 inside, else 0, and
    ``∂ŵ/∂c = (q − r)/L`` inside, ±1 outside.

    References:
        Learned Step Size Quantization (Esser et al., 2020), https://arxiv.org/abs/1902.08153, equation 3, here of
        ``c = s·L``.
    """

    def clip(self, weight: Tensor, *, per_channel: bool) -> Tensor:
        """c, positive, one value per output channel or one, with its gradient."""
        raise NotImplementedError

    def magnitude(self, weight: Tensor, *, per_channel: bool) -> Tensor:
        """What the largest code stands for."""
        return self.clip(weight, per_channel=per_channel).detach()

    def passed(self, weight: Tensor, used: WeightCodes) -> Tensor:
        """``s·q`` with the gradients above; where the bias has raised a scale, c takes none."""
        per_channel = len(used.scale) > 1
        own = self.clip(weight, per_channel=per_channel).reshape(-1, 1, 1, 1) / self.limit
        step = torch.where(used.raised, used.scale, own)
        ratio = weight / step
        codes = torch.where(ratio.abs() <= self.limit, self.rounded(ratio, used.codes), used.codes)
        return step * codes

    def rounded(self, ratio: Tensor, codes: Tensor) -> Tensor:
        """Codes with the gradient that rounding passes to r where it is inside: straight through."""
        return straight(ratio, codes)


class LearnedClip(ClippedWeights):
    """c is learned, for a channel or the layer: ``c = γ·c₀``, γ starts at 1.

    That γ is learned instead of s lets one learning rate fit all layers.

    Args:
        limit: The largest code.
        start: c₀, one per output channel, or one: what calibration found.
    """

    start: Tensor

    def __init__(self, limit: int, start: Tensor) -> None:
        super().__init__(limit)
        # a channel of zeros may learn to be something: as large as the layer is
        self.register_buffer("start", torch.where(start > 0, start, float(start.max()) or 1.0))
        self.relative = nn.Parameter(torch.ones_like(start))

    def clip(self, weight: Tensor, *, per_channel: bool) -> Tensor:  # noqa: ARG002  # known from the start
        """γ·c₀; what γ may become keeps a clip's sign and some width."""
        smallest, largest = self.start.new_tensor([SMALLEST_SHARE, inf])
        return self.start * within(self.relative, smallest, largest)

    def enlarge(self, ratio: Tensor) -> None:
        """The clip moves along."""
        self.start.mul_(ratio)


def straight(value: Tensor, codes: Tensor) -> Tensor:
    """Codes, with the gradient of a value."""
    return value + (codes - value).detach()
