"""The file gives the bytes that the trained integers give."""

from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding, Place
from sr2tflite.check.images import Sample
from sr2tflite.check.rules import RULES, Checked, Rule, left_out
from sr2tflite.check.trace import first_against_expected
from sr2tflite.errors import UnsupportedError, VerificationError
from sr2tflite.graph import Graph
from sr2tflite.graph.shapes import with_size
from sr2tflite.interpret import Interpreter


@RULES.register("same_bytes")
class SameBytes(Rule):
    """On every image LiteRT makes of the file what the integer interpreter makes of the other one, byte for byte."""

    title: ClassVar[str] = "bytes are those of the other file"
    compares: ClassVar[bool] = True

    def check(self, case: Case) -> Checked:
        """Run both; stop at the first image that differs, and find the tensor where it begins."""
        expected = _sized(case)
        if case.refusal is not None:
            return left_out(case.refusal)
        if _taken(expected) != _taken(case.graph):
            return left_out("the two take different images")
        try:
            interpreter = Interpreter(expected, threads=case.threads)
        except (UnsupportedError, VerificationError) as error:
            return left_out(f"the other file cannot be interpreted: {error.where}: {error.message}")
        values = 0
        for sample in case.samples.images:
            found, wanted = case.run(sample.pixels), interpreter.run(case.codes(sample.pixels))
            if found.shape != wanted.shape or found.dtype != wanted.dtype:
                shapes = f"{found.dtype} {found.shape}", f"{wanted.dtype} {wanted.shape}"
                return Checked(sample.name, (self.finding(Place(tensor=case.graph.outputs[0]), *shapes),))
            values += found.size
            if (found != wanted).any():
                return Checked(f"{case.samples.words}: differs", (self._difference(case, sample, expected),))
        return Checked(f"{case.samples.words}: 0 of {values:,} values differ")

    def _difference(self, case: Case, sample: Sample, expected: Graph) -> Finding:
        first = None
        try:
            first = first_against_expected(case, sample, expected)
        except (UnsupportedError, VerificationError):
            pass  # the file's own integers cannot be interpreted; the rules on them say why
        if first is None:
            return self.finding(
                Place(tensor=case.graph.outputs[0]), f"image {sample.name}: bytes differ", "0 bytes differ"
            )
        said = f"the first tensor that differs, image {sample.name}: {first.line()}"
        return self.finding(first.place, said, "0 values differ", error_map=first)


def _sized(case: Case) -> Graph:
    expected = case.pairing.expected
    return expected if case.free is None else with_size(expected, None, None)


def _taken(graph: Graph) -> tuple[str, int]:
    return graph.input.dtype, graph.input.channels
