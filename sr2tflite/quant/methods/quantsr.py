"""QuantSR: redistributed rounding, shifted activations."""

from typing import Any

from pydantic import Field

from sr2tflite.quant.methods import METHODS, Method
from sr2tflite.quant.redistribution import REDISTRIBUTED, RedistributedWeights
from sr2tflite.quant.shift import add_shifts, shifts_of
from sr2tflite.quant.view import QuantizedView


@METHODS.register("quantsr")
class Quantsr(Method):
    """x."""

    shifts: bool = True
    rate: float = Field(default=10.0, ge=0)

    def install(self, view: QuantizedView) -> None:
        for name in view.layer_names():
            layer = view.layer(name)
            layer.quantizer = RedistributedWeights(layer.quantizer.limit, layer.weight, per_channel=layer.per_channel)
        view.arithmetic = REDISTRIBUTED
        if self.shifts:
            add_shifts(view)

    def groups(self, view: QuantizedView) -> list[dict[str, Any]]:
        return [{"params": [shift.tau for shift in shifts_of(view)], "lr": self.rate}]
