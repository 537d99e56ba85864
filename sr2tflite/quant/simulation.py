"""``placement: paper``: quantization where the papers have it, for figures that can be held against theirs.

The convolutions of the trunk read activations of few codes and have weights of few codes; whatever they write, the
residual stream, the first and the last layers and all that lies between stays real. No file of a device holds that:
TFLite rounds what every op writes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, ops
from sr2tflite.graph import Tensor as GraphTensor
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.quant.bits import largest_code, steps_of
from sr2tflite.quant.blocks import trunk_convolutions
from sr2tflite.quant.plan import REAL, Group, Plan, plan_as_it_is
from sr2tflite.quant.prepare import in_pixels
from sr2tflite.quant.settings import Bits
from sr2tflite.torch_view import apply, to_channels_first

if TYPE_CHECKING:
    from sr2tflite.quant.view import QuantizedView

ROUNDED = "@codes"
"""Ends the name of a real activation's few codes."""


def plan_simulation(graph: Graph, bits: Bits) -> Plan:
    """Decide which activations have codes: what the trunk's convolutions read.

    The trunk is what lies in residual blocks, or, where there are none, everything but the first and the last
    convolutions.

    Args:
        graph: A float graph in 0…1 or 0…255.
        bits: Of the trunk's weights and of what it reads; activations of any sign have as few codes as told.

    Raises:
        UnsupportedError: There is no trunk, or an op cannot be quantized; the message names it.
    """
    pixels = in_pixels(graph)
    plan_as_it_is(pixels)  # refuses what no placement knows
    trunk = trunk_convolutions(pixels)
    if not trunk:
        raise UnsupportedError(
            "has no convolution but the first and the last; expected a trunk between them",
            where=graph.name,
            hint="leave placement at tflite",
        )
    rounded = _with_roundings(pixels, trunk)
    read = _read_by(rounded, trunk)
    groups = [Group((name,), low=_floor(rounded, name), steps=steps_of(bits.activations)) for name in read]
    real = tuple(name for name, tensor in rounded.tensors.items() if not tensor.is_constant and name not in read)
    limits = {node.output: largest_code(bits.weights) for node in trunk}
    return Plan(rounded, (Group(real, REAL), *groups), limits=limits)


def _with_roundings(graph: Graph, trunk: list[Node]) -> Graph:
    """A copy in which what trunk convolutions read is theirs alone: a QUANTIZE stands before it where it was not."""
    result = graph.copy()
    outputs = {node.output for node in trunk}
    shared = [name for name in _read_by(graph, trunk) if not _is_between(graph, name, outputs)]
    for name in shared:
        rounded = GraphTensor(f"{name}{ROUNDED}", graph.tensors[name].shape)
        result.add_tensor(rounded)
        place = next((i for i, node in enumerate(result.nodes, 1) if name in node.outputs), 0)
        result.nodes.insert(place, Node(ops.Quantize(), (name,), (rounded.name,)))
    swapped = {name: f"{name}{ROUNDED}" for name in shared}
    result.nodes = [
        replace(node, inputs=(swapped.get(node.inputs[0], node.inputs[0]), *node.inputs[1:]))
        if node.outputs[0] in outputs
        else node
        for node in result.nodes
    ]
    return result


def _read_by(graph: Graph, trunk: list[Node]) -> list[str]:
    outputs = {node.output for node in trunk}
    return list(dict.fromkeys(node.inputs[0] for node in graph.nodes if node.outputs[0] in outputs))


def _is_between(graph: Graph, name: str, outputs: set[str]) -> bool:
    """Whether a trunk convolution writes it and nothing but such reads it."""
    return name in outputs and all(node.outputs[0] in outputs for node in graph.consumers(name))


def _floor(graph: Graph, name: str) -> float:
    """Zero for what a ReLU wrote, before a rounding or not."""
    node = graph.producer(name)
    if node is not None and isinstance(node.op, ops.Quantize):
        node = graph.producer(node.inputs[0])
    is_rectified = node is not None and (
        isinstance(node.op, ops.Relu) or getattr(node.op, "activation", "NONE") == "RELU"
    )
    return 0.0 if is_rectified else -np.inf


def compute_real(view: "QuantizedView", node: Node, operands: list[Tensor]) -> Tensor:
    """An op without weights of its own on real activations, N·C·H·W."""
    constants = [name for name in node.inputs if view.plan.graph.tensors[name].is_constant]
    if isinstance(node.op, ops.PRelu):
        return F.prelu(operands[0], view.slopes_of(node).slope.reshape(-1))
    told = iter(operands)
    every = [_constant(view.plan.graph, name) if name in constants else next(told) for name in node.inputs]
    return apply(node, [one.to(operands[0].device) for one in every])


def _constant(graph: Graph, name: str) -> Tensor:
    data = graph.tensors[name].data
    assert data is not None
    return to_channels_first(torch.from_numpy(np.array(data, np.float32)))


def frozen(view: "QuantizedView") -> Graph:
    """The graph in QDQ form, part real and part int8: what onnxruntime computes as the view does, to float rounding.

    Codes that are fewer than those of int8 end at 127; a MAXIMUM holds them at the other end.
    """
    grids, graph = view.grids(), view.plan.graph.copy()
    for name, index in view.plan.group_of.items():
        if grids[index] != REAL:
            graph.update(name, dtype="int8", quant=grids[index])
    for node in view.plan.graph.nodes:
        for name, data, params in _constants(view, node, grids):
            graph.update(name, dtype=data.dtype.name, data=np.ascontiguousarray(data), quant=params)
    graph.nodes = [held for node in graph.nodes for held in _held(view, graph, node)]
    return graph


def _constants(
    view: "QuantizedView", node: Node, grids: Sequence[QuantParams]
) -> Iterator[tuple[str, NDArray[Any], QuantParams | None]]:
    """Name, values or codes, and parameters of what a node reads that training changes."""
    if isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D):
        layer = view.layer(node.output)
        weight, bias = layer.real_constants()
        (codes, params), _ = layer.stored(grids[view.plan.group_of[node.inputs[0]]].scale[0])
        yield (node.inputs[1], weight, None) if layer.is_real else (node.inputs[1], codes, params)
        yield node.inputs[2], bias, None
    elif isinstance(node.op, ops.PRelu):
        slopes, before = view.slopes_of(node).slope.detach().cpu().numpy(), view.plan.graph.tensors[node.inputs[1]].data
        assert before is not None
        yield node.inputs[1], slopes.reshape(before.shape), None


def _held(view: "QuantizedView", graph: Graph, node: Node) -> Iterator[Node]:
    """A QUANTIZE behind a MAXIMUM with its least real value, where int8 does not end there."""
    if not isinstance(node.op, ops.Quantize):
        yield node
        return
    grid = view.grid(node.output)
    held = f"{node.output}_held"
    level = graph.constant(f"{node.output}_least", np.array([grid.span[0]], np.float32))
    graph.add_tensor(GraphTensor(held, graph.tensors[node.inputs[0]].shape))
    yield Node(ops.Maximum(), (node.inputs[0], level), (held,))
    yield replace(node, inputs=(held,))
