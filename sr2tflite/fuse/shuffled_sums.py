"""A sum of two shuffled images is the shuffled sum of two small ones.

``D2S(a) ± D2S(b) = D2S(a ± b)``: exact, one DEPTH_TO_SPACE less, and the sum is taken where the tensors lie together
in memory. So an enlarged image that is added to a network's output ends as an anchor before the shuffle.
"""

from sr2tflite.fuse.builder import Builder
from sr2tflite.graph import Graph, Node, ops


def _shuffles(graph: Graph, node: Node) -> list[Node]:
    """The two DEPTH_TO_SPACE of one block that a sum reads, and nothing else does; none where they are not."""
    if not isinstance(node.op, (ops.Add, ops.Sub)):
        return []
    found = []
    for name in node.inputs:
        producer = graph.producer(name)
        if producer is None or graph.consumers(name) != [node] or name in graph.outputs:
            return []
        if not isinstance(producer.op, ops.DepthToSpace):
            return []
        found.append(producer)
    return found if len({shuffle.op for shuffle in found}) == 1 and found[0] is not found[-1] else []


def shuffle_sums(builder: Builder) -> None:
    """Take every sum or difference of two shuffled images before the shuffle; all are in DCR order by now."""
    graph = builder.graph
    for node in list(graph.nodes):
        shuffles = _shuffles(graph, node)
        if not shuffles:
            continue
        small = builder.emit(node.op, [shuffle.inputs[0] for shuffle in shuffles], f"{node.output}.small")
        merged = [graph.nodes.pop(), Node(shuffles[0].op, (small,), node.outputs)]
        position = graph.nodes.index(node)
        graph.nodes[position : position + 1] = merged
        graph.nodes = [other for other in graph.nodes if other not in shuffles]
    graph.drop_unused()
