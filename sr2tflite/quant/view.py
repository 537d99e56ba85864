"""The deploy graph as a torch module that computes exactly what its INT8 file computes, and can be trained."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import Graph, Node, ops
from sr2tflite.graph.passes.dequantize import dequantized
from sr2tflite.graph.passes.drop_nodes import drop_nodes
from sr2tflite.graph.passes.own_constants import own_constants
from sr2tflite.numerics.qparams import WEIGHT_LIMIT, QuantParams
from sr2tflite.progress import Progress, silent
from sr2tflite.quant.bounds import within
from sr2tflite.quant.branches import Branching
from sr2tflite.quant.calibration import planned, refine
from sr2tflite.quant.compute import compute, output_grid, stored_constant
from sr2tflite.quant.functions import PLAIN
from sr2tflite.quant.layers import ConvLayer
from sr2tflite.quant.limits import Range, settle
from sr2tflite.quant.plan import Plan, plan_as_it_is, span
from sr2tflite.quant.read_back import packed_in, refuse_islands, shared_params, with_steps
from sr2tflite.quant.settings import PtqSettings, WeightGrid
from sr2tflite.quant.simulation import compute_real, frozen
from sr2tflite.quant.slopes import SlopeLayer
from sr2tflite.quant.specs import Arithmetic, OutputGrid


class QuantizedView(nn.Module):
    """Pixels in, pixels out, on the TFLite grid: NCHW float tensors that hold integers 0…255.

    Its parameters are the real weights, biases and slopes in pixel units and the real ends of the learned ranges;
    every step derives the integers from them. The forward equals LiteRT on the file of ``freeze()`` bit for bit.

    Args:
        plan: A float graph and its groups (``plan_quantization``).
        ranges: The range of each group that is not fixed (``find_ranges``).
        weights: Whether weight scales are per output channel or per tensor.
    """

    def __init__(self, plan: Plan, ranges: Mapping[int, Range], weights: WeightGrid = "per-channel") -> None:
        super().__init__()
        self._learned = sorted(ranges)
        per_channel = weights == "per-channel"
        convolutions = [node for node in plan.graph.nodes if _is_conv(node)]
        self.layers = nn.ModuleList(
            ConvLayer(plan.graph, node, per_channel=per_channel, limit=plan.limits.get(node.output, WEIGHT_LIMIT))
            for node in convolutions
        )
        for node, layer in zip(convolutions, self.layers, strict=True):
            cast(ConvLayer, layer).is_packed = node.output in plan.packed
            cast(ConvLayer, layer).is_real = plan.simulates and node.output not in plan.limits
            cast(ConvLayer, layer).rounds_bias = not plan.simulates
            layer.requires_grad_(node.output not in plan.copies)
        self._layer_of = dict(zip((node.output for node in convolutions), self.layers, strict=True))
        sloped = [node for node in plan.graph.nodes if isinstance(node.op, ops.PRelu)]
        self.slopes = nn.ModuleList(SlopeLayer(plan.graph, node) for node in sloped)
        self._slopes_of = dict(zip((node.output for node in sloped), self.slopes, strict=True))
        ends = torch.tensor([ranges[index].normal() for index in self._learned], dtype=torch.float64).reshape(-1, 2)
        # a power of two, so that ends read from a file stay exact, and one learning rate fits ranges of any width
        unit = torch.exp2(torch.ceil(torch.log2(ends[:, 1:] - ends[:, :1])))
        self.register_buffer("range_unit", unit.float())
        self.relative_range = nn.Parameter((ends / unit).float())
        limits = [(plan.groups[index].low, plan.groups[index].high) for index in self._learned]
        self.register_buffer("range_limits", torch.tensor(limits, dtype=torch.float32).reshape(-1, 2), persistent=False)
        self.arithmetic: Arithmetic = PLAIN
        """Who computes; another one may also note what it rounds."""
        self.branchings: tuple[Branching, ...] = ()
        """What calibration found of the activations that could be split in two branches."""
        self.brought = nn.ModuleDict()
        """What a method learns and remembers beside, by its own names."""
        self.use(plan)

    def use(self, plan: Plan) -> None:
        """Compute the nodes of another plan, which has those of this view's own or some of them, and its groups."""
        self.plan = plan
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
        start = planned(graph, images, settings, lambda p, ranges: cls(p, ranges, settings.weights), progress=progress)
        view = cls(start.plan, start.ranges, settings.weights)
        view.branchings = start.layers
        refine(view, images, settings, progress=progress)
        return view

    @classmethod
    def from_quantized(cls, graph: Graph) -> "QuantizedView":
        """The view of a quantized graph, as read from a file; ``freeze()`` gives its integers back, on the same grids.

        Raises:
            InputError: The graph carries no quantization parameters.
            UnsupportedError: An op cannot be quantized here, or parameters are outside what this package writes.
        """
        if not graph.is_quantized:
            raise InputError(
                "the graph has no quantization parameters", where=graph.name, hint="quantize it first: sr2tflite ptq"
            )
        refuse_islands(graph)
        graph = own_constants(graph)
        plan = plan_as_it_is(dequantized(graph))
        groups = tuple(with_steps(graph, group) for group in plan.groups)
        plan = replace(plan, groups=groups, packed=packed_in(graph))
        kept = {name: quant for name in plan.operands if (quant := graph.tensors[name].quant) is not None}
        ranges = {i: Range(*span(shared_params(graph, group), group.steps)) for i, group in enumerate(plan.groups)}
        learned = {index: found for index, found in ranges.items() if not plan.groups[index].fixed}
        view = cls(replace(plan, kept=kept), learned)
        for node in filter(_is_conv, plan.graph.nodes):
            layer, weight = view.layer(node.output), graph.tensors[node.inputs[1]].quant
            layer.per_channel = weight is None or weight.per_channel
            source = view.plan.group_of[node.inputs[0]]
            if weight is not None and layer.weight_params(view.grids()[source].scale[0]).scale != weight.scale:
                layer.kept = QuantParams(weight.scale, weight.zero_point, 0 if weight.per_channel else None)
        for group, params in zip(plan.groups, view.grids(), strict=True):
            if params != (found := shared_params(graph, group)):
                raise UnsupportedError(f"has {found}, which would become {params} here", where=group.tensors[0])
        return view

    def parameter_groups(self, range_rate: float = 1.0, ranges_until: float = 1.0) -> list[dict[str, Any]]:
        """Adam's parameter groups, weights with biases and slopes, and ranges.

        ``lr`` is relative to the weights' learning rate, ``until`` the share of the training it is trained for. What
        quantizers learn, as where weights are clipped, is trained as ranges are. Copies of pixels are in neither.
        """
        layers = [self.layer(name) for name in self.layer_names() if name not in self.plan.copies]
        weights = [parameter for layer in layers for parameter in (layer.weight, layer.bias)]
        clips = [parameter for layer in layers for parameter in layer.quantizer.parameters()]
        return [
            {"params": [*weights, *self.slopes.parameters()], "lr": 1.0},
            {"params": [self.relative_range, *clips], "lr": range_rate, "until": ranges_until},
        ]

    def weights(self) -> list[nn.Parameter]:
        """The convolutions' real weights, OIHW, in execution order."""
        return [cast(ConvLayer, layer).weight for layer in self.layers]

    def ranges(self) -> dict[int, Range]:
        """The learned range of each group that is not fixed, before the kernels' limits."""
        ends = (self.relative_range.detach().double() * self._unit.double()).tolist()
        found = {index: Range(low, high) for index, (low, high) in zip(self._learned, ends, strict=True)}
        return {index: found[index].within(self.plan.groups[index]) for index in found}

    def set_range(self, tensor: str, found: Range) -> None:
        """Give a tensor, and those it shares its grid with, another range; theirs must not be fixed."""
        row = self.row_of(tensor)
        with torch.no_grad():
            self.relative_range[row] = (
                torch.tensor(found.normal(), dtype=torch.float64).to(self._unit) / self._unit[row]
            )

    def row_of(self, tensor: str) -> int:
        """Where the ends of a tensor's range are among those that are learned."""
        return self._learned.index(self.plan.group_of[tensor])

    def grids(self) -> list[QuantParams]:
        """The quantization parameters of every group, as the file would hold them now."""
        return settle(self.plan, self.ranges(), self._weight_scale)

    def grid(self, output: str) -> OutputGrid:
        """The grid that the op which writes a tensor rounds to now."""
        node = self.plan.graph.producer(output)
        assert node is not None
        return output_grid(self.plan, node, self.grids())

    def forward(self, pixels: Tensor) -> Tensor:
        """The images enlarged.

        Args:
            pixels: Batch × 3 × height × width, integers 0…255.

        Returns:
            Batch × 3 × (scale·height) × (scale·width), integers 0…255; neither rounded nor clipped in a simulation.
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
        limits = cast(Tensor, self.range_limits)
        learned = within(self.relative_range * self._unit, limits[:, :1], limits[:, 1:])
        ends = dict(zip(self._learned, learned.unbind(), strict=True))
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
            result = self(pixels.to(self.relative_range.device))[0].round().clamp(0, 255)
        return cast(NDArray[np.uint8], result.permute(1, 2, 0).to(torch.uint8).cpu().numpy())

    def freeze(self) -> Graph:
        """The quantized graph: int8 activations and weights, int32 biases, each with its parameters.

        In a simulation, what is not rounded stays float32.
        """
        if self.plan.simulates:
            return frozen(self)
        grids, source = self.grids(), self.plan.graph
        graph = source.copy()
        for name, index in self.plan.group_of.items():
            graph.update(name, dtype="int8", quant=grids[index])
        for node in source.nodes:
            for name, data, params in self._stored(node, grids):
                is_packed = node.output in self.plan.packed and data.dtype == np.int8
                dtype = "int4" if is_packed else data.dtype.name
                graph.update(name, dtype=dtype, data=np.ascontiguousarray(data), quant=params)
        drop_nodes(graph, self.plan.absorbed)
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

    def slopes_of(self, node: Node) -> SlopeLayer:
        """The slopes of a PRELU."""
        return cast(SlopeLayer, self._slopes_of[node.output])

    def _slopes(self, node: Node) -> SlopeLayer | None:
        return cast(SlopeLayer | None, self._slopes_of.get(node.output))

    def _weight_scale(self, node: Node, input_scale: float) -> float:
        if (slopes := self._slopes(node)) is not None:
            return slopes.params().scale[0]
        return max(self.layer(node.output).weight_params(input_scale).scale)

    def _stored(self, node: Node, grids: Sequence[QuantParams]) -> Iterator[tuple[str, NDArray[Any], QuantParams]]:
        """Name, codes and parameters of every constant a node reads, as the file holds them."""
        if _is_conv(node):
            weight, bias = self.layer(node.output).stored(grids[self.plan.group_of[node.inputs[0]]].scale[0])
            yield (node.inputs[1], *weight)
            yield (node.inputs[2], *bias)
        elif (slopes := self._slopes(node)) is not None:
            yield (node.inputs[1], *slopes.stored())
        elif (constant := stored_constant(self.plan, node, grids)) is not None:
            yield constant

    def _compute(
        self, node: Node, values: dict[str, Tensor], grids: Sequence[QuantParams], bounds: Tensor | None
    ) -> Tensor:
        operands = [values[name] for name in node.inputs if name in values]
        if isinstance(node.op, ops.Quantize):
            return self.arithmetic.rounded(operands[0], bounds, output_grid(self.plan, node, grids))
        if not _is_conv(node):
            if self.plan.simulates:
                return compute_real(self, node, operands)
            return compute(self.plan, node, operands, grids, bounds, self._slopes(node), self.arithmetic)
        scale = grids[self.plan.group_of[node.inputs[0]]].scale[0]
        grid = output_grid(self.plan, node, grids)
        return cast(Tensor, self.layer(node.output)(operands[0], scale, grid, bounds, self.arithmetic))


def _is_conv(node: Node) -> bool:
    return isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D)
