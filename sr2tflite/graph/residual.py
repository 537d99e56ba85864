"""The residual blocks of a graph: additions one of whose operands was made of the other."""

from dataclasses import dataclass

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node


@dataclass(frozen=True)
class Residual:
    """``sum = skip + branch(skip)``."""

    skip: str
    """What is added to."""

    branch: tuple[Node, ...]
    """The nodes between, in execution order."""

    add: Node


def residuals(graph: Graph) -> list[Residual]:
    """Every ADD of a tensor and of what was made of it, in execution order; they may lie within each other."""
    found = []
    for node in graph.nodes:
        if not isinstance(node.op, ops.Add) or len(graph.activations(node)) != 2:
            continue
        for skip, end in (node.inputs, node.inputs[::-1]):
            if branch := _between(graph, skip, end):
                found.append(Residual(skip, branch, node))
                break
    return found


def blocks(graph: Graph) -> list[Residual]:
    """The residuals that have no other one in their branch: the blocks of a trunk, or one skip over all of it."""
    found = residuals(graph)
    sums = {one.add.output for one in found}
    return [one for one in found if sums.isdisjoint(node.output for node in one.branch)]


def _between(graph: Graph, first: str, last: str) -> tuple[Node, ...]:
    """The nodes on ways from one tensor to another; none where no way leads there."""
    reached, needed = {first}, {last}
    for node in graph.nodes:
        if not reached.isdisjoint(node.inputs):
            reached.update(node.outputs)
    if last not in reached or first == last:
        return ()
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.outputs):
            needed.update(node.inputs)
    ways = (reached & needed) - {first}
    return tuple(node for node in graph.nodes if node.output in ways)
