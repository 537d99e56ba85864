"""Ops that the accelerator runs at one scale read and write at one scale."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import counted
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule, kind
from sr2tflite.graph import Graph, Node


@RULES.register("rescaling")
class Rescaling(UnitRule):
    """TFLite's RELU may change the scale; an accelerator whose RELU may not hands it back, or refuses the model."""

    title: ClassVar[str] = "ops that cannot rescale do not"
    rewrites: ClassVar[tuple[str, ...]] = ("rescale_by_sum", "write_at_once")
    source: ClassVar[str | None] = "https://developer.android.com/ndk/reference/group/neural-networks"

    ops: tuple[str, ...] = ("RELU", "RELU6", "RESHAPE", "DEPTH_TO_SPACE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
    """TFLite's names of the ops whose inputs and output must share scale and zero point."""

    def check(self, case: Case) -> Checked:
        """Compare what they read with what they write."""
        graph = case.graph
        found = [node for node in graph.nodes if kind(node) in self.ops]
        findings = [
            self.of_node(case, node, f"{kind(node)} reads {pair[0]} and writes {pair[1]}", "one scale and zero point")
            for node in found
            if (pair := _grids(graph, node)) is not None
        ]
        return Checked(f"{counted(len(found), 'op')} of {', '.join(self.ops)}", tuple(findings))


def _grids(graph: Graph, node: Node) -> tuple[str, str] | None:
    """Two that differ, in words."""
    if len(node.outputs) != 1:
        return None
    y = graph.tensors[node.output].quant
    for x in (one.quant for one in graph.activations(node)):
        if x is not None and y is not None and x != y:
            words = [f"scale {one.scale[0]:.6g}, zero point {one.zero_point[0]}" for one in (x, y)]
            return words[0], words[1]
    return None
