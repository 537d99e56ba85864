"""Whether a graph holds together: every name known, every op given what it needs, every number usable.

Both codecs ask this of what they read and of what they write, so that no later code meets a broken graph.
"""

from collections.abc import Set
from math import prod

import numpy as np

from sr2tflite.errors import InputError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Shape, Tensor
from sr2tflite.graph.shapes import MOST_VALUES, conv_size, output_shape
from sr2tflite.numerics.qparams import LIMITS

_ARITY = {
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "ADD": 2,
    "SUB": 2,
    "MUL": 2,
    "MINIMUM": 2,
    "MAXIMUM": 2,
    "PRELU": 2,
    "PADV2": 2,
}
_WITH_OR_WITHOUT_BIAS = ("TRANSPOSE_CONV", "FULLY_CONNECTED")
_LARGEST = 2**31 - 1
"""Sizes and steps are int32 in TFLite."""

_INT4 = LIMITS["int4"]

_FARTHEST = 1024
"""Pixels from one end of a dilated kernel to the other; those of networks for images stay far below."""

_IMAGE_OPS = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH"),
    *("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"),
)


def validate(graph: Graph, where: str) -> None:
    """Refuse a graph that is broken.

    Args:
        graph: The graph, as read or about to be written.
        where: The file or graph that messages name.

    Raises:
        InputError: A name is unknown, an order impossible, a shape or number does not fit.
    """
    for tensor in graph.tensors.values():
        _check(f"{where}: tensor {tensor.name}", _tensor_fault(tensor))
    _check(where, _flow_fault(graph))
    for node in graph.nodes:
        if not isinstance(node.op, ops.Opaque):
            validate_operands(graph, node, where)
            _check(f"{where}: {node.op.kind} {', '.join(node.outputs)}", _shape_fault(graph, node))


def validate_operands(graph: Graph, node: Node, where: str) -> None:
    """Refuse a node of the set whose attributes or inputs cannot be: after this, its output shape can be inferred.

    Raises:
        InputError: They do not fit.
    """
    place = f"{where}: {node.op.kind} {', '.join(node.outputs)}"
    _check(place, _arity_fault(node) or _operand_fault(graph, node))


def validate_at(graph: Graph, shape: Shape) -> None:
    """Refuse an input of this shape where some op could not do with it, which only a free shape leaves open.

    Raises:
        InputError: Two images no longer fit each other, or a tensor would hold nothing or too much.
    """
    sized = graph.copy()
    sized.update(sized.input.name, shape=shape)
    for node in sized.nodes:
        validate_operands(sized, node, graph.name)
        follows = output_shape(sized, node)
        sizes = [size or 0 for size in follows]
        if min(sizes, default=1) < 1 or prod(sizes) > MOST_VALUES:
            place = f"{graph.name}: {', '.join(node.outputs)}"
            raise InputError(f"would have shape {follows} of an input {shape}", where=place)
        for name in node.outputs:
            sized.update(name, shape=follows)


def _check(where: str, fault: str | None) -> None:
    if fault:
        raise InputError(fault, where=where, hint="the file is damaged or was written by a faulty tool; make it again")


def _tensor_fault(tensor: Tensor) -> str | None:
    if any(size is not None and not 1 <= size <= _LARGEST for size in tensor.shape):
        return f"has shape {tensor.shape}; expected sizes of 1…{_LARGEST}"
    if tensor.data is not None:
        if (tensor.data.shape, tensor.data.dtype.name) != (tensor.shape, tensor.storage):
            return f"holds {tensor.data.dtype.name} {tensor.data.shape}; expected {tensor.dtype} {tensor.shape}"
        if tensor.dtype == "float32" and not np.isfinite(tensor.data).all():
            return "holds values that are not finite"
        if tensor.dtype == "int4" and not (_INT4[0] <= tensor.data.min() and tensor.data.max() <= _INT4[1]):
            return "holds codes outside -8…7"
    return _quant_fault(tensor)


def _quant_fault(tensor: Tensor) -> str | None:
    quant = tensor.quant
    if quant is None:
        return None
    if tensor.dtype == "float32":
        return "is float32 and has a scale; expected an integer type"
    if not quant.scale or len(quant.scale) != len(quant.zero_point):
        return f"has {len(quant.scale)} scales and {len(quant.zero_point)} zero points"
    strange = scale_fault(quant.scale)
    if strange:
        return strange
    low, high = LIMITS[tensor.dtype]
    if not all(low <= zero <= high for zero in quant.zero_point):
        return f"has a zero point outside {low}…{high}"
    if quant.axis is None:
        return None if len(quant.scale) == 1 else f"has {len(quant.scale)} scales and no channel axis"
    if not 0 <= quant.axis < len(tensor.shape):
        return f"has its scales along axis {quant.axis} of {len(tensor.shape)}"
    channels = tensor.shape[quant.axis]
    return None if len(quant.scale) == channels else f"has {len(quant.scale)} scales for {channels} channels"


