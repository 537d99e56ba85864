"""The activations that are needed at the same time fit into the accelerator's memory."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Place, Severity
from sr2tflite.check.rules import RULES, Checked, left_out
from sr2tflite.check.rules._unit import UnitRule
from sr2tflite.errors import InputError
from sr2tflite.graph.memory_peak import memory_peak


@RULES.register("memory_peak")
class MemoryPeak(UnitRule):
    """What does not fit into the memory beside the computing units goes out to the phone's and comes back."""

    title: ClassVar[str] = "activations fit into memory"
    source: ClassVar[str | None] = "sr2tflite/graph/memory_peak.py"

    severity: Severity = "warning"

    most_bytes: int | None = None
    """As many as there are; None finds nothing and says how many are needed."""

    def check(self, case: Case) -> Checked:
        """Walk the ops."""
        try:
            peak = memory_peak(case.graph)
        except InputError:
            return left_out("a size is free")
        node = None if peak.step is None else case.graph.nodes[peak.step]
        where = Place() if node is None else case.place(node, node.outputs[0])
        said = f"{peak.size_bytes:,} bytes at {where}"
        if self.most_bytes is None or peak.size_bytes <= self.most_bytes:
            return Checked(said)
        held = ", ".join(peak.held)
        found = self.finding(where, f"{peak.size_bytes:,} bytes: {held}", f"at most {self.most_bytes:,}")
        return Checked(said, (found,))
