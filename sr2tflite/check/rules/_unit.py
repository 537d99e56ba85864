"""What rules about an accelerator share: who says so, and what can be done about it."""

from typing import Any

from pydantic import Field

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding, Place
from sr2tflite.check.rewrites import REWRITES
from sr2tflite.check.rules import Rule
from sr2tflite.graph import Node


class UnitRule(Rule):
    """A rule whose bounds are an accelerator's; the profile says which, and where that can be read."""

    cites: str | None = Field(default=None, pattern="^https://")
    """Address of who says so of this accelerator."""

    def finding(self, where: Place, found: str, expected: str | None = None, **more: Any) -> Finding:
        """A finding that names the accelerator's own source where the profile gives one."""
        return super().finding(where, found, expected, **{"source": self.cites or self.source, **more})

    def of_node(self, case: Case, node: Node, found: str, expected: str | None = None, **more: Any) -> Finding:
        """A finding about a node, with the rewrite that does away with it where there is one."""
        rewrite = next((case.rewrites[name] for name in node.outputs if name in case.rewrites), None)
        if rewrite is not None:
            allowed = "" if REWRITES[rewrite].is_exact else " --allow-difference"
            more = {"hint": f"--fix{allowed} -o FIXED.tflite applies {rewrite}", **more, "rewrite": rewrite}
        return self.finding(case.place(node), found, expected, **more)


def kind(node: Node) -> str:
    """TFLite's name of a node's op."""
    return str(getattr(node.op, "name", node.op.kind))
