"""From the deploy graph to TFLite bytes."""

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import notes
from sr2tflite.graph.model import Graph, Node, Shape, Tensor
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.graph.shapes import with_size
from sr2tflite.graph.tflite import int16
from sr2tflite.graph.tflite.flat import IDENTIFIER
from sr2tflite.graph.tflite.operands import Numbers, spelled
from sr2tflite.graph.tflite.optable import CODECS
from sr2tflite.graph.tflite.packing import packed
from sr2tflite.graph.tflite.versions import version
from sr2tflite.graph.validate import validate

_SCHEMA_VERSION = 3
_ALIGNMENT = 16
"""Kernels read weights where they lie; the schema asks for this much."""

_LEFT_OUT = -1
"""The index of an optional input that is not there."""

_LAST_OLD_CODE = 127
"""Builtin codes above this stand in a second field; the first, older one then says so."""


def write(graph: Graph) -> bytes:
    """The graph as a ``.tflite``: fixed shape, or with free heights and widths (signature −1).

    The shape of a free one, which a runtime starts with, is that of the smallest image that the graph takes.

    Raises:
        InputError: The graph is broken.
        UnsupportedError: It holds an opaque op, or an op that a free shape cannot have.
    """
    validate(graph, graph.name)
    model = _Writer(graph).model()
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """A buffer whose bytes lie at a multiple of 16 in the file."""

    def Pack(self, builder: Any) -> Any:  # noqa: N802 - the schema's name
        if self.data is None:
            return super().Pack(builder)
        builder.StartVector(1, len(self.data), _ALIGNMENT)
        builder.head -= len(self.data)
        builder.Bytes[builder.head : builder.head + len(self.data)] = self.data
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


class _Writer:
    """Collects buffers, tensors and op codes; the order is the graph's own, so equal graphs give equal bytes."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._sized = _smallest(graph)
        self._buffers: list[Any] = [schema.BufferT()]
        self._tensors: list[Any] = []
        self._index: dict[str, int] = {}
        self._codes: dict[tuple[str, int], int] = {}

    def model(self) -> Any:
        graph = self._graph
        for name in _canonical_order(graph):
            self._index[name] = self._add_tensor(graph.tensors[name])
        operators = [self._operator(node) for node in graph.nodes]
        subgraph = schema.SubGraphT(
            tensors=self._tensors,
            inputs=self._indices(graph.inputs),
            outputs=self._indices(graph.outputs),
            operators=operators,
            name=graph.name,
        )
        metadata = schema.MetadataT(name=notes.KEY, buffer=self._add_buffer(_notes(graph).to_json().encode()))
        return schema.ModelT(
            version=_SCHEMA_VERSION,
            operatorCodes=[_operator_code(*code) for code in self._codes],
            subgraphs=[subgraph],
            description=notes.KEY,
            buffers=self._buffers,
            metadata=[metadata],
        )

    def _indices(self, names: tuple[str, ...]) -> Any:
        return np.array([self._index[name] for name in names], np.int32)

    def _add_buffer(self, data: bytes) -> int:
        self._buffers.append(_AlignedBuffer(data=data))
        return len(self._buffers) - 1

    def _add_tensor(self, tensor: Tensor) -> int:
        is_free = None in tensor.shape
        record = schema.TensorT(
            shape=np.array([size or 1 for size in self._sized(tensor)], np.int32),
            type=getattr(schema.TensorType, tensor.dtype.upper()),
            buffer=0 if tensor.data is None else self._add_buffer(packed(tensor)),
            name=tensor.name,
            quantization=_quantization(tensor),
            shapeSignature=np.array([size or -1 for size in tensor.shape], np.int32) if is_free else None,
            hasRank=True,
        )
        self._tensors.append(record)
        return len(self._tensors) - 1

    def _operator(self, node: Node) -> Any:
        kind = node.op.kind
        if kind not in CODECS:
            name = getattr(node.op, "name", kind)
            raise UnsupportedError(f"op {name} is outside the deploy graph's set", where=", ".join(node.outputs))
        options_type, options = CODECS[kind].encode(node.op)
        int16.fill(options, self._graph, node)
        inputs = np.array([self._operand(node, one) for one in spelled(self._graph, node)], np.int32)
        code = self._codes.setdefault((kind, version(self._graph, node)), len(self._codes))
        return schema.OperatorT(
            opcodeIndex=code,
            inputs=inputs,
            outputs=self._indices(node.outputs),
            builtinOptionsType=options_type,
            builtinOptions=options,
        )

    def _operand(self, node: Node, operand: str | Numbers | None) -> int:
        if isinstance(operand, Numbers):
            values = np.array(operand.values, np.int32)
            return self._add_tensor(Tensor(f"{node.outputs[0]}@{operand.name}", values.shape, "int32", None, values))
        return _LEFT_OUT if operand is None else self._index[operand]


def _canonical_order(graph: Graph) -> list[str]:
    """Tensor names as the nodes meet them, then what no node names."""
    names = dict.fromkeys(graph.inputs)
    for node in graph.nodes:
        names.update(dict.fromkeys(node.inputs + node.outputs))
    names.update(dict.fromkeys(sorted(graph.tensors)))
    return list(names)


def _notes(graph: Graph) -> notes.Notes:
    quants = {name: tensor.quant for name, tensor in graph.tensors.items() if tensor.quant is not None}
    single = {name: q.axis for name, q in quants.items() if q.axis is not None and len(q.scale) == 1}
    return notes.Notes(graph.value_range, graph.metadata, single_channel=single)


def _smallest(graph: Graph) -> Callable[[Tensor], Shape]:
    """What the sizes of a tensor are for the smallest image, where that is larger than a pixel."""
    multiple = size_multiple(graph)
    if multiple == 1 or all(None not in graph.tensors[name].shape for name in graph.inputs):
        return lambda tensor: tensor.shape
    sized = with_size(graph, multiple, multiple).tensors
    return lambda tensor: sized[tensor.name].shape if tensor.name in sized else tensor.shape


def _operator_code(kind: str, number: int) -> Any:
    code = getattr(schema.BuiltinOperator, kind)
    return schema.OperatorCodeT(deprecatedBuiltinCode=min(code, _LAST_OLD_CODE), version=number, builtinCode=code)


def _quantization(tensor: Tensor) -> Any:
    if tensor.quant is None:
        return None
    return schema.QuantizationParametersT(
        scale=np.array(tensor.quant.scale, np.float32),
        zeroPoint=np.array(tensor.quant.zero_point, np.int64),
        quantizedDimension=tensor.quant.axis or 0,
    )
