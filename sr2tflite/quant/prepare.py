"""A float graph as quantization takes it: in pixel units, with the clips and skips that it has on the device."""

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph
from sr2tflite.graph.passes.absorb_clip import absorb_clip
from sr2tflite.graph.passes.lift_skips import Lifted, lift_skips
from sr2tflite.graph.passes.merge_clips import merge_clips
from sr2tflite.graph.passes.own_constants import own_constants
from sr2tflite.graph.passes.pixel_units import to_pixel_units


def in_pixels(graph: Graph) -> Graph:
    """The same function in 0…255, without a clip at its end, every node with constants of its own.

    Raises:
        UnsupportedError: An op has no form in pixel units; the message names it.
    """
    return own_constants(merge_clips(absorb_clip(to_pixel_units(graph))))


def with_lifted_skips(graph: Graph) -> Lifted:
    """A graph in pixel units whose last convolution reads copies of pixels.

    Raises:
        UnsupportedError: No skip can be lifted; the message says why.
    """
    found = lift_skips(graph)
    if not found.copies:
        why = "; ".join(f"{one.place}: {one.reason}" for one in found.declined) or "no sum reads the first convolution"
        raise UnsupportedError(f"no skip to lift ({why})", where=graph.name, hint="leave lift_skips at false")
    return found
