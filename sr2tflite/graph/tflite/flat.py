"""The flatbuffer itself, opened with suspicion: verified first, and every count is paid for before it is read.

A damaged file can claim the same long string a thousand times; ``Budget`` bounds what is taken out of it by what the
file's own length can honestly hold.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from sr2tflite.errors import InputError
from sr2tflite.graph.tflite.layout import union_tables
from sr2tflite.graph.tflite.verify_flat import verify

T = TypeVar("T")
Buffer = tuple[NDArray[np.uint8] | None, str]
"""The bytes, and where they are instead when they are not in the flatbuffer."""

IDENTIFIER = b"TFL3"
_DAMAGED = (struct.error, ValueError, IndexError, TypeError, AttributeError, OverflowError)
"""What the verifier and the flatbuffers package raise at offsets and indices that lead nowhere."""
_BEHIND = 1
"""Offsets of buffers up to this one mean that the data is in the flatbuffer."""


@dataclass(frozen=True)
class FlatTensor:
    """A tensor record as it stands in the file."""

    name: str
    shape: tuple[int, ...]
    """−1 where a size is free."""

    type: int
    data: NDArray[np.uint8] | None
    """A view of the file's bytes."""

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int
    sizes: tuple[int, ...]
    """What a runtime starts with; the shape where none is free."""

    unread: str
    """What it is beside a plain value that no reader here knows, such as ``is a variable``; empty as a rule."""


@dataclass(frozen=True)
class FlatOp:
    """An operator record as it stands in the file."""

    builtin: int
    version: int
    """Of the op: which form of it the runtime must know."""

    custom: str
    inputs: tuple[int, ...]
    """−1 for one that is left out."""

    outputs: tuple[int, ...]
    intermediates: tuple[int, ...]
    """What some kernels keep between their steps."""

    options_type: int
    options: Any
    """The union's table, or None."""


@dataclass(frozen=True)
class FlatModel:
    """The only subgraph of a file, and its metadata."""

    name: str
    tensors: list[FlatTensor]
    ops: list[FlatOp]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    signatures: tuple[int, ...]
    """Every tensor that a signature names."""

    metadata: dict[str, bytes]


class Budget:
    """How many things may still be read: an honest file spends at least a byte on each."""

    def __init__(self, data: bytes) -> None:
        self.file_bytes = len(data)
        self._left = 4 * len(data)

    def spend(self, count: int) -> int:
        """Take ``count`` off, or refuse."""
        self._left -= count
        if self._left < 0:
            raise ValueError("more is claimed than the file can hold")
        return count

    def items(self, count: int) -> Iterator[int]:
        """``range(count)``, paid for."""
        return iter(range(self.spend(count)))


def open_model(data: bytes, where: str) -> FlatModel:
    """The records of a ``.tflite``.

    Raises:
        InputError: The bytes are not a whole TFLite file, or it has several subgraphs.
    """
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        found = f"identifier {data[4:8]!r}" if data else "it is empty"
        message = f"not a TFLite file: {found}; expected identifier {IDENTIFIER!r}"
        raise InputError(message, where=where, hint="give a .tflite file")
    try:
        verify(data)
        return _model(schema.Model.GetRootAs(data, 0), Budget(data), where)
    except _DAMAGED as error:
        raise InputError(
            f"damaged TFLite file: {error}", where=where, hint="the file is cut short or corrupt; make it again"
        ) from error


def _model(model: Any, budget: Budget, where: str) -> FlatModel:
    if model.SubgraphsLength() != 1:
        raise InputError(
            f"has {model.SubgraphsLength()} subgraphs; expected 1", where=where, hint="export one network per file"
        )
    subgraph = model.Subgraphs(0)
    buffers = [_buffer(model.Buffers(i), budget.file_bytes) for i in budget.items(model.BuffersLength())]
    codes = [_code(model.OperatorCodes(i)) for i in budget.items(model.OperatorCodesLength())]
    entries = [model.Metadata(i) for i in budget.items(model.MetadataLength())]
    return FlatModel(
        name=_text(subgraph.Name(), budget),
        tensors=[_tensor(subgraph.Tensors(i), buffers, budget) for i in budget.items(subgraph.TensorsLength())],
        ops=[_op(subgraph.Operators(i), codes, budget) for i in budget.items(subgraph.OperatorsLength())],
        inputs=_indices(subgraph, "Inputs", budget),
        outputs=_indices(subgraph, "Outputs", budget),
        signatures=tuple(_signed(model, budget)),
        metadata={_text(entry.Name(), budget): _content(entry, buffers, budget) for entry in entries},
    )


