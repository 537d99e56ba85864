"""The deploy graph as a torch module that computes exactly what its INT8 file computes, and can be trained."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, Node, ops
from sr2tflite.graph.passes.dequantize import dequantized
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.numerics.requantize import add_params
from sr2tflite.progress import Progress, silent
from sr2tflite.quant.bias import correct_biases
from sr2tflite.quant.equalize import equalize_channels
from sr2tflite.quant.functions import AddSpec, OutputGrid, add
from sr2tflite.quant.layers import ConvLayer
from sr2tflite.quant.limits import Range, settle
from sr2tflite.quant.plan import Plan, plan_quantization
from sr2tflite.quant.ranges import find_ranges
from sr2tflite.quant.rounding import round_weights
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.torch_view import depth_to_space

_LOW, _HIGH = -128, 127


class QuantizedView(nn.Module):
    """Pixels in, pixels out, on the TFLite grid: NCHW float tensors that hold integers 0…255.

    Its parameters are the real weights and biases in pixel units and the real ends of the learned ranges; every step
    derives the integers from them. The forward equals LiteRT with XNNPACK on the file of ``freeze()`` bit for bit.

    Args:
        plan: A float graph and its groups (``plan_quantization``).
        ranges: The range of each group that is not fixed (``find_ranges``).
    """

    def __init__(self, plan: Plan, ranges: Mapping[int, Range]) -> None:
        super().__init__()
        self.plan = plan
        self._learned = sorted(ranges)
        self.layers = nn.ModuleList(ConvLayer(plan.graph, node) for node in plan.graph.nodes if _is_conv(node))
        self._layer_of = dict(zip((n.output for n in plan.graph.nodes if _is_conv(n)), self.layers, strict=True))
        ends = torch.tensor([ranges[index].normal() for index in self._learned], dtype=torch.float64).reshape(-1, 2)
        # a power of two, so that ends read from a file stay exact, and one learning rate fits ranges of any width
        unit = torch.exp2(torch.ceil(torch.log2(ends[:, 1:] - ends[:, :1])))
        self.register_buffer("range_unit", unit.float())
        self.relative_range = nn.Parameter((ends / unit).float())
        self._last_reader = {name: node for node in plan.graph.nodes for name in node.inputs}

    @classmethod
    def from_float(
        cls,
        graph: Graph,
        images: Sequence[NDArray[np.uint8]],
        settings: PtqSettings | None = None,
        *,
        progress: Progress = silent,
    ) -> "QuantizedView":
        """The view of a float graph, with ranges and biases from low-resolution images: where training starts.

        Raises:
            InputError: There are no images.
            UnsupportedError: An op cannot be quantized here.
        """
        settings = settings or PtqSettings()
        plan = plan_quantization(graph)
        if settings.equalize:
            plan = replace(plan, graph=equalize_channels(plan.graph, images))
        view = cls(plan, find_ranges(plan, images, settings, progress=progress))
        if settings.rounding == "covariance":
            round_weights(view, images, progress=progress)
        if settings.bias_correction:
            correct_biases(view, images, progress=progress)
        return view

    @classmethod
    def from_quantized(cls, graph: Graph) -> "QuantizedView":
        """The view of a quantized graph, as read from a file; ``freeze()`` gives its integers back.

        Raises:
            InputError: The graph carries no quantization parameters.
            UnsupportedError: An op cannot be quantized here.
        """
        if not graph.is_quantized:
            raise InputError(
                "the graph has no quantization parameters", where=graph.name, hint="quantize it first: sr2tflite ptq"
            )
        plan = plan_quantization(dequantized(graph))
        params = [graph.tensors[group.tensors[0]].quant for group in plan.groups]
        return cls(plan, {i: _span(p) for i, p in enumerate(params) if p is not None and not plan.groups[i].fixed})

    def parameter_groups(self, range_rate: float = 1.0) -> list[dict[str, Any]]:
        """Adam's parameter groups, weights with biases and ranges; ``lr`` is relative to the weights' learning rate."""
        return [
            {"params": list(self.layers.parameters()), "lr": 1.0},
            {"params": [self.relative_range], "lr": range_rate},
        ]

    def weights(self) -> list[nn.Parameter]:
        """The convolutions' real weights, OIHW, in execution order."""
        return [cast(ConvLayer, layer).weight for layer in self.layers]

    def ranges(self) -> dict[int, Range]:
        """The learned range of each group that is not fixed, before the kernels' limits."""
        ends = (self.relative_range.detach().double() * self._unit.double()).tolist()
        nonnegative = [self.plan.groups[index].nonnegative for index in self._learned]
        pairs = zip(self._learned, ends, nonnegative, strict=True)
        return {index: Range(0.0 if rectified else low, high) for index, (low, high), rectified in pairs}

    def grids(self) -> list[QuantParams]:
        """The quantization parameters of every group, as the file would hold them now."""
        return settle(self.plan, self.ranges(), self._weight_scale)

    def grid(self, output: str) -> OutputGrid:
        """The grid that the op which writes a tensor rounds to now."""
        node = self.plan.graph.producer(output)
        assert node is not None
        return _output_grid(node, self.grids()[self.plan.group_of[output]])

    def forward(self, pixels: Tensor) -> Tensor:
        """The images enlarged.

        Args:
            pixels: Batch × 3 × height × width, integers 0…255.

        Returns:
            Batch × 3 × (scale·height) × (scale·width), integers 0…255.
        """
        *_, (_, output) = self.codes(pixels, self.grids())
        # s = 1 and z = −128: a centered code of the output *is* the pixel
        return output

    def codes(self, pixels: Tensor, grids: Sequence[QuantParams]) -> Iterator[tuple[Node, Tensor]]:
        """Each node with its output's centered codes q − z, in execution order; what no later node reads is forgotten.

        Args:
            pixels: The input, whose centered codes are the pixels.
            grids: The quantization parameters of every group (``grids()``).
        """
        ends = dict(zip(self._learned, (self.relative_range * self._unit).unbind(), strict=True))
        values = {self.plan.graph.input.name: pixels.contiguous(memory_format=torch.channels_last)}
        for node in self.plan.graph.nodes:
            result = self._compute(node, values, grids, ends.get(self.plan.group_of[node.output]))
            yield node, result
            values[node.output] = result
            for name in [name for name in values if self._last_reader.get(name) in (node, None)]:
                del values[name]

    def upscale(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """One image, height × width × 3, enlarged."""
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
        with torch.no_grad():
            result = self(pixels.to(self.relative_range.device))[0]
        return cast(NDArray[np.uint8], result.permute(1, 2, 0).to(torch.uint8).cpu().numpy())

    def freeze(self) -> Graph:
        """The quantized graph: int8 activations and weights, int32 biases, each with its parameters."""
        grids, source = self.grids(), self.plan.graph
        graph = source.copy()
        for name, index in self.plan.group_of.items():
            graph.update(name, dtype="int8", quant=grids[index])
        for node in source.nodes:
            if _is_conv(node):
                stored = self.layer(node.output).stored(grids[self.plan.group_of[node.inputs[0]]].scale[0])
                _store_constants(graph, node, stored)
        graph.drop_unused()
        return graph

    @property
    def _unit(self) -> Tensor:
        assert isinstance(self.range_unit, Tensor)
        return self.range_unit

    def layer_names(self) -> list[str]:
        """The outputs of the convolutions, in execution order."""
        return list(self._layer_of)

    def layer(self, output: str) -> ConvLayer:
        """The convolution that writes a tensor."""
        return cast(ConvLayer, self._layer_of[output])

    def _weight_scale(self, node: Node, input_scale: float) -> float:
        return max(self.layer(node.output).weight_params(input_scale).scale)

    def _compute(
        self, node: Node, values: dict[str, Tensor], grids: Sequence[QuantParams], bounds: Tensor | None
    ) -> Tensor:
        operands = [values[name] for name in node.inputs if name in values]
        params = [grids[self.plan.group_of[name]] for name in node.inputs if name in self.plan.group_of]
        output = grids[self.plan.group_of[node.output]]
        match node.op:
            case ops.Conv2D() | ops.DepthwiseConv2D():
                layer = self.layer(node.output)
                return cast(Tensor, layer(operands[0], params[0].scale[0], _output_grid(node, output), bounds))
            case ops.Add():
                first, second, out = params[0].scale[0], params[1].scale[0], output.scale[0]
                constants = add_params(first, second, out)
                grid = _output_grid(node, output)
                spec = AddSpec(constants.multiplier_a, constants.multiplier_b, constants.shift, first, second, grid)
                return add(operands[0], operands[1], bounds, spec)
            case ops.Concatenation():
                return torch.cat(operands, 1)
            case ops.DepthToSpace(block_size=block):
                return depth_to_space(operands[0], block)
            case _:
                raise AssertionError(f"{node.op.kind} passed the plan")


def _is_conv(node: Node) -> bool:
    return isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D)


def _output_grid(node: Node, params: QuantParams) -> OutputGrid:
    zero_point = params.zero_point[0]
    rectified = getattr(node.op, "activation", "NONE") == "RELU"
    low = max(_LOW, zero_point) if rectified else _LOW
    return OutputGrid(params.scale[0], float(low - zero_point), float(_HIGH - zero_point), rectified)


def _span(params: QuantParams) -> Range:
    scale, zero_point = params.scale[0], params.zero_point[0]
    return Range(scale * (_LOW - zero_point), scale * (_HIGH - zero_point))


def _store_constants(graph: Graph, node: Node, stored: tuple[Any, Any]) -> None:
    for name, (data, params) in zip(node.inputs[1:], stored, strict=True):
        graph.update(name, dtype=data.dtype.name, data=np.ascontiguousarray(data), quant=params)
