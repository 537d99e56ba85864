"""What QuantSR and QuantSR+ have in common."""

from typing import Any, ClassVar

from pydantic import Field

from sr2tflite.quant.methods import Method
from sr2tflite.quant.shift import add_shifts, shifts_of
from sr2tflite.quant.shortcuts import Shortcuts, add_shortcuts, shortcuts_of
from sr2tflite.quant.view import QuantizedView
from sr2tflite.quant.weights import LearnedClip


class ShiftedAndShortcut(Method):
    """Learned clips of weights, shifts of activations, shortcuts of residual blocks."""

    by_hand: ClassVar[bool] = True

    shifts: bool = True
    """Whether activations are shifted by τ, one per channel, learned, before they are quantized; where a convolution
    writes what another one alone reads, as part of the former's bias."""

    shortcuts: bool = True
    """Whether residual blocks, where there are any, are ``α·x + F(x)``, α learned."""

    rate: float = Field(default=10.0, ge=0)
    """Learning rate of τ and α, relative to that of the weights. τ is measured against the power of two above its
    range's width."""

    def weights_of(self, view: QuantizedView, kind: type[LearnedClip]) -> None:
        """Give every convolution a weight quantizer, which starts on the grid that calibration has rounded for."""
        for name in view.layer_names():
            layer = view.layer(name)
            start = layer.quantizer.magnitude(layer.weight.detach(), per_channel=layer.per_channel)
            layer.quantizer = kind(layer.quantizer.limit, start)

    def fold_into(self, view: QuantizedView, *, identity: bool) -> Shortcuts | None:
        """Shift activations and give blocks shortcuts, as far as the settings say so."""
        if self.shifts:
            add_shifts(view)
        return add_shortcuts(view, identity=identity) if self.shortcuts else None

    def groups(self, view: QuantizedView) -> list[dict[str, Any]]:
        """τ and α."""
        found = [shift.tau for shift in shifts_of(view)]
        if (shortcuts := shortcuts_of(view)) is not None:
            found.append(shortcuts.alpha)
        return [{"params": found, "lr": self.rate}] if found else []
