"""A graph at one size, where the shapes that it computes of its input's are numbers."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Shape
from sr2tflite.graph.moves import slices
from sr2tflite.graph.shapes import output_shape
from sr2tflite.graph.validate import validate_operands

Numbers = NDArray[Any]


def settled(graph: Graph, shape: Shape) -> Graph:
    """A copy whose input has a shape without free sizes, every tensor the one that follows, and no computed shape.

    A converter that knows no size lets the runtime compute it: SHAPE, STRIDED_SLICE for one size, ADD, SUB and MUL,
    PACK for a new shape, which RESHAPE reads. Here they become a constant, and it the RESHAPE's attribute.

    Raises:
        InputError: The shape does not go through the graph.
        UnsupportedError: What an op outside the deploy graph's set makes of it is free.
    """
    result = replace(graph.copy(), nodes=[])
    result.update(result.input.name, shape=shape)
    for node in graph.nodes:
        numbers = _numbers(result, node)
        if numbers is not None:
            result.update(node.output, shape=numbers.shape, data=numbers)
            continue
        result.nodes.append(_known(result, node))
        made = _shape(result, result.nodes[-1], shape)
        for name in node.outputs:
            result.update(name, shape=made)
    result.drop_unused()
    return result


def _numbers(graph: Graph, node: Node) -> Numbers | None:
    """What a node computes of shapes; None where it computes of images."""
    if len(node.outputs) != 1 or graph.tensors[node.output].dtype not in ("int32", "int64"):
        return None
    if _name(node) == "SHAPE":
        found: Any = graph.tensors[node.inputs[0]].shape
    elif all(graph.tensors[name].is_constant for name in node.inputs):
        found = _computed(node, [graph.tensors[name].data for name in node.inputs])
    else:
        return None
    if found is None:
        return None
    numbers, declared = np.asarray(found, graph.tensors[node.output].dtype), graph.tensors[node.output].shape
    if numbers.shape != declared:
        message = f"{_name(node)} makes {numbers.size} numbers of a shape; expected {declared}"
        raise InputError(message, where=node.output, hint="the file is damaged; make it again")
    return numbers


@np.errstate(over="ignore")
def _computed(node: Node, operands: list[Any]) -> Any:
    match node.op:
        case ops.StridedSlice() as op:
            return operands[0][slices(op)]
        case ops.Add(activation="NONE"):
            return operands[0] + operands[1]
        case ops.Sub(activation="NONE"):
            return operands[0] - operands[1]
        case ops.Mul(activation="NONE"):
            return operands[0] * operands[1]
        case ops.Concatenation(axis=axis):
            return np.concatenate(operands, axis)
        case _ if _name(node) == "PACK" and all(one.ndim == 0 for one in operands):
            return np.stack(operands)
    return None


def _known(graph: Graph, node: Node) -> Node:
    """A RESHAPE whose shape is known by now, with it."""
    if isinstance(node.op, ops.Opaque) and _name(node) == "RESHAPE" and len(node.inputs) == 2:
        wanted = graph.tensors[node.inputs[1]].data
        if wanted is not None and wanted.ndim == 1:
            return replace(node, op=ops.Reshape(tuple(wanted.tolist())), inputs=node.inputs[:1])
    return node


def _shape(graph: Graph, node: Node, of: Shape) -> Shape:
    """That of a node's output; of an op outside the set the declared one."""
    if not isinstance(node.op, ops.Opaque):
        validate_operands(graph, node, graph.name)
        found = output_shape(graph, node)
        if min((size or 0 for size in found), default=1) < 1:
            raise InputError(f"would have shape {found} of an input {of}", where=", ".join(node.outputs))
        return found
    declared = graph.tensors[node.outputs[0]].shape
    if None in declared:
        raise UnsupportedError(f"what {_name(node)} makes of a size is not known", where=node.outputs[0])
    return declared


def _name(node: Node) -> str:
    return str(getattr(node.op, "name", node.op.kind))
