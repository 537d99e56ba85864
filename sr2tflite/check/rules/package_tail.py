"""Nothing but a shuffle of pixels is left behind the timed file's last convolution."""

from collections.abc import Iterator
from typing import ClassVar

from sr2tflite.check.finding import Finding, Severity
from sr2tflite.check.package import Package
from sr2tflite.check.rules import RULES, Checked, PackageRule
from sr2tflite.export.challenges import FIXED, Role
from sr2tflite.graph import Graph, Node

_CLIPS = frozenset({"RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "MINIMUM", "MAXIMUM"})
_LAYOUT = frozenset({"RESHAPE", "TRANSPOSE", "GATHER", "GATHER_ND", "STRIDED_SLICE", "SPLIT", "CONCATENATION", "PACK"})
_COMPUTE = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"})

_RANK = 4
"""Of a tensor, the most that NNAPI and the GPU delegate take."""


@RULES.register("package_tail")
class PackageTail(PackageRule):
    """No clip, which saturation does already, and no RESHAPE, TRANSPOSE, RESHAPE in place of DEPTH_TO_SPACE.

    They run on images of nine times the pixels, and tensors of more than four dimensions leave the accelerator.
    """

    title: ClassVar[str] = "only a shuffle of pixels is behind the last convolution"
    needs: ClassVar[tuple[Role, ...]] = ("fixed",)
    source: ClassVar[str | None] = (
        "https://github.com/mlcommons/mobile_models/pull/51 (clips); "
        "https://github.com/tensorflow/tensorflow/issues/47546 and 56537 (six dimensions)"
    )
    severity: Severity = "warning"

    def check_package(self, package: Package) -> Checked:
        """Look at the ops behind the last convolution of the fixed file."""
        case = package.honest("fixed")
        assert case is not None
        tail = _tail(case.graph)
        findings = list(self._findings(package, tail))
        kinds = " ".join(_kind(node) for node in tail) or "nothing"
        return Checked(f"{kinds} behind the last convolution", tuple(findings))

    def _findings(self, package: Package, tail: list[Node]) -> Iterator[Finding]:
        case = package.honest("fixed")
        assert case is not None
        for node in tail:
            place, kind = case.place(node), _kind(node)
            place = type(place)(place.op, place.kind, place.tensor, file=FIXED)
            ranks = [len(case.graph.tensors[name].shape) for name in (*node.inputs[:1], *node.outputs)]
            if max(ranks) > _RANK:
                yield self.finding(place, f"{max(ranks)} dimensions", f"at most {_RANK}", hint=package.remake)
            elif kind in _LAYOUT:
                yield self.finding(place, f"moves pixels by {kind}", "DEPTH_TO_SPACE", hint=package.remake)
            elif kind in _CLIPS:
                yield self.finding(place, "clips what saturates already", "scale 1 and no clip", hint=package.remake)


def _kind(node: Node) -> str:
    return str(getattr(node.op, "name", node.op.kind))


def _tail(graph: Graph) -> list[Node]:
    last = max((index for index, node in enumerate(graph.nodes) if _kind(node) in _COMPUTE), default=-1)
    return graph.nodes[last + 1 :]
