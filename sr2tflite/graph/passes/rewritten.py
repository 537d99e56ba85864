"""What a rewrite made of a graph, and what it left alone."""

from dataclasses import dataclass, replace

from sr2tflite.graph.model import Graph, Node


@dataclass(frozen=True)
class Declined:
    """A place where a rewrite looked and could do nothing."""

    place: str
    """Output of the node."""

    reason: str


@dataclass(frozen=True)
class Rewritten:
    """A graph and what was changed in it."""

    graph: Graph
    places: tuple[str, ...] = ()
    """Outputs of the nodes that are gone or compute otherwise; none where nothing was changed."""

    declined: tuple[Declined, ...] = ()


def only_reader(graph: Graph, tensor: str) -> Node | None:
    """The node that reads a tensor, where one does and the graph does not give it."""
    readers = graph.consumers(tensor)
    return readers[0] if len(readers) == 1 and tensor not in graph.outputs else None


def only_maker(graph: Graph, tensor: str) -> Node | None:
    """The node that writes a tensor, where nothing but one node reads it."""
    return graph.producer(tensor) if only_reader(graph, tensor) is not None else None


def bypass(graph: Graph, node: Node, source: str) -> None:
    """Take away a node that does nothing to ``source``: what writes ``source`` writes the node's output.

    Args:
        graph: Changed in place.
        node: With one output.
        source: What it reads; written by a node, and read by this one alone.
    """
    maker = graph.producer(source)
    assert maker is not None
    graph.nodes.remove(node)
    graph.nodes[graph.nodes.index(maker)] = replace(maker, outputs=_with(maker.outputs, source, node.output))


def take_away(graph: Graph, node: Node) -> None:
    """Take away a node of one input that does nothing: its readers read that, or what writes that writes its output.

    The graph's output keeps its name where a node writes the input for this one alone.
    """
    (source,) = node.inputs
    if only_maker(graph, source) is not None:
        bypass(graph, node, source)
        return
    graph.nodes.remove(node)
    graph.nodes = [replace(one, inputs=_with(one.inputs, node.output, source)) for one in graph.nodes]
    graph.outputs = _with(graph.outputs, node.output, source)


def _with(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name == old else name for name in names)
