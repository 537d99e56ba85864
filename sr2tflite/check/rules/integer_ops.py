"""Every op computes in integers; a float island is named."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.export.proof import touches_float
from sr2tflite.graph import Graph, Node, ops


@RULES.register("integer_ops")
class IntegerOps(Rule):
    """No op reads or writes float32, but a QUANTIZE at the file's input and a DEQUANTIZE at its output."""

    title: ClassVar[str] = "every op computes in integers"

    def check(self, case: Case) -> Checked:
        """Look at every op's tensors."""
        graph = case.graph
        islands = [node for node in graph.nodes if touches_float(graph, node) and not _is_end(graph, node)]
        findings = [
            self.finding(
                case.place(node),
                f"computes in float32, {_between(graph, node)}",
                "integers",
                hint="an accelerator hands this op to the CPU: quantize the whole model with `sr2tflite ptq`",
            )
            for node in islands
        ]
        ends = [node.op.kind for node in graph.nodes if touches_float(graph, node) and _is_end(graph, node)]
        said = f" ({' and '.join(ends)} at the ends)" if ends else ""
        return Checked(f"{len(graph.nodes) - len(islands)}/{len(graph.nodes)} integer ops{said}", tuple(findings))


def _is_end(graph: Graph, node: Node) -> bool:
    match node.op:
        case ops.Quantize():
            return node.inputs == graph.inputs
        case ops.Dequantize():
            return node.outputs == graph.outputs
    return False


def _between(graph: Graph, node: Node) -> str:
    before = next((maker for name in node.inputs if (maker := graph.producer(name))), None)
    after = next(iter(graph.consumers(node.output)), None)
    return f"behind {before.op.kind if before else 'the input'} and before {after.op.kind if after else 'the output'}"
