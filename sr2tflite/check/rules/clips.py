"""No clip stands on its own: what is before it can bound its result for nothing."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Severity
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule, kind
from sr2tflite.graph import Graph, Node, ops

_CLIPS = (ops.Relu, ops.Relu6, ops.Relu0To1, ops.Minimum, ops.Maximum)


@RULES.register("clips")
class Clips(UnitRule):
    """A RELU, MINIMUM or MAXIMUM of its own is a pass over an image, at the end of the network over the largest one.

    One that also changes the scale rounds a second time.
    """

    title: ClassVar[str] = "no clip stands on its own"
    rewrites: ClassVar[tuple[str, ...]] = ("drop_idle_clips", "fuse_relu", "rescale_by_sum", "write_at_once")
    source: ClassVar[str | None] = "docs/results.md, benchmarks/tail.py"

    severity: Severity = "warning"

    def check(self, case: Case) -> Checked:
        """Look for clips by a constant, and for RELU."""
        graph = case.graph
        found = [node for node in graph.nodes if isinstance(node.op, _CLIPS) and len(graph.activations(node)) == 1]
        findings = [
            self.of_node(case, node, _said(graph, node), "a bound fused into the op before it, or its saturation")
            for node in found
        ]
        rescaling = sum(_rescales(graph, node) for node in found)
        words = f"{len(found)} clips on their own, {rescaling} of them rescale"
        return Checked(words, tuple(findings))


def _rescales(graph: Graph, node: Node) -> bool:
    return graph.activations(node)[0].quant != graph.tensors[node.output].quant


def _said(graph: Graph, node: Node) -> str:
    (x,), y = graph.activations(node), graph.tensors[node.output]
    if x.quant is None or y.quant is None or not _rescales(graph, node):
        return f"{kind(node)} on its own"
    return f"{kind(node)} on its own, from scale {x.quant.scale[0]:.6g} to {y.quant.scale[0]:.6g}"
