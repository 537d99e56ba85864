"""One DEPTH_TO_SPACE in TFLite's channel order, by permuting the channels of what is shuffled.

DEPTH_TO_SPACE (order DCR) reads (i·r + j)·C + c for channel c of pixel (i, j) in a block; torch's PixelShuffle (order
CRD) reads c·r² + i·r + j, and hand-written shuffles read whatever their author liked. The permutation goes back
through everything that works channel by channel to the convolutions, whose output channels it reorders: exact, and
free. Where it cannot pass (a concatenation, the network's input, a tensor that something else reads too) a 1×1
convolution with one-hot rows does it in the file.
"""

import numpy as np

from sr2tflite.fuse.builder import Builder
from sr2tflite.fuse.movement import Order
from sr2tflite.graph import Node, ops


class _Permutation:
    """One permutation on its way back from a DEPTH_TO_SPACE."""

    def __init__(self, builder: Builder, order: Order) -> None:
        self.graph, self.builder, self.order = builder.graph, builder, order

    @property
    def is_identity(self) -> bool:
        return np.array_equal(self.order, np.arange(len(self.order)))

    def passes(self, tensor: str) -> bool:
        """Whether the tensor's channels can be reordered at their source."""
        node = self.graph.producer(tensor)
        if node is None or len(self.graph.consumers(tensor)) != 1:
            return False
        if isinstance(node.op, ops.Conv2D):
            return self.graph.tensors[node.inputs[1]].shape[3] == self.graph.tensors[node.inputs[0]].channels
        sources = {t.name: t.channels for t in self.graph.activations(node)}
        return isinstance(node.op, ops.ELEMENTWISE) and all(
            channels == len(self.order) and self.passes(name) for name, channels in sources.items()
        )

    def reorder(self, tensor: str) -> None:
        """Reorder a tensor at its source; only after ``passes``."""
        node = self.graph.producer(tensor)
        assert node is not None
        if isinstance(node.op, ops.Conv2D):
            for name in node.inputs[1:]:
                self._constant(name, 0)
            return
        for name in dict.fromkeys(node.inputs):
            if not self.graph.tensors[name].is_constant:
                self.reorder(name)
            elif self.graph.tensors[name].channels == len(self.order):
                self._constant(name, -1)

    def _constant(self, name: str, axis: int) -> None:
        data = self.graph.tensors[name].data
        assert data is not None
        self.graph.update(name, data=np.ascontiguousarray(data.take(self.order, axis)))

    def insert(self, node: Node) -> None:
        """Put a one-hot 1×1 convolution before ``node``."""
        position = self.graph.nodes.index(node)
        permuted = self.builder.one_hot(node.inputs[0], self.order, f"{node.inputs[0]}.order")
        self.graph.nodes.insert(position, self.graph.nodes.pop())
        self.graph.nodes[position + 1] = Node(node.op, (permuted,), node.outputs)


def reorder_for_depth_to_space(builder: Builder) -> None:
    """Give every DEPTH_TO_SPACE its input in TFLite's channel order."""
    for output, order in builder.orders.items():
        node, permutation = builder.graph.producer(output), _Permutation(builder, order)
        assert node is not None
        if permutation.is_identity:
            continue
        if permutation.passes(node.inputs[0]):
            permutation.reorder(node.inputs[0])
        else:
            permutation.insert(node)
