"""Every requantization makes numbers smaller."""

from typing import ClassVar

import numpy as np

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Severity
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.check.rules._convolutions import layers


@RULES.register("multipliers")
class Multipliers(Rule):
    """``s_x·s_w[c] / s_out < 1``: old runtimes abort at 1, and NNAPI before API level 29 refuses the model."""

    title: ClassVar[str] = "multipliers are under 1"
    source: ClassVar[str | None] = (
        "NNAPI, ANEURALNETWORKS_CONV_2D: before API level 29, output_scale > input_scale * filter_scale; "
        "https://github.com/tensorflow/tensorflow/issues/20451"
    )

    severity: Severity = "warning"
    """LiteRT computes multipliers up to 256."""

    def check(self, case: Case) -> Checked:
        """Look at every channel of every convolution."""
        findings, largest, where = [], 0.0, "none"
        for layer in layers(case.graph):
            found = layer.multipliers
            if found.max() > largest:
                largest, where = float(found.max()), layer.output.name
            over = np.flatnonzero(found >= 1)
            if over.size:
                findings.append(
                    self.finding(
                        case.place(layer.node),
                        f"channel {over[0]} ({over.size} of {found.size}): s_x·s_w/s_out = {found[over[0]]:.4g}",
                        "less than 1",
                        hint="a step of the output is finer than its terms: widen its range, or put up with it",
                    )
                )
        return Checked(f"largest {largest:.3g}, {where}", tuple(findings))
