"""The proof of an export: the file is read back from its bytes and compared with the graph, tensor by tensor."""

from dataclasses import dataclass

from sr2tflite.errors import VerificationError
from sr2tflite.graph import Graph, Node, Tensor, ops, tflite


@dataclass(frozen=True)
class Proof:
    """What was compared and found equal; a difference never gets this far."""

    scales: int
    """Quantized op outputs whose scale and zero point were compared."""

    weights: int
    biases: int

    float_ops: tuple[str, ...]
    """Kinds of the ops that read or write float32, in order."""

    ops: int
    """All of them."""

    summary: str
    """The file's op list."""

    weights_are: str = "equal"
    """To the graph's: equal, or as near as the kind of file allows."""

    @property
    def integer_ops(self) -> int:
        return self.ops - len(self.float_ops)

    def line(self) -> str:
        """The proof in one line."""
        floats = f" ({', '.join(dict.fromkeys(self.float_ops))})" if self.float_ops else ""
        return (
            f"scales {self.scales}/{self.scales} equal, weights {self.weights_are}, biases equal, "
            f"integer ops {self.integer_ops}/{self.ops}, float ops {len(self.float_ops)}{floats}, ops {self.summary}"
        )


def prove(data: bytes, graph: Graph) -> Proof:
    """Read a ``.tflite`` back and compare it with the graph it should hold.

    Args:
        data: The file's bytes.
        graph: The graph as it was to be written: sized, with the file's own ends.

    Raises:
        VerificationError: Something differs; the first differing tensor is named.
        InputError: The bytes cannot be read.
    """
    back = tflite.read(data, graph.name)
    _compare_tensors(back, graph)
    if (back.nodes, back.inputs, back.outputs) != (graph.nodes, graph.inputs, graph.outputs):
        raise VerificationError(f"{_first_differing_node(back, graph)} differs from the graph", where=graph.name)
    if back != graph:
        raise VerificationError("name, value range or metadata differ from the graph's", where=graph.name)
    return counted(back)


def _compare_tensors(back: Graph, graph: Graph) -> None:
    for name, wanted in graph.tensors.items():
        if name not in back.tensors:
            raise VerificationError("is missing from the file", where=name)
        difference = _difference(back.tensors[name], wanted)
        if difference:
            raise VerificationError(difference, where=name)
    extra = sorted(back.tensors.keys() - graph.tensors.keys())
    if extra:
        raise VerificationError("is in the file and not in the graph", where=extra[0])


def _difference(found: Tensor, wanted: Tensor) -> str | None:
    if found.quant != wanted.quant:
        return f"scale or zero point is {found.quant} in the file; expected {wanted.quant}"
    if (found.dtype, found.shape) != (wanted.dtype, wanted.shape):
        return f"is {found.dtype} {found.shape} in the file; expected {wanted.dtype} {wanted.shape}"
    if found == wanted:
        return None
    if found.data is None or wanted.data is None:
        return "is a constant on one side only"
    return f"{int((found.data != wanted.data).sum())} of {wanted.data.size} values differ from the graph's"


def _first_differing_node(back: Graph, graph: Graph) -> str:
    for found, wanted in zip(back.nodes, graph.nodes, strict=False):
        if found != wanted:
            return f"{wanted.op.kind} {', '.join(wanted.outputs)}"
    return f"number of ops or ends: {len(back.nodes)} ops in the file, {len(graph.nodes)} in the graph"


def counted(graph: Graph) -> Proof:
    """The proof of a file that was read back as this graph and found equal to the one it should hold."""
    convolutions = [node for node in graph.nodes if isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D)]
    return Proof(
        scales=sum(graph.tensors[name].quant is not None for node in graph.nodes for name in node.outputs),
        weights=len(convolutions),
        biases=len(convolutions),
        float_ops=tuple(node.op.kind for node in graph.nodes if touches_float(graph, node)),
        ops=len(graph.nodes),
        summary=graph.summary(),
    )


def touches_float(graph: Graph, node: Node) -> bool:
    """Whether a node reads or writes float32."""
    return any(graph.tensors[name].dtype == "float32" for name in node.inputs + node.outputs)
