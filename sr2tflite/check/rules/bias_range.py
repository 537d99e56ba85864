"""No bias was cut at the ends of its type."""

from typing import ClassVar

import numpy as np

from sr2tflite.check.case import Case
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.check.rules._convolutions import layers, power
from sr2tflite.numerics.qparams import LIMITS


@RULES.register("bias_range")
class BiasRange(Rule):
    """A bias at the end of int32 was larger before it was rounded: b / (s_x·s_w) did not fit."""

    title: ClassVar[str] = "biases fit into int32"
    source: ClassVar[str | None] = "https://github.com/google/XNNPACK/issues/3693"

    def check(self, case: Case) -> Checked:
        """Look at every bias."""
        findings, largest = [], 0
        for layer in layers(case.graph):
            codes = np.asarray(layer.bias.data).astype(np.int64)
            low, high = LIMITS[layer.bias.dtype]
            largest = max(largest, int(np.abs(codes).max()))
            cut = np.flatnonzero((codes <= low) | (codes >= high))
            if cut.size:
                findings.append(
                    self.finding(
                        case.place(layer.node, layer.bias.name),
                        f"channel {cut[0]} ({cut.size} of {codes.size}): {codes[cut[0]]}, an end of {layer.bias.dtype}",
                        f"less than {power(high)}",
                        hint="the weights of the channel are almost zero, or the input's range is: calibrate again",
                    )
                )
        return Checked(f"largest |bias| {power(largest)}", tuple(findings))
