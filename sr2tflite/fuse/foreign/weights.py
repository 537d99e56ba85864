"""The constants a file holds, and those that lie beside it, read with suspicion."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.files import read_range

Array = NDArray[Any]

_HINT = "the file is cut short or corrupt; make it again"
_TYPES: dict[int, str] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.DOUBLE: "float64",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.INT16: "int16",
    onnx.TensorProto.UINT16: "uint16",
    onnx.TensorProto.INT32: "int32",
    onnx.TensorProto.UINT32: "uint32",
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.UINT64: "uint64",
    onnx.TensorProto.BOOL: "bool",
}


def embed(tensor: Any, folder: Path, where: str) -> None:
    """Bring in what lies in another file, in place.

    Args:
        tensor: A TensorProto.
        folder: The folder of the model's file; nothing outside it is read.
        where: The constant, for messages.

    Raises:
        InputError: The other file is outside the folder, missing or too short.
    """
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        if tensor.external_data:
            raise InputError("says that it lies in another file, and that it does not", where=where, hint=_HINT)
        return
    said = {entry.key: entry.value for entry in tensor.external_data}
    path = _inside(folder, said.get("location", ""), where)
    offset, length = _number(said, "offset", where), _number(said, "length", where)
    wanted = _size_bytes(tensor, where)
    if "length" in said and length != wanted:
        raise InputError(f"says {length} bytes; expected {wanted} for its shape", where=where, hint=_HINT)
    content = read_range(path, offset, wanted)
    if len(content) != wanted:
        raise InputError(f"{path.name} ends after {len(content)} of its {wanted} bytes", where=where, hint=_HINT)
    tensor.ClearField("external_data")
    tensor.data_location = onnx.TensorProto.DEFAULT
    tensor.raw_data = content


def _number(said: dict[str, str], key: str, where: str) -> int:
    text = said.get(key, "0")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InputError(f"{key} is {text!r}; expected a whole number", where=where, hint=_HINT)
    return int(text)


def _inside(folder: Path, location: str, where: str) -> Path:
    """The file a location names, which links do not lead out of the folder either."""
    path = folder / location
    if not location or Path(location).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"lies in {location!r}; expected a file in the folder of the model",
            where=where,
            hint="save the model with its weights inside, or its weights beside it",
        )
    return path


def _size_bytes(tensor: Any, where: str) -> int:
    if tensor.data_type not in _TYPES:
        kind = onnx.TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in _NAMED else tensor.data_type
        raise UnsupportedError(f"has data type {kind}; expected one of {', '.join(_TYPES.values())}", where=where)
    if any(size < 0 for size in tensor.dims):
        raise InputError(f"has shape {list(tensor.dims)}", where=where, hint=_HINT)
    return np.dtype(_TYPES[tensor.data_type]).itemsize * math.prod(int(size) for size in tensor.dims)


_NAMED = frozenset(onnx.TensorProto.DataType.values())


def array(tensor: Any, where: str) -> Array:
    """A constant's values; no more memory than the file takes.

    Raises:
        InputError: Its bytes do not fit its shape.
        UnsupportedError: Its type is no number's.
    """
    wanted = _size_bytes(tensor, where)
    dtype = np.dtype(_TYPES[tensor.data_type])
    if tensor.HasField("raw_data"):
        if len(tensor.raw_data) != wanted:
            found = len(tensor.raw_data)
            shape = f"{dtype} {list(tensor.dims)}"
            raise InputError(f"holds {found} bytes; expected {wanted} for {shape}", where=where, hint=_HINT)
        return np.frombuffer(tensor.raw_data, dtype).reshape(tuple(tensor.dims))
    listed = max(len(part) for part in (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data))
    listed = max(listed, len(tensor.uint64_data))
    if listed != math.prod(tensor.dims):
        raise InputError(f"holds {listed} values; expected {math.prod(tensor.dims)}", where=where, hint=_HINT)
    try:
        values: Array = onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"its values cannot be read: {error}", where=where, hint=_HINT) from error
    return values
