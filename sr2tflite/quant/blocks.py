"""Residual blocks of a deploy graph, and plans that leave some out."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.quant.bits import inner_convolutions
from sr2tflite.quant.plan import Plan

WINDOWS = (ops.Conv2D, ops.DepthwiseConv2D)


@dataclass(frozen=True)
class Block:
    """``y = x + F(x)``: F is convolutions one behind the other, all but the last with ReLU, read by nothing else."""

    source: str
    """x."""

    convolutions: tuple[str, ...]
    """What those of F write, two or more."""

    output: str
    """y."""


def residual_blocks(graph: Graph) -> tuple[Block, ...]:
    """The residual blocks of a graph, in execution order."""
    found = (_block(graph, node) for node in graph.nodes if _is_plain_sum(graph, node))
    return tuple(block for block in found if block is not None)


def trunk_convolutions(graph: Graph) -> list[Node]:
    """The convolutions of residual blocks, or all, without those that read pixels or write what becomes pixels."""
    inner = inner_convolutions(graph)
    within = {name for block in residual_blocks(graph) for name in block.convolutions}
    in_blocks = [node for node in inner if node.output in within]
    return in_blocks or inner


def without(plan: Plan, blocks: Collection[Block]) -> Plan:
    """The plan with the nodes of some blocks left out: what read a block's output reads its source.

    Groups stay as they are numbered, those of tensors that nothing writes any more too.
    """
    sources = {block.output: block.source for block in blocks}
    gone = {name for block in blocks for name in (*block.convolutions, block.output)}
    gone |= {node.output for node in plan.graph.nodes if _only_rounds_for(plan.graph, node, gone)}

    def now(name: str) -> str:
        return now(sources[name]) if name in sources else name

    graph = plan.graph.copy()
    graph.nodes = [
        replace(node, inputs=tuple(map(now, node.inputs))) for node in plan.graph.nodes if node.output not in gone
    ]
    return replace(plan, graph=graph)


def consumers(graph: Graph, tensor: str) -> list[Node]:
    """The nodes that read a tensor, or its codes behind a simulation's QUANTIZE."""
    readers = graph.consumers(tensor)
    rounding = [node for node in readers if isinstance(node.op, ops.Quantize)]
    return [node for node in readers if node not in rounding] + [
        reader for node in rounding for reader in graph.consumers(node.output)
    ]


def _only_rounds_for(graph: Graph, node: Node, names: Collection[str]) -> bool:
    """Whether it is a simulation's QUANTIZE that nothing reads but what writes these."""
    return isinstance(node.op, ops.Quantize) and all(one.output in names for one in graph.consumers(node.output))


def _is_plain_sum(graph: Graph, node: Node) -> bool:
    is_sum = isinstance(node.op, ops.Add) and node.op.activation == "NONE"
    return is_sum and node.output not in graph.outputs and len(graph.activations(node)) == 2


def _block(graph: Graph, node: Node) -> Block | None:
    for source, last in (node.inputs, node.inputs[::-1]):
        branch = _branch(graph, last, source)
        if len(branch) > 1:
            return Block(source, branch, node.output)
    return None


def _branch(graph: Graph, last: str, source: str) -> tuple[str, ...]:
    """The convolutions from ``source`` to ``last``; none where other ops or readers are between."""
    names: list[str] = []
    name = last
    while name != source:
        node = graph.producer(name)
        if node is None or not isinstance(node.op, WINDOWS) or len(graph.consumers(name)) != 1:
            return ()
        if node.op.activation != ("RELU" if names else "NONE"):
            return ()
        names.append(name)
        name = node.inputs[0]
        if (before := graph.producer(name)) is not None and isinstance(before.op, ops.Quantize):
            name = before.inputs[0]
    return tuple(reversed(names))
