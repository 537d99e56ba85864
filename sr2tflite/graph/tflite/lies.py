"""Files that say one thing and are run as another: LiteRT runs most of them without a word, so they are not read.

Asked of the file as it stands, before anything is made of it: files of other tools that do not fit into the deploy
graph are asked too. What LiteRT computes on each is in ``tests/graph/tflite/test_lies.py``.
"""

from collections.abc import Iterator
from itertools import product
from math import isfinite

from ai_edge_litert import schema_py_generated as schema

from sr2tflite.errors import InputError
from sr2tflite.graph.tflite.flat import FlatModel, FlatOp, FlatTensor
from sr2tflite.graph.tflite.optable import NAME_OF_BUILTIN

_CODES = {schema.TensorType.INT8: "int8", schema.TensorType.UINT8: "uint8"}
_CONVOLUTIONS = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"), (0, 1, 2)),
    "TRANSPOSE_CONV": (2, 1, 3),
}
"""Where input, weights and biases stand."""

_MOVES = (
    *("DEPTH_TO_SPACE", "RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "MINIMUM", "MAXIMUM"),
    *("PAD", "RESHAPE", "TRANSPOSE", "GATHER", "STRIDED_SLICE", "SPLIT"),
)
"""Kernels that never rescale, whatever the scales of their inputs and output are."""

CLOSE = 2.0**-20
"""Scales that differ by less, relatively, are the same number rounded to float32 on different ways (an ulp is 2⁻²³)."""

Lie = tuple[FlatTensor, str, str]
"""The tensor, what is wrong with it, and what to do."""


def refuse_lies(model: FlatModel, names: list[str], where: str) -> None:
    """Refuse a file whose integers a runtime reads otherwise than the file says.

    Args:
        model: The records of the file.
        names: Of its tensors.
        where: The file, for messages.

    Raises:
        InputError: Weights are of another 8-bit type than the activations they multiply; biases have another scale
            than input · weight; or an op that moves codes has a different scale on either side.
    """
    for _, lie in lies(model):
        tensor, message, hint = lie
        name = names[next(index for index, one in enumerate(model.tensors) if one is tensor)]
        raise InputError(message, where=f"{where}: tensor {name}", hint=hint)


def lies(model: FlatModel) -> Iterator[tuple[int, Lie]]:
    """Every op of a file that is run otherwise than the file says, by its place in the file."""
    for index, op in enumerate(model.ops):
        if any(one >= len(model.tensors) for one in (*op.inputs, *op.outputs)):
            continue  # damaged, and said so later
        if lie := _lie(op, model.tensors):
            yield index, lie


def _lie(op: FlatOp, tensors: list[FlatTensor]) -> Lie | None:
    kind = NAME_OF_BUILTIN.get(op.builtin, "")
    if kind in _CONVOLUTIONS:
        operands = [tensors[op.inputs[i]] for i in _CONVOLUTIONS[kind] if i < len(op.inputs) and op.inputs[i] >= 0]
        if len(operands) < 2 or operands[0].type not in _CODES:
            return None
        return _type_lie(*operands[:2]) or (_bias_lie(*operands[:3]) if len(operands) == 3 else None)
    if kind in _MOVES:
        ends = ([tensors[index] for index in indices if index >= 0] for indices in (op.inputs, op.outputs))
        pairs = ((x, y) for x, y in product(*ends) if x.type in _CODES and y.type in _CODES)
        return next((lie for x, y in pairs if (lie := _move_lie(kind, x, y))), None)
    return None


def _type_lie(x: FlatTensor, weight: FlatTensor) -> Lie | None:
    """Under uint8 activations CONV_2D reads the bytes of int8 weights as uint8; other mixes are refused or unknown."""
    if weight.type not in _CODES or weight.type == x.type:
        return None
    given, read = _CODES[weight.type], _CODES[x.type]
    message = f"weights are {given} and the activations they multiply {read}; expected one type"
    return weight, message, f"a runtime takes their bytes for {read}: make the file again with {read} weights"


def _bias_lie(x: FlatTensor, weight: FlatTensor, bias: FlatTensor) -> Lie | None:
    """Kernels add biases to sums of products of codes: their scale *is* s_x·s_w."""
    if bias.type == schema.TensorType.INT32 and not bias.scale:
        message = "biases have no scale; expected input scale · weight scale"
        return bias, message, "XNNPACK leaves such convolutions to kernels that round otherwise: quantize them again"
    scales = [one.scale for one in (x, weight, bias)]
    if bias.type != schema.TensorType.INT32 or len(x.scale) != 1 or not all(map(_usable, scales)):
        return None
    count = max(len(weight.scale), len(bias.scale))
    if {len(weight.scale), len(bias.scale)} - {1, count}:
        return None
    products = [x.scale[0] * scale for scale in _stretched(weight.scale, count)]
    pairs = zip(_stretched(bias.scale, count), products, strict=True)
    wrong = next((pair for pair in pairs if not _is_close(*pair)), None)
    if wrong is None:
        return None
    message = f"biases have scale {wrong[0]:.8g}; expected input scale · weight scale = {wrong[1]:.8g}"
    return bias, message, "a runtime takes the second: quantize the biases again with it"


def _move_lie(kind: str, x: FlatTensor, output: FlatTensor) -> Lie | None:
    if not (len(x.scale) == len(output.scale) == 1 and _usable(x.scale) and _usable(output.scale)):
        return None
    if _is_close(x.scale[0], output.scale[0]) and _zero(x) == _zero(output):
        return None
    message = (
        f"{kind} reads scale {x.scale[0]:.8g} and zero point {_zero(x)}, "
        f"and writes {output.scale[0]:.8g} and {_zero(output)}; expected the same"
    )
    return output, message, "a runtime moves the codes as they are: quantize both sides alike"


def _usable(scales: tuple[float, ...]) -> bool:
    return bool(scales) and all(isfinite(scale) and scale > 0 for scale in scales)


def _stretched(scales: tuple[float, ...], count: int) -> tuple[float, ...]:
    return scales * count if len(scales) == 1 else scales


def _is_close(one: float, other: float) -> bool:
    return abs(one - other) <= CLOSE * other


def _zero(tensor: FlatTensor) -> int:
    return tensor.zero_point[0] if tensor.zero_point else 0
