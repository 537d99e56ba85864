"""No QUANTIZE stands inside the network."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Severity
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule
from sr2tflite.graph import Graph, Node, ops


@RULES.register("requantize")
class Requantize(UnitRule):
    """From one scale to another is a pass over the map that rounds once more; the op before could write that scale.

    One at the file's input or output that changes the type is the type of the file's ends.
    """

    title: ClassVar[str] = "no QUANTIZE inside"
    source: ClassVar[str | None] = "https://github.com/tensorflow/tensorflow/issues/43541"

    severity: Severity = "warning"

    def check(self, case: Case) -> Checked:
        """Look for them."""
        graph = case.graph
        found = [node for node in graph.nodes if isinstance(node.op, ops.Quantize)]
        inside = [node for node in found if not _is_end(graph, node)]
        findings = [self.of_node(case, node, _said(graph, node), "the scale that its readers want") for node in inside]
        return Checked(f"{len(found)} QUANTIZE, {len(inside)} inside", tuple(findings))


def _is_end(graph: Graph, node: Node) -> bool:
    changes_type = graph.tensors[node.inputs[0]].dtype != graph.tensors[node.output].dtype
    return changes_type and (node.inputs == graph.inputs or node.outputs == graph.outputs)


def _said(graph: Graph, node: Node) -> str:
    words = []
    for tensor in (graph.tensors[node.inputs[0]], graph.tensors[node.output]):
        words.append(tensor.dtype if tensor.quant is None else f"{tensor.dtype} at scale {tensor.quant.scale[0]:.6g}")
    return f"from {words[0]} to {words[1]}"
