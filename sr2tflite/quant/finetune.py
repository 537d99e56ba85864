"""Ranges finetuned on low-resolution images alone: weights stay, and sensitive layers count more."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sr2tflite.progress import Progress, silent
from sr2tflite.quant.breakpoints import Breakpoints
from sr2tflite.quant.functions import real
from sr2tflite.quant.ranges import middle
from sr2tflite.quant.settings import FinetuneSettings
from sr2tflite.torch_view import FloatView

if TYPE_CHECKING:
    from sr2tflite.quant.view import QuantizedView

WHITE = 255.0
SMALLEST = 1e-12
RECONSTRUCTION = 5.0
"""How much the image counts beside the layers."""


@torch.enable_grad()
def finetune_ranges(
    view: "QuantizedView",
    images: Sequence[NDArray[np.uint8]],
    settings: FinetuneSettings,
    *,
    progress: Progress = silent,
) -> None:
    """Move the scales of weights, whose codes stay, the ends of activations' ranges, and breakpoints towards float.

    ``L = L_sen + 5·L_rec`` with ``L_rec = mean |K(I) − Q(I)| / 255`` and
    ``L_sen = Σ_k s_k ‖F_K^k/‖F_K^k‖₂ − F_Q^k/‖F_Q^k‖₂‖₂ / K`` over the outputs F^k of all K convolutions, K(·) the
    float network and Q(·) the quantized one; ``s = sensitivities``. Epochs take turns: one moves the weights' scales,
    the next the activations' ends, the third the breakpoints where activations are split. What is left is the best of
    the start and the end of every epoch.

    References:
        Outlier-Aware Post-Training Quantization for Image Super-Resolution (2025), https://arxiv.org/abs/2511.00682,
        the sensitivity-aware finetuning. That codes stay while scales move is ours: they may have been chosen with
        care. Epochs, batch and decay are those of AdaBM, whose scaffolding the paper builds on.

    Args:
        view: Its ranges, and weights with their scales, are moved in place.
        images: Low-resolution images, uint8, height × width × 3; the middle of each is looked at.
        settings: How long and how fast.
        progress: Told after each epoch.
    """
    examples, scales, breakpoints = _Examples(view, images, settings), _Scales(view), Breakpoints(view)
    phases = [scales.gains, [view.relative_range], *([breakpoints.gains] if breakpoints.gains else [])]
    optimizers = [torch.optim.Adam(group) for group in phases]
    best = _State(view, examples.mean_loss())
    for epoch in range(settings.epochs):
        optimizer = optimizers[epoch % len(optimizers)]
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * settings.decay**epoch
        for batch in examples.batches(epoch):
            view.zero_grad(set_to_none=True)
            examples.loss(batch).backward()  # type: ignore[no-untyped-call]
            scales.collect()
            breakpoints.collect()
            optimizer.step()
            scales.apply()
            breakpoints.apply()
        best = best.or_better(_State(view, examples.mean_loss()))
        progress("finetuning ranges", epoch + 1, settings.epochs, f"loss {best.loss:.5f}")
    best.restore()
    breakpoints.close()
    view.zero_grad(set_to_none=True)


def sensitivities(spreads: Tensor, *, paper_exact: bool = False) -> Tensor:
    """``softmax`` over the layers of how far their float outputs spread; the sum is 1.

    Args:
        spreads: ``mean_{x ∈ cal} std(F_k(x))``, one per layer.
        paper_exact: Of the spreads themselves, as the paper has it: where activations span hundreds of pixels, one
            layer then takes all. Otherwise of spreads that are standardized first.
    """
    if not paper_exact:
        spreads = (spreads - spreads.mean()) / spreads.std(correction=0).clamp(min=SMALLEST)
    return spreads.softmax(0)


class _Scales:
    """One factor for each scale of the weights: what is multiplied is weights and grid together, so that codes stay."""

    def __init__(self, view: "QuantizedView") -> None:
        layers = [view.layer(name) for name in view.layer_names()]
        self._layers = [layer for layer in layers if layer.weight.requires_grad]  # copies of pixels learn nothing
        self.gains = [nn.Parameter(torch.ones(len(one.weight) if one.per_channel else 1)) for one in self._layers]
        self._applied = [gain.detach().clone() for gain in self.gains]

    def collect(self) -> None:
        """``∂L/∂g = Σ w·∂L/∂w / g``, from the gradients of the weights, and of what else the quantizer learns."""
        for layer, gain in zip(self._layers, self.gains, strict=True):
            assert layer.weight.grad is not None
            products = (layer.weight.detach() * layer.weight.grad).sum((1, 2, 3))
            gain.grad = (products if layer.per_channel else products.sum().reshape(1)) / gain.detach()

    def apply(self) -> None:
        """Enlarge weights and grids by what the factors have become."""
        with torch.no_grad():
            for layer, gain, applied in zip(self._layers, self.gains, self._applied, strict=True):
                ratio = gain / applied
                layer.weight.mul_(ratio.reshape(-1, 1, 1, 1))
                layer.quantizer.enlarge(ratio)
                applied.copy_(gain)


class _State:
    """What finetuning moves, as it is now."""

    def __init__(self, view: "QuantizedView", loss: float) -> None:
        layers = [view.layer(name) for name in view.layer_names()]
        grids = [buffer for layer in layers for buffer in layer.quantizer.buffers()]
        self._view, self._plan = view, view.plan
        constants = [constant for layer in layers for constant in (layer.weight, layer.bias)]
        self._moved: list[Tensor] = [*constants, *grids, view.relative_range]
        self._kept = [tensor.detach().clone() for tensor in self._moved]
        self.loss = loss

    def or_better(self, other: "_State") -> "_State":
        return other if other.loss < self.loss else self

    def restore(self) -> None:
        self._view.plan = self._plan
        with torch.no_grad():
            for tensor, kept in zip(self._moved, self._kept, strict=True):
                tensor.copy_(kept)


class _Examples:
    """Patches in random order, and how far what is made of them is from the float network."""

    def __init__(self, view: "QuantizedView", images: Sequence[NDArray[np.uint8]], settings: FinetuneSettings) -> None:
        self._view, self._batch = view, settings.batch
        self._patches = _patches(images, settings.patch)
        self._sensitivities = sensitivities(self._spreads(), paper_exact=settings.paper_exact)

    def batches(self, epoch: int) -> list[Tensor]:
        """Every patch once, batch × 3 × height × width, in an order that the epoch's number says."""
        order = torch.randperm(len(self._patches), generator=torch.Generator().manual_seed(epoch))
        return [self._patches[chosen] for chosen in torch.split(order, self._batch)]

    def mean_loss(self) -> float:
        """L of all patches, without gradients."""
        with torch.no_grad():
            return float(torch.stack([self.loss(batch) for batch in torch.split(self._patches, self._batch)]).mean())

    def loss(self, pixels: Tensor) -> Tensor:
        """L of a batch."""
        view, grids = self._view, self._view.grids()
        scales = {name: grids[group].scale[0] for name, group in view.plan.group_of.items()}
        with torch.no_grad():
            wanted = FloatView(view.plan.graph).activations(pixels)  # a breakpoint may have moved
        found = {node.output: real(codes, scales[node.output]) for node, codes in view.codes(pixels, grids)}
        bounds = {name: view.plan.groups[view.plan.group_of[name]] for name in view.layer_names()}
        clipped = {name: wanted[name].clamp(group.low, group.high) for name, group in bounds.items()}
        apart = torch.stack([_turned(clipped[name], found[name]) for name in clipped])
        output = view.plan.graph.output.name
        rebuilt = (found[output] - wanted[output].clamp(0, WHITE)).abs().mean() / WHITE
        return (self._sensitivities * apart).sum() / len(apart) + RECONSTRUCTION * rebuilt

    def _spreads(self) -> Tensor:
        found, view = torch.zeros(len(self._view.layer_names())), FloatView(self._view.plan.graph)
        with torch.no_grad():
            for patch in torch.split(self._patches, 1):
                values = view.activations(patch)
                found += torch.stack([values[name].std() for name in self._view.layer_names()])
        return found / len(self._patches)


def _patches(images: Sequence[NDArray[np.uint8]], most: int) -> Tensor:
    """The middles of images, all of one size: what is under half of them may be smaller, and is left out."""
    sides = sorted(min(image.shape[:2]) for image in images)
    side = min(most, sides[len(sides) // 2])
    return torch.cat([middle(image, side) for image in images if min(image.shape[:2]) >= side])


def _turned(a: Tensor, b: Tensor) -> Tensor:
    """``‖a/‖a‖₂ − b/‖b‖₂‖₂``."""
    difference = a / a.norm().clamp(min=SMALLEST) - b / b.norm().clamp(min=SMALLEST)
    return cast(Tensor, (difference.square().sum() + SMALLEST).sqrt())
