"""What some convolutions write, of a quantized view and of the float graph it started from."""

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sr2tflite.errors import RecipeError
from sr2tflite.quant.functions import real
from sr2tflite.quant.specs import OutputGrid
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView

Features = dict[int, tuple[Tensor, Tensor]]
"""By the convolution's number: N·C·H·W real values of the quantized view, with gradient, and of the float graph."""


class FeatureTap:
    """Keeps what convolutions of a view write in its last forward in training, and asks its float graph for the same.

    Args:
        view: The view; hooks are put on its convolutions.
        numbers: Which convolutions, counted from 0 in execution order.
        passing: The outputs of those that some forward may lack.

    Raises:
        RecipeError: There are fewer convolutions, or one that is compared may be left out.
    """

    def __init__(self, view: QuantizedView, numbers: Sequence[int], passing: Collection[str] = ()) -> None:
        names = view.layer_names()
        if numbers and max(numbers) >= len(names):
            raise RecipeError(
                f"losses: convolution {max(numbers)} is compared, and there are {len(names)}, from 0 on",
                hint=f"choose layers up to {len(names) - 1}",
            )
        for number in numbers:
            if names[number] in passing:
                raise RecipeError(
                    f"losses: convolution {number} ({names[number]}) is compared, and the method leaves such out",
                    hint="choose layers outside the residual blocks",
                )
        self._names = {number: names[number] for number in numbers}
        self._float = FloatView(view.plan.graph) if numbers else None
        self._kept: dict[int, Tensor] = {}
        for number, name in self._names.items():
            view.layer(name).register_forward_hook(self._keep(number))

    def __call__(self, lr: Tensor) -> Features:
        """The features of a batch that the view has just computed.

        Args:
            lr: Batch × 3 × height × width, integers 0…255.
        """
        if self._float is None:
            return {}
        with torch.no_grad():
            wanted = self._float.to(lr.device).activations(lr)
        return {number: (self._kept.pop(number), wanted[name]) for number, name in self._names.items()}

    def _keep(self, number: int) -> Any:
        def hook(layer: nn.Module, arguments: tuple[Any, ...], codes: Tensor) -> None:
            grid: OutputGrid = arguments[2]
            if layer.training:
                self._kept[number] = real(codes, grid.scale)

        return hook
