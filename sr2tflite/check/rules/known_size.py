"""The file's sizes are written into it: an accelerator's plan is made for one size."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Place
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule


@RULES.register("known_size")
class KnownSize(UnitRule):
    """A compiler that works ahead of time needs every shape; a delegate makes its plan anew for each size."""

    title: ClassVar[str] = "every size is known"
    source: ClassVar[str | None] = (
        "https://github.com/nxp-imx/ethos-u-vela/blob/090f18a55fcd4f7ae8ca1ae633418d05c62cbb6e/SUPPORTED_OPS.md"
    )

    def check(self, case: Case) -> Checked:
        """Look at the shapes."""
        tensor = case.graph.input
        shape = "×".join("?" if size is None else str(size) for size in tensor.shape)
        if None not in tensor.shape:
            return Checked(shape)
        hint = case.remake.replace("--free-shape", "--height 720 --width 1280")
        found = self.finding(Place(tensor=tensor.name), f"takes {shape}", "height and width", hint=hint)
        return Checked(shape, (found,))
