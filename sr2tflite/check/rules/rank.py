"""No tensor has more dimensions than the accelerator knows."""

from typing import Annotated, ClassVar

from pydantic import Field

from sr2tflite.check.case import Case
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule, kind
from sr2tflite.graph import Graph, Node


@RULES.register("rank")
class Rank(UnitRule):
    """An op that reads or writes a tensor of more dimensions goes back to the CPU, and the image with it twice."""

    title: ClassVar[str] = "tensors have few enough dimensions"
    source: ClassVar[str | None] = "https://developer.android.com/ndk/reference/group/neural-networks"

    most: Annotated[int, Field(ge=1)] = 4
    """Dimensions."""

    def check(self, case: Case) -> Checked:
        """Look at everything that ops read and write."""
        graph = case.graph
        findings = [
            self.of_node(case, node, f"{kind(node)} has a tensor of {rank} dimensions", f"at most {self.most}")
            for node in graph.nodes
            if (rank := _rank(graph, node)) > self.most
        ]
        most = max((_rank(graph, node) for node in graph.nodes), default=0)
        return Checked(f"{len(graph.nodes)} ops, at most {most} dimensions", tuple(findings))


def _rank(graph: Graph, node: Node) -> int:
    return max(len(graph.tensors[name].shape) for name in (*node.inputs, *node.outputs))
