"""Graphs and files with what other converters write in place of DEPTH_TO_SPACE and a clamp."""

from dataclasses import replace
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from kit.graphs import PIXELS

from sr2tflite.graph import Graph, Node, Tensor, ops, tflite
from sr2tflite.graph.shapes import output_shape
from sr2tflite.numerics.qparams import QuantParams, quantize

WIDE = QuantParams((1.46875,), (-89,))
"""A calibrated range before a clip, wider than the pixels'."""

REAL = QuantParams((float(np.float32(1.3608525)),), (-60,))
"""One that a converter measured, by whose steps no value lies between two of the pixels'."""

NARROW = QuantParams((0.4375,), (-100,))
"""One so much narrower that a clip which brings it to the pixels' is rounded twice."""


def with_tail(graph: Graph, *, is_clipped: bool = False, wide: QuantParams | None = None) -> Graph:
    """The DEPTH_TO_SPACE as RESHAPE, TRANSPOSE in six dimensions and RESHAPE, channels in PyTorch's order.

    Args:
        graph: With a fixed size, and one DEPTH_TO_SPACE, whose output is the graph's.
        is_clipped: Whether a MINIMUM with white follows.
        wide: What the shuffled image has before a RELU that brings it to the pixels'.
    """
    result, source, block = without_shuffle(graph, wide)
    output = graph.output
    _, height, width, channels = source.shape
    inner = channels // block**2
    apart = (1, height, width, inner, block, block)
    woven = (1, height, block, width, block, inner)
    whole = (1, height * block, width * block, inner)
    chain = [
        ("apart", ops.Reshape(apart), apart, source.quant),
        ("woven", ops.Transpose((0, 1, 4, 2, 5, 3)), woven, source.quant),
        ("whole", ops.Reshape(whole), whole, source.quant),
    ]
    if wide is not None:
        chain.append(("floored", ops.Relu(), whole, output.quant))
    if is_clipped:
        white = result.constant("white", np.array([127], np.int8), output.quant)
        chain.append(("clipped", ops.Minimum(), whole, output.quant))
    name = source.name
    for kind, op, shape, quant in chain:
        inputs = (name, white) if isinstance(op, ops.Minimum) else (name,)
        last = kind == chain[-1][0]
        name = output.name if last else kind
        result.append(op, inputs, Tensor(name, shape, source.dtype, quant))
    return result


def without_shuffle(graph: Graph, wide: QuantParams | None = None) -> tuple[Graph, Tensor, int]:
    """A copy without its last op, a DEPTH_TO_SPACE; what that reads, perhaps on another grid, and its block."""
    result = graph.copy()
    shuffle = result.nodes.pop()
    del result.tensors[graph.output.name]
    source = result.tensors[shuffle.inputs[0]]
    return result, result.update(source.name, quant=wide or source.quant), shuffle.op.block_size


Link = tuple[ops.Op, QuantParams | None] | tuple[ops.Op, QuantParams | None, float]
"""An op, the grid of what it writes, None for floats, and the level of a clip."""


def chained(graph: Graph, source: Tensor, links: list[Link]) -> Graph:
    """The graph with a chain of ops behind a tensor; the last one's output is the graph's."""
    result, x = graph.copy(), source
    for index, (op, quant, *level) in enumerate(links):
        inputs = (x.name,)
        if level:
            codes = np.float32(level) if quant is None else quantize(np.float32(level), quant, "int8")
            inputs = (x.name, result.constant(f"level{index}", codes, quant))
        name = graph.outputs[0] if index == len(links) - 1 else f"link{index}"
        x = result.append(op, inputs, Tensor(name, (), "float32" if quant is None else "int8", quant))
        x = result.update(name, shape=output_shape(result, result.nodes[-1]))
    return result


