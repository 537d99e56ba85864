"""Every op's tensors are what the format and the kernels demand of them."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding, Place
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.errors import Sr2TfliteError, UnsupportedError, VerificationError
from sr2tflite.export.checks import check_integers
from sr2tflite.interpret.kernels import kernel
from sr2tflite.interpret.site import Site


@RULES.register("demands")
class Demands(Rule):
    """Types, scales and sums are within what TFLite's INT8 specification and LiteRT's kernels take."""

    title: ClassVar[str] = "tensors are what the kernels demand"
    source: ClassVar[str | None] = (
        "https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec"
    )

    def check(self, case: Case) -> Checked:
        """Ask every op's kernel, then what is asked of a graph before it is exported."""
        graph, findings = case.graph, []
        for node in graph.nodes:
            try:
                kernel(node.op, ", ".join(node.outputs)).check(Site.of(graph, node))
            except (UnsupportedError, VerificationError) as error:
                findings.append(self._found(case.place(node), error))
        if not findings:
            try:
                check_integers(graph)
            except (UnsupportedError, VerificationError) as error:
                findings.append(self._found(self._place(case, error.where), error))
        return Checked(f"{len(graph.nodes)} ops", tuple(findings))

    def _found(self, place: Place, error: Sr2TfliteError) -> Finding:
        found, _, rest = error.message.partition("; ")
        expected = rest.removeprefix("expected ") if rest.startswith("expected ") else ""
        return self.finding(place, found, expected or None, hint=error.hint)

    def _place(self, case: Case, tensor: str | None) -> Place:
        node = next((one for one in case.graph.nodes if tensor in (*one.outputs, *one.inputs)), None)
        return Place(tensor=tensor) if node is None else case.place(node, tensor)
