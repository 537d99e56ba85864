"""Which nodes become which ops: decided backward from the output, the largest region first."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch.fx import Node

from sr2tflite.fuse.capture import Captured
from sr2tflite.fuse.collapse import Collapsed, Declined, collapse
from sr2tflite.fuse.moved import Moved, moved
from sr2tflite.fuse.origin import op_name
from sr2tflite.fuse.regions import Region, Regions, shape
from sr2tflite.fuse.singles import is_mappable


@dataclass(frozen=True)
class Step:
    """How one activation is computed in the deploy graph."""

    node: Node
    collapsed: Collapsed | None
    """The region that ends here, as one convolution; None when the node is mapped on its own."""

    declined: tuple[Declined, ...]
    """Larger regions that end here and were left, the largest first."""

    inputs: tuple[Node, ...]

    moved: Moved | None = None
    """The region that ends here, as a movement of pixels."""


def _channels(node: Node) -> int:
    sizes = shape(node)
    return sizes[1] if sizes and len(sizes) > 1 else 0


def _is_alone(region: Region) -> bool:
    return len(region.nodes) == 1 and op_name(region.exit) in ("conv2d", "convolution")


def _cheapest(declined: list[Declined]) -> Collapsed | None:
    """Of the regions that would cost more as a convolution than they do: what has no other form may."""
    dear = [candidate.dear for candidate in declined if candidate.dear]
    return min(dear, key=lambda found: found.macs, default=None)


class Planner:
    """Decides node by node, from the output to the input.

    Args:
        captured: The graph.
    """

    def __init__(self, captured: Captured) -> None:
        self.captured = captured
        self.regions = Regions(captured)

    def steps(self) -> list[Step]:
        """The steps in execution order."""
        wanted, steps = {self.captured.output}, []
        for node in reversed(self.captured.nodes):
            if node in wanted:
                steps.append(self._step(node))
                wanted.update(steps[-1].inputs)
        return steps[::-1]

    def _step(self, node: Node) -> Step:
        regions = self.regions.ending_at(node)
        if shift := self._moved(regions):
            return Step(node, None, (), (shift.region.entry,), shift)
        best, declined = self._best(region for region in regions if region.keeps_size)
        if best is None and not is_mappable(self.captured, node):
            best = _cheapest(declined)
        inputs = (best.region.entry,) if best else tuple(self.captured.operands(node))
        return Step(node, best, tuple(declined), inputs)

    def _moved(self, regions: Iterable[Region]) -> Moved | None:
        """The largest region that changes the image's size and computes nothing."""
        found = (moved(self.captured, region) for region in regions if not region.keeps_size)
        return next((movement for movement in found if movement), None)

    def _best(self, regions: Iterable[Region]) -> tuple[Collapsed | None, list[Declined]]:
        """The largest region that collapses, or a smaller one when a narrow waist makes the whole cheaper.

        Behind 3×3 (8→256), 1×1 (256→8), 3×3 (8→256) the last 1×1 may take in the two convolutions before it or one:
        starting at the waist of 8 channels leaves fewer multiplications.
        """
        best: Collapsed | None = None
        declined: list[Declined] = []
        for region in regions:
            if _is_alone(region) or (best and _channels(region.entry) >= _channels(best.region.entry)):
                continue
            found = collapse(self.captured, region)
            if isinstance(found, Declined):
                if best is None:
                    declined.append(found)
            elif best is None or found.macs + best.region.macs - region.macs < best.macs:
                best = found
        return best, declined
