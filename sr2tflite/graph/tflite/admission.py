"""The gate that every file from outside goes through before a runtime's C++ sees it: that may end the process."""

from math import prod

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph.memory_peak import Step, peak
from sr2tflite.graph.model import Graph
from sr2tflite.graph.tflite.flat import FlatModel, FlatTensor, open_model
from sr2tflite.graph.tflite.reader import graph_of
from sr2tflite.graph.tflite.soundness import BITS
from sr2tflite.memory import free_bytes


def admit(data: bytes, where: str) -> Graph | None:
    """The graph of a file that a runtime may load; None for a sound one that does not fit into the deploy graph.

    Args:
        data: The file's bytes.
        where: The file's name, for messages.

    Raises:
        InputError: The file is not read (see ``read``), or its own sizes need more memory than there is.
    """
    flat = open_model(data, where)
    try:
        graph = graph_of(flat, where)
    except UnsupportedError:
        graph = None
    needed, free = live_bytes(flat), free_bytes()
    if needed > free:
        raise InputError(
            f"needs at least {_gib(needed)} for its activations; {_gib(free)} are free",
            where=where,
            hint="export it for a smaller size, or with a free shape",
        )
    return graph


def live_bytes(model: FlatModel) -> int:
    """The most that activations which are needed at the same time take, at the sizes that stand in the file."""
    steps = [Step([index for index in op.inputs if index != -1], op.outputs) for op in model.ops]
    return peak(steps, model.inputs, model.outputs, lambda index: _bytes(model.tensors[index])).size_bytes


def _bytes(tensor: FlatTensor) -> int:
    return 0 if tensor.data is not None else BITS.get(tensor.type, 0) * prod(tensor.sizes) // 8


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
