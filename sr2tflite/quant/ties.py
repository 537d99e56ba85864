"""Activations that must carry the same quantization parameters."""

from sr2tflite.graph import Graph


def tied(graph: Graph, sharing: tuple[type, ...]) -> list[tuple[str, ...]]:
    """Activations in execution order, those that must share parameters together.

    Args:
        graph: Whose.
        sharing: Ops that move or compare codes: what they read and write has the same parameters.
    """
    sets: dict[str, list[str]] = {name: [name] for name in graph.inputs}
    for node in graph.nodes:
        sets[node.output] = [node.output]
        if isinstance(node.op, sharing):
            for tensor in graph.activations(node):
                _unite(sets, tensor.name, node.output)
    order = list(sets)
    unique = {id(members): members for members in sets.values()}
    return [tuple(sorted(members, key=order.index)) for members in unique.values()]


def _unite(sets: dict[str, list[str]], one: str, other: str) -> None:
    if sets[one] is not sets[other]:
        sets[one].extend(sets[other])
        for name in sets[other]:
            sets[name] = sets[one]
