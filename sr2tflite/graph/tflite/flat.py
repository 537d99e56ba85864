"""The flatbuffer itself, opened with suspicion: every count is checked before anything of its size is read.

A damaged file can claim four billion tensors, or the same long string a thousand times; ``Budget`` bounds what is
looked at by what the file's own length can honestly hold.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from sr2tflite.errors import InputError, UnsupportedError

IDENTIFIER = b"TFL3"
_DAMAGED = (struct.error, ValueError, IndexError, TypeError, AttributeError, OverflowError)
"""What the flatbuffers package raises at offsets that lead nowhere."""


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


@dataclass(frozen=True)
class FlatOp:
    """An operator record as it stands in the file."""

    builtin: int
    version: int
    """Of the op: which form of it the runtime must know."""

    custom: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
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
    metadata: dict[str, bytes]


class Budget:
    """How many things may still be read: an honest file spends at least a byte on each."""

    def __init__(self, data: bytes) -> None:
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
        UnsupportedError: It keeps its data outside the flatbuffer's vectors.
    """
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise InputError(
            f"not a TFLite file: identifier {data[4:8]!r}; expected {IDENTIFIER!r}",
            where=where,
            hint="give a .tflite file",
        )
    try:
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
    buffers = [_buffer(model.Buffers(i), where) for i in budget.items(model.BuffersLength())]
    codes = [_code(model.OperatorCodes(i)) for i in budget.items(model.OperatorCodesLength())]
    entries = [model.Metadata(i) for i in budget.items(model.MetadataLength())]
    return FlatModel(
        name=_text(subgraph.Name(), budget),
        tensors=[_tensor(subgraph.Tensors(i), buffers, budget) for i in budget.items(subgraph.TensorsLength())],
        ops=[_op(subgraph.Operators(i), codes, budget) for i in budget.items(subgraph.OperatorsLength())],
        inputs=_indices(subgraph, "Inputs", budget),
        outputs=_indices(subgraph, "Outputs", budget),
        metadata={_text(entry.Name(), budget): _content(buffers[entry.Buffer()], budget) for entry in entries},
    )


def _buffer(buffer: Any, where: str) -> NDArray[np.uint8] | None:
    if buffer.Offset() > 1:
        raise UnsupportedError("keeps its weights behind the flatbuffer", where=where)
    data: NDArray[np.uint8] | None = buffer.DataAsNumpy() if buffer.DataLength() else None
    return data


def _content(buffer: NDArray[np.uint8] | None, budget: Budget) -> bytes:
    if buffer is None:
        return b""
    budget.spend(len(buffer))
    return buffer.tobytes()


def _code(code: Any) -> tuple[int, int, str]:
    custom = code.CustomCode()
    return max(code.DeprecatedBuiltinCode(), code.BuiltinCode()), code.Version(), (custom or b"").decode()


def _text(text: bytes | None, budget: Budget) -> str:
    budget.spend(len(text or b""))
    return (text or b"").decode()


def _indices(record: Any, field: str, budget: Budget) -> tuple[int, ...]:
    budget.spend(getattr(record, f"{field}Length")())
    return _numbers(record, field)


def _numbers(record: Any, field: str) -> tuple[Any, ...]:
    if not getattr(record, f"{field}Length")():
        return ()
    return tuple(getattr(record, f"{field}AsNumpy")().tolist())


def _tensor(tensor: Any, buffers: list[NDArray[np.uint8] | None], budget: Budget) -> FlatTensor:
    budget.spend(tensor.ShapeLength() + tensor.ShapeSignatureLength())
    quant = tensor.Quantization()
    if quant is not None:
        budget.spend(quant.ScaleLength() + quant.ZeroPointLength())
    return FlatTensor(
        name=_text(tensor.Name(), budget),
        shape=_numbers(tensor, "ShapeSignature") or _numbers(tensor, "Shape"),
        type=tensor.Type(),
        data=buffers[tensor.Buffer()],
        scale=_numbers(quant, "Scale") if quant else (),
        zero_point=_numbers(quant, "ZeroPoint") if quant else (),
        axis=quant.QuantizedDimension() if quant else 0,
    )


def _op(op: Any, codes: list[tuple[int, int, str]], budget: Budget) -> FlatOp:
    builtin, version, custom = codes[op.OpcodeIndex()]
    return FlatOp(
        builtin=builtin,
        version=version,
        custom=custom,
        inputs=_indices(op, "Inputs", budget),
        outputs=_indices(op, "Outputs", budget),
        options_type=op.BuiltinOptionsType(),
        options=op.BuiltinOptions(),
    )
