"""QuantSR+: weights coded bit by bit, blocks that go while training goes on, the others taught block by block."""

from collections.abc import Collection, Mapping
from math import ceil
from typing import Self

from pydantic import Field, model_validator
from torch import Tensor

from sr2tflite.errors import UnsupportedError
from sr2tflite.quant.binarization import BinarizedWeights
from sr2tflite.quant.local import LocalDistillation, local_of
from sr2tflite.quant.methods import METHODS
from sr2tflite.quant.methods._quantsr import ShiftedAndShortcut
from sr2tflite.quant.shortcuts import required, shortcuts_of
from sr2tflite.quant.slimming import Slimming, slimming_of
from sr2tflite.quant.view import QuantizedView

WHITE = 255.0


@METHODS.register("quantsr_plus")
class QuantsrPlus(ShiftedAndShortcut):
    """Residual binarization, progressive slimming and function-local distillation.

    The paper's: the coding of weights with its thresholds, τ and straight-through rounding of activations, half of the
    blocks removed, from a fifth of the training on, each time the one of the largest α, which is 1 from then on; ``L1 +
    1e-4·mean_k ‖F_k − F_k^float‖₂`` over blocks k that are there and whose neighbor before is. Ours: what is ours in
    ``quantsr``; and that the removal ends at ``slim_until``, where the paper waits up to 2/n of the training for each
    block but the first of n/2: with n > 10 the training is over before. Features are those of the deploy graph, which
    ``ptq.equalize`` may have given other units.

    References:
        QuantSR+ (2026), https://arxiv.org/abs/2605.22351, and its released code.
    """

    slim: float = Field(default=0.5, ge=0, lt=1)
    """Share of the residual blocks that are removed; the file does not have them."""

    slim_from: float = Field(default=0.2, ge=0, le=0.9)
    """Share of the training after which the first block goes."""

    slim_until: float = Field(default=0.5, ge=0, le=0.9)
    """When the last has gone at the latest."""

    distillation: float = Field(default=1e-4, ge=0)
    """What the distance from the float network's blocks counts, in pixel units like the L1 of the paper; 0 leaves it
    out."""

    @model_validator(mode="after")
    def _slims_forward(self) -> Self:
        if self.slim_until < self.slim_from:
            raise ValueError(f"slim_until is {self.slim_until:g}; expected at least slim_from")
        if self.slim and not self.shortcuts:
            raise ValueError(f"slim is {self.slim:g}, and shortcuts is false; expected shortcuts to rank blocks by")
        return self

    def install(self, view: QuantizedView) -> None:
        """Weight quantizers, shifts, shortcuts, slimming and distillation."""
        self.weights_of(view, BinarizedWeights)
        shortcuts = self.fold_into(view, identity=True)
        if self.slim:
            shortcuts = required(shortcuts, view, "slim: 0")
            count = int(self.slim * len(shortcuts.blocks))
            if not count:
                found = len(shortcuts.blocks)
                raise UnsupportedError(
                    f"has {found} residual blocks, of which slim: {self.slim:g} removes none",
                    where=view.plan.graph.name,
                    hint=f"slim: {ceil(100 / found) / 100:g}, or slim: 0" if found > 1 else "slim: 0",
                )
            view.brought["slimming"] = Slimming(shortcuts, count, self.slim_from, self.slim_until)
        if self.distillation and shortcuts is not None:
            view.brought["local"] = LocalDistillation(view, shortcuts.blocks, None)

    def before_step(self, view: QuantizedView, lr: Tensor, progress: float) -> None:
        """Let blocks go when it is time, and ask the float network about the batch."""
        if (slimming := slimming_of(view)) is not None:
            slimming.step(progress)
        if (local := local_of(view)) is not None:
            local.see(lr)

    def after_validation(self, view: QuantizedView, psnr: float) -> None:
        """A validation as good as the best lets the next block go."""
        if (slimming := slimming_of(view)) is not None:
            slimming.see(psnr)

    def leaves_out(self, view: QuantizedView) -> Collection[str]:
        """The blocks' convolutions, where some go."""
        slimming, shortcuts = slimming_of(view), shortcuts_of(view)
        return () if slimming is None or shortcuts is None else shortcuts.convolutions

    def has_final_form(self, view: QuantizedView) -> bool:
        """Whether all blocks have gone that should."""
        slimming = slimming_of(view)
        return slimming is None or slimming.is_done

    def terms(self, view: QuantizedView) -> Mapping[str, Tensor]:
        """The distance from the float network's blocks."""
        local, shortcuts = local_of(view), shortcuts_of(view)
        if local is None or shortcuts is None:
            return {}
        kept = shortcuts.kept()
        beside = [number for number in kept if number == 0 or number - 1 in kept]
        return {"blocks": local.distance(beside) * (self.distillation / WHITE)} if beside else {}
