"""A foreign file, opened and checked: one float image in, one tensor out, ONNX's own ops of opset 11 to 21."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.files import quoted
from sr2tflite.fuse.foreign.weights import Array, array, embed
from sr2tflite.graph.onnx.proto import is_ours, opset_of, parse_model

OPSETS = (11, 21)
"""The oldest and the newest set of ops that is read."""

MOST_PIXELS = 2**24
"""In one input image: the file is run once at its own size."""

_STANDARD = ("", "ai.onnx")


@dataclass(frozen=True)
class Foreign:
    """A checked file, its weights inside."""

    where: str
    """Its path, for messages."""

    model: Any
    """The ModelProto."""

    opset: int
    constants: dict[str, Array]
    """Initializers by name."""

    input: str
    channels: int
    size: tuple[int | None, int | None]
    """Height and width; None where free."""

    output: str

    def place(self, node: Any) -> str:
        """What messages call a node: ``file.onnx: Conv /stem/Conv``."""
        return f"{self.where}: {node.op_type} {called(node)}"


def called(node: Any) -> str:
    """A node's name, or its outputs' where it has none."""
    return node.name or ", ".join(name for name in node.output if name)


def open_foreign(path: Path, data: bytes) -> Foreign:
    """Open any converter's file.

    Args:
        path: Where it lies; weights beside it are read from its folder alone.
        data: Its bytes.

    Raises:
        InputError: It is damaged or contradicts itself, our own already, or takes no single image N×C×H×W.
        UnsupportedError: Its opset, an op's domain or its control flow is outside what is read.
    """
    where = str(path)
    model = parse_model(data, where)
    if is_ours(model):
        quantized = any(node.op_type == "DequantizeLinear" for node in model.graph.node)
        then = (
            "export {} --int8 --height 720 --width 1280 -o model.tflite"
            if quantized
            else "ptq {} --calibrate DIR -o ptq.onnx"
        )
        raise InputError(
            f"is a {'quantized ' if quantized else ''}deploy graph already: there is nothing to fuse",
            where=where,
            hint=f"sr2tflite {then.format(quoted(path))}",
        )
    opset = _opset(model, where)
    _embed_all(model, path)
    model = _inlined(model, where)
    _refuse_strange_nodes(model, where)
    constants = {
        tensor.name: array(tensor, f"{where}: initializer {tensor.name}") for tensor in model.graph.initializer
    }
    _check(model, where)
    entry = _only([value for value in model.graph.input if value.name not in constants], "input", where)
    channels, size = _image(entry, f"{where}: input {entry.name}", path)
    output = _only(list(model.graph.output), "output", where)
    return Foreign(where, model, opset, constants, entry.name, channels, size, output.name)


def _opset(model: Any, where: str) -> int:
    found, (oldest, newest) = opset_of(model), OPSETS
    if not oldest <= found <= newest:
        raise UnsupportedError(
            f"opset {found}; expected {oldest} to {newest}",
            where=where,
            hint='python -c "import onnx, onnx.version_converter as v; '
            f"onnx.save(v.convert_version(onnx.load('{where}'), 17), 'opset17.onnx')\"",
        )
    return found


def _tensors(model: Any) -> Iterator[tuple[str, Any]]:
    for tensor in model.graph.initializer:
        yield f"initializer {tensor.name}", tensor
    functions = [node for function in model.functions for node in function.node]
    for node in [*model.graph.node, *functions]:
        for attribute in node.attribute:
            for tensor in (attribute.t, *attribute.tensors):
                yield f"{node.op_type} {called(node)}", tensor


def _embed_all(model: Any, path: Path) -> None:
    for name, tensor in _tensors(model):
        embed(tensor, path.parent, f"{path}: {name}")


def _inlined(model: Any, where: str) -> Any:
    """The model with its own functions written out."""
    if not model.functions:
        return model
    import onnx.inliner

    try:
        return onnx.inliner.inline_local_functions(model)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        raise InputError(f"its functions cannot be written out: {error}", where=where) from error


def _refuse_strange_nodes(model: Any, where: str) -> None:
    for node in model.graph.node:
        place = f"{where}: {node.op_type} {called(node)}"
        if node.domain not in _STANDARD:
            hint = "export the model with ONNX's own ops only"
            raise UnsupportedError(f"is an op of {node.domain}; expected one of ONNX's own", where=place, hint=hint)
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            hint = "export the model by tracing it, at a fixed size"
            raise UnsupportedError("is control flow; expected one straight graph", where=place, hint=hint)


def _check(model: Any, where: str) -> None:
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"breaks ONNX's own rules: {reason}", where=where, hint="make the file again") from error


def _only(values: list[Any], what: str, where: str) -> Any:
    if len(values) != 1:
        names = ", ".join(value.name for value in values) or "none"
        hint = f"export the network with one image as its only {what}"
        raise InputError(f"has {len(values)} {what}s ({names}); expected one", where=where, hint=hint)
    if not values[0].type.HasField("tensor_type"):
        raise InputError(f"{what} {values[0].name} is no tensor; expected an image", where=where)
    return values[0]


def _image(value: Any, where: str, path: Path) -> tuple[int, tuple[int | None, int | None]]:
    """Channels, height and width of the input."""
    kind = value.type.tensor_type
    dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]
    if kind.elem_type != onnx.TensorProto.FLOAT or len(dims) != 4:
        known = kind.elem_type in onnx.TensorProto.DataType.values()
        name = onnx.TensorProto.DataType.Name(kind.elem_type) if known else f"type {kind.elem_type}"
        hint = "convert the file to float32, and give its input the shape 1×C×H×W"
        raise InputError(f"is {name} of {len(dims)} axes; expected a float image N×C×H×W", where=where, hint=hint)
    batch, channels, height, width = dims
    if batch != 1:
        name = kind.shape.dim[0].dim_param or "NAME"
        hint = (
            f"python -m onnxruntime.tools.make_dynamic_shape_fixed --dim_param {name} --dim_value 1 {path} fixed.onnx"
            if batch is None
            else "export the network for one image"
        )
        raise InputError(f"has batch {batch or name}; expected 1", where=where, hint=hint)
    if width in (1, 3) and channels not in (1, 3):
        hint = "export with channels first, for example python -m tf2onnx.convert --inputs-as-nchw"
        raise InputError(f"has shape {_spelled(dims)}, channels last; expected N×C×H×W", where=where, hint=hint)
    if channels is None or any(size is not None and size < 1 for size in dims):
        raise InputError(f"has shape {_spelled(dims)}; expected a known number of channels", where=where)
    if (height or 1) * (width or 1) > MOST_PIXELS:
        hint = "export the network at a smaller size"
        raise InputError(
            f"takes images of {height}×{width}; expected at most {MOST_PIXELS:,} pixels", where=where, hint=hint
        )
    return channels, (height, width)


def _spelled(dims: list[int | None]) -> str:
    return "×".join("?" if size is None else str(size) for size in dims)
