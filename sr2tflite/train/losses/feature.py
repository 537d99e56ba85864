"""Feature distillation: where the network looks, layer by layer, against the float graph that training started from."""

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from sr2tflite.train.losses import LOSSES, Loss, Sample

_LEAST = 1e-6
"""A map of a smaller norm is divided by this."""


@LOSSES.register("feature")
class Feature(Loss):
    """``mean over layers, images and pixels of |a(sr) − a(t)|``, a the attention map of a layer, of length 1.

    ``A(p) = Σ_c f_c(p)²`` over the channels of the features f, N·C·H·W, and ``a = A / ‖A‖₂`` over the pixels of an
    image: widths and units drop out. Features are what convolutions of the deploy graph write, after a fused ReLU.

    References:
        Paying More Attention to Attention (Zagoruyko and Komodakis, 2017), https://arxiv.org/abs/1612.03928, the map
        F²_sum of equation 1 and the distance of equation 2, here with p = 1 and a mean. Stage 3 of AIO-MAI (2026),
        https://arxiv.org/abs/2604.20291, as the authors ran it: weight 0.003, blocks 1, 3 and 5 of 0…7, against the
        student's own float deploy graph.
    """

    layers: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (2, 4, 6)
    """Convolutions of the deploy graph, counted from 0: with a stem in front, blocks 1, 3 and 5."""

    @property
    def compared(self) -> tuple[int, ...]:
        return self.layers

    def __call__(self, sample: Sample) -> Tensor:
        """Of every element of every map."""
        distances = [(_map(ours) - _map(theirs)).abs().mean() for ours, theirs in map(sample.features_of, self.layers)]
        return torch.stack(distances).mean()


def _map(features: Tensor) -> Tensor:
    """a, N·(H·W)."""
    return F.normalize(features.square().sum(1).flatten(1), dim=1, eps=_LEAST)
