"""Every convolution has a kernel, stride and dilation that the accelerator runs."""

from collections.abc import Iterator
from typing import ClassVar

from sr2tflite.check.case import Case
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule
from sr2tflite.graph import Graph, Node, ops

_CONVOLUTIONS = ops.Conv2D | ops.DepthwiseConv2D


@RULES.register("conv_limits")
class ConvLimits(UnitRule):
    """A convolution beyond them runs on the CPU, where it is slowest; unbounded unless the profile says otherwise."""

    title: ClassVar[str] = "convolutions are of a size that is taken"

    stride: int | None = None
    """Largest of CONV_2D, either way."""

    depthwise_stride: int | None = None
    """Largest of DEPTHWISE_CONV_2D."""

    dilation: int | None = None
    """Largest of CONV_2D."""

    height: int | None = None
    """Tallest kernel, dilated."""

    area: int | None = None
    """Largest kernel, dilated: height × width."""

    multiplier: int | None = None
    """Most output channels of a DEPTHWISE_CONV_2D for one input channel, where there are several of these."""

    def check(self, case: Case) -> Checked:
        """Compare every convolution's attributes."""
        graph = case.graph
        nodes = [node for node in graph.nodes if isinstance(node.op, _CONVOLUTIONS)]
        findings = [
            self.of_node(case, node, f"{what} {found}", f"at most {most}")
            for node in nodes
            for what, found, most in self._sizes(graph, node)
            if most is not None and found > most
        ]
        return Checked(f"{len(nodes)} convolutions", tuple(findings))

    def _sizes(self, graph: Graph, node: Node) -> Iterator[tuple[str, int, int | None]]:
        op = node.op
        assert isinstance(op, _CONVOLUTIONS)
        kernel = graph.tensors[node.inputs[1]].shape[1:3]
        height, width = ((size or 1) * step - step + 1 for size, step in zip(kernel, op.dilation, strict=True))
        is_depthwise = isinstance(op, ops.DepthwiseConv2D)
        yield "stride", max(op.stride), self.depthwise_stride if is_depthwise else self.stride
        yield "kernel height", height, self.height
        yield "kernel area", height * width, self.area
        if not is_depthwise:
            yield "dilation", max(op.dilation), self.dilation
        elif graph.tensors[node.inputs[0]].channels > 1:
            yield "depth multiplier", getattr(op, "multiplier", 1), self.multiplier
