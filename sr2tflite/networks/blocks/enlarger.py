"""Features enlarged inside a network: a convolution and a pixel shuffle for every factor."""

from torch import nn

from sr2tflite.networks.blocks.activation import Activation, activation
from sr2tflite.networks.blocks.start import fade, pass_through


def factors(scale: int) -> tuple[int, ...]:
    """What a network enlarges by, step by step: twos where the scale is a power of two, else the scale at once."""
    exponent = scale.bit_length() - 1
    return (2,) * exponent if scale == 2**exponent else (scale,)


class Enlarger(nn.Sequential):
    """``x = φ(PixelShuffle(W * x))`` for every factor; the channels stay, and fresh weights about repeat every pixel.

    References:
        Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network (Ledig et al., 2017),
        https://arxiv.org/abs/1609.04802, section 2.1.1 and figure 4.

    Args:
        channels: C, in and out.
        scale: s.
        kind: φ; nothing when None.
    """

    def __init__(self, channels: int, scale: int, kind: Activation | None = None) -> None:
        layers: list[nn.Module] = []
        for factor in factors(scale):
            conv = nn.Conv2d(channels, channels * factor**2, 3, padding=1)
            fade(conv)
            pass_through(conv, factor**2)
            layers += [conv, nn.PixelShuffle(factor), *([activation(kind, channels)] if kind else [])]
        super().__init__(*layers)
