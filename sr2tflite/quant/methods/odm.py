"""ODM: weights clipped by a corrected percentile, and a mismatch that is lowered where that helps the image."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from sr2tflite.quant.blocks import trunk_convolutions
from sr2tflite.quant.methods import METHODS, Gradients, Method, Mixed
from sr2tflite.quant.told import Mismatches
from sr2tflite.quant.view import QuantizedView
from sr2tflite.quant.weights import ClippedWeights

WHITE = 255.0
SMALLEST_NORM = 1e-12

Granularity = Literal["tensor", "global", "element"]
"""What a similarity is of: each trained tensor, all of them together, or each single weight."""


class CorrectedPercentile(ClippedWeights):
    """``c = γ·P_j(|W|)``: the percentile follows the weights without gradient, γ is learned, one for the layer.

    Args:
        limit: The largest code.
        percentile: j.
    """

    def __init__(self, limit: int, percentile: float) -> None:
        super().__init__(limit)
        self.percentile = percentile
        self.gamma = nn.Parameter(torch.ones(1))

    def clip(self, weight: Tensor, *, per_channel: bool) -> Tensor:
        """With weight scales per channel every channel has a percentile of its own, which the paper has not."""
        rows = weight.detach().abs().reshape(len(weight) if per_channel else 1, -1)
        return self.gamma.abs() * rows.quantile(self.percentile / 100, 1).clamp(min=SMALLEST_NORM)


@METHODS.register("odm")
class Odm(Method):
    """Cooperative mismatch regularization and weight clipping correction.

    ``θ ← θ − β·(g_R + λ·sim(g_R, g_M)·g_M)`` with ``sim = (cos + 1)/2``, g_R the gradient of the losses and g_M that of
    ``Σ_i ‖X_i − q(X_i)‖_F / 255`` over all outputs i whose range is learned. The paper's clips of activations start at
    percentiles 1 and 99: ``ptq: {method: percentile, percentile: 99, equalize: false}``.

    References:
        Overcoming Distribution Mismatch in Quantizing Image Super-Resolution Networks (ECCV 2024),
        https://arxiv.org/abs/2307.13337, equations 5–9. Which gradients a similarity compares the paper does not say:
        each trained tensor's is our reading, the others are options; P_j of |W| instead of W, since the clip is
        symmetric, likewise.
    """

    apart: ClassVar[str | None] = "mismatch"

    mismatch: float = Field(default=1e-5, ge=0)
    """λ, where activations are in pixel units and losses of differences / 255; 0 leaves the regularization out."""

    cooperative: bool = True
    """False adds the mismatch's gradient as it is, whatever the losses' gradient says."""

    granularity: Granularity = "tensor"
    """What a similarity is of."""

    percentile: float | None = Field(default=99.0, gt=50, le=100)
    """j, of the weights' clip; None clips none and leaves γ out."""

    def install(self, view: QuantizedView) -> None:
        """Clip the trunk's weights at ``γ·P_j(|W|)``; the view also notes what it rounds.

        The paper's other layers are float. Here the first, the last and those that enlarge have codes too, pass pixels
        through single large weights, and keep them whole.
        """
        trunk = [] if self.percentile is None else trunk_convolutions(view.plan.graph)
        for node in trunk:
            layer = view.layer(node.output)
            layer.quantizer = CorrectedPercentile(layer.quantizer.limit, cast(float, self.percentile))
        if self.mismatch:
            view.arithmetic = Mismatches()

    def terms(self, view: QuantizedView) -> Mapping[str, Tensor]:
        """λ·Σ M_i of the forward before."""
        if not self.mismatch:
            return {}
        found = cast(Mismatches, view.arithmetic).taken()
        return {"mismatch": torch.stack(found).sum() * (self.mismatch / WHITE)}

    def mixed(self, view: QuantizedView, losses: Gradients, term: Gradients) -> Mixed:  # noqa: ARG002  # the interface
        """``g_R + sim·g_M``, and the share of weights on which the two disagree."""
        pairs = [(r, m) for r, m in zip(losses, term, strict=True) if r is not None and m is not None]
        notes = {"conflicts": _conflicts(pairs)}
        if not self.cooperative:
            return [_sum(r, m, 1.0) for r, m in zip(losses, term, strict=True)], notes
        whole = similarity(*(torch.cat([pair[side].flatten() for pair in pairs]) for side in (0, 1)))
        mixed = [_sum(r, m, self._similarity(r, m, whole)) for r, m in zip(losses, term, strict=True)]
        return mixed, notes

    def _similarity(self, r: Tensor | None, m: Tensor | None, whole: Tensor) -> Tensor:
        if r is None or m is None:
            return whole.new_tensor(0.5)  # orthogonal to nothing
        if self.granularity == "global":
            return whole
        return similarity(r, m) if self.granularity == "tensor" else (torch.sign(r * m) + 1) / 2


def similarity(a: Tensor, b: Tensor) -> Tensor:
    """``(cos(a, b) + 1)/2``: 1 for parallel vectors, ½ for orthogonal ones and for zero, 0 for opposite ones."""
    norm = float(a.norm() * b.norm())
    product = (a * b).sum()
    return (product / norm + 1) / 2 if norm > SMALLEST_NORM else torch.full_like(product, 0.5)


def _sum(r: Tensor | None, m: Tensor | None, share: Tensor | float) -> Tensor | None:
    if m is None:
        return r
    return share * m if r is None else r + share * m


def _conflicts(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    """The share of elements, of those where both are not zero, whose gradients have opposite signs."""
    signs = torch.cat([(r * m).sign().flatten() for r, m in pairs])
    told = signs.count_nonzero()
    return float((signs < 0).sum() / told) if told else 0.0
