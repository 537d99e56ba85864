"""The deploy graph in the making: float64 constants, tensors under the user's names."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.fx import Node

from sr2tflite.graph.movement import Order
from sr2tflite.fuse.names import Names
from sr2tflite.fuse.origin import module_path
from sr2tflite.fuse.regions import shape
from sr2tflite.graph import Graph, Op, ops
from sr2tflite.graph import Tensor as GraphTensor
from sr2tflite.graph.shapes import output_shape

F64 = NDArray[np.float64]


class Builder:
    """Puts nodes into a graph, and remembers which tensor holds which captured activation.

    Args:
        entry: The captured input.
        value_range: What black and white are.
    """

    def __init__(self, entry: Node, value_range: tuple[float, float]) -> None:
        self.graph = Graph(inputs=("input",), value_range=value_range)
        self.names = Names("input", "output")
        sizes = shape(entry)
        assert sizes is not None
        self.graph.add_tensor(GraphTensor("input", (1, None, None, sizes[1])))
        self.tensors: dict[Node, str] = {entry: "input"}
        self.orders: dict[str, Order] = {}
        """By output of a DEPTH_TO_SPACE not in DCR order yet: which channel of its input each that it expects is."""

    def tensor(self, node: Node) -> str:
        """The tensor that holds an activation."""
        return self.tensors[node]

    def bind(self, node: Node, tensor: str) -> None:
        """Say which tensor holds an activation."""
        self.tensors[node] = tensor

    def emit(self, op: Op, inputs: Iterable[str], name: str) -> str:
        """Append a node whose output gets ``name`` if it is free; returns the output's name."""
        return self._append(op, inputs, self.names.unique(name))

    def _append(self, op: Op, inputs: Iterable[str], output: str) -> str:
        self.graph.append(op, inputs, GraphTensor(output, (1, None, None, 1)))
        self.graph.update(output, shape=output_shape(self.graph, self.graph.nodes[-1]))
        return output

    def constant(self, name: str, values: F64) -> str:
        """Put in a constant under a free name like ``name``."""
        return self.graph.constant(self.names.unique(name), values)

    def convolution(self, op: ops.Conv2D, source: str, kernel: tuple[Tensor, Tensor], name: str) -> str:
        """Append a convolution, as a depthwise one where every group has one input channel and there are several.

        Args:
            op: Stride, dilation and padding.
            source: The input tensor.
            kernel: Weight OIHW (grouped: I = C/groups) and bias O.
            name: For the output; the constants are called ``name.weight`` and ``name.bias``.
        """
        weight_OIHW, bias_O = (part.detach().double().cpu().numpy() for part in kernel)
        channels = self.graph.tensors[source].channels
        settings: Op = op
        weight = weight_OIHW.transpose(0, 2, 3, 1)
        if channels > 1 and weight_OIHW.shape[1] == 1:
            weight = weight_OIHW.transpose(1, 2, 3, 0)
            multiplier = weight_OIHW.shape[0] // channels
            settings = ops.DepthwiseConv2D(op.stride, op.dilation, op.padding, "NONE", multiplier)
        output = self.names.unique(name)
        constants = self.constant(f"{output}.weight", weight), self.constant(f"{output}.bias", bias_O)
        return self._append(settings, (source, *constants), output)

    def depth_to_space(self, source: str, block: int, name: str, order: Order | None = None) -> str:
        """Append a DEPTH_TO_SPACE; where the source is in no DCR order, ``order`` says which, for ``shuffle``."""
        output = self.emit(ops.DepthToSpace(block), (source,), name)
        if order is not None:
            self.orders[output] = order
        return output

    def space_to_channels(self, source: str, block: int, order: Order, name: str) -> str:
        """Append a strided convolution that copies pixels: output o is channel ``order[o]`` of SPACE_TO_DEPTH."""
        channels = self.graph.tensors[source].channels
        picked = torch.eye(channels * block**2, dtype=torch.float64)[order]
        weight_OIHW = picked.reshape(len(order), block, block, channels).permute(0, 3, 1, 2)
        op, bias = ops.Conv2D((block, block), padding="VALID"), torch.zeros(len(order))
        return self.convolution(op, source, (weight_OIHW, bias), name)

    def one_hot(self, source: str, order: Order, name: str) -> str:
        """Append a 1×1 convolution that copies channels: output o is input ``order[o]``."""
        weight_OIHW = torch.eye(self.graph.tensors[source].channels, dtype=torch.float64)[order][..., None, None]
        op, bias = ops.Conv2D(), torch.zeros(len(order))
        return self.convolution(op, source, (weight_OIHW, bias), name)


def rename(graph: Graph, old: str, new: str) -> None:
    """Give a tensor another name, everywhere."""

    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if name == old else name for name in names)

    graph.tensors = {
        new if name == old else name: replace(tensor, name=new) if name == old else tensor
        for name, tensor in graph.tensors.items()
    }
    graph.nodes = [replace(node, inputs=renamed(node.inputs), outputs=renamed(node.outputs)) for node in graph.nodes]


def node_name(node: Node) -> str:
    """What a node's output is called: its module, or the node where the module says nothing."""
    return module_path(node) or node.name
