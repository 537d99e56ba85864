"""Weights have one scale a layer, as some accelerators want it."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Severity
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.check.rules._convolutions import layers


@RULES.register("per_channel")
class PerChannel(Rule):
    """Scales per output channel cost nothing on CPUs; NNAPI knows them since API level 29, some accelerators never."""

    title: ClassVar[str] = "weights have one scale a layer"
    source: ClassVar[str | None] = (
        "https://developer.android.com/ndk/reference/group/neural-networks,"
        " ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL: available since API level 29"
    )

    severity: Severity = "note"

    def check(self, case: Case) -> Checked:
        """Count them."""
        found = list(layers(case.graph))
        several = [layer for layer in found if layer.weight.quant and len(layer.weight.quant.scale) > 1]
        said = f"{len(found) - len(several)}/{len(found)} convolutions"
        if not several:
            return Checked(said)
        note = self.finding(
            case.place(several[0].node, several[0].weight.name),
            f"{len(several)} of {len(found)} convolutions have a scale per channel",
            "one scale, where an accelerator wants it",
            hint="sr2tflite ptq deploy.onnx --calibrate DIR --weights per-tensor -o ptq.onnx",
        )
        return Checked(said, (note,))
