"""The deploy graph as a float torch function, channels first: what fusing, calibration and training refer to.

``FloatView(graph)`` computes what the float graph says, in the dtype of its weights. Tensors are NCHW inside.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, ops


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """TFLite's SAME padding along one axis: (before, after), the odd one after."""
    span = dilation * (kernel - 1) + 1
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def to_channels_first(constant: Tensor) -> Tensor:
    """A broadcasting NHWC constant (rank ≤ 4) as NCHW."""
    return constant.reshape((1,) * (4 - constant.dim()) + tuple(constant.shape)).permute(0, 3, 1, 2)


def activate(x: Tensor, activation: ops.Activation) -> Tensor:
    """A fused activation on its own."""
    match activation:
        case "NONE":
            return x
        case "RELU":
            return x.relu()
        case "RELU6":
            return x.clamp(0, 6)
        case "RELU_N1_TO_1":
            return x.clamp(-1, 1)


def depth_to_space(x: Tensor, block: int) -> Tensor:
    """DEPTH_TO_SPACE in order DCR on NCHW."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch, block, block, channels // block**2, height, width)
    return x.permute(0, 3, 4, 1, 5, 2).reshape(batch, channels // block**2, height * block, width * block)


def space_to_depth(x: Tensor, block: int) -> Tensor:
    """SPACE_TO_DEPTH on NCHW, the inverse: channel c of pixel (i, j) in a block becomes (i·r + j)·C + c."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels, height // block, block, width // block, block)
    return x.permute(0, 3, 5, 1, 2, 4).reshape(batch, channels * block**2, height // block, width // block)


def enlarge(x: Tensor, factor: int) -> Tensor:
    """RESIZE_NEAREST_NEIGHBOR by a whole factor on NCHW."""
    return x.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def _conv(op: ops.Conv2D | ops.DepthwiseConv2D, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    groups = x.shape[1] // weight.shape[3]
    kernel = weight.permute(0, 3, 1, 2)
    if isinstance(op, ops.DepthwiseConv2D):
        groups, kernel = x.shape[1], weight.permute(3, 0, 1, 2)
    if op.padding == "SAME":
        top, bottom = same_padding(x.shape[2], kernel.shape[2], op.stride[0], op.dilation[0])
        left, right = same_padding(x.shape[3], kernel.shape[3], op.stride[1], op.dilation[1])
        if (top, left) == (bottom, right):
            return activate(F.conv2d(x, kernel, bias, op.stride, (top, left), op.dilation, groups), op.activation)
        x = F.pad(x, (left, right, top, bottom))
    return activate(F.conv2d(x, kernel, bias, op.stride, 0, op.dilation, groups), op.activation)


_BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ADD": torch.add,
    "SUB": torch.sub,
    "MUL": torch.mul,
    "MINIMUM": torch.minimum,
    "MAXIMUM": torch.maximum,
}

_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "RELU": torch.relu,
    "RELU6": lambda x: x.clamp(0, 6),
    "RELU_0_TO_1": lambda x: x.clamp(0, 1),
    "LOGISTIC": torch.sigmoid,
}


def apply(node: Node, operands: list[Tensor]) -> Tensor:
    """One float node on NCHW activations and constants in the graph's own layout.

    Raises:
        UnsupportedError: The op has no float meaning here.
    """
    match node.op:
        case ops.Conv2D() | ops.DepthwiseConv2D() as conv:
            return _conv(conv, *operands)
        case ops.Add(activation=act) | ops.Sub(activation=act) | ops.Mul(activation=act):
            return activate(_BINARY[node.op.kind](*operands), act)
        case ops.Quantize():
            return operands[0]  # from one real value to another
        case ops.Minimum() | ops.Maximum():
            return _BINARY[node.op.kind](*operands)
        case ops.Concatenation():
            return torch.cat(operands, 1)
        case ops.PRelu():
            return F.prelu(operands[0], operands[1].reshape(-1))
        case ops.LeakyRelu(alpha=alpha):
            return F.leaky_relu(operands[0], alpha)
        case ops.DepthToSpace(block_size=block):
            return depth_to_space(operands[0], block)
        case ops.ResizeNearestNeighbor(factor=factor):
            return enlarge(operands[0], factor)
        case op if op.kind in _UNARY:
            return _UNARY[op.kind](operands[0])
        case _:
            kind = getattr(node.op, "name", node.op.kind)
            raise UnsupportedError(f"op {kind} has no float meaning in the deploy graph", where=node.outputs[0])


class FloatView(nn.Module):
    """The float deploy graph as a module: NCHW in, NCHW out, values in the graph's own range.

    Args:
        graph: A float graph.
        dtype: What it computes in; float64 for proofs.
    """

    def __init__(self, graph: Graph, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.graph = graph
        self._buffer_of: dict[str, str] = {}
        for index, tensor in enumerate(t for t in graph.tensors.values() if t.is_constant):
            assert tensor.data is not None
            self._buffer_of[tensor.name] = f"constant_{index}"
            self.register_buffer(f"constant_{index}", torch.from_numpy(np.array(tensor.data)).to(dtype))

    def constant(self, name: str) -> Tensor:
        """A constant in the graph's own layout."""
        buffer = getattr(self, self._buffer_of[name])
        assert isinstance(buffer, Tensor)
        return buffer

    def _operand(self, node: Node, name: str, values: dict[str, Tensor]) -> Tensor:
        if name in values:
            return values[name]
        constant = self.constant(name)
        elementwise = node.op.kind in _BINARY
        return to_channels_first(constant) if elementwise else constant

    def activations(self, x: Tensor) -> dict[str, Tensor]:
        """Every activation by tensor name, NCHW."""
        values = {self.graph.input.name: x}
        for node in self.graph.nodes:
            values[node.output] = apply(node, [self._operand(node, name, values) for name in node.inputs])
        return values

    def forward(self, x: Tensor) -> Tensor:
        """The output image(s)."""
        return self.activations(x)[self.graph.output.name]
