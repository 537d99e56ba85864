"""From TFLite bytes to the deploy graph; files of other tools too, as far as its tensors' types go."""

import struct
from dataclasses import replace
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import notes, ops
from sr2tflite.graph.model import DType, Graph, Node, Shape, Tensor
from sr2tflite.graph.tflite import int16
from sr2tflite.graph.tflite.fatal import refuse_fatal
from sr2tflite.graph.tflite.flat import FlatModel, FlatOp, FlatTensor, open_model
from sr2tflite.graph.tflite.lies import refuse_lies
from sr2tflite.graph.tflite.operands import absorb
from sr2tflite.graph.tflite.optable import CODECS, NAME_OF_BUILTIN
from sr2tflite.graph.tflite.packing import unpacked
from sr2tflite.graph.tflite.soundness import HINT, TYPE_NAMES, refuse_unsound
from sr2tflite.graph.validate import flow_fault, validate
from sr2tflite.numerics.qparams import QuantParams

_DTYPES: dict[int, DType] = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.INT4: "int4",
    schema.TensorType.INT8: "int8",
    schema.TensorType.UINT8: "uint8",
    schema.TensorType.INT16: "int16",
    schema.TensorType.INT32: "int32",
    schema.TensorType.INT64: "int64",
}


def read(data: bytes, where: str) -> Graph:
    """The graph a ``.tflite`` holds; ``write(read(b)) == b`` for files that ``write`` made.

    An op outside the deploy graph's set, or with attributes outside it, becomes ``ops.Opaque`` with TFLite's name.

    Args:
        data: The file's bytes.
        where: The file's name, for messages.

    Raises:
        InputError: The bytes are damaged or contradict themselves, or a runtime would read them otherwise.
        UnsupportedError: A tensor's type is outside the deploy graph.
    """
    return graph_of(open_model(data, where), where)


def graph_of(flat: FlatModel, where: str) -> Graph:
    """The graph of a file's records; see :func:`read`."""
    known = notes.from_json(flat.metadata.get(notes.KEY, b"{}"), where)
    names = names_of(flat)
    refuse_unsound(flat, names, where)
    refuse_fatal(flat, names, where)
    refuse_lies(flat, names, where)
    graph = Graph(name=flat.name, value_range=known.value_range, metadata=known.metadata)
    graph.inputs = _named(flat.inputs, names)
    graph.outputs = _named(flat.outputs, names)
    graph.nodes = [_node(op, flat, names, where) for op in flat.ops]
    _refuse_disorder(graph, dict(zip(names, flat.tensors, strict=True)), where)
    for name, tensor in zip(names, flat.tensors, strict=True):
        graph.add_tensor(_tensor(name, tensor, known, f"{where}: tensor {name}"))
    _drop_absorbed(graph, [names[index] for op in flat.ops for index in op.inputs if index >= 0])
    _absorb_float16_weights(graph)
    validate(graph, where)
    return graph


def names_of(flat: FlatModel) -> list[str]:
    """What the graph calls the tensors of a file, by their index: TFLite does not ask that names differ."""
    names: list[str] = []
    taken: set[str] = set()
    for index, tensor in enumerate(flat.tensors):
        name = tensor.name
        while not name or name in taken:
            name = f"{name or 'tensor'}#{index}"
        taken.add(name)
        names.append(name)
    return names


def _named(indices: tuple[int, ...], names: list[str]) -> tuple[str, ...]:
    return tuple(names[index] for index in indices)


def _refuse_disorder(graph: Graph, tensors: dict[str, FlatTensor], where: str) -> None:
    """Before any tensor is made: a file with types outside the graph is in order too."""
    written = {name for node in graph.nodes for name in node.outputs}
    constants = {name for name, tensor in tensors.items() if tensor.data is not None}
    held = {name for name, tensor in tensors.items() if tensor.unread and name not in written}
    fault = flow_fault(graph, tensors.keys(), constants | held)
    if fault:
        raise InputError(fault, where=where, hint=HINT)


