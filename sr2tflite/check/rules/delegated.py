"""XNNPACK takes every op, so that all CPUs compute the same bytes."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Severity
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node
from sr2tflite.interpret.kernels import kernel
from sr2tflite.interpret.site import Site


@RULES.register("delegated")
class Delegated(Rule):
    """What XNNPACK leaves runs a builtin kernel, slower, whose bytes on ARM may differ by steps from those on x86."""

    title: ClassVar[str] = "XNNPACK takes every op"
    source: ClassVar[str | None] = "docs/numerics.md"

    severity: Severity = "note"

    def check(self, case: Case) -> Checked:
        """Ask every op's kernel."""
        nodes = case.graph.nodes
        outside = [node for node in nodes if not _is_delegated(case.graph, node)]
        findings = [
            self.finding(case.place(node), "runs LiteRT's builtin kernel", "XNNPACK's, which is the same on all CPUs")
            for node in outside
        ]
        return Checked(f"{len(nodes) - len(outside)}/{len(nodes)} ops", tuple(findings))


def _is_delegated(graph: Graph, node: Node) -> bool:
    try:
        site = Site.of(graph, node)
        return site.fits_xnnpack and kernel(node.op, node.output).is_delegated(site)
    except UnsupportedError:
        return False