def _buffer(buffer: Any, file_bytes: int) -> Buffer:
    if buffer.Offset() > _BEHIND:
        if buffer.Offset() + buffer.Size() > file_bytes:
            raise ValueError(f"a buffer of {buffer.Size()} bytes at {buffer.Offset()} lies outside the file")
        return None, "keeps its data behind the flatbuffer"
    return (buffer.DataAsNumpy() if buffer.DataLength() else None), ""


def _content(entry: Any, buffers: list[Buffer], budget: Budget) -> bytes:
    content, _ = _at(buffers, entry.Buffer(), "buffer", "a metadata entry")
    if content is None:
        return b""
    budget.spend(len(content))
    return content.tobytes()


def _code(code: Any) -> tuple[int, int, str]:
    builtin = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
    custom = code.CustomCode() if builtin == schema.BuiltinOperator.CUSTOM else b""
    return builtin, code.Version(), (custom or b"").decode()


def _signed(model: Any, budget: Budget) -> Iterator[int]:
    """The tensors that signatures give names to."""
    for index in budget.items(model.SignatureDefsLength()):
        signature = model.SignatureDefs(index)
        if signature.SubgraphIndex():
            raise ValueError(f"a signature is of subgraph {signature.SubgraphIndex()} of 1")
        for i in budget.items(signature.InputsLength()):
            yield signature.Inputs(i).TensorIndex()
        for i in budget.items(signature.OutputsLength()):
            yield signature.Outputs(i).TensorIndex()


def _text(text: bytes | None, budget: Budget) -> str:
    budget.spend(len(text or b""))
    return (text or b"").decode()


def _at(items: list[T], index: int, what: str, who: str) -> T:
    if not 0 <= index < len(items):
        raise ValueError(f"{who} names {what} {index} of {len(items)}")
    return items[index]


def _indices(record: Any, field: str, budget: Budget) -> tuple[int, ...]:
    budget.spend(getattr(record, f"{field}Length")())
    return _numbers(record, field)


def _numbers(record: Any, field: str) -> tuple[Any, ...]:
    if not getattr(record, f"{field}Length")():
        return ()
    return tuple(getattr(record, f"{field}AsNumpy")().tolist())


def _tensor(tensor: Any, buffers: list[Buffer], budget: Budget) -> FlatTensor:
    budget.spend(tensor.ShapeLength() + tensor.ShapeSignatureLength())
    quant = tensor.Quantization()
    if quant is not None:
        budget.spend(quant.ScaleLength() + quant.ZeroPointLength())
    name = _text(tensor.Name(), budget)
    data, place = _at(buffers, tensor.Buffer(), "buffer", f"tensor {name}")
    if data is not None and tensor.Buffer() == 0:
        raise ValueError("buffer 0, which stands for no data, holds some")
    sizes = _numbers(tensor, "Shape")
    return FlatTensor(
        name=name,
        shape=_numbers(tensor, "ShapeSignature") or sizes,
        type=tensor.Type(),
        data=data,
        scale=_numbers(quant, "Scale") if quant else (),
        zero_point=_numbers(quant, "ZeroPoint") if quant else (),
        axis=quant.QuantizedDimension() if quant else 0,
        sizes=sizes,
        unread=_unread(tensor, quant) or place,
    )


def _unread(tensor: Any, quant: Any) -> str:
    if tensor.IsVariable():
        return "is a variable"
    if tensor.Sparsity() is not None:
        return "is sparse"
    if tensor.VariantTensorsLength():
        return "holds tensors"
    if tensor.ExternalBuffer():
        return "keeps its data in another file"
    return "is quantized in a way of its tool's own" if quant is not None and quant.DetailsType() else ""


def _op(op: Any, codes: list[tuple[int, int, str]], budget: Budget) -> FlatOp:
    builtin, version, custom = _at(codes, op.OpcodeIndex(), "op code", "an op")
    options_type = op.BuiltinOptionsType()
    return FlatOp(
        builtin=builtin,
        version=version,
        custom=custom,
        inputs=_indices(op, "Inputs", budget),
        outputs=_indices(op, "Outputs", budget),
        intermediates=_indices(op, "Intermediates", budget),
        options_type=options_type,
        options=op.BuiltinOptions() if options_type in union_tables("BuiltinOptions") else None,
    )
