"""Modules to fuse, and fusing with one more comparison."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sr2tflite.fuse import Fused, fuse_module
from sr2tflite.torch_view import FloatView


class After(nn.Module):
    """A function of features and image, after a 3×3."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], outputs: int = 12) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, outputs, 3, padding=1)
        self.act = nn.PReLU(outputs)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x), x)


def fused(module: nn.Module, channels: int = 3, value_range: tuple[float, float] = (0.0, 1.0)) -> Fused:
    """Fused and compared once more, on images of another size."""
    result = fuse_module(module, channels=channels, value_range=value_range, source="net")
    x = torch.rand(2, channels, 6, 15) * value_range[1]
    with torch.no_grad():
        want, got = module.eval()(x), FloatView(result.graph)(x)
    assert float((want - got).abs().max()) <= 1e-5 * float(want.abs().max())
    return result