def gathered_tail(graph: Graph, wide: QuantParams) -> Graph:
    """As onnx2tf 2 writes PixelShuffle and a clamp: channels in DEPTH_TO_SPACE's order, and clips."""
    result, source, block = without_shuffle(graph, wide)
    order = np.arange(source.channels).reshape(-1, block, block).transpose(1, 2, 0).reshape(-1)
    gather = ops.Gather(tuple(order.tolist()), 3)
    links = [(gather, wide), (ops.DepthToSpace(block), wide), (ops.Relu(), PIXELS), (ops.Minimum(), PIXELS, 255.0)]
    return chained(result, source, links)


def channels_first_tail(graph: Graph) -> Graph:
    """As litert-torch writes them behind a quantized convolution: four dimensions, channels first, floats."""
    result, source, block = without_shuffle(graph)
    _, height, width, channels = source.shape
    inner = channels // block**2
    links = [
        (ops.Transpose((0, 3, 1, 2)), source.quant),
        (ops.Dequantize(), None),
        (ops.Relu(), None),
        (ops.Reshape((inner * block, block, height, width)), None),
        (ops.Transpose((0, 2, 3, 1)), None),
        (ops.Minimum(), None, 255.0),
        (ops.Reshape((inner, block, height, block * width)), None),
        (ops.Transpose((0, 2, 1, 3)), None),
        (ops.Reshape((1, inner, block * height, block * width)), None),
        (ops.Transpose((0, 2, 3, 1)), None),
    ]
    return chained(result, source, links)


def float_island_tail(graph: Graph, wide: QuantParams) -> Graph:
    """As a quantizer leaves them that knows neither DEPTH_TO_SPACE nor MINIMUM: both in floats."""
    result, source, block = without_shuffle(graph, wide)
    shuffle = ops.DepthToSpace(block)
    links = [(ops.Dequantize(), None), (shuffle, None), (ops.Minimum(), None, 255.0), (ops.Quantize(), PIXELS)]
    return chained(result, source, links)


def clamped_tail(graph: Graph, wide: QuantParams) -> Graph:
    """As TinyNeuralNetwork writes them: a clamp at both ends, on one grid."""
    result, source, block = without_shuffle(graph, wide)
    links = [(ops.DepthToSpace(block), wide), (ops.Maximum(), wide, 0.0), (ops.Minimum(), wide, 255.0)]
    return chained(result, source, links)


def there_and_back(graph: Graph) -> Graph:
    """The stem goes to NCHW and back."""
    result, stem = graph.copy(), graph.tensors["stem"]
    batch, height, width, channels = stem.shape
    result.add_tensor(replace(stem, name="turned", shape=(batch, channels, height, width)))
    result.add_tensor(replace(stem, name="back"))
    result.nodes = [
        replace(node, inputs=tuple("back" if name == "stem" else name for name in node.inputs)) for node in result.nodes
    ]
    result.nodes.insert(1, Node(ops.Transpose((0, 2, 3, 1)), ("turned",), ("back",)))
    result.nodes.insert(1, Node(ops.Transpose((0, 3, 1, 2)), ("stem",), ("turned",)))
    return result


