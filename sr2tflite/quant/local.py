"""Function-local distillation: what residual blocks hand to their ReLU, against the same of the float graph."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.quant.blocks import Block
from sr2tflite.quant.functions import Slope
from sr2tflite.quant.told import Tapped
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView

_TINY = 1e-12
"""The root has no gradient at zero."""


class LocalDistillation(nn.Module):
    """``mean_k ‖F_k − F_k^float‖₂``, not normalized, over blocks k, F_k before the ReLU behind a block's first conv.

    Each image's own norm, averaged over the batch.

    Args:
        view: Its blocks' first convolutions then tell what they round.
        blocks: The residual blocks; those whose first convolution has a ReLU, which is all.
        slope: Of rounding, as in the other convolutions.
    """

    def __init__(self, view: QuantizedView, blocks: Sequence[Block], slope: Slope | None) -> None:
        super().__init__()
        self._names = [block.convolutions[0] for block in blocks]
        self._taps = [Tapped(slope) for _ in blocks]
        for name, tap in zip(self._names, self._taps, strict=True):
            view.layer(name).arithmetic = tap
        self._float = (FloatView(_before_relu(view.plan.graph, self._names)),)  # in a tuple: no state of the view
        self._wanted: list[Tensor] = []

    def see(self, lr: Tensor) -> None:
        """Ask the float graph about a batch, N·3·H·W in pixels, before the view computes it."""
        with torch.no_grad():
            found = self._float[0].to(lr.device).activations(lr)
        self._wanted = [found[name] for name in self._names]

    def distance(self, numbers: Sequence[int]) -> Tensor:
        """Over some blocks, of the batch that has just been computed; a scalar in pixel units."""
        return torch.stack([_distance(self._taps[number].taken(), self._wanted[number]) for number in numbers]).mean()


def _distance(found: Tensor, wanted: Tensor) -> Tensor:
    return (((found - wanted).square().flatten(1).sum(1)) + _TINY).sqrt().mean()


def _before_relu(graph: Graph, names: Sequence[str]) -> Graph:
    """The nodes up to the last of some convolutions, which write what their ReLU reads."""
    cut, renamed = graph.copy(), dict[str, str]()
    last = max(index for index, node in enumerate(graph.nodes) if node.output in names)
    cut.nodes = []
    for node in graph.nodes[: last + 1]:
        node = replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        if (name := node.output) in names:
            assert isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D)
            node = replace(node, op=replace(node.op, activation="NONE"))
            renamed[name] = f"{name}.relu"
            cut.add_tensor(replace(graph.tensors[name], name=renamed[name]))
        cut.nodes.append(node)
        if name in names:
            cut.nodes.append(Node(ops.Relu(), (name,), (renamed[name],)))
    return cut


def local_of(view: QuantizedView) -> LocalDistillation | None:
    """The distillation of a view."""
    return cast(LocalDistillation, view.brought["local"]) if "local" in view.brought else None
