"""Which nodes become which ops: decided backward from the output, the largest region first."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from torch.fx import Node

from sr2tflite.fuse.capture import Captured
from sr2tflite.fuse.collapse import Collapsed, Declined, collapse
from sr2tflite.fuse.moved import Moved, moved
from sr2tflite.fuse.origin import op_name
from sr2tflite.fuse.regions import CONVOLUTIONS, Region, Regions, shape
from sr2tflite.fuse.singles import is_mappable

COPY = 1.5
"""How many times the multiplications one convolution may cost where it saves a concatenation: a pass over memory, and
in INT8 a second rounding of what is joined."""


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


def _cheapest(dear: Iterable[Collapsed]) -> Collapsed | None:
    """Of the regions that would cost more as a convolution than they do: what has no other form may."""
    return min(dear, key=lambda found: (found.work, -len(found.region.nodes)), default=None)


def _dear(step: Step) -> list[Collapsed]:
    return [declined.dear for declined in step.declined if declined.dear]


class Planner:
    """Decides node by node, from the output to the input.

    Args:
        captured: The graph.
    """

    def __init__(self, captured: Captured) -> None:
        self.captured = captured
        self.regions = Regions(captured)
        self._decided: dict[Node, Step] = {}
        self._surplus_of: dict[Node, int] = {}

    def steps(self) -> list[Step]:
        """The steps in execution order."""
        steps = self._walk()
        while rescue := self._rescue(steps):
            node = rescue.region.exit
            self._decided[node] = replace(self._decided[node], collapsed=rescue, inputs=(rescue.region.entry,))
            steps = self._walk()
        return steps

    def _walk(self) -> list[Step]:
        wanted, steps = {self.captured.output}, []
        for node in reversed(self.captured.nodes):
            if node in wanted:
                if node not in self._decided:
                    self._decided[node] = self._step(node)
                steps.append(self._decided[node])
                wanted.update(steps[-1].inputs)
        return steps[::-1]

    def _rescue(self, steps: list[Step]) -> Collapsed | None:
        """A dear region that takes in a node with no form of its own, such as the padding before a convolution."""
        for stuck in steps:
            if not (stuck.collapsed or stuck.moved or is_mappable(self.captured, stuck.node)):
                found = (dear for step in steps for dear in _dear(step) if dear is not step.collapsed)
                return _cheapest(dear for dear in found if stuck.node in dear.region.nodes[:-1])
        return None

    def _step(self, node: Node) -> Step:
        regions = self.regions.ending_at(node)
        if shift := self._moved(regions):
            return Step(node, None, (), (shift.region.entry,), shift)
        best, declined = self._best(regions)
        step = Step(node, best, tuple(declined), tuple(self.captured.operands(node)))
        if best is None and not is_mappable(self.captured, node):
            best = _cheapest(_dear(step))
        return replace(step, collapsed=best, inputs=(best.region.entry,)) if best else step

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
            if self._is_copied(region) or (best and _channels(region.entry) >= _channels(best.region.entry)):
                continue
            answer = collapse(self.captured, region)
            if isinstance(answer, Declined) and best is None:
                declined.append(answer)
            found = self._worth_it(answer) if isinstance(answer, Declined) else answer
            if found and (best is None or found.work + self._cost(best.region) - self._cost(region) < best.work):
                best = found
        return best, declined

    def _is_copied(self, region: Region) -> bool:
        is_one = len(region.nodes) == 1 and op_name(region.exit) in CONVOLUTIONS
        return is_one and is_mappable(self.captured, region.exit)

    def _worth_it(self, declined: Declined) -> Collapsed | None:
        """A dear region that costs no more than its parts will: some are none of TFLite's, or joined by a copy."""
        dear = declined.dear
        if dear is None:
            return None
        factor = COPY if op_name(dear.region.exit) == "cat" else 1.0
        return dear if dear.work <= factor * self._cost(dear.region) else None

    def _cost(self, region: Region) -> int:
        """Multiplications of a region in the graph, were every one of its nodes to stay on its own."""
        return region.work + sum(self._surplus(node) for node in region.nodes)

    def _surplus(self, node: Node) -> int:
        """How many multiplications more a convolution needs that is none of TFLite's: a transposed, a padded one."""
        if op_name(node) not in CONVOLUTIONS or is_mappable(self.captured, node):
            return 0
        if node not in self._surplus_of:
            alone = [region for region in self.regions.ending_at(node) if len(region.nodes) == 1]
            found = [collapse(self.captured, region) for region in alone]
            dear = [declined.dear for declined in found if isinstance(declined, Declined) and declined.dear]
            self._surplus_of[node] = sum(collapsed.work - collapsed.region.work for collapsed in dear)
        return self._surplus_of[node]
