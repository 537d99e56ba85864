"""No sum of products can leave its accumulator, which has the bias's type."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.check.rules._convolutions import layers, power
from sr2tflite.numerics.qparams import LIMITS


@RULES.register("accumulator")
class Accumulator(Rule):
    """``span·Σ|w[c] − z| + |b[c]|`` bounds every partial sum of a channel, whatever the order and the image."""

    title: ClassVar[str] = "sums fit into their accumulators"
    source: ClassVar[str | None] = (
        "https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec"
    )

    def check(self, case: Case) -> Checked:
        """Look at every channel of every convolution."""
        findings, tops, limits = [], {}, {}
        for layer in layers(case.graph):
            bounds = layer.bounds
            channel, (_, limit) = int(bounds.argmax()), LIMITS[layer.bias.dtype]
            tops[layer.output.name], limits[layer.output.name] = int(bounds[channel]), limit
            if bounds[channel] > limit:
                findings.append(
                    self.finding(
                        case.place(layer.node),
                        f"channel {channel} can sum up to {power(bounds[channel])}",
                        f"less than {power(limit)}",
                        hint="the input's or the weights' scale is far too small for this bias; calibrate again",
                    )
                )
        name = max(tops, key=lambda one: tops[one], default=None)
        said = (
            "no convolutions" if name is None else f"largest bound {power(tops[name])} of {power(limits[name])}, {name}"
        )
        return Checked(said, tuple(findings))
