"""The activations a student may choose between."""

from typing import Literal

from torch import nn

Activation = Literal["relu", "prelu", "leaky_relu"]
"""``relu`` costs nothing in the file: it is part of the convolution before it. The others are an op of their own."""

LEAK = 0.1
"""Slope of ``leaky_relu`` below zero, as SRVGGNetCompact has it."""


def activation(name: Activation, channels: int) -> nn.Module:
    """``max(x, 0)``, or ``x`` above zero and ``slope·x`` below: one learned slope a channel, or ``LEAK`` for all."""
    match name:
        case "relu":
            return nn.ReLU(inplace=True)
        case "prelu":
            return nn.PReLU(channels)
        case "leaky_relu":
            return nn.LeakyReLU(LEAK, inplace=True)