def _tensor(name: str, flat: FlatTensor, known: notes.Notes, where: str) -> Tensor:
    if flat.unread:
        raise UnsupportedError(f"{flat.unread}; expected a plain tensor", where=where)
    if flat.type == schema.TensorType.FLOAT16 and flat.data is not None:
        return _float16_constant(name, flat)
    if flat.type not in _DTYPES:
        kind = TYPE_NAMES.get(flat.type, str(flat.type))
        raise UnsupportedError(f"is {kind}; expected one of: {', '.join(sorted(_DTYPES.values()))}", where=where)
    dtype = _DTYPES[flat.type]
    shape: Shape = tuple(None if size == -1 else size for size in flat.shape)
    tensor = Tensor(name, shape, dtype, _quant(flat, known.single_channel.get(name)))
    return tensor if flat.data is None else replace(tensor, data=_data(flat, dtype))


def _float16_constant(name: str, flat: FlatTensor) -> Tensor:
    """As the float32 values it stands for."""
    return Tensor(name, flat.shape, data=_data(flat, "float16").astype(np.float32))


def _data(flat: FlatTensor, dtype: str) -> Any:
    assert flat.data is not None
    return unpacked(flat.data, dtype, flat.shape)


def _quant(flat: FlatTensor, single_channel: int | None) -> QuantParams | None:
    if not flat.scale or _DTYPES[flat.type] == "float32":
        return None
    axis = flat.axis if len(flat.scale) > 1 else single_channel
    return QuantParams(flat.scale, flat.zero_point, axis)


def _node(flat: FlatOp, model: FlatModel, names: list[str], where: str) -> Node:
    kind = flat.custom or NAME_OF_BUILTIN.get(flat.builtin, f"BUILTIN_{flat.builtin}")
    given = tuple(index for index in flat.inputs if index != -1)
    inputs, outputs = _named(given, names), _named(flat.outputs, names)
    place = f"{where}: {kind} {', '.join(outputs)}"
    operands = [model.tensors[index] for index in given]
    try:
        op, kept = absorb(_op(kind, flat, place, operands), operands)
    except (KeyError, IndexError, ValueError):
        return Node(ops.Opaque(kind), inputs, outputs)
    return Node(op, tuple(inputs[position] for position in kept), outputs)


def _op(kind: str, flat: FlatOp, where: str, operands: list[FlatTensor]) -> ops.Op:
    codec = CODECS.get(kind)
    if codec is None or flat.custom:
        return ops.Opaque(kind)
    if codec.options is None:
        return codec.decode(None)
    record = getattr(schema, f"{codec.options}T")()
    if flat.options_type not in (schema.BuiltinOptions.NONE, getattr(schema.BuiltinOptions, codec.options)):
        raise InputError("has another op's options", where=where, hint="the file is corrupt; make it again")
    try:
        if flat.options is not None:
            record = type(record).InitFromBuf(flat.options.Bytes, flat.options.Pos)
        return ops.Opaque(kind) if int16.runs_otherwise(record, operands) else codec.decode(record)
    except KeyError:
        return ops.Opaque(kind)
    except (struct.error, ValueError, IndexError, TypeError, OverflowError) as error:
        raise InputError(f"has damaged options: {error}", where=where, hint="make the file again") from error


def _drop_absorbed(graph: Graph, given: list[str]) -> None:
    """Take away the constants that nodes no longer read, because an attribute stands for them."""
    read = {name for node in graph.nodes for name in node.inputs} | {*graph.inputs, *graph.outputs}
    for name in given:
        if name not in read and name in graph.tensors and graph.tensors[name].is_constant:
            del graph.tensors[name]


def _absorb_float16_weights(graph: Graph) -> None:
    """Take away the DEQUANTIZE behind a constant: float16 weights are read as float32 constants already."""
    for node in list(graph.nodes):
        source = graph.tensors[node.inputs[0]] if node.inputs else None
        if (
            isinstance(node.op, ops.Dequantize)
            and source is not None
            and source.dtype == "float32"
            and source.is_constant
        ):
            graph.nodes.remove(node)
            graph.tensors[node.output] = replace(source, name=node.output)
            if not graph.consumers(source.name):
                del graph.tensors[source.name]
