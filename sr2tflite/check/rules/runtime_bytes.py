"""The integer interpreter and LiteRT make the same bytes of the file, for every family of kernels."""

from typing import ClassVar, get_args

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding, Place
from sr2tflite.check.images import Sample
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.check.trace import first_against_runtime
from sr2tflite.errors import InputError, UnsupportedError, VerificationError
from sr2tflite.interpret import Family, Interpreter
from sr2tflite.runtime import Kernels

FAMILIES: tuple[Family, ...] = get_args(Family)


@RULES.register("runtime_bytes")
class RuntimeBytes(Rule):
    """What the file's integers mean is computed twice, here and by the runtime: no byte differs on any image."""

    title: ClassVar[str] = "LiteRT computes what the integers say"
    source: ClassVar[str | None] = "docs/numerics.md, The interpreter"

    families: tuple[Family, ...] = FAMILIES
    """Of kernels: XNNPACK, LiteRT's default; its builtin kernels without a delegate; its reference kernels."""

    def check(self, case: Case) -> Checked:
        """Run every image on both, family by family."""
        said: list[str] = []
        findings: list[Finding] = []
        for family in self.families:
            case.progress("running", self.families.index(family), len(self.families), family)
            words, found = self._family(case, family)
            said.append(f"{family}: {words}")
            # what keeps several families from being compared is said of the first
            findings += [one for one in found if one.error_map or not _is_said(one, findings)]
        return Checked("; ".join(said), tuple(findings))

    def _family(self, case: Case, family: Family) -> tuple[str, list[Finding]]:
        """What came of one family, in words, and its findings."""
        try:
            interpreter = Interpreter(case.free or case.graph, family, case.threads)
        except (UnsupportedError, VerificationError) as error:
            return "not modeled", [self._unproved(family, f"{error.where}: {error.message}")]
        try:
            case.engine(Kernels(family))
        except InputError as error:
            return "not run", [self._unproved(family, error.message)]
        values = 0
        for sample in case.samples.images:
            found = case.run(sample.pixels, Kernels(family))
            values += found.size
            if (found != interpreter.run(case.codes(sample.pixels))).any():
                return "differs", [self._difference(case, family, sample)]
        return f"0 of {values:,} values differ", []

    def _unproved(self, family: Family, reason: str) -> Finding:
        """Without the default kernels nothing is proved; the others are there for comparison."""
        severity = self.severity if family == "xnnpack" else "note"
        reason = " ".join(reason.partition("; ")[0].split())
        return self.finding(Place(), f"{family}: {reason}", "a file that is modeled and run", severity=severity)

    def _difference(self, case: Case, family: Family, sample: Sample) -> Finding:
        first = first_against_runtime(case, sample, family)
        if first is None:
            said = f"{family}: the whole file's bytes differ on image {sample.name}, those of its parts do not"
            return self.finding(case.place(case.graph.nodes[-1]), said, "0 values differ")
        said = f"{family}: the first tensor that differs, image {sample.name}: {first.line()}"
        hint = "a rounding of this op that is not modeled: report it with the file"
        return self.finding(first.place, said, "0 values differ", hint=hint, error_map=first)


def _is_said(finding: Finding, earlier: list[Finding]) -> bool:
    """Whether the same was found of an earlier family."""
    reason = finding.found.partition(": ")[2]
    return any(one.found.partition(": ")[2] == reason for one in earlier)
