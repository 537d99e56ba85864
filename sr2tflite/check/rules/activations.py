"""Activation functions are those that are computed with the convolution, or cheaply on their own."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Severity
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule, kind
from sr2tflite.graph import Node


@RULES.register("activations")
class Activations(UnitRule):
    """A fused bound costs nothing; a function of its own reads and writes the whole map, by a table or piece by piece.

    RELU that stands alone is a matter of the rule ``clips``.
    """

    title: ClassVar[str] = "activation functions are fused"
    source: ClassVar[str | None] = "https://developer.android.com/ndk/reference/group/neural-networks"

    severity: Severity = "warning"

    fused: tuple[str, ...] = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
    """What may be fused into another op."""

    slow: tuple[str, ...] = ("PRELU", "LEAKY_RELU", "LOGISTIC", "TANH", "HARD_SWISH", "ELU", "GELU")
    """Ops that are functions of their own."""

    def check(self, case: Case) -> Checked:
        """Look at every op and what is fused into it."""
        findings, functions = [], 0
        for node in case.graph.nodes:
            fused = _fused(node)
            functions += fused != "NONE" or kind(node) in self.slow
            if fused not in self.fused:
                findings.append(
                    self.of_node(case, node, f"{fused} fused into {kind(node)}", f"one of {', '.join(self.fused)}")
                )
            if kind(node) in self.slow:
                findings.append(self.of_node(case, node, f"{kind(node)} on its own", "RELU, fused"))
        return Checked(f"{functions} activation functions", tuple(findings))


def _fused(node: Node) -> str:
    return str(getattr(node.op, "activation", "NONE"))
