"""Runtimes read the file as it says: no lie about types, bias scales or moves."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Place
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.graph import tflite
from sr2tflite.graph.tflite.lies import lies
from sr2tflite.graph.tflite.optable import NAME_OF_BUILTIN


@RULES.register("truthful")
class Truthful(Rule):
    """No op is run otherwise than the file says, as int8 weights under uint8 activations are."""

    title: ClassVar[str] = "runtimes read the file as it says"
    reads_graph: ClassVar[bool] = False
    source: ClassVar[str | None] = (
        "https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec"
    )

    def check(self, case: Case) -> Checked:
        """Look at every op's types and scales."""
        names, findings = tflite.names_of(case.flat), []
        for index, (tensor, message, hint) in lies(case.flat):
            name = names[next(i for i, one in enumerate(case.flat.tensors) if one is tensor)]
            op = case.flat.ops[index]
            found, _, expected = message.partition("; expected ")
            place = Place(index, op.custom or NAME_OF_BUILTIN.get(op.builtin), name)
            findings.append(self.finding(place, found, expected, hint=hint))
        return Checked(f"{len(case.flat.ops)} ops", tuple(findings))
