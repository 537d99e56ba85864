"""A constant of its own for every node that reads one."""

from dataclasses import replace

from sr2tflite.graph.model import Graph, Node


def own_constants(graph: Graph) -> Graph:
    """The same graph where no two nodes, nor two inputs of one, share a constant: each may then get its own scale.

    The first reader keeps the constant; the others' copies are named after the node.
    """
    result = replace(graph, tensors=dict(graph.tensors), nodes=[], metadata=dict(graph.metadata))
    taken: set[str] = set()
    for node in graph.nodes:
        result.nodes.append(replace(node, inputs=tuple(_own(result, node, name, taken) for name in node.inputs)))
    return result


def _own(graph: Graph, node: Node, name: str, taken: set[str]) -> str:
    tensor = graph.tensors[name]
    if not tensor.is_constant or name not in taken:
        taken.add(name)
        return name
    copy = f"{name}_of_{node.outputs[0]}"
    while copy in graph.tensors:  # a node that reads it three times
        copy += "'"
    return graph.add_tensor(replace(tensor, name=copy)).name
