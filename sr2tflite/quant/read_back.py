"""The groups of a quantized graph as a file tells them: parameters that are there already, and what they say."""

from dataclasses import replace

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.quant.bits import steps_of, takes_int4
from sr2tflite.quant.plan import Group

FEWER_STEPS = {127 - steps: steps for steps in map(steps_of, (4, 3, 2))}
"""By the zero point of a ReLU's output that has 4, 3 or 2 bits."""


def refuse_islands(graph: Graph) -> None:
    """Refuse activations of 16 bits, with which nothing here computes.

    Raises:
        UnsupportedError: There is one.
    """
    for tensor in graph.tensors.values():
        if tensor.dtype == "int16":
            raise UnsupportedError(
                "is int16, an island of post-training quantization; expected int8 activations alone",
                where=tensor.name,
                hint="quantize the float network again without islands: sr2tflite ptq",
            )


def packed_in(graph: Graph) -> frozenset[str]:
    """The outputs of convolutions with int4 weights.

    Raises:
        UnsupportedError: The kernels do not take one alike in all families.
    """
    nodes = [node for node in graph.nodes if any(graph.tensors[name].dtype == "int4" for name in node.inputs)]
    for node in nodes:
        if not takes_int4(graph, node):
            found = f"{node.op.kind} has int4 weights; expected CONV_2D without groups"
            raise UnsupportedError(found, where=node.output)
    return frozenset(node.output for node in nodes)


def with_steps(graph: Graph, group: Group) -> Group:
    """A group with the steps that the zero point of what ReLUs alone write tells."""
    zero_point = shared_params(graph, group).zero_point[0]
    if group.fixed or not group.nonnegative or zero_point not in FEWER_STEPS:
        return group
    return replace(group, steps=FEWER_STEPS[zero_point])


def shared_params(graph: Graph, group: Group) -> QuantParams:
    """The parameters that all tensors of a group have in a quantized graph."""
    found = {graph.tensors[name].quant for name in group.tensors if name in graph.tensors}
    (params, *others) = found
    if params is None or others or (group.given is not None and group.given != params):
        raise UnsupportedError(
            "has other quantization parameters than the tensors it is tied to, or than it must have",
            where=group.tensors[0],
        )
    return params
