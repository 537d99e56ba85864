"""The peak of activation memory: the most bytes of activations that are needed at the same time.

An activation lives from the op that writes it, inputs from the start, to the last op that reads it, outputs to the end.
While an op runs, all it reads and all it writes is there. No order of placing tensors in one block of memory needs
less; constants are not counted.

TFLite's ``ArenaPlanner`` (``tensorflow/lite/arena_planner.cc``), which finds places for the largest tensors first, may
need more: it keeps the inputs to the end, rounds places to 64 bytes, leaves gaps, and also finds place for what kernels
use as scratch, of which the builtin convolutions' is the largest (im2col: kernel height × width times the map). It may
also need one map less, where an elementwise op writes over what it reads. XNNPACK keeps what is inside it in a
workspace of its own, beside the ends.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Generic, TypeVar

from sr2tflite.errors import InputError
from sr2tflite.graph.model import Graph, Tensor

Name = TypeVar("Name", bound=Hashable)

BITS_OF = {"int4": 4, "int8": 8, "uint8": 8, "int16": 16, "int32": 32, "float32": 32, "int64": 64}
"""Bits of a value in memory; int4 ones are packed two to a byte."""


@dataclass(frozen=True)
class Step(Generic[Name]):
    """An op, as far as memory is concerned."""

    reads: Sequence[Name]
    writes: Sequence[Name]


@dataclass(frozen=True)
class Peak(Generic[Name]):
    """The most memory that is needed at once."""

    size_bytes: int
    step: int | None
    """Index of the first op that needs so much; None where that is before any op, the inputs alone."""

    held: tuple[Name, ...]
    """What is alive then and takes memory, in the order in which it came."""


def memory_peak(graph: Graph) -> Peak[str]:
    """The peak of a graph, with the op's index in ``graph.nodes`` and the tensors that are held.

    Raises:
        InputError: A size is free, so that a tensor has no bytes.
    """
    steps = [Step(node.inputs, node.outputs) for node in graph.nodes]
    return peak(steps, graph.inputs, graph.outputs, lambda name: size_bytes(graph.tensors[name]))


def size_bytes(tensor: Tensor) -> int:
    """The bytes of an activation; 0 for a constant.

    Raises:
        InputError: A size is free.
    """
    if tensor.is_constant:
        return 0
    sizes = [size for size in tensor.shape if size is not None]
    if len(sizes) != len(tensor.shape):
        raise InputError(
            f"has shape {tensor.shape}; expected one without free sizes", where=tensor.name, hint="give a size"
        )
    return -(-BITS_OF[tensor.dtype] * prod(sizes) // 8)


def peak(
    steps: Sequence[Step[Name]], inputs: Iterable[Name], outputs: Iterable[Name], bytes_of: Callable[[Name], int]
) -> Peak[Name]:
    """The peak of any list of ops.

    Args:
        steps: In execution order.
        inputs: What is there from the start; what no op reads stays.
        outputs: What stays to the end.
        bytes_of: A tensor's size, 0 for what lies elsewhere.
    """
    last = {name: index for index, step in enumerate(steps) for name in (*step.writes, *step.reads)}
    last.update(dict.fromkeys(outputs, len(steps)))
    alive = {name: bytes_of(name) for name in inputs}
    most: Peak[Name] = _peak(alive, None)
    for index, step in enumerate(steps):
        alive.update((name, bytes_of(name)) for name in step.writes)
        if sum(alive.values()) > most.size_bytes:
            most = _peak(alive, index)
        for name in {*step.reads, *step.writes}:
            if last[name] <= index:
                alive.pop(name, None)
    return most


def _peak(alive: dict[Name, int], index: int | None) -> Peak[Name]:
    return Peak(sum(alive.values()), index, tuple(name for name, size in alive.items() if size))
