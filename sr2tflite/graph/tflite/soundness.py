"""What must hold in any file, whatever its ops and types, before its numbers are used or a runtime's C++ sees it."""

from collections.abc import Iterator
from math import prod

from ai_edge_litert import schema_py_generated as schema

from sr2tflite.errors import InputError
from sr2tflite.graph.shapes import MOST_VALUES
from sr2tflite.graph.tflite.flat import FlatModel, FlatTensor
from sr2tflite.graph.validate import scale_fault

HINT = "the file is corrupt; make it again"

_TYPE = schema.TensorType
BITS: dict[int, int] = {
    _TYPE.BOOL: 8,
    _TYPE.INT4: 4,
    _TYPE.INT8: 8,
    _TYPE.UINT8: 8,
    _TYPE.INT16: 16,
    _TYPE.UINT16: 16,
    _TYPE.FLOAT16: 16,
    _TYPE.INT32: 32,
    _TYPE.UINT32: 32,
    _TYPE.FLOAT32: 32,
    _TYPE.INT64: 64,
    _TYPE.UINT64: 64,
    _TYPE.FLOAT64: 64,
    _TYPE.COMPLEX64: 64,
    _TYPE.COMPLEX128: 128,
}
"""Tensor type → bits of a value; values of fewer than eight are packed. Strings and resources have no such size."""

_FLOATS = (_TYPE.FLOAT16, _TYPE.FLOAT32, _TYPE.FLOAT64)
"""Whatever scale these carry, nobody reads it."""

TYPE_NAMES: dict[int, str] = {code: name for name, code in vars(_TYPE).items() if isinstance(code, int)}


def refuse_unsound(model: FlatModel, names: list[str], where: str) -> None:
    """Refuse a file that contradicts itself.

    Args:
        model: The records of the file.
        names: Of its tensors.
        where: The file, for messages.

    Raises:
        InputError: An index leads to no tensor, a shape to no number of values that a runtime can count, data does not
            fill its shape, or its scales are none.
    """
    for index in _indices(model):
        if not 0 <= index < len(names):
            raise InputError(f"names tensor {index} of {len(names)}", where=where, hint=HINT)
    written = {*model.inputs, *(index for op in model.ops for index in op.outputs)}
    for index, (name, tensor) in enumerate(zip(names, model.tensors, strict=True)):
        fault = (
            _shape_fault(tensor)
            or _data_fault(tensor, index in written)
            or _scale_fault(tensor)
            or (_axis_fault(tensor) if index in written else None)
        )
        if fault:
            raise InputError(fault, where=f"{where}: tensor {name}", hint=HINT)


def _indices(model: FlatModel) -> Iterator[int]:
    yield from (*model.inputs, *model.outputs, *model.signatures)
    for op in model.ops:
        yield from (index for index in op.inputs if index != -1)
        yield from (*op.outputs, *op.intermediates)


def _shape_fault(tensor: FlatTensor) -> str | None:
    if any(size < 1 for size in tensor.sizes):
        return f"has shape {tensor.sizes}; expected sizes from 1 on"
    same = len(tensor.shape) == len(tensor.sizes) and all(
        free in (-1, size) for free, size in zip(tensor.shape, tensor.sizes, strict=True)
    )
    if not same:
        return f"has shape {tensor.sizes} and signature {tensor.shape}; expected the same or −1"
    if prod(tensor.sizes) > MOST_VALUES:
        return f"has shape {tensor.sizes}; expected at most {MOST_VALUES:,} values"
    return None


def _data_fault(tensor: FlatTensor, is_written: bool) -> str | None:
    if is_written and (tensor.data is not None or tensor.unread):
        return f"is an activation and {tensor.unread or 'holds data'}"
    if tensor.data is None or tensor.type not in BITS:
        return None
    wanted = -(-BITS[tensor.type] * prod(tensor.sizes) // 8)
    if wanted == len(tensor.data) and tensor.shape == tensor.sizes:
        return None
    return f"holds {len(tensor.data)} bytes; expected {wanted} for {TYPE_NAMES[tensor.type].lower()} {tensor.shape}"


def _scale_fault(tensor: FlatTensor) -> str | None:
    if not tensor.scale or tensor.type in _FLOATS:
        return None
    if len(tensor.scale) != len(tensor.zero_point):
        return f"has {len(tensor.scale)} scales and {len(tensor.zero_point)} zero points; expected as many"
    return scale_fault(tensor.scale)


def _axis_fault(tensor: FlatTensor) -> str | None:
    """XNNPACK leaves the ops of such activations to other kernels, which round otherwise."""
    if len(tensor.scale) != 1 or not tensor.axis or tensor.type in _FLOATS:
        return None
    return f"is an activation of one scale along axis {tensor.axis}; expected axis 0"
