"""Shape inference, and giving a graph other sizes."""

from math import prod

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import moves, ops
from sr2tflite.graph.model import Graph, Node, Shape
from sr2tflite.graph.multiples import size_multiple

MOST_VALUES = 2**31 - 1
"""In one tensor: TFLite counts them in 32 bits."""


def conv_size(size: int | None, kernel: int, stride: int, dilation: int, padding: ops.Padding) -> int | None:
    """How many positions a kernel has along an axis; None along a free one."""
    if size is None:
        return None
    span = dilation * (kernel - 1) + 1
    return -(-size // stride) if padding == "SAME" else -(-(size - span + 1) // stride)


def _conv(graph: Graph, node: Node, op: ops.Conv2D | ops.DepthwiseConv2D) -> Shape:
    batch, height, width, _ = graph.tensors[node.inputs[0]].shape
    weight = graph.tensors[node.inputs[1]].shape
    channels = weight[0] if isinstance(op, ops.Conv2D) else weight[3]
    assert weight[1] is not None
    assert weight[2] is not None
    return (
        batch,
        conv_size(height, weight[1], op.stride[0], op.dilation[0], op.padding),
        conv_size(width, weight[2], op.stride[1], op.dilation[1], op.padding),
        channels,
    )


def _transpose_conv(graph: Graph, node: Node, op: ops.TransposeConv) -> Shape:
    (batch, *sizes, _), weight = graph.tensors[node.inputs[0]].shape, graph.tensors[node.inputs[1]].shape
    height, width = op.size or tuple(
        size and usual_transposed_size(size, kernel or 1, stride, op.padding)
        for size, kernel, stride in zip(sizes, weight[1:3], op.stride, strict=True)
    )
    return batch, height, width, weight[0]


def usual_transposed_size(size: int, kernel: int, stride: int, padding: ops.Padding) -> int:
    """What TRANSPOSE_CONV makes of a size unless it says otherwise: the largest that a CONV_2D brings back to it."""
    return size * stride + (max(kernel - stride, 0) if padding == "VALID" else 0)


def _fully_connected(graph: Graph, node: Node, op: ops.FullyConnected) -> Shape:
    shape, (outputs, inputs) = graph.tensors[node.inputs[0]].shape, graph.tensors[node.inputs[1]].shape
    if op.keep_num_dims:
        if shape[-1] != inputs:
            raise InputError(f"weight of {inputs} inputs does not fit {shape}")
        return (*shape[:-1], outputs)
    return *moves.reshaped((-1, inputs or 1), shape)[:1], outputs


def _broadcast(graph: Graph, node: Node) -> Shape:
    shapes = [graph.tensors[name].shape for name in node.inputs]
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    result: list[int | None] = []
    for sizes in zip(*padded, strict=True):
        wide = {size for size in sizes if size != 1}
        if len(wide) > 1:
            raise InputError(f"shapes {shapes} do not broadcast", where=f"{node.op.kind} {node.output}")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def _enlarged(shape: Shape, factor: int, channel_divisor: int) -> Shape:
    batch, height, width, channels = shape
    assert channels is not None
    return (batch, height and height * factor, width and width * factor, channels // channel_divisor)


def output_shape(graph: Graph, node: Node) -> Shape:
    """The shape a node's output has, or each of its outputs, from the shapes of its inputs.

    Raises:
        UnsupportedError: The op is outside the set.
        InputError: The input shapes do not fit the op.
    """
    op, first = node.op, graph.tensors[node.inputs[0]].shape
    match op:
        case ops.Conv2D() | ops.DepthwiseConv2D():
            return _conv(graph, node, op)
        case ops.Add() | ops.Sub() | ops.Mul() | ops.Minimum() | ops.Maximum():
            return _broadcast(graph, node)
        case ops.Concatenation():
            sizes = [graph.tensors[name].shape[op.axis] for name in node.inputs]
            return (*first[: op.axis], sum(size or 0 for size in sizes), *first[op.axis :][1:])
        case ops.DepthToSpace():
            return _enlarged(first, op.block_size, op.block_size**2)
        case ops.SpaceToDepth(block=block):
            return (
                first[0],
                first[1] and first[1] // block,
                first[2] and first[2] // block,
                (first[3] or 0) * block**2,
            )
        case ops.ResizeNearestNeighbor():
            return _enlarged(first, op.factor, 1)
        case ops.TransposeConv():
            return _transpose_conv(graph, node, op)
        case ops.FullyConnected():
            return _fully_connected(graph, node, op)
        case ops.ResizeBilinear(size=size):
            return (first[0], *size, first[3])
        case ops.Opaque():
            raise UnsupportedError(f"op {op.name} is outside the deploy graph's set", where=node.outputs[0])
        case _:
            return _moved(op, first)


def _moved(op: ops.Op, shape: Shape) -> Shape:
    match op:
        case ops.Pad(paddings=paddings) | ops.PadV2(paddings=paddings):
            return moves.padded(paddings, shape)
        case ops.Reshape(shape=wanted):
            return moves.reshaped(wanted, shape)
        case ops.Transpose(permutation=permutation):
            return moves.transposed(permutation, shape)
        case ops.Gather():
            return moves.gathered(op, shape)
        case ops.StridedSlice():
            return moves.sliced(op, shape)
        case ops.Split():
            return moves.split(op, shape)
        case ops.Mean():
            return moves.reduced(op, shape)
        case _:
            return shape


def infer_shapes(graph: Graph) -> None:
    """Give every activation the shape that follows from the graph's inputs."""
    for node in graph.nodes:
        shape = output_shape(graph, node)
        for name in node.outputs:
            graph.update(name, shape=shape)


def with_size(graph: Graph, height: int | None, width: int | None) -> Graph:
    """A copy of the graph whose input has this height and width; None leaves it free.

    Raises:
        InputError: A size is not positive, does not go through the graph, or makes a tensor that no runtime can index.
    """
    if (height is not None and height < 1) or (width is not None and width < 1):
        raise InputError(f"size {height}×{width} is not positive", where=graph.name)
    sized = graph.copy()
    batch, _, _, channels = sized.input.shape
    sized.update(sized.input.name, shape=(batch, height, width, channels))
    try:
        infer_shapes(sized)
    except InputError as error:
        hint = f"take sides that are multiples of {multiple}" if (multiple := size_multiple(graph)) > 1 else error.hint
        raise InputError(f"size {height}×{width}: {error.message}", where=error.where, hint=hint) from error
    for tensor in sized.tensors.values():
        if (count := prod(size or 1 for size in tensor.shape)) > MOST_VALUES:
            raise InputError(
                f"size {height}×{width} makes {tensor.name} hold {count:,} values; expected at most {MOST_VALUES:,}",
                where=graph.name,
                hint="take a smaller size, and tile larger images",
            )
    return sized
