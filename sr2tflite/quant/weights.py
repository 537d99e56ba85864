"""From a convolution's real weights to codes: where the grid lies, which code a weight takes, where gradients go."""

from dataclasses import dataclass

from torch import Tensor, nn

from sr2tflite.numerics.qparams import WEIGHT_LIMIT


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

    def codes(self, ratio: Tensor) -> Tensor:
        """Codes, float64, of ``w/s``, OIHW in float64, which may be overwritten."""
        return ratio.round_().clamp_(-self.limit, self.limit)

    def passed(self, weight: Tensor, used: WeightCodes) -> Tensor:  # noqa: ARG002  # a default
        """What takes the gradient with respect to ``s·q``: the weights, or a function of them and of own parameters.

        Only its gradient is used, not its value.
        """
        return weight
