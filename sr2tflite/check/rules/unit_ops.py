"""Every op is one that the accelerator runs, in a version that it knows."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding, Place
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule
from sr2tflite.graph.tflite.flat import FlatOp
from sr2tflite.graph.tflite.optable import NAME_OF_BUILTIN

ANY = 0
"""Instead of a version: the source bounds none."""


@RULES.register("unit_ops")
class UnitOps(UnitRule):
    """What the accelerator does not take runs on the CPU; the image goes there and back in between."""

    title: ClassVar[str] = "the accelerator takes every op"
    rewrites: ClassVar[tuple[str, ...]] = (
        "shuffle_moves",
        "same_padding",
        "merge_quantize",
        "drop_idle_clips",
        "fuse_relu",
        "rescale_by_sum",
        "write_at_once",
    )

    ops: dict[str, int] | None = None
    """TFLite's name of each op → the newest version that is taken, 0 where any is; None for all ops."""

    def check(self, case: Case) -> Checked:
        """Look up every op."""
        findings = []
        for index, op in enumerate(case.flat.ops):
            kind = op.custom or NAME_OF_BUILTIN.get(op.builtin, f"BUILTIN_{op.builtin}")
            if (found := self._outside(op, kind, case.place_at(index, kind))) is not None:
                findings.append(found)
        count = len(case.flat.ops)
        said = f"{count - len(findings)}/{count} ops" if self.ops is not None else f"{count} ops, no list given"
        return Checked(said, tuple(self._with_rewrite(case, one) for one in findings))

    def _outside(self, op: FlatOp, kind: str, place: Place) -> Finding | None:
        if self.ops is None:
            return None
        if kind not in self.ops:
            return self.finding(place, f"{kind} runs on the CPU", "an op that the accelerator takes")
        newest = self.ops[kind]
        if newest != ANY and op.version > newest:
            return self.finding(place, f"{kind} version {op.version} runs on the CPU", f"at most version {newest}")
        return None

    def _with_rewrite(self, case: Case, found: Finding) -> Finding:
        node = case.graph.producer(found.where.tensor) if case.is_truthful and found.where.tensor else None
        return found if node is None else self.of_node(case, node, found.found, found.expected)
