"""A ReLU right after a convolution or sum becomes part of it."""

from dataclasses import replace

from sr2tflite.graph import Graph, Node, ops

_FUSED: dict[type[ops.Op], ops.Activation] = {ops.Relu: "RELU", ops.Relu6: "RELU6"}


def _absorbs(graph: Graph, producer: Node | None) -> bool:
    if producer is None or not isinstance(producer.op, (ops.Conv2D, ops.DepthwiseConv2D, ops.Add)):
        return False
    return producer.op.activation == "NONE" and len(graph.consumers(producer.output)) == 1


def fuse_activations(graph: Graph) -> None:
    """Move every RELU and RELU6 into the op before it when nothing else reads that op's output.

    The pair keeps the name of the op, or ``output`` where the graph ends.
    """
    for node in list(graph.nodes):
        activation = _FUSED.get(type(node.op))
        producer = graph.producer(node.inputs[0]) if activation else None
        if producer is None or not _absorbs(graph, producer):
            continue
        fused = Node(replace(producer.op, activation=activation), producer.inputs, producer.outputs)  # type: ignore[call-arg]
        graph.nodes[graph.nodes.index(producer)] = fused
        graph.nodes.remove(node)
        graph.nodes = [
            replace(n, inputs=tuple(producer.output if name == node.output else name for name in n.inputs))
            for n in graph.nodes
        ]
        graph.outputs = tuple(producer.output if name == node.output else name for name in graph.outputs)
    graph.drop_unused()
