"""Cross-layer equalization: channels of a tensor are brought to one size, so that they share its 256 codes well."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.quant.ranges import tiles, to_pixels
from sr2tflite.torch_view import FloatView

LARGEST_GAIN = 16.0
"""A channel is enlarged at most this much: silent channels need no codes, and their readers' weights shrink with it."""

Channels = NDArray[np.float64]

_SUMS = (ops.Add, ops.Sub)


def equalize_channels(graph: Graph, images: Sequence[NDArray[np.uint8]]) -> Graph:
    """The same float function with every channel of the tensors between convolutions equally large on some images.

    A positive gain per channel passes through RELU, ADD and SUB: ``W₂·relu(W₁x + b₁) = (W₂/a)·relu(a·(W₁x + b₁))``,
    with ``a_c = max_c' r_c' / r_c`` and r_c the channel's largest magnitude. Per-tensor activation codes then resolve
    every channel equally; weights are quantized per output channel, so a gain costs them nothing where they write, and
    little where they read. Tensors that meet in such an op share their gains. Exact in ℝ; one rounding of float32 per
    constant.

    PRELU and LEAKY_RELU would pass gains too, but a channel that is large below zero and has a small slope is of
    another size before than after, and no gain suits both: a published ECBSR came 9 dB less near its float graph.

    References:
        Data-Free Quantization Through Weight Equalization and Bias Correction (Nagel et al., 2019),
        https://arxiv.org/abs/1906.04721, section 4.1; here the activations alone decide, measured on images.

    Args:
        graph: A float graph in pixel units.
        images: Low-resolution images, uint8, height × width × 3.
    """
    sets = [members for members in _meeting(graph) if all(_passes_gains(graph, name) for name in members)]
    largest = _largest_magnitudes(graph, images, [name for members in sets for name in members])
    result = graph.copy()
    for members in sets:
        size = np.max([largest[name] for name in members], axis=0)
        gain = size.max() / np.maximum(size, size.max() / LARGEST_GAIN) if size.max() > 0 else np.ones_like(size)
        _apply_gain(result, members, gain / np.exp(np.log(gain).mean()))
    return result


def _meeting(graph: Graph) -> list[set[str]]:
    """Activations in sets: those that a gain passes between together."""
    sets: dict[str, set[str]] = {name: {name} for node in graph.nodes for name in node.outputs}
    for node in graph.nodes:
        if _carries_gains(graph, node):
            names = [tensor.name for tensor in graph.activations(node)]
            united = set().union(*(sets.get(name, {name}) for name in (*names, node.output)))
            sets.update(dict.fromkeys(united, united))
    return list({id(members): members for members in sets.values()}.values())


def _passes_gains(graph: Graph, name: str) -> bool:
    """Whether a tensor lies between convolutions and ops that gains pass through only."""
    producer, readers = graph.producer(name), graph.consumers(name)
    if producer is None or name in graph.outputs or not readers:
        return False
    is_written_so = isinstance(producer.op, ops.Conv2D) or _carries_gains(graph, producer)
    return is_written_so and all(_reads_gains(graph, node) for node in readers)


def _reads_gains(graph: Graph, node: Node) -> bool:
    if isinstance(node.op, ops.Conv2D):
        return graph.tensors[node.inputs[1]].channels == graph.tensors[node.inputs[0]].channels  # one group
    return _carries_gains(graph, node)


def _carries_gains(graph: Graph, node: Node) -> bool:
    """Whether a gain on what an op reads is the same gain on what it writes."""
    if isinstance(node.op, _SUMS):
        channels = {graph.tensors[name].shape[-1:] for name in (*node.inputs, node.output)}
        return len(channels) == 1 and not any(graph.tensors[name].is_constant for name in node.inputs)
    return isinstance(node.op, ops.Relu)


def _largest_magnitudes(graph: Graph, images: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> dict[str, Channels]:
    view, largest = FloatView(graph), {name: np.zeros(graph.tensors[name].channels) for name in names}
    with torch.no_grad():
        for tile in (tile for image in images for tile in tiles(image)):
            values = view.activations(to_pixels(tile))
            for name in names:
                seen = values[name].abs().amax((0, 2, 3)).double().numpy()
                largest[name] = np.maximum(largest[name], seen)
    return largest


def _apply_gain(graph: Graph, members: set[str], gain: Channels) -> None:
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv2D):
            weight, bias = node.inputs[1:]
            if node.inputs[0] in members:
                _multiply(graph, weight, 1 / gain)
            if node.output in members:
                _multiply(graph, weight, gain[:, None, None, None])
                _multiply(graph, bias, gain)


def _multiply(graph: Graph, name: str, factor: Channels) -> None:
    data = graph.tensors[name].data
    assert data is not None
    graph.update(name, data=(data * factor).astype(np.float32))
