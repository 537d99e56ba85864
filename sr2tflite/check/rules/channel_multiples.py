"""Channels come in the groups that the accelerator computes at a time."""

from typing import Annotated, ClassVar

from pydantic import Field

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Severity
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule
from sr2tflite.graph import Graph, ops

_CONVOLUTIONS = ops.Conv2D | ops.DepthwiseConv2D | ops.TransposeConv


@RULES.register("channel_multiples")
class ChannelMultiples(UnitRule):
    """The rest of the last group is computed and thrown away; 27 channels cost what 28, or 32, do.

    Asked of what convolutions write for other convolutions: the colors, and what is shuffled into them, are what they
    are.
    """

    title: ClassVar[str] = "channels come in whole groups"
    source: ClassVar[str | None] = (
        "https://github.com/tensorflow/tensorflow/blob/89d8c43b4b2d35bac31940e9cc5a0f3af572cbd4"
        "/tensorflow/lite/g3doc/performance/gpu.md"
    )

    severity: Severity = "note"

    multiple: Annotated[int, Field(ge=1)] = 4
    """Channels in a group."""

    def check(self, case: Case) -> Checked:
        """Divide."""
        graph = case.graph
        nodes = [node for node in graph.nodes if isinstance(node.op, _CONVOLUTIONS)]
        convolved = _convolved(graph)
        inner = [node for node in nodes if node.output in convolved]
        findings = []
        for node in inner:
            count = graph.tensors[node.output].channels
            if count % self.multiple:
                more = count + -count % self.multiple
                findings.append(self.of_node(case, node, f"{count} channels", f"{more}, which cost the same"))
        words = f"{len(inner)} of {len(nodes)} convolutions lie inside, groups of {self.multiple}"
        return Checked(words, tuple(findings))


def _convolved(graph: Graph) -> set[str]:
    """Tensors that a convolution comes to read, whatever is between."""
    found: set[str] = set()
    for node in reversed(graph.nodes):
        if isinstance(node.op, _CONVOLUTIONS) or not found.isdisjoint(node.outputs):
            found.update(node.inputs)
    return found
