"""QuantSR: rounding with a redistributed gradient, shifted activations, learned shortcuts, one network at depths."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Self

from pydantic import Field, model_validator
from torch import Tensor

from sr2tflite.quant.depths import Depths, depths_of
from sr2tflite.quant.methods import METHODS
from sr2tflite.quant.methods._quantsr import ShiftedAndShortcut
from sr2tflite.quant.redistribution import REDISTRIBUTED, RedistributedWeights
from sr2tflite.quant.shortcuts import required, shortcuts_of
from sr2tflite.quant.view import QuantizedView


@METHODS.register("quantsr")
class Quantsr(ShiftedAndShortcut):
    """The redistribution quantizer for weights and activations, and the depth-dynamic network where ``depth`` is told.

    The paper's: φ, τ before the quantizer of what a convolution reads, ``y = α·x + F(x)``, a first stage of the whole
    network, a second one of ``⅓·Σ L(depth)`` over all, half and a quarter of the blocks, those of the largest α left
    out. Ours: τ only where a bias takes it, and before the ReLU where there is one, so that no op is added; ends of
    ranges and clips are learned, on TFLite's grids, and every tensor of the file is quantized, where the paper has
    float sums, head and tail; both start where ``ptq`` leaves them, not at 2·mean|x|/√Q, which cuts off what ends of
    the network pass through. Its step sizes' gradients are scaled by 1/√(n·Q); Adam is indifferent to that.

    References:
        QuantSR: Accurate Low-bit Quantization for Efficient Image Super-Resolution (Qin et al., NeurIPS 2023),
        as its released code has it.
    """

    depth: Literal["all", "half", "quarter"] | None = None
    """Share of the residual blocks that the file has, of three that are trained together; None trains and has all."""

    together_from: float = Field(default=0.5, ge=0, lt=1)
    """Share of the training after which the three depths are trained; which blocks they lack is decided then."""

    @model_validator(mode="after")
    def _skips_by_shortcuts(self) -> Self:
        if self.depth is not None and not self.shortcuts:
            raise ValueError(f"depth is {self.depth}, and shortcuts is false; expected shortcuts to rank blocks by")
        return self

    def install(self, view: QuantizedView) -> None:
        """Weight quantizers, shifts, shortcuts and depths."""
        self.weights_of(view, RedistributedWeights)
        view.arithmetic = REDISTRIBUTED
        shortcuts = self.fold_into(view, identity=False)
        if self.depth is not None:
            view.brought["depths"] = Depths(required(shortcuts, view, "depth: null"), self.depth)

    def before_step(self, view: QuantizedView, lr: Tensor, progress: float) -> None:  # noqa: ARG002  # as a method has it
        """Decide about the depths when it is time."""
        depths = depths_of(view)
        if depths is not None and not depths.are_decided and progress >= self.together_from:
            depths.decide()

    def forms(self, view: QuantizedView) -> Sequence[AbstractContextManager[None]]:
        """The view at each depth."""
        depths = depths_of(view)
        return [nullcontext()] if depths is None else depths.forms()

    def leaves_out(self, view: QuantizedView) -> Collection[str]:
        """The blocks' convolutions, where there are depths."""
        depths, shortcuts = depths_of(view), shortcuts_of(view)
        return () if depths is None or shortcuts is None else shortcuts.convolutions

    def has_final_form(self, view: QuantizedView) -> bool:
        """Whether the depths have been decided."""
        depths = depths_of(view)
        return depths is None or depths.are_decided
