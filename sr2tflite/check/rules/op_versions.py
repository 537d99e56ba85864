"""A runtime as old as promised knows every op in the version that the file asks for."""

from typing import Annotated, ClassVar

from pydantic import Field

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding, Place
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.graph.tflite.optable import NAME_OF_BUILTIN
from sr2tflite.graph.tflite.releases import first_release, release


@RULES.register("op_versions")
class OpVersions(Rule):
    """Without a runtime that is asked for, it finds nothing and says which is the oldest that knows all."""

    reads_graph: ClassVar[bool] = False
    title: ClassVar[str] = "the oldest runtime knows every op version"
    source: ClassVar[str | None] = "tensorflow/compiler/mlir/lite/tools/versioning/runtime_version.cc (TensorFlow)"

    min_runtime: Annotated[str, Field(pattern=r"^\d+(\.\d+)+$")] | None = None
    """The oldest TensorFlow Lite or LiteRT runtime that must run the file, as in 2.14."""

    def check(self, case: Case) -> Checked:
        """Look up every op's version."""
        findings = []
        oldest, because = release("0"), "nothing"
        first: dict[tuple[str, int], Place] = {}
        for index, op in enumerate(case.flat.ops):
            kind = op.custom or NAME_OF_BUILTIN.get(op.builtin, f"BUILTIN_{op.builtin}")
            first.setdefault((kind, op.version), case.place_at(index, kind))
        for (kind, version), place in first.items():
            since = first_release(kind, version)
            if since is None:
                findings.append(self._unknown(place, version))
            elif release(since) > oldest:
                oldest, because = release(since), f"{since}, for {kind} {version}"
            if since and self.min_runtime and release(since) > release(self.min_runtime):
                findings.append(self._too_new(place, version, since))
        return Checked(f"oldest runtime that knows all: {because}", tuple(findings))

    def _too_new(self, place: Place, version: int, since: str) -> Finding:
        found = f"version {version}, which TensorFlow Lite knows since {since}"
        hint = "the direct backend writes the lowest version: sr2tflite export QDQ.onnx --backend direct"
        return self.finding(place, found, f"a version that {self.min_runtime} knows", hint=hint)

    def _unknown(self, place: Place, version: int) -> Finding:
        severity = "note" if self.min_runtime is None else self.severity
        expected = "an op version whose first runtime is known here"
        return self.finding(place, f"version {version}", expected, severity=severity)
