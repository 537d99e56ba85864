"""A graph in the form that onnx2tf cannot misread: plain names, constants of rank 4, sizes that tell the axes apart."""

from dataclasses import replace
from itertools import count

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, ops
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.graph.shapes import with_size

_SMALLEST = 22
"""Sizes of the image that the network is traced at begin here: larger than the kernels, small enough to be quick."""

_BROADCASTING = (ops.Add, ops.Sub, ops.Mul, ops.Minimum, ops.Maximum)


def feedable(graph: Graph) -> Graph:
    """The same network under names ``t0, t1, …``, at a size that onnx2tf takes for nothing else.

    onnx2tf guesses layouts by comparing shapes, so height, width and every number of channels differ; the file's own
    size is given later, when the TensorFlow function is traced. RESIZE_NEAREST_NEIGHBOR alone writes its size into the
    graph, so with it the size stays.

    Args:
        graph: As it will stand in the file, without a file's ends.

    Raises:
        UnsupportedError: A free shape with RESIZE_NEAREST_NEIGHBOR.
    """
    return _renamed(_with_full_rank(with_size(graph, *_tracing_size(graph))))


def _tracing_size(graph: Graph) -> tuple[int, int]:
    enlarger = next((node for node in graph.nodes if isinstance(node.op, ops.ResizeNearestNeighbor)), None)
    if enlarger is None:
        channels = {tensor.shape[-1] for tensor in graph.tensors.values() if tensor.shape}
        multiple = size_multiple(graph)
        smaller = [divisor for divisor in range(1, multiple + 1) if multiple % divisor == 0]
        sizes = count(_SMALLEST + -_SMALLEST % multiple, multiple)
        free = (size for size in sizes if channels.isdisjoint(size // divisor for divisor in smaller))
        return next(free), next(free)
    _, height, width, _ = graph.input.shape
    if height is None or width is None:
        raise UnsupportedError(
            "RESIZE_NEAREST_NEIGHBOR needs its output size, which a free shape does not have",
            where=enlarger.output,
            hint="give --height and --width",
        )
    return height, width


def _with_full_rank(graph: Graph) -> Graph:
    """Constants of ADD and the like as 1×1×1×C: those of rank 3 are taken for channels first."""
    result = graph.copy()
    for node in graph.nodes:
        constants = node.inputs if isinstance(node.op, _BROADCASTING) else ()
        for tensor in (graph.tensors[name] for name in constants):
            if tensor.data is not None:
                shape = (1,) * (4 - tensor.data.ndim) + tensor.data.shape
                quant = tensor.quant and replace(tensor.quant, axis=None if tensor.quant.axis is None else 3)
                result.update(tensor.name, shape=shape, data=tensor.data.reshape(shape), quant=quant)
    return result


def _renamed(graph: Graph) -> Graph:
    """TensorFlow's scopes allow few characters in a name; ours may hold any."""
    order = dict.fromkeys((*graph.inputs, *graph.tensors))
    names = {name: f"t{index}" for index, name in enumerate(order)}

    def plain(old: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names[name] for name in old)

    return replace(
        graph,
        name="model",
        metadata={},
        tensors={names[name]: replace(graph.tensors[name], name=names[name]) for name in order},
        nodes=[replace(node, inputs=plain(node.inputs), outputs=plain(node.outputs)) for node in graph.nodes],
        inputs=plain(graph.inputs),
        outputs=plain(graph.outputs),
    )
