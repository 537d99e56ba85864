"""No op is left that only moves values, other than the pixel shuffle itself."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Severity
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule, kind


@RULES.register("layout_ops")
class LayoutOps(UnitRule):
    """Each reads and writes a whole image and computes nothing; those of a converter's pixel shuffle the largest one.

    On a 2-core x86 computer the RESHAPE, TRANSPOSE (six dimensions), RESHAPE, MINIMUM of a 720p → 4K network takes a
    fifth of the whole: docs/results.md.
    """

    title: ClassVar[str] = "no op only moves values"
    source: ClassVar[str | None] = "docs/results.md, benchmarks/tail.py"

    severity: Severity = "warning"

    ops: tuple[str, ...] = ("RESHAPE", "TRANSPOSE", "PAD", "PADV2", "MIRROR_PAD", "GATHER", "SQUEEZE", "EXPAND_DIMS")
    """TFLite's names."""

    def check(self, case: Case) -> Checked:
        """Look for them."""
        found = [node for node in case.graph.nodes if kind(node) in self.ops]
        findings = [
            self.of_node(case, node, f"{kind(node)} moves {_shape(case, node.outputs[0])} values", "no such op")
            for node in found
        ]
        return Checked(f"{len(case.graph.nodes)} ops, {len(found)} only move values", tuple(findings))


def _shape(case: Case, tensor: str) -> str:
    return "×".join("?" if size is None else str(size) for size in case.graph.tensors[tensor].shape)
