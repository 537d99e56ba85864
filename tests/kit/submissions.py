"""Submissions of a small network that enlarges images as it should, honest ones and parts of others."""

from functools import cache

import numpy as np
from kit.graphs import float_sr_graph, quantized

from sr2tflite.export.challenges import FOLDER, NAMES, Challenge, challenge_named
from sr2tflite.graph import Graph, tflite
from sr2tflite.graph.passes.clip_output import with_clipped_output
from sr2tflite.graph.passes.dequantize import dequantized
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.graph.shapes import with_size

Files = dict[str, bytes]

FIXED, FREE, FLOAT = (f"{FOLDER}/{name}" for name in NAMES.values())


def network(seed: int = 0, scale: int = 3, *, gain: float = 0.02) -> Graph:
    """Nearest enlargement, and next to nothing on it: plain colors stay what they are."""
    graph = float_sr_graph(4, 1, scale, skip="nearest", seed=seed)
    graph.update("tail.weight", data=graph.tensors["tail.weight"].data * np.float32(gain))
    graph.update("tail.bias", data=np.zeros_like(graph.tensors["tail.bias"].data))
    return quantized(graph, seed)


def integer_file(graph: Graph, size: tuple[int | None, int | None], io: str = "int8") -> bytes:
    """A graph as a file, whatever is wrong with it."""
    sized = with_size(graph, *size)
    return tflite.write(sized if io == "int8" else with_io(sized, io))  # type: ignore[arg-type]


def float_file(graph: Graph) -> bytes:
    return tflite.write(with_clipped_output(dequantized(with_size(graph, None, None))))


def files_of(year: Challenge, graph: Graph) -> Files:
    """All three of one graph."""
    return {
        FIXED: integer_file(graph, year.size, year.io),
        FREE: integer_file(graph, (None, None), year.io),
        FLOAT: float_file(graph),
    }


@cache
def _honest(name: str) -> tuple[tuple[str, bytes], ...]:
    return tuple(files_of(challenge_named(name), network()).items())


def honest(name: str = "mai2026") -> Files:
    """What a year's profile has nothing to say about."""
    return dict(_honest(name))
