"""The file gives the bytes that the trained integers give."""

from contextlib import suppress
from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.finding import ErrorMap, Finding, error_map
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
        """Run both on every image; on the first that differs, find the tensor where it begins."""
        if case.refusal is not None:
            return left_out(case.refusal)
        if _taken(case.pairing.expected) != _taken(case.graph):
            return left_out("the two take different images")
        try:
            expected = _sized(case)
            interpreter = Interpreter(expected, threads=case.threads)
        except (UnsupportedError, VerificationError) as error:
            return left_out(f"the other file cannot be interpreted: {error.where}: {error.message}")
        values, apart = 0, []
        for sample in case.samples.images:
            found, wanted = case.run(sample.pixels), interpreter.run(case.codes(sample.pixels))
            place = case.place(case.graph.nodes[-1])
            if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
                shapes = f"{found.dtype} {found.shape}", f"{wanted.dtype} {wanted.shape}"
                return Checked(f"image {sample.name}", (self.finding(place, *shapes),))
            values += found.size
            if difference := error_map(found, wanted, place, sample.name, sample.pixels):
                apart.append((sample, difference))
        if not apart:
            return Checked(f"0 of {values:,} values differ")
        said = f"{len(apart)} of {len(case.samples)} images differ"
        return Checked(said, (self._difference(case, *apart[0], expected),))

    def _difference(self, case: Case, sample: Sample, output: ErrorMap, expected: Graph) -> Finding:
        """The first differing tensor on an image whose output differs; the output itself where none can be found."""
        first = None
        # where the file's own integers cannot be interpreted, the rules on them say why
        with suppress(UnsupportedError, VerificationError):
            first = first_against_expected(case, sample, expected)
        said = f"the output, on image {sample.name}: {output.line()}"
        if first is None:
            return self.finding(output.place, said, "0 values differ", error_map=output)
        said = f"the first tensor that differs: {first.line()}; {said}"
        return self.finding(first.place, said, "0 values differ", error_map=first)


def _sized(case: Case) -> Graph:
    expected = case.pairing.expected
    return expected if case.free is None else with_size(expected, None, None)


def _taken(graph: Graph) -> tuple[str, int]:
    return graph.input.dtype, graph.input.channels
