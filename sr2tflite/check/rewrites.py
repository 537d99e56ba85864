"""The rewrites that ``check --fix`` knows, in the order in which they are tried."""

from collections.abc import Callable
from dataclasses import dataclass

from sr2tflite.graph import Graph
from sr2tflite.graph.passes.clip_before_shuffle import clip_before_shuffle, is_floor
from sr2tflite.graph.passes.drop_idle_clips import drop_idle_clips
from sr2tflite.graph.passes.merge_quantize import merge_quantize
from sr2tflite.graph.passes.own_constants import own_constants
from sr2tflite.graph.passes.rescale_by_sum import rescale_by_sum
from sr2tflite.graph.passes.rewritten import Rewritten
from sr2tflite.graph.passes.same_padding import same_padding
from sr2tflite.graph.passes.shuffle_moves import shuffle_moves
from sr2tflite.graph.passes.write_at_once import write_at_once


@dataclass(frozen=True)
class Rewrite:
    """One thing that can be done to a graph."""

    name: str
    """Of the pass in ``graph/passes``."""

    words: str
    """What it does."""

    apply: Callable[[Graph], Rewritten]
    is_exact: bool = True
    """Whether no byte changes, by algebra; what is not is applied where a difference is allowed."""


def _fuse_relu(graph: Graph) -> Rewritten:
    """RELU and MAXIMUM with zero at an unchanged scale, inside the op that writes what they bound."""
    result = clip_before_shuffle(graph)
    alone = [{node.output for node in one.nodes if is_floor(one, node)} for one in (graph, result)]
    gone = len(alone[0]) - len(alone[1])
    return Rewritten(result, tuple(sorted(alone[0] - alone[1]))) if gone else Rewritten(graph.copy())


def _shuffle(graph: Graph) -> Rewritten:
    """With constants of its own for every node, so that their channels can be reordered."""
    found = shuffle_moves(own_constants(graph))
    return found if found.places else Rewritten(graph.copy(), declined=found.declined)


_ALL = (
    # first: it takes away the arithmetic of free sizes, which cannot be written here
    Rewrite("shuffle_moves", "moves of values become one DEPTH_TO_SPACE, or go", _shuffle),
    Rewrite("same_padding", "PAD and a VALID convolution become one with SAME padding", same_padding),
    Rewrite("merge_quantize", "QUANTIZE that changes nothing goes, pairs become one", merge_quantize),
    Rewrite("drop_idle_clips", "clips go where saturation does the same", drop_idle_clips),
    Rewrite("fuse_relu", "RELU, or MAXIMUM with zero, goes into the op before it", _fuse_relu),
    Rewrite("write_at_once", "a convolution or sum writes the scale that was changed behind it", write_at_once, False),
    Rewrite(
        "rescale_by_sum", "a clip that changes the scale becomes an ADD of zero, which XNNPACK takes", rescale_by_sum
    ),
)

REWRITES = {rewrite.name: rewrite for rewrite in _ALL}
"""By name, in the order in which they are tried; each once."""


def planned(graph: Graph) -> dict[str, str]:
    """Output of each node that a rewrite would change or take away → the rewrite's name.

    Of several the first, and one that changes no byte before one that does.
    """
    found: dict[str, str] = {}
    changed = graph
    for rewrite in sorted(REWRITES.values(), key=lambda one: not one.is_exact):
        # first on the graph as it is: what was changed before may have passed names on
        for one in (graph, changed):
            done = rewrite.apply(one)
            for place in done.places:
                found.setdefault(place, rewrite.name)
        if done.places:
            changed = done.graph
    return found
