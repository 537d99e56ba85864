"""The protobuf itself, opened with suspicion, and the few records that writer and reader share."""

import math
import shlex
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph.notes import KEY

_HINT = "the file is cut short or corrupt; make it again"
_DTYPES = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.INT16: "int16",
    onnx.TensorProto.INT32: "int32",
}
_OLDEST_OPSET = 13


def parse_model(data: bytes, where: str) -> Any:
    """The model that anybody's file holds.

    Raises:
        InputError: The bytes are not an ONNX model.
        UnsupportedError: It uses parts of ONNX that no network needs.
    """
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        hint = _HINT if where.endswith(".onnx") else "give a .onnx file, as fuse, ptq and qat write"
        raise InputError("not an ONNX file, or damaged", where=where, hint=hint) from error
    if not model.HasField("graph") or not model.graph.node or not model.opset_import:
        raise InputError("not an ONNX model: it has no graph", where=where, hint="give a whole .onnx file")
    if not _names_are_text(model):
        raise InputError("a name is not text", where=where, hint=_HINT)
    if model.training_info or model.graph.sparse_initializer:
        raise UnsupportedError("holds training graphs or sparse weights", where=where)
    return model


def open_model(data: bytes, where: str, *, only_ours: bool = True) -> Any:
    """The model that a file of ours holds.

    Raises:
        InputError: The bytes are not an ONNX model.
        UnsupportedError: Another tool wrote it, or it uses parts of ONNX that ``write`` does not.
    """
    model = parse_model(data, where)
    if only_ours and not is_ours(model):
        hint = f"sr2tflite fuse {shlex.quote(where)} -o deploy.onnx"
        raise UnsupportedError("another tool wrote it; expected a deploy graph", where=where, hint=hint)
    if opset_of(model) < _OLDEST_OPSET:
        hint = "export it again with a newer opset"
        raise UnsupportedError(f"opset {opset_of(model)}; expected at least {_OLDEST_OPSET}", where=where, hint=hint)
    if model.functions:
        raise UnsupportedError("holds functions", where=where)
    return model


def opset_of(model: Any) -> int:
    """The version of ONNX's own ops; 0 where the file says none."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def is_ours(model: Any) -> bool:
    """Whether ``write`` made the file."""
    return any(entry.key == KEY for entry in model.metadata_props)


def _names_are_text(model: Any) -> bool:
    """Protobuf gives bytes, or refuses, where a string is not UTF-8."""
    graph = model.graph
    try:
        names = [graph.name, *(record.name for record in (*graph.input, *graph.output, *graph.initializer))]
        for entry in model.metadata_props:
            names += [entry.key, entry.value]
        for node in graph.node:
            names += [node.name, node.op_type, node.domain, *node.input, *node.output]
            names += [attribute.name for attribute in node.attribute]
    except UnicodeDecodeError:
        return False
    return all(isinstance(name, str) for name in names)


def initializers(graph: Any, where: str) -> dict[str, NDArray[Any]]:
    """Constant name → value.

    Raises:
        InputError: A value lies in another file, or its bytes do not fit its shape.
        UnsupportedError: A value's type is outside the deploy graph.
    """
    return {tensor.name: _array(tensor, f"{where}: initializer {tensor.name}") for tensor in graph.initializer}


def _array(tensor: Any, where: str) -> NDArray[Any]:
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise InputError("lies in another file", where=where, hint="save the model with its weights inside")
    if tensor.data_type not in _DTYPES:
        known = ", ".join(_DTYPES.values())
        raise UnsupportedError(f"has data type {tensor.data_type}; expected one of {known}", where=where)
    dtype = np.dtype(_DTYPES[tensor.data_type])
    content = tensor.raw_data or _listed(tensor, dtype, where)
    wanted = dtype.itemsize * math.prod(tensor.dims)
    if wanted != len(content) or any(size < 1 for size in tensor.dims):
        raise InputError(
            f"holds {len(content)} bytes; expected {wanted} for {dtype} {list(tensor.dims)}", where=where, hint=_HINT
        )
    return np.frombuffer(content, dtype).reshape(tuple(tensor.dims))


def _listed(tensor: Any, dtype: np.dtype[Any], where: str) -> bytes:
    """Values that are written one by one instead of as bytes."""
    try:
        return np.array(tensor.float_data if dtype == np.float32 else list(tensor.int32_data), dtype).tobytes()
    except OverflowError as error:
        raise InputError(f"holds values outside {dtype}", where=where, hint=_HINT) from error


def initializer(name: str, value: NDArray[Any]) -> Any:
    """A constant's record."""
    return onnx.numpy_helper.from_array(value, name)


def value_info(name: str, shape: tuple[int | None, ...]) -> Any:
    """A float image N×C×H×W; free sizes get names."""
    labels = ("batch", "channels", "height", "width")
    dims = [size or f"{name}_{label}" for size, label in zip(shape, labels, strict=True)]
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, dims)


def image_shape(value: Any, where: str) -> tuple[int | None, ...]:
    """N×C×H×W of a graph input; None where a size is free.

    Raises:
        InputError: It is not a float image, or its batch or channels are free.
    """
    kind = value.type.tensor_type
    dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]
    if kind.elem_type != onnx.TensorProto.FLOAT or len(dims) != 4:
        raise InputError(
            f"input of type {kind.elem_type} and {len(dims)} axes; expected a float image N×C×H×W",
            where=where,
            hint=_HINT,
        )
    if dims[0] is None or dims[1] is None:
        raise InputError(
            "batch or channels are free; expected free height and width only",
            where=where,
            hint="export the model with a batch of 1",
        )
    return tuple(dims)
