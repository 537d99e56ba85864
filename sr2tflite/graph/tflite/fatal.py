"""What a runtime's C++ does not survive: LiteRT asserts it of numbers it takes for granted, or takes all memory.

Asked of the file as it stands, before it is a graph: of files of other tools too, whatever else is in them.
"""

from collections.abc import Iterator

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from sr2tflite.errors import InputError
from sr2tflite.graph.tflite.flat import FlatModel, FlatOp, FlatTensor
from sr2tflite.graph.tflite.optable import NAME_OF_BUILTIN
from sr2tflite.graph.tflite.soundness import HINT

_TYPE = schema.TensorType
_CODES = {_TYPE.INT8: "int8", _TYPE.UINT8: "uint8", _TYPE.INT16: "int16"}
_EIGHT_BITS = (_TYPE.INT8, _TYPE.UINT8)

_SUMS = ("ADD", "SUB")

_SHIFTS = {_TYPE.INT8: 20, _TYPE.UINT8: 20, _TYPE.INT16: 15}
"""By how many bits the builtin sums enlarge what they add (``add.cc: Prepare``, ``left_shift``)."""

_RESCALING = (
    *_SUMS, "MUL", "DIV", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "PRELU", "LEAKY_RELU",
    "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LOGISTIC", "TANH", "HARD_SWISH", "DEQUANTIZE",
)  # fmt: skip
"""Ops that make numbers of codes: without a scale the codes mean nothing to them."""

_NEED_OPTIONS = ("SPLIT", "SPLIT_V", "STRIDED_SLICE")

Fault = tuple[int, str, str]
"""The tensor, what is wrong with it, and what to do."""


def refuse_fatal(model: FlatModel, names: list[str], where: str) -> None:
    """Refuse a file that would end the process that runs it.

    Args:
        model: The records of the file, sound.
        names: Of its tensors.
        where: The file, for messages.

    Raises:
        InputError: An op has another's options, codes without a scale are computed with, scales are too far apart to
            be added, or an image is resized to another size than it says.
    """
    for op in model.ops:
        _refuse_strange_options(op, where)
        for index, message, hint in _faults(op, model.tensors):
            raise InputError(message, where=f"{where}: tensor {names[index]}", hint=hint)


def _refuse_strange_options(op: FlatOp, where: str) -> None:
    """Where it finds no options of its own, an op's kernel reads what happens to lie in memory."""
    kind = NAME_OF_BUILTIN.get(op.builtin, "")
    wanted = getattr(schema.BuiltinOptions, "".join(part.capitalize() for part in kind.split("_")) + "Options", None)
    none = schema.BuiltinOptions.NONE
    if (wanted is not None and op.options_type not in (none, wanted)) or (kind in _NEED_OPTIONS and op.options is None):
        whose = "no" if op.options_type == none else "another op's"
        raise InputError(f"{kind} has {whose} options", where=where, hint=HINT)


def _faults(op: FlatOp, tensors: list[FlatTensor]) -> Iterator[Fault]:
    kind = NAME_OF_BUILTIN.get(op.builtin, "")
    if kind.startswith("RESIZE_") and len(op.inputs) == 2 and len(op.outputs) == 1 and op.inputs[1] != -1:
        yield from _resized(kind, tensors[op.inputs[1]], op.outputs[0], tensors)
    if kind not in _RESCALING:
        return
    named = [index for index in (*op.inputs, *op.outputs) if index != -1]
    for index in named:
        tensor = tensors[index]
        if tensor.type in (_SHIFTS if kind in _SUMS else _EIGHT_BITS) and not tensor.scale:
            message = f"is {_CODES[tensor.type]} without a scale, and {kind} computes with it; expected a scale"
            yield index, message, "quantize the model again"
    if kind in _SUMS and len(op.outputs) == 1 and tensors[op.outputs[0]].type in _SHIFTS:
        yield from _far_apart(kind, op, tensors)


def _resized(kind: str, size: FlatTensor, index: int, tensors: list[FlatTensor]) -> Iterator[Fault]:
    """A runtime makes what the size input says, however large."""
    said = tensors[index].shape[1:3]
    if size.type != _TYPE.INT32 or size.data is None or len(size.data) != 8 or len(tensors[index].shape) != 4:
        return
    made = tuple(np.frombuffer(size.data.tobytes(), np.int32).tolist())
    if any(one not in (-1, other) for one, other in zip(said, made, strict=True)):
        yield index, f"is {said[0]}×{said[1]}, and {kind} makes it {made[0]}×{made[1]}; expected the same", HINT


def _far_apart(kind: str, op: FlatOp, tensors: list[FlatTensor]) -> Iterator[Fault]:
    """The output's multiplier, ``2·max(s_a, s_b) / (2^shift·s_out)``, must be under 1."""
    output = tensors[op.outputs[0]]
    largest = max((tensors[index].scale[0] for index in op.inputs if index != -1 and tensors[index].scale), default=0.0)
    limit = 2.0 ** (_SHIFTS[output.type] - 1)
    if largest / output.scale[0] >= limit:
        message = f"has scale {output.scale[0]:.3g}, and {kind} reads scale {largest:.3g}"
        yield op.outputs[0], f"{message}; expected a ratio under {limit:.0f}", "quantize the model again"