def scale_fault(scales: tuple[float, ...]) -> str | None:
    """What is wrong with one of the scales."""
    strange = [s for s in scales if not (0 < s < np.inf and float(np.float32(s)) == s)]
    return f"has scale {strange[0]}; expected a positive finite float32" if strange else None


def _flow_fault(graph: Graph) -> str | None:
    constants = {tensor.name for tensor in graph.tensors.values() if tensor.is_constant}
    return flow_fault(graph, graph.tensors.keys(), constants)


def flow_fault(graph: Graph, names: Set[str], constants: Set[str]) -> str | None:
    """What is wrong with the order of things: every tensor is known, written once, and written before it is read.

    Args:
        graph: Its ends and nodes; its tensors are not looked at.
        names: All tensors there are.
        constants: Those that hold data.
    """
    for name in (*graph.inputs, *graph.outputs, *(name for node in graph.nodes for name in node.inputs + node.outputs)):
        if name not in names:
            return f"names tensor {name!r}, which is not there"
    known = set(constants)
    for name in graph.inputs:
        if name in known:
            return f"input {name!r} is a constant or named twice"
        known.add(name)
    for node in graph.nodes:
        for name in node.inputs:
            if name not in known:
                return f"{node.op.kind} reads {name!r} before it is written"
        for name in node.outputs:
            if name in known:
                return f"{node.op.kind} writes {name!r}, which is written already"
            known.add(name)
    unwritten = next((name for name in graph.outputs if name not in known), None)
    return f"output {unwritten!r} is never written" if unwritten is not None else None


def _arity_fault(node: Node) -> str | None:
    if len(node.outputs) != (parts := node.op.parts if isinstance(node.op, ops.Split) else 1):
        return f"writes {len(node.outputs)} tensors; expected {parts}"
    if isinstance(node.op, ops.Concatenation):
        return None if node.inputs else "joins no tensors"
    if node.op.kind in _WITH_OR_WITHOUT_BIAS:
        return None if len(node.inputs) in (2, 3) else f"reads {len(node.inputs)} tensors; expected 2 or 3"
    wanted = _ARITY.get(node.op.kind, 1)
    return None if len(node.inputs) == wanted else f"reads {len(node.inputs)} tensors; expected {wanted}"


def _operand_fault(graph: Graph, node: Node) -> str | None:
    operands = [graph.tensors[name] for name in node.inputs]
    if node.op.kind in _IMAGE_OPS and (len(operands[0].shape) != 4 or operands[0].shape[3] is None):
        return f"reads {operands[0].shape}; expected N×H×W×C with a known C"
    match node.op:
        case ops.Conv2D() | ops.DepthwiseConv2D() as op:
            return _window_fault(op) or _weight_fault(op, *operands) or _reach_fault(op, operands[1].shape)
        case ops.Concatenation(axis=axis):
            return _concatenation_fault(axis, [tensor.shape for tensor in operands])
        case ops.DepthToSpace(block_size=block):
            fits = 1 <= block <= _LARGEST and operands[0].channels % block**2 == 0
            return None if fits else f"block {block} does not divide {operands[0].channels} channels"
        case ops.SpaceToDepth(block=block):
            fits = 1 <= block <= _LARGEST and all(size is None or size % block == 0 for size in operands[0].shape[1:3])
            return None if fits else f"block {block} does not divide the image {operands[0].shape}"
        case ops.ResizeNearestNeighbor(factor=factor):
            return None if 1 <= factor <= _LARGEST else f"factor {factor} is outside 1…{_LARGEST}"
        case ops.LeakyRelu(alpha=alpha):
            return None if np.isfinite(alpha) else f"slope {alpha} is not finite"
        case ops.Add() | ops.Sub() | ops.Mul() | ops.Minimum() | ops.Maximum():
            return _inference_fault(graph, node)
        case ops.TransposeConv() as op:
            return _transpose_conv_fault(op, operands)
        case ops.FullyConnected():
            return _matrix_fault(operands) or _inference_fault(graph, node)
        case ops.ResizeBilinear(size=size):
            return None if all(1 <= length <= _LARGEST for length in size) else f"has size {size}"
        case ops.PadV2() if operands[1].data is None or operands[1].data.size != 1:
            return f"pads with {operands[1].shape}; expected a constant of one element"
        case ops.PRelu():
            slopes, channels = operands[1].shape, operands[0].shape[-1:]
            fits = operands[1].is_constant and slopes[-1:] == channels and all(size == 1 for size in slopes[:-1])
            return None if fits else f"slopes {slopes} do not fit channels {channels}"
    return _inference_fault(graph, node)


