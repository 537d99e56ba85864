"""The file's weights are those that were trained."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.check.rules._constants import compare_values


@RULES.register("same_weights")
class SameWeights(Rule):
    """Codes of every weight, slope and constant operand are equal."""

    title: ClassVar[str] = "weights are those of the other file"
    compares: ClassVar[bool] = True

    def check(self, case: Case) -> Checked:
        """Compare code by code."""
        return compare_values(self, case, "weights", biases=False)
