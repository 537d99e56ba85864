"""A convolution's trainable weights and bias, and their integers on the grid of one step."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.numerics.fixed_point import FixedPoint, fixed_points
from sr2tflite.numerics.qparams import LARGEST_BIAS_CODE, WEIGHT_LIMIT, QuantParams, bias_params, symmetric
from sr2tflite.numerics.requantize import builtin_multipliers, conv_multipliers
from sr2tflite.quant.functions import PLAIN, real
from sr2tflite.quant.specs import Arithmetic, ConvGeometry, ConvSpec, OutputGrid
from sr2tflite.quant.weights import WeightCodes, WeightQuantizer
from sr2tflite.torch_view import activate, same_padding

EXACT_IN_FLOAT32 = 2.0**24
"""Integers up to here are exact in float32."""


@dataclass(frozen=True)
class Integers:
    """A convolution's codes: weights OIHW and bias in float32, with their parameters."""

    weight: Tensor
    bias: Tensor
    weight_params: QuantParams
    bias_params: QuantParams
    raised: Tensor
    """Which weight scales are larger than the quantizer's own, O or 1."""


class Fold(nn.Module):
    """Something learned that is folded into a convolution before it is quantized."""

    def forward(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Weights OIHW and bias O with it."""
        raise NotImplementedError


class ConvLayer(nn.Module):
    """CONV_2D or DEPTHWISE_CONV_2D on centered codes.

    Args:
        graph: A float graph in pixel units.
        node: The convolution in it.
        per_channel: Whether every output channel has a weight scale of its own; all share one otherwise.
        limit: The largest weight code.
    """

    def __init__(self, graph: Graph, node: Node, *, per_channel: bool = True, limit: int = WEIGHT_LIMIT) -> None:
        super().__init__()
        self.per_channel = per_channel
        self.quantizer = WeightQuantizer(limit)
        self.folds = nn.ModuleList()
        """Each a :class:`Fold`, in the order they are folded in."""
        self.arithmetic: Arithmetic | None = None
        """Who computes this convolution, where it is not whoever computes the others."""
        self.kept: QuantParams | None = None
        """The weights' parameters where a file has told them."""
        self.is_packed = False
        """Whether its weights are int4, two to a byte, and a builtin kernel computes it."""
        self.is_real = False
        """Whether weights and bias stay real, in a simulation."""
        self.rounds_bias = True
        """Whether the bias has codes; a simulation's has none."""
        assert isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D)
        self.op = node.op
        self.depthwise = isinstance(node.op, ops.DepthwiseConv2D)
        _, weight, bias = (graph.tensors[name].data for name in node.inputs)
        assert weight is not None
        assert bias is not None
        weight_oihw = weight.transpose(3, 0, 1, 2) if self.depthwise else weight.transpose(0, 3, 1, 2)
        stored = torch.from_numpy(np.array(weight_oihw, np.float32)).contiguous(memory_format=torch.channels_last)
        self.weight = nn.Parameter(stored)
        self.bias = nn.Parameter(torch.from_numpy(np.array(bias, np.float32)))
        channels = graph.tensors[node.inputs[0]].channels
        self.groups = channels if self.depthwise else channels // stored.shape[1]

    @property
    def keeps_channels(self) -> bool:
        """Whether it writes as many channels as it reads."""
        return len(self.weight) == self.groups * self.weight.shape[1]

    def folded(self) -> tuple[Tensor, Tensor]:
        """The real weights OIHW and bias O that are quantized."""
        weight, bias = cast(Tensor, self.weight), cast(Tensor, self.bias)
        for fold in self.folds:
            weight, bias = fold(weight, bias)
        return weight, bias

    def weight_params(self, input_scale: float) -> QuantParams:
        """The quantizer's, per output channel or of all, or what keeps the bias within 2²² steps of ``s_x·s_w``."""
        return self._params(input_scale)[0]

    def _params(self, input_scale: float) -> tuple[QuantParams, NDArray[np.bool_]]:
        """The weights' parameters, and which of their scales the bias asked for."""
        if self.kept is not None:
            return self.kept, np.zeros(len(self.kept.scale), np.bool_)
        limit = self.quantizer.limit
        with torch.no_grad():
            weight, real_bias = self.folded()
            own = self.quantizer.magnitude(weight, per_channel=self.per_channel).double().cpu().numpy()
            bias = real_bias.abs().double().cpu().numpy() * (limit / (input_scale * LARGEST_BIAS_CODE))
        asked = bias if self.per_channel else bias.max(keepdims=True)
        axis = 0 if self.per_channel else None
        return symmetric(np.maximum(own, asked), axis, limit), asked > own

    def integers(self, input_scale: float) -> Integers:
        """The quantizer's codes of ``w/s_w`` and ``q_b = round(b/(s_x·s_w))``; float64, half to even."""
        params, raised = self._params(input_scale)
        biases = bias_params(input_scale, params)
        with torch.no_grad():
            real_weight, real_bias = self.folded()
            scale = real_weight.new_tensor(params.scale, dtype=torch.float64).reshape(-1, 1, 1, 1)
            weight = self.quantizer.codes(real_weight / scale)
            bias = real_bias / real_bias.new_tensor(biases.scale, dtype=torch.float64)
            bias = bias.round_() if self.rounds_bias else bias
        on_device = torch.from_numpy(raised).to(self.weight.device)
        return Integers(weight.float(), bias.float(), params, biases, on_device)

    def forward(
        self, x: Tensor, input_scale: float, grid: OutputGrid, bounds: Tensor | None, arithmetic: Arithmetic = PLAIN
    ) -> Tensor:
        """Centered output codes from centered input codes, NCHW."""
        if grid.is_real:
            return self._real(x, input_scale)
        codes = self.integers(input_scale)
        scales = input_scale, codes.weight_params.scale, grid.scale
        fixed = self._on_channels(builtin_multipliers(*scales)) if self.is_packed else None
        multiplier = conv_multipliers(*scales)
        x, padding = self.padded(x)
        scale = x.new_tensor(codes.weight_params.scale)
        used = _used(codes, scale)
        spec = ConvSpec(
            codes.weight,
            codes.bias,
            scale,
            torch.from_numpy(multiplier).to(x.device),
            input_scale,
            grid,
            ConvGeometry(self.op.stride, padding, self.op.dilation, self.groups),
            wide=_largest_accumulator(codes) >= EXACT_IN_FLOAT32,
            fixed=fixed,
        )
        weight, bias = self.folded()
        return (self.arithmetic or arithmetic).conv(x, self.quantizer.passed(weight, used), bias, bounds, spec)

    def _on_channels(self, multipliers: NDArray[np.float64]) -> FixedPoint:
        return fixed_points(np.broadcast_to(multipliers, len(self.weight)))

    def _real(self, x: Tensor, input_scale: float) -> Tensor:
        """What a simulation does not round, of codes that a scale of 1 makes real values."""
        x, padding = self.padded(real(x, input_scale))
        weight, bias = self.folded()
        weight = weight if self.is_real else self._rounded(weight, input_scale)
        y = F.conv2d(x, weight, bias, self.op.stride, padding, self.op.dilation, self.groups)
        return activate(y, self.op.activation)

    def _rounded(self, weight: Tensor, input_scale: float) -> Tensor:
        """``s·q`` with the quantizer's gradient."""
        codes = self.integers(input_scale)
        used = _used(codes, self.weight.new_tensor(codes.weight_params.scale))
        passed = self.quantizer.passed(weight, used)
        return passed + (used.scale * used.codes - passed).detach()

    def padded(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """The input with padding that is not the same on both sides, and what padding remains."""
        if self.op.padding == "VALID":
            return x, (0, 0)
        pads = [
            same_padding(x.shape[axis + 2], self.weight.shape[axis + 2], self.op.stride[axis], self.op.dilation[axis])
            for axis in (0, 1)
        ]
        (top, bottom), (left, right) = pads
        if (top, left) == (bottom, right):
            return x, (top, left)
        return F.pad(x, (left, right, top, bottom)).contiguous(memory_format=torch.channels_last), (0, 0)

    def stored(
        self, input_scale: float
    ) -> tuple[tuple[NDArray[np.int8], QuantParams], tuple[NDArray[np.int32], QuantParams]]:
        """Weight and bias as the file holds them, in the graph's layout, each with its parameters."""
        codes = self.integers(input_scale)
        order, axis = self._layout
        weight = codes.weight.permute(order).cpu().numpy().astype(np.int8)
        params = codes.weight_params
        stored_params = QuantParams(params.scale, params.zero_point, axis if self.per_channel else None)
        bias = codes.bias.double().cpu().numpy().astype(np.int32)
        return (weight, stored_params), (bias, codes.bias_params)

    def real_constants(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weight and bias as a float graph holds them."""
        weight, bias = (values.detach() for values in self.folded())
        return weight.permute(self._layout[0]).cpu().numpy(), bias.cpu().numpy()

    @property
    def _layout(self) -> tuple[tuple[int, ...], int]:
        """The graph's order of OIHW's axes, and in it that of the output channels."""
        return ((1, 2, 3, 0), 3) if self.depthwise else ((0, 2, 3, 1), 0)


def _used(codes: Integers, scale: Tensor) -> WeightCodes:
    return WeightCodes(codes.weight, *(values.reshape(-1, 1, 1, 1) for values in (scale, codes.raised)))


def _largest_accumulator(codes: Integers) -> float:
    """What |acc| cannot exceed: 255·Σ|q_w| + |q_b|, the largest over the channels."""
    return float((codes.weight.abs().sum((1, 2, 3)) * 255 + codes.bias.abs()).max())
