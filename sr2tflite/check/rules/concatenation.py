"""What is put side by side uses the codes of the one scale that it must share."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding, Severity
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule
from sr2tflite.errors import UnsupportedError, VerificationError
from sr2tflite.graph import Graph, Node, ops
from sr2tflite.interpret import Interpreter


@RULES.register("concatenation")
class Concatenation(UnitRule):
    """One scale for all: the widest branch sets it, and a narrow one is left with few of the 256 codes.

    Which codes a branch takes is measured on one image, the largest there is. Inputs of other scales than the output's
    are rescaled on the way, where that is known at all.
    """

    title: ClassVar[str] = "branches of a CONCATENATION use their scale"
    source: ClassVar[str | None] = (
        "https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec"
    )

    severity: Severity = "note"

    lost_bits: Annotated[float, Field(gt=0)] = 2.0
    """A branch that takes fewer than 256/2^this codes is told."""

    def check(self, case: Case) -> Checked:
        """Compare scales, then run the image."""
        graph = case.graph
        nodes = [node for node in graph.nodes if isinstance(node.op, ops.Concatenation)]
        findings = [found for node in nodes for found in self._scales(case, graph, node)]
        if not nodes:
            return Checked("0 CONCATENATION")
        spans = _spans(case, {name for node in nodes for name in node.inputs})
        if isinstance(spans, str):
            return Checked(f"{len(nodes)} CONCATENATION; not measured: {spans}", tuple(findings))
        findings += [found for node in nodes for found in self._narrow(case, node, spans)]
        return Checked(f"{len(nodes)} CONCATENATION of {len(spans)} branches, measured", tuple(findings))

    def _scales(self, case: Case, graph: Graph, node: Node) -> Iterator[Finding]:
        y = graph.tensors[node.output].quant
        for name in dict.fromkeys(node.inputs):
            x = graph.tensors[name].quant
            if x is not None and y is not None and x != y:
                found = f"{name} has scale {x.scale[0]:.6g}, zero point {x.zero_point[0]}"
                wanted = f"the output's, {y.scale[0]:.6g} and {y.zero_point[0]}"
                yield self.of_node(case, node, found, wanted, severity="warning")

    def _narrow(self, case: Case, node: Node, spans: dict[str, int]) -> Iterator[Finding]:
        for name in dict.fromkeys(node.inputs):
            lost = 8 - np.log2(spans.get(name, 256))
            if lost > self.lost_bits:
                found = f"{name} takes {spans[name]} of 256 codes: {lost:.1f} bits are lost"
                hint = "give the branch a convolution of its own scale behind it, or ADD it: ADD rescales"
                yield self.of_node(case, node, found, "branches of like range", hint=hint)


def _spans(case: Case, names: set[str]) -> dict[str, int] | str:
    """From the lowest to the highest code that each takes on an image; or why that is not known."""
    graph = case.free or case.graph
    try:
        interpreter = Interpreter(graph, threads=case.threads)
    except (UnsupportedError, VerificationError) as error:
        return error.message
    sample = max(case.samples.images, key=lambda one: one.pixels.size)
    values = interpreter.activations(case.codes(sample.pixels))
    return {name: int(one.max()) - int(one.min()) + 1 for name, one in values if name in names}