def with_pads(graph: Graph, shift: int = 0) -> Graph:
    """Every convolution with SAME padding as a PAD and one with VALID, so much more of it before than behind."""
    result = graph.copy()
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv2D) and graph.tensors[node.inputs[1]].shape[1:3] != (1, 1):
            x, kernel = graph.tensors[node.inputs[0]], graph.tensors[node.inputs[1]].shape[1:3]
            around = [(size - 1) * step for size, step in zip(kernel, node.op.dilation, strict=True)]
            pairs = [(total // 2 + shift, total - total // 2 - shift) for total in around]
            paddings = ((0, 0), *pairs, (0, 0))
            name = f"{node.output}.padded"
            sizes = tuple(size and size + sum(pair) for size, pair in zip(x.shape, paddings, strict=True))
            result.add_tensor(replace(x, name=name, shape=sizes))
            place = result.nodes.index(node)
            result.nodes[place] = replace(node, op=replace(node.op, padding="VALID"), inputs=(name, *node.inputs[1:]))
            result.nodes.insert(place, Node(ops.Pad(paddings), (x.name,), (name,)))
    return result


def with_computed_shapes(graph: Graph) -> bytes:
    """A file of a graph with a layout tail whose size is free, as TFLiteConverter writes it.

    Every RESHAPE reads a PACK of the sizes, those that are free being MUL of a STRIDED_SLICE of the image's SHAPE.
    """
    image = next(node for node in graph.nodes if isinstance(node.op, ops.Reshape)).inputs[0]
    sizes = graph.tensors[image].shape[1:3]
    free = graph.copy()
    for name, tensor in graph.tensors.items():
        if not tensor.is_constant:
            free.update(name, shape=tuple(None if _times(size, sizes) else size for size in tensor.shape))
    model = schema.ModelT.InitFromPackedBuf(tflite.write(free))
    _compute_shapes(model, image, sizes)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _times(size: int, sizes: tuple[int, int]) -> tuple[int, int] | None:
    """Which side of the image a size is a multiple of, and how often it goes into it."""
    return next(((axis, size // side) for axis, side in enumerate(sizes) if size % side == 0), None)


def _compute_shapes(model: Any, image: str, sizes: tuple[int, int]) -> None:
    part = model.subgraphs[0]
    index = {tensor.name.decode(): place for place, tensor in enumerate(part.tensors)}
    first = next(place for place, op in enumerate(part.operators) if _kind(model, op) == "RESHAPE")
    made: list[Any] = []
    shape = _append(model, made, "SHAPE", [index[image]], (4,), schema.ShapeOptionsT(outType=schema.TensorType.INT32))
    for op in part.operators[first:]:
        if _kind(model, op) == "RESHAPE":
            wanted = np.frombuffer(bytes(model.buffers[part.tensors[op.inputs[1]].buffer].data), np.int32)
            terms = [_term(model, made, shape, int(size), sizes) for size in wanted]
            pack = schema.PackOptionsT(valuesCount=len(terms), axis=0)
            op.inputs = np.array([op.inputs[0], _append(model, made, "PACK", terms, wanted.shape, pack)], np.int32)
    part.operators[first:first] = made


def _term(model: Any, made: list[Any], shape: int, size: int, sizes: tuple[int, int]) -> int:
    times = _times(size, sizes)
    if times is None:
        return _number(model, np.int32(size))
    axis, factor = times
    ends = [_number(model, np.int32([end])) for end in (axis + 1, axis + 2, 1)]
    options = schema.StridedSliceOptionsT(shrinkAxisMask=1)
    side = _append(model, made, "STRIDED_SLICE", [shape, *ends], (), options)
    return _append(model, made, "MUL", [side, _number(model, np.int32(factor))], (), schema.MulOptionsT())


def _number(model: Any, data: Any) -> int:
    model.buffers.append(schema.BufferT(data=np.frombuffer(data.tobytes(), np.uint8)))
    return _tensor(model, np.shape(data), len(model.buffers) - 1)


def _tensor(model: Any, shape: tuple[int, ...], buffer: int = 0) -> int:
    tensors = model.subgraphs[0].tensors
    tensors.append(
        schema.TensorT(
            shape=np.array(shape, np.int32),
            type=schema.TensorType.INT32,
            buffer=buffer,
            name=f"number{len(tensors)}",
            hasRank=True,
        )
    )
    return len(tensors) - 1


def _append(model: Any, made: list[Any], kind: str, inputs: list[int], shape: tuple[int, ...], options: Any) -> int:
    code = getattr(schema.BuiltinOperator, kind)
    model.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=code, version=1, builtinCode=code))
    output = _tensor(model, shape)
    made.append(
        schema.OperatorT(
            opcodeIndex=len(model.operatorCodes) - 1,
            inputs=np.array(inputs, np.int32),
            outputs=np.array([output], np.int32),
            builtinOptionsType=getattr(schema.BuiltinOptions, type(options).__name__[:-1]),
            builtinOptions=options,
        )
    )
    return output


def _kind(model: Any, op: Any) -> str:
    code = model.operatorCodes[op.opcodeIndex].builtinCode
    return next(name for name, value in vars(schema.BuiltinOperator).items() if value == code)
