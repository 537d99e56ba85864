"""A ReLU right after a convolution or sum becomes part of it."""

from dataclasses import replace

from sr2tflite.graph import Graph, Node, ops

_FUSED: dict[type[ops.Op], ops.Activation] = {ops.Relu: "RELU", ops.Relu6: "RELU6"}


def _absorbs(graph: Graph, producer: Node | None) -> bool:
    if producer is None or not isinstance(producer.op, (ops.Conv2D, ops.DepthwiseConv2D, ops.Add)):
        return False
    return producer.op.activation == "NONE" and len(graph.consumers(producer.output)) == 1


_UP_TO: dict[float, type[ops.Op]] = {1.0: ops.Relu0To1, 6.0: ops.Relu6}


def _upper_bound(graph: Graph, node: Node) -> float | None:
    """The one value that a MINIMUM bounds its only activation by."""
    bounds = [graph.tensors[name].data for name in node.inputs if graph.tensors[name].is_constant]
    if not isinstance(node.op, ops.Minimum) or len(bounds) != 1 or bounds[0] is None or bounds[0].size != 1:
        return None
    return float(bounds[0].item())


def _join_bounds(graph: Graph) -> None:
    """RELU, then MINIMUM with 1 or 6, nothing else reading between them: RELU_0_TO_1 or RELU6, which is the same."""
    for node in list(graph.nodes):
        joined = _UP_TO.get(_upper_bound(graph, node) or 0.0)
        if joined is None:
            continue
        (source,) = (tensor.name for tensor in graph.activations(node))
        producer = graph.producer(source)
        if producer is not None and isinstance(producer.op, ops.Relu) and len(graph.consumers(source)) == 1:
            graph.nodes[graph.nodes.index(node)] = Node(joined(), producer.inputs, node.outputs)
            graph.nodes.remove(producer)


def fuse_activations(graph: Graph) -> None:
    """Join bounds, then move every RELU and RELU6 into the op before it when nothing else reads that op's output.

    The pair keeps the name of the op, or ``output`` where the graph ends.
    """
    _join_bounds(graph)
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
