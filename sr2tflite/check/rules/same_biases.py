"""The file's biases are those that were trained."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.check.rules._constants import compare_values


@RULES.register("same_biases")
class SameBiases(Rule):
    """Codes of every bias are equal."""

    title: ClassVar[str] = "biases are those of the other file"
    compares: ClassVar[bool] = True

    def check(self, case: Case) -> Checked:
        """Compare code by code."""
        return compare_values(self, case, "biases", biases=True)
