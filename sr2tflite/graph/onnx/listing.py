"""The list of nodes and constants of any ``.onnx``, straight from its records."""

from typing import Any

import onnx

from sr2tflite.errors import InputError
from sr2tflite.graph.listing import ListedOp, ListedTensor, Listing, tensor_bytes
from sr2tflite.graph.model import Shape
from sr2tflite.graph.onnx.optable import OP_TYPES

_BITS = {
    "float": 32, "double": 64, "float16": 16, "bfloat16": 16, "int8": 8, "uint8": 8, "int16": 16, "uint16": 16,
    "int32": 32, "uint32": 32, "int64": 64, "uint64": 64, "bool": 8, "int4": 4, "uint4": 4,
}  # fmt: skip
_NAMES = {"float": "float32", "double": "float64"}


def listed(model: Any, where: str) -> Listing:
    """The list of a file's records; shapes are the file's own, N×C×H×W.

    Args:
        model: What ``parse_model`` gave.
        where: The file's name, for messages.

    Raises:
        InputError: A name is not text.
    """
    graph = model.graph
    try:
        described = [*graph.value_info, *graph.output, *graph.input]
        tensors = {value.name: _described(value) for value in described}
        tensors |= {value.name: _constant(value) for value in graph.initializer}
    except UnicodeDecodeError as error:
        raise InputError("a name is not text", where=where, hint="the file is corrupt; make it again") from error
    ops = []
    for index, node in enumerate(graph.node):
        inputs, outputs = tuple(name for name in node.input if name), tuple(name for name in node.output if name)
        for name in (*inputs, *outputs):
            tensors.setdefault(name, ListedTensor(name, (), "unknown", False, None))
        is_foreign = node.domain not in ("", "ai.onnx") or node.op_type not in OP_TYPES
        ops.append(ListedOp(index, node.op_type, inputs, outputs, is_foreign=is_foreign))
    constants = {value.name for value in graph.initializer}
    ends = (tuple(one.name for one in part) for part in (graph.input, graph.output))
    given, made = ends
    return Listing(tuple(name for name in given if name not in constants), made, tensors, tuple(ops))


def _described(value: Any) -> ListedTensor:
    kind = value.type.tensor_type
    shape: Shape = tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in kind.shape.dim
    )
    dtype = _type_name(kind.elem_type)
    return ListedTensor(value.name, shape, _NAMES.get(dtype, dtype), False, tensor_bytes(shape, _BITS.get(dtype, 0)))


def _constant(value: Any) -> ListedTensor:
    shape: Shape = tuple(max(int(size), 0) for size in value.dims)
    dtype = _type_name(value.data_type)
    return ListedTensor(value.name, shape, _NAMES.get(dtype, dtype), True, tensor_bytes(shape, _BITS.get(dtype, 0)))


def _type_name(code: int) -> str:
    names: dict[int, str] = {number: name.lower() for name, number in onnx.TensorProto.DataType.items()}
    return names.get(code, str(code))
