"""A quantized graph where some tensors are left unquantized: integers as far as they go, real values from there."""

from collections.abc import Iterator, Mapping, Set
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.interpret import Interpreter
from sr2tflite.interpret.site import Codes
from sr2tflite.numerics.qparams import dequantize, quantize
from sr2tflite.quant.counterpart import Counterpart, rounds
from sr2tflite.torch_view import apply, to_channels_first

Value = Codes | Tensor
"""An activation: codes NHWC where it is on its grid, real values NCHW float32 where it is not."""

_ELEMENTWISE = (ops.Add, ops.Sub, ops.Mul, ops.Minimum, ops.Maximum)


class Mixed:
    """Runs a quantized graph with any of its tensors unquantized.

    An activation *left out* is what its op makes of its inputs in real numbers, neither rounded nor saturated; a fused
    activation stays, and so does the clip that saturation stood for. Constants left out are the float graph's, in the
    file's channels. An op that reads a real value computes in float32 and rounds its result to its own grid,
    ``q = clip(round_half_even(y / s) + z)``; an op that reads codes only is the integer kernel. With nothing left out
    every byte is the file's, with everything left out the result is the float graph's, up to float32.

    Args:
        graph: Quantized, int8 or uint8 from end to end.
        float_side: Where the constants and clips come from.
    """

    def __init__(self, graph: Graph, float_side: Counterpart) -> None:
        self.graph = graph
        self._interpreter = Interpreter(graph)
        self._bounds = float_side.bounds
        self._rounded = {name: torch.from_numpy(real) for name, real in _real_constants(graph)}
        self._unrounded = {name: torch.from_numpy(np.array(real)) for name, real in float_side.constants.items()}

    def codes(self, pixels: NDArray[np.uint8]) -> dict[str, Codes]:
        """Every activation of the file itself, the input first.

        Args:
            pixels: Height × width × 3.
        """
        entry = self.graph.input
        assert entry.quant is not None
        x = (pixels.astype(np.int16) + entry.quant.zero_point[0]).astype(entry.dtype)[None]
        return {entry.name: x, **dict(self._interpreter.activations(x))}

    def run(self, base: Mapping[str, Codes], left_out: Set[str]) -> NDArray[np.float32]:
        """The output, height × width × 3, in pixels, without the last rounding where that is left out.

        Args:
            base: What :meth:`codes` gave; what does not depend on anything left out is taken from there.
            left_out: Activations that ops round, and constants.
        """
        changed: dict[str, Value] = {}
        for node in self.graph.nodes:
            if left_out.isdisjoint((node.output, *node.inputs)) and changed.keys().isdisjoint(node.inputs):
                continue
            changed[node.output] = self._computed(node, base, changed, left_out)
        name = self.graph.output.name
        return _height_first(self._real(name, changed.get(name, base[name])))

    def unrounded(self, node: Node, base: Mapping[str, Codes]) -> Tensor:
        """What an op would write in the file if it did not round, NCHW."""
        return self._bounded(node, self._apply(node, base, frozenset()))

    def _computed(
        self, node: Node, base: Mapping[str, Codes], changed: Mapping[str, Value], left_out: Set[str]
    ) -> Value:
        codes = {name: value for name, value in changed.items() if not isinstance(value, Tensor)}
        constants = {name for name in node.inputs if self.graph.tensors[name].is_constant}
        is_left_out = rounds(node) and not left_out.isdisjoint({node.output, *constants})
        if not is_left_out and codes.keys() >= changed.keys() & {*node.inputs}:
            return self._kernel(node, {**base, **codes})
        real = self._apply(node, {**base, **changed}, left_out)
        if not rounds(node):
            return real
        if node.output in left_out:
            return self._bounded(node, real)
        grid = self.graph.tensors[node.output]
        assert grid.quant is not None
        assert grid.dtype == "int8" or grid.dtype == "uint8" or grid.dtype == "int16"
        return quantize(real.permute(0, 2, 3, 1).numpy(), grid.quant, grid.dtype)

    def _kernel(self, node: Node, codes: Mapping[str, Codes]) -> Codes:
        """The op in integers; what it does not read is only passed by."""
        given = {name: value for name, value in codes.items() if name != node.output}
        return dict(self._interpreter.activations(codes[self.graph.input.name], given))[node.output]

    def _apply(self, node: Node, values: Mapping[str, Value], left_out: Set[str]) -> Tensor:
        """An op in real numbers."""
        operands = []
        for name in node.inputs:
            if not self.graph.tensors[name].is_constant:
                operands.append(self._real(name, values[name]))
                continue
            constant = (self._unrounded if name in left_out else self._rounded)[name]
            operands.append(to_channels_first(constant) if isinstance(node.op, _ELEMENTWISE) else constant)
        if isinstance(node.op, ops.Quantize):
            return operands[0]
        with torch.inference_mode():
            return apply(node, operands)

    def _bounded(self, node: Node, real: Tensor) -> Tensor:
        return real.clamp(*self._bounds[node.output]) if node.output in self._bounds else real

    def _real(self, name: str, value: Value) -> Tensor:
        if isinstance(value, Tensor):
            return value
        params = self.graph.tensors[name].quant
        assert params is not None
        return torch.from_numpy(dequantize(value, params)).permute(0, 3, 1, 2)


def _real_constants(graph: Graph) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for tensor in graph.tensors.values():
        if tensor.data is not None:
            data: NDArray[Any] = tensor.data if tensor.quant is None else dequantize(tensor.data, tensor.quant)
            yield tensor.name, np.array(data, np.float32)


def _height_first(real: Tensor) -> NDArray[np.float32]:
    image: NDArray[np.float32] = real[0].permute(1, 2, 0).numpy()
    return image
