"""RESHAPE, TRANSPOSE and GATHER that together shuffle pixels, as the one DEPTH_TO_SPACE that does it.

Converters that know no pixel shuffle write it as RESHAPE to six dimensions, TRANSPOSE and RESHAPE, as several
TRANSPOSE in four, or as a GATHER of channels before DEPTH_TO_SPACE; accelerators stop at four dimensions, and CPUs
move every value two or three times.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Shape, Tensor
from sr2tflite.graph.movement import Movement, Order, depth_to_space, recognize
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.graph.passes.clip_before_shuffle import clips_first
from sr2tflite.graph.passes.moves_in_codes import moves_in_codes
from sr2tflite.graph.passes.reorder_channels import obstacle, reorder_channels
from sr2tflite.graph.passes.rewritten import Declined, Rewritten, only_reader, take_away
from sr2tflite.graph.passes.settled import settled
from sr2tflite.graph.shapes import infer_shapes
from sr2tflite.numerics.qparams import QuantParams

_KINDS = tuple(op.kind for op in ops.MOVES)

MOST_VALUES = 2**25
"""Of an image whose values are followed: 720p with 27 channels has 2**24.6, and takes half a gigabyte."""


def shuffle_moves(graph: Graph) -> Rewritten:
    """A copy where runs of moves that together do nothing, choose channels or enlarge are as short as can be.

    A run is known by where every value went, all of them, so that the answer is a proof at the file's size. Nothing
    at all: the run goes. Channels in another order: the convolutions before it write them so. A pixel shuffle:
    DEPTH_TO_SPACE takes its place, the channels before it in TFLite's order; where that cannot go back to the
    convolutions (a concatenation, the network's input), a 1×1 convolution with one-hot rows orders them. Clips
    between moves act value by value and go before them first; moves behind a DEQUANTIZE go before it. Exact in codes;
    in floats a kernel may sum a channel at another place in another order.

    Where height or width is free, the graph is followed at two sizes, shapes that it computes being numbers at each;
    what both become with the sizes free again has to be the same graph. A free batch is taken for 1.

    Left alone: a run that does anything else.
    """
    moves = [node for node in graph.nodes if _is_move(node)]
    if not moves:
        return Rewritten(graph.copy())
    try:
        found = [_at(graph, shape) for shape in _shapes(graph)]
    except (InputError, UnsupportedError) as error:
        return _left_alone(graph, moves, error.message)
    if any(one != found[0] for one in found):
        return _left_alone(graph, moves, "is another op at another size")
    return found[0] if found[0].places else Rewritten(graph.copy(), declined=found[0].declined)


def _left_alone(graph: Graph, moves: list[Node], reason: str) -> Rewritten:
    """A DEPTH_TO_SPACE alone is as it should be."""
    others = [node for node in moves if not isinstance(node.op, ops.DepthToSpace)]
    return Rewritten(graph.copy(), declined=tuple(Declined(node.output, reason) for node in others[:1]))


def _is_move(node: Node) -> bool:
    """By name, because a RESHAPE whose shape is computed is opaque where it is read."""
    return getattr(node.op, "name", node.op.kind) in _KINDS


def _shapes(graph: Graph) -> list[Shape]:
    """Of the input: the file's own, or two where a size is free."""
    shape, step = graph.input.shape, size_multiple(graph)
    if None not in shape:
        return [shape]
    tried = [(1, 29 * step, 31 * step), (1, 41 * step, 37 * step)]
    return [tuple(own or size for own, size in zip(shape, (*sizes, None), strict=True)) for sizes in tried]


def _at(graph: Graph, shape: Shape) -> Rewritten:
    """What becomes of the graph at one size, with the sizes free again that were."""
    sized = settled(graph, shape)
    names = {node.output: node.output for node in sized.nodes}
    in_codes = moves_in_codes(sized)
    names = _passed_on(names, sized, in_codes)
    found = _shortened(in_codes)
    places = [names[name] for name in found.places]
    clipped = clips_first(found.graph)
    behind = _passed_on(names, found.graph, clipped)
    moved = _shortened(clipped)
    if moved.places:
        places += [behind[name] for name in moved.places]
        found, names = moved, behind
    places += [own for name, own in names.items() if name != own and own not in places]
    if not places:
        return found
    if shape != graph.input.shape:
        found.graph.update(graph.input.name, shape=graph.input.shape)
        infer_shapes(found.graph)
    kept = {name for node in sized.nodes for name in node.outputs}
    computed = [name for node in graph.nodes for name in node.outputs if name not in kept]
    return Rewritten(found.graph, (*places, *computed), found.declined)


def _passed_on(names: dict[str, str], before: Graph, after: Graph) -> dict[str, str]:
    """What the file calls the outputs of moves that went elsewhere, and kept their order."""
    pairs = zip(filter(_is_move, before.nodes), filter(_is_move, after.nodes), strict=True)
    return names | {new.output: names[old.output] for old, new in pairs}


def _shortened(graph: Graph) -> Rewritten:
    """The graph itself, changed."""
    places, declined = [], []
    for run in list(_runs(graph)):
        found, reason = _movement(graph, run)
        if found is None:
            declined.append(Declined(run[0].output, reason))
            continue
        places += [node.output for node in run]
        _replace(graph, run, found)
    graph.drop_unused()
    return Rewritten(graph, tuple(places), tuple(declined))


def _runs(graph: Graph) -> Iterator[list[Node]]:
    """Moves that follow each other with no other reader between, at least one of them a RESHAPE or TRANSPOSE."""
    for node in graph.nodes:
        before = graph.producer(node.inputs[0]) if node.inputs else None
        starts = before is None or not isinstance(before.op, ops.MOVES) or only_reader(graph, before.output) is None
        if isinstance(node.op, ops.MOVES) and starts:
            run = [node]
            while (after := only_reader(graph, run[-1].output)) is not None and isinstance(after.op, ops.MOVES):
                run.append(after)
            if any(not isinstance(one.op, ops.DepthToSpace) for one in run):
                yield run


def _movement(graph: Graph, run: list[Node]) -> tuple[Movement | None, str]:
    """What a run does to an image; or why that is not known."""
    source, target = graph.tensors[run[0].inputs[0]], graph.tensors[run[-1].output]
    sizes = [size for size in source.shape if size is not None]
    if len(sizes) != 4 or len(target.shape) != 4:
        return None, f"goes from {len(sizes)} dimensions to {len(target.shape)}; expected an image and an image"
    if prod(sizes) > MOST_VALUES:
        return None, f"moves {prod(sizes):,} values; at most {MOST_VALUES:,} are followed"
    batch, height, width, channels = sizes
    shape = (batch, channels, height, width)
    index = np.arange(prod(shape), dtype=np.int32).reshape(shape).transpose(0, 2, 3, 1)
    for node in run:
        index = _moved(node.op, index, graph.tensors[node.output].shape)
    if source.dtype not in ("float32", "int8", "uint8"):
        return None, f"moves {source.dtype}; expected float32, int8 or uint8"
    found = recognize(index.transpose(0, 3, 1, 2), shape)
    if found is None or found.kind == "unshuffle" or not found.is_permutation(channels):
        return None, "is no shuffle of pixels: rows or columns are exchanged, or values taken twice"
    return found, ""


def _moved(op: ops.Op, index: NDArray[np.int32], shape: Shape) -> NDArray[np.int32]:
    match op:
        case ops.Transpose(permutation=permutation):
            return index.transpose(permutation)
        case ops.Gather(indices=indices, axis=axis):
            return index.take(indices, axis)
        case ops.DepthToSpace(block_size=block):
            shuffled = depth_to_space(index.transpose(0, 3, 1, 2), block)
            return shuffled.transpose(0, 2, 3, 1)  # type: ignore[return-value]
        case _:
            return index.reshape([size or 0 for size in shape])


def _replace(graph: Graph, run: list[Node], found: Movement) -> None:
    """Put what a run does in its place."""
    source = run[0].inputs[0]
    if not np.array_equal(found.order, np.arange(len(found.order))):
        source = _ordered(graph, run[0], source, found.order)
    first, last = graph.nodes.index(run[0]), run[-1]
    for node in run[:-1]:
        graph.nodes.remove(node)
    op = ops.DepthToSpace(found.block)
    graph.nodes[first] = replace(last, op=op, inputs=(source,))
    if found.kind == "channels":
        take_away(graph, graph.nodes[first])


def _ordered(graph: Graph, reader: Node, source: str, order: Order) -> str:
    """The name of the tensor in another order of channels."""
    if obstacle(graph, source, len(order)) is None:
        reorder_channels(graph, source, order)
        return source
    return _one_hot(graph, reader, source, order)


def _one_hot(graph: Graph, reader: Node, source: str, order: Order) -> str:
    """Put in a 1×1 convolution before a node, whose channel i is channel ``order[i]``; the multiplier is 1 exactly."""
    tensor, name, count = graph.tensors[source], f"{source}_ordered", len(order)
    zero = 128 if tensor.dtype == "uint8" else 0
    codes = (np.eye(count)[order] + zero).astype(tensor.dtype).reshape(count, 1, 1, count)
    weight, bias = None, None
    if tensor.quant is not None:
        weight, bias = QuantParams((1.0,), (zero,)), QuantParams(tensor.quant.scale, (0,))
    zeros = np.zeros(count, np.float32 if bias is None else np.int32)
    inputs = source, graph.constant(f"{name}/weight", codes, weight), graph.constant(f"{name}/bias", zeros, bias)
    graph.add_tensor(Tensor(name, tensor.shape, tensor.dtype, tensor.quant))
    graph.nodes.insert(graph.nodes.index(reader), Node(ops.Conv2D(), inputs, (name,)))
    return name
