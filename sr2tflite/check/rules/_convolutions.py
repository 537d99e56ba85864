"""The convolutions of a quantized file, with their numbers."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import Graph, Node, Tensor, ops
from sr2tflite.interpret.convolution import sum_bounds
from sr2tflite.interpret.kernels._conv import centered_weight
from sr2tflite.interpret.kernels._elementwise import span
from sr2tflite.interpret.site import Site

CONVOLUTIONS = ops.Conv2D | ops.DepthwiseConv2D


@dataclass(frozen=True)
class Layer:
    """A convolution whose four tensors are integers with scales."""

    node: Node
    x: Tensor
    weight: Tensor
    bias: Tensor
    output: Tensor

    @property
    def multipliers(self) -> NDArray[np.float64]:
        """``s_x·s_w[c] / s_out``, one or one per channel."""
        assert self.x.quant is not None
        assert self.weight.quant is not None
        assert self.output.quant is not None
        return self.x.quant.scale[0] * np.asarray(self.weight.quant.scale) / self.output.quant.scale[0]

    @property
    def bounds(self) -> NDArray[np.int64]:
        """``span·Σ|w[c] − z| + |b[c]|`` for every output channel: no sum is larger."""
        site = Site(self.node, (self.x, self.weight, self.bias), self.output)
        assert self.bias.data is not None
        return sum_bounds(centered_weight(site), self.bias.data, span(self.x))


def layers(graph: Graph) -> Iterator[Layer]:
    """The convolutions that compute in integers, in execution order."""
    for node in graph.nodes:
        if not isinstance(node.op, CONVOLUTIONS):
            continue
        layer = Layer(node, *(graph.tensors[name] for name in (*node.inputs, node.output)))
        is_scaled = all(one.quant and len(one.quant.scale) == 1 for one in (layer.x, layer.output))
        if is_scaled and layer.weight.quant and layer.bias.dtype != "float32":
            yield layer


def power(value: float) -> str:
    """``2^17.3``."""
    return f"2^{np.log2(value):.1f}" if value > 0 else "0"
