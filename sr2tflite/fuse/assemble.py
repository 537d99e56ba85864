"""The planned steps, put together as a float64 deploy graph."""

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.fuse.activations import fuse_activations
from sr2tflite.fuse.builder import Builder, rename
from sr2tflite.fuse.capture import Captured
from sr2tflite.fuse.clips import simplify_clips
from sr2tflite.fuse.collapse import Collapsed
from sr2tflite.fuse.moved import Moved
from sr2tflite.graph.movement import Order
from sr2tflite.fuse.origin import place
from sr2tflite.fuse.plan import Step
from sr2tflite.fuse.shuffle import reorder_for_depth_to_space
from sr2tflite.fuse.shuffled_sums import shuffle_sums
from sr2tflite.fuse.singles import map_single
from sr2tflite.graph import Graph, ops


def _per_channel(builder: Builder, found: Collapsed, source: str) -> str:
    """A scale and an offset per channel, without a convolution: MUL and ADD by constants, each only where it acts."""
    name = found.region.name
    scale, offset = found.kernel.weight[:, :, 0, 0].diagonal().numpy(), found.kernel.bias.numpy()
    if (scale != 1).any():
        source = builder.emit(ops.Mul(), (source, builder.constant(f"{name}.scale", scale)), name)
    if offset.any():
        source = builder.emit(ops.Add(), (source, builder.constant(f"{name}.offset", offset)), name)
    return source


def _put(builder: Builder, found: Collapsed) -> None:
    source = builder.tensor(found.region.entry)
    if found.form == "affine":
        source = _per_channel(builder, found, source)
    elif found.form != "identity":
        weight, dilation = found.kernel.weight, (1, 1)
        if found.compact:
            weight, dilation = found.compact.weight, found.compact.dilation
        op = ops.Conv2D((found.region.stride,) * 2, dilation)
        source = builder.convolution(op, source, (weight, found.kernel.bias), found.region.name)
    if found.region.block > 1:
        source = builder.depth_to_space(source, found.region.block, found.region.name)
    builder.bind(found.region.exit, source)


def _move(builder: Builder, found: Moved) -> None:
    """One DEPTH_TO_SPACE; what it copies (a nearest enlargement) a one-hot convolution has copied before.

    The other way, pixels become channels in a one-hot convolution whose window is the block and its own stride.
    """
    source, movement, name = builder.tensor(found.region.entry), found.movement, found.region.name
    if movement.kind == "unshuffle":
        builder.bind(found.region.exit, builder.space_to_channels(source, movement.block, movement.order, name))
        return
    order: Order | None = movement.order
    if not movement.is_permutation(builder.graph.tensors[source].channels):
        source, order = builder.one_hot(source, movement.order, f"{name}.copies"), None
    builder.bind(found.region.exit, builder.depth_to_space(source, movement.block, name, order))


def _first_reason(steps: list[Step]) -> str | None:
    """Why the region that ends here, or the next one after it, was left."""
    return next((step.declined[-1].reason for step in steps if step.declined), None)


def assemble(captured: Captured, steps: list[Step], value_range: tuple[float, float]) -> Graph:
    """The deploy graph of a plan, with float64 constants.

    Raises:
        UnsupportedError: A node has no counterpart, or the output is the input itself.
    """
    builder = Builder(captured.input, value_range)
    for index, step in enumerate(steps):
        if step.collapsed:
            _put(builder, step.collapsed)
        elif step.moved:
            _move(builder, step.moved)
        else:
            map_single(captured, builder, step.node, _first_reason(steps[index:]))
    last = builder.tensor(captured.output)
    if last == "input":
        raise UnsupportedError("the module returns its input unchanged", where=place(captured.output))
    builder.graph.outputs = (last,)
    reorder_for_depth_to_space(builder)
    shuffle_sums(builder)
    simplify_clips(builder.graph)
    fuse_activations(builder.graph)
    rename(builder.graph, builder.graph.outputs[0], "output")
    builder.graph.outputs = ("output",)
    return builder.graph


def as_float32(graph: Graph) -> Graph:
    """A copy whose constants are float32, as a deploy graph's are."""
    copy = graph.copy()
    for tensor in graph.tensors.values():
        if tensor.data is not None:
            copy.update(tensor.name, data=tensor.data.astype(np.float32), dtype="float32")
    return copy