def _window_fault(op: ops.Conv2D | ops.DepthwiseConv2D) -> str | None:
    steps = (*op.stride, *op.dilation)
    fits = len(steps) == 4 and min(steps) >= 1 and max(steps) <= _LARGEST
    return None if fits else f"has stride {op.stride} and dilation {op.dilation}; expected 1…{_LARGEST}"


def _reach_fault(op: ops.Conv2D | ops.DepthwiseConv2D, weight: Shape) -> str | None:
    """A wild dilation would make anyone's padded image that large."""
    reach = max(step * ((size or 1) - 1) + 1 for step, size in zip(op.dilation, weight[1:3], strict=True))
    return f"reaches over {reach} pixels; expected at most {_FARTHEST}" if reach > _FARTHEST else None


def _weight_fault(op: ops.Conv2D | ops.DepthwiseConv2D, x: Tensor, weight: Tensor, bias: Tensor) -> str | None:
    if not (weight.is_constant and bias.is_constant and len(weight.shape) == 4 and len(bias.shape) == 1):
        return f"weight {weight.shape} and bias {bias.shape} must be constants of rank 4 and 1"
    first, _, _, last = (size or 0 for size in weight.shape)
    if isinstance(op, ops.DepthwiseConv2D):
        outputs, fits = last, first == 1 and last == x.channels * op.multiplier
    else:
        outputs, fits = first, x.channels % last == 0 and first % (x.channels // last) == 0
    if not fits:
        return f"weight {weight.shape} does not fit {x.channels} channels"
    return None if bias.shape == (outputs,) else f"bias {bias.shape} does not fit {outputs} channels"


def _transpose_conv_fault(op: ops.TransposeConv, operands: list[Tensor]) -> str | None:
    x, weight, *bias = operands
    if len(op.stride) != 2 or not 1 <= min(op.stride) <= max(op.stride) <= _LARGEST:
        return f"has stride {op.stride}; expected 1…{_LARGEST}"
    if not weight.is_constant or len(weight.shape) != 4 or weight.channels != x.channels:
        return f"weight {weight.shape} must be a constant of rank 4 and fit {x.channels} channels"
    for wanted, size, kernel, stride in zip(op.size or (), x.shape[1:3], weight.shape[1:3], op.stride, strict=False):
        if size is None or kernel is None or conv_size(wanted, kernel, stride, 1, op.padding) != size:
            return f"has size {op.size}, of which no CONV_2D makes {x.shape}"
    return _bias_fault(weight, bias)


def _matrix_fault(operands: list[Tensor]) -> str | None:
    x, weight, *bias = operands
    if not weight.is_constant or len(weight.shape) != 2 or not x.shape or x.shape[-1] is None:
        return f"weight {weight.shape} must be a constant of rank 2, and {x.shape} end in a known size"
    return _bias_fault(weight, bias)


def _bias_fault(weight: Tensor, bias: list[Tensor]) -> str | None:
    fits = all(one.is_constant and one.shape == weight.shape[:1] for one in bias)
    return None if fits else f"bias {bias[0].shape} does not fit weight {weight.shape}"


def _concatenation_fault(axis: int, shapes: list[Shape]) -> str | None:
    if not 0 <= axis < len(shapes[0]):
        return f"axis {axis} is outside shape {shapes[0]}"
    rests = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    known = all(len(shape) == len(shapes[0]) and shape[axis] is not None for shape in shapes)
    return None if known and len(rests) == 1 else f"shapes {shapes} do not fit side by side"


def _inference_fault(graph: Graph, node: Node) -> str | None:
    try:
        output_shape(graph, node)
    except InputError as error:
        return error.message
    return None


def _shape_fault(graph: Graph, node: Node) -> str | None:
    """The declared shapes are the one that follows, where both are known."""
    follows = output_shape(graph, node)
    for declared in (graph.tensors[name].shape for name in node.outputs):
        fits = len(follows) == len(declared) and all(
            a is None or b is None or a == b for a, b in zip(follows, declared, strict=True)
        )
        if not fits:
            return f"declares shape {declared}; expected {follows}"
    return None
