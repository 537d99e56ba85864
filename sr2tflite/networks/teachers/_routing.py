"""Which token a pixel is sent to: the one random choice inside MambaIRv2."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Pick = Callable[[Tensor], Tensor]
"""Log-probabilities N·L·tokens → the index of each pixel's token, N·L."""


def most_likely(logits: Tensor) -> Tensor:
    """No chance at all; not how the network was trained, and 0.02 dB below it."""
    return logits.argmax(-1)


class Gumbel:
    """A draw from the distribution by the Gumbel-max trick, as in training; every image has its own stream.

    References:
        Categorical Reparameterization with Gumbel-Softmax (Jang et al., 2017), https://arxiv.org/abs/1611.01144,
        equation 1.

    Args:
        seeds: One for each image of the batch. Noise is drawn on the CPU, so that a GPU routes the same way.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, logits: Tensor) -> Tensor:
        noise = torch.empty(logits.shape)
        for image, stream in zip(noise, self._streams, strict=True):
            image.exponential_(generator=stream)
        return (logits - noise.log().to(logits.device)).argmax(-1)
