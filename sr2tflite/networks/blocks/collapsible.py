"""The collapsible linear block: a wide k×k and a 1×1 that narrows it again."""

from torch import Tensor, nn


class CollapsibleLinear(nn.Module):
    """``y = W₁ₓ₁ * (Wₖₓₖ * x) + b``, plus x where the block has a short residual.

    References:
        Collapsible Linear Blocks for Super-Efficient Super Resolution (Bhardwaj et al., 2022),
        https://arxiv.org/abs/2103.09404, section 3.1. The k×k has no bias; the authors' released code gives it one,
        which leaks into the collapsed kernel there.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        kernel: k, odd.
        middle: Channels between the two.
        residual: Whether x is added; needs as many outputs as inputs.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, middle: int, *, residual: bool = False) -> None:
        super().__init__()
        self.expand = nn.Conv2d(inputs, middle, kernel, padding=kernel // 2, bias=False)
        self.squeeze = nn.Conv2d(middle, outputs, 1)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """N·inputs·H·W to N·outputs·H·W."""
        y: Tensor = self.squeeze(self.expand(x))
        return y + x if self.residual else y
