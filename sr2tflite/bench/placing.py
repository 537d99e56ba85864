"""Which of a file's nodes a delegate runs."""

from typing import Any


def delegated(plan: list[dict[str, Any]]) -> dict[str, Any]:
    """How many of a file's nodes a delegate runs, in how many partitions, and the names of those it does not.

    A node is inside a delegate's partition when it is met walking back from the partition's outputs to its inputs.

    Args:
        plan: The file's ops and, after them, the delegate's nodes, as ``LiteRT.plan`` tells them.
    """
    nodes = [node for node in plan if node["op_name"] != "DELEGATE"]
    makers = {tensor: index for index, node in enumerate(nodes) for tensor in node["outputs"]}
    taken: set[int] = set()
    partitions = [node for node in plan if node["op_name"] == "DELEGATE"]
    for partition in partitions:
        borders, pending = set(partition["inputs"]), list(partition["outputs"])
        while pending:
            tensor = pending.pop()
            maker = makers.get(tensor)
            if maker is None or tensor in borders or maker in taken:
                continue
            taken.add(maker)
            pending.extend(nodes[maker]["inputs"])
    outside = [node["op_name"] for index, node in enumerate(nodes) if index not in taken]
    return {"nodes": len(nodes), "delegated": len(taken), "partitions": len(partitions), "outside": outside}
