"""One DEPTH_TO_SPACE in TFLite's channel order, by permuting the channels of what is shuffled.

DEPTH_TO_SPACE (order DCR) reads (i·r + j)·C + c for channel c of pixel (i, j) in a block; torch's PixelShuffle (order
CRD) reads c·r² + i·r + j, and hand-written shuffles read whatever their author liked. The permutation goes back
through everything that works channel by channel to the convolutions, whose output channels it reorders: exact, and
free. Where it cannot pass (a concatenation, the network's input, a tensor that something else reads too) a 1×1
convolution with one-hot rows does it in the file.
"""

import numpy as np

from sr2tflite.fuse.builder import Builder
from sr2tflite.graph import Node
from sr2tflite.graph.movement import Order
from sr2tflite.graph.passes.reorder_channels import obstacle, reorder_channels


class _Permutation:
    """One permutation before a DEPTH_TO_SPACE."""

    def __init__(self, builder: Builder, order: Order) -> None:
        self.graph, self.builder, self.order = builder.graph, builder, order

    @property
    def is_identity(self) -> bool:
        return np.array_equal(self.order, np.arange(len(self.order)))

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
        if obstacle(builder.graph, node.inputs[0], len(order)) is None:
            reorder_channels(builder.graph, node.inputs[0], order)
        else:
            permutation.insert(node)
