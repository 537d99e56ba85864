"""Leaving out nodes that do nothing on the quantized graph."""

from collections.abc import Collection
from dataclasses import replace

from sr2tflite.graph.model import Graph


def drop_nodes(graph: Graph, outputs: Collection[str]) -> None:
    """Let what reads the output of some nodes read their activation instead; the nodes and what only they read go.

    Args:
        graph: Changed in place.
        outputs: Of nodes with one activation; none is the graph's own output.
    """
    source = {node.output: graph.activations(node)[0].name for node in graph.nodes if node.output in outputs}
    kept = [node for node in graph.nodes if node.output not in outputs]
    for name, before in source.items():  # in execution order
        source[name] = source.get(before, before)
    graph.nodes = [replace(node, inputs=tuple(source.get(name, name) for name in node.inputs)) for node in kept]
    graph.drop_unused()
