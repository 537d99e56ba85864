"""The submodules that ONNX nodes become."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sr2tflite.fuse.foreign.weights import Array
from sr2tflite.graph.movement import Movement


class Apply(nn.Module):
    """A function of the node's images and constants.

    Args:
        function: Called with the images, then the constants.
        constants: Float32.
    """

    def __init__(self, function: Callable[..., Tensor], *constants: Array) -> None:
        super().__init__()
        self.function = function
        self.names = [f"constant_{index}" for index in range(len(constants))]
        for name, values in zip(self.names, constants, strict=True):
            self.register_buffer(name, torch.from_numpy(np.array(values, np.float32)))

    def forward(self, *images: Tensor) -> Tensor:
        return self.function(*images, *(getattr(self, name) for name in self.names))


class Move(nn.Module):
    """A movement of pixels at any size.

    Args:
        movement: Where every channel comes from.
        channels: Of the image that is moved.
    """

    def __init__(self, movement: Movement, channels: int) -> None:
        super().__init__()
        self.kind, self.block = movement.kind, movement.block
        area, order = self.block**2, movement.order
        if self.kind == "unshuffle":  # torch's channels are c·r² + k, TFLite's k·C + c
            order, count = order % channels * area + order // channels, channels * area
        else:
            order, count = order.reshape(area, -1).T, channels
        self.repeats = self.kind == "shuffle" and bool((order == order[:, :1]).all())
        order = (order[:, 0] if self.repeats else order).reshape(-1)
        selected = None if np.array_equal(order, np.arange(count)) else torch.from_numpy(order.astype(np.int64))
        self.register_buffer("order", selected)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "unshuffle":
            x = F.pixel_unshuffle(x, self.block)
        if isinstance(self.order, Tensor):
            x = x.index_select(1, self.order)
        if self.kind != "shuffle":
            return x
        if self.repeats:
            return F.interpolate(x, scale_factor=self.block, mode="nearest")
        return F.pixel_shuffle(x, self.block)
