"""A ReLU right after a convolution or sum becomes part of it; after a concatenation, part of all that it joins."""

from dataclasses import replace

from sr2tflite.graph import Graph, Node, ops

_FUSED: dict[type[ops.Op], ops.Activation] = {ops.Relu: "RELU", ops.Relu6: "RELU6"}


def _absorbers(graph: Graph, tensor: str) -> list[Node]:
    """The nodes that a ReLU of a tensor can go into; none where one of them cannot take it or has another reader."""
    producer = graph.producer(tensor)
    if producer is None or len(graph.consumers(tensor)) != 1 or tensor in graph.outputs:
        return []
    if isinstance(producer.op, (ops.Conv2D, ops.DepthwiseConv2D, ops.Add)):
        return [producer] if producer.op.activation == "NONE" else []
    if not isinstance(producer.op, ops.Concatenation) or len(set(producer.inputs)) < len(producer.inputs):
        return []
    parts = [_absorbers(graph, name) for name in producer.inputs]
    return [node for part in parts for node in part] if all(parts) else []


def fuse_activations(graph: Graph) -> None:
    """Move every RELU and RELU6 into the ops before it when nothing else reads their outputs.

    What is fused keeps the name of the op, or ``output`` where the graph ends.
    """
    for node in list(graph.nodes):
        activation = _FUSED.get(type(node.op))
        absorbers = _absorbers(graph, node.inputs[0]) if activation else []
        if not absorbers:
            continue
        fused = [replace(n, op=replace(n.op, activation=activation)) if n in absorbers else n for n in graph.nodes]  # type: ignore[call-arg]
        graph.nodes = [
            replace(n, inputs=tuple(node.inputs[0] if name == node.output else name for name in n.inputs))
            for n in fused
            if n.outputs != node.outputs
        ]
        graph.outputs = tuple(node.inputs[0] if name == node.output else name for name in graph.outputs)
    graph.drop_unused()
