"""When the whole does not hold: which part depends on the image's size."""

from dataclasses import replace

import torch
from torch import nn

from sr2tflite.fuse.capture import Captured, capture
from sr2tflite.fuse.collapse import TOLERANCE, Collapsed, noise, response
from sr2tflite.fuse.origin import op_name, place
from sr2tflite.fuse.plan import Step
from sr2tflite.fuse.regions import shape
from sr2tflite.fuse.zones import zoned


def size_dependence(module: nn.Module, captured: Captured, steps: list[Step], size: tuple[int, int]) -> str | None:
    """The first part of a plan that is something else at another size.

    Args:
        module: In float64 and evaluation mode.
        captured: The capture that the plan was made from.
        steps: The plan.
        size: Height and width to capture the module at once more.

    Returns:
        What differs and where; None when every region holds at that size too.
    """
    sizes = shape(captured.input)
    assert sizes is not None
    other = capture(module, sizes[1], size)
    for before, after in zip(captured.nodes, other.nodes, strict=False):
        if op_name(before) != op_name(after):
            return f"{place(before)} is {op_name(after)} at {size[0]}×{size[1]}"
    if len(other.nodes) != len(captured.nodes):
        return f"there are {len(other.nodes)} ops at {size[0]}×{size[1]}; expected {len(captured.nodes)}"
    twin = dict(zip((captured.input, *captured.nodes), (other.input, *other.nodes), strict=True))
    wrong = (_deviation(other, twin, step.collapsed) for step in steps if step.collapsed)
    return next((text for text in wrong if text), None)


def _deviation(other: Captured, twin: dict[torch.fx.Node, torch.fx.Node], found: Collapsed) -> str | None:
    entry, nodes = twin[found.region.entry], tuple(twin[node] for node in found.region.nodes)
    sizes = shape(entry)
    assert sizes is not None
    x = noise(sizes, 1.0, 0)
    with torch.no_grad():
        want = response(other, replace(found.region, entry=entry, nodes=nodes))(x)
        deltas = zoned(found.kernel(x) - want, (1, 1))
    if deltas.largest <= TOLERANCE * float(want.abs().max()):
        return None
    return f"{place(found.region.exit)} is another function at {sizes[2]}×{sizes[3]}: {deltas}"
