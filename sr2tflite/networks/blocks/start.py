"""Where training starts: weights that make a small network an enlargement from the first step."""

import torch
from torch import nn

FAINT = 0.1
"""What a convolution keeps of its usual first weights where it corrects an image that is there already."""


def fade(conv: nn.Conv2d) -> None:
    """Make a convolution that corrects an anchor, or the image passing through it, start small.

    The anchor alone is within 2 dB of what a small network reaches; usual weights add noise as large as the image, and
    the first thousands of steps would go into unlearning it. Not zero, so that gradients pass from the first step.
    """
    with torch.no_grad():
        conv.weight.mul_(FAINT)
        if conv.bias is not None:
            conv.bias.zero_()


def pass_through(conv: nn.Conv2d, repeat: int = 1) -> None:
    """Make output channel i of a convolution start from input channel ⌊i / repeat⌋, where there is one."""
    row, column = (size // 2 for size in conv.kernel_size)
    with torch.no_grad():
        for i in range(min(conv.out_channels, conv.in_channels * repeat)):
            conv.weight[i, i // repeat, row, column] += 1
