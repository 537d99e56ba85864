"""One ONNX node into one op, strictly: the op is spelled again and must come out as it stood."""

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.graph.onnx.optable import ACTIVATIONS, EXTRA_INPUTS, Context, Spelling, decode, spell
from sr2tflite.graph.onnx.qdq import Constant

Constants = dict[str, Constant]
_HINT = "give an .onnx that `sr2tflite fuse`, `ptq` or `qat` wrote"
_LEFT_OUT: NDArray[Any] = np.array(())
_FAULTS = (KeyError, ValueError, TypeError, IndexError, OverflowError, AttributeError, ZeroDivisionError)
"""What decoding meets in attributes that are not those of any op of the set."""


def graph_inputs(proto: Any) -> tuple[str, ...]:
    """The inputs that are the deploy graph's too."""
    extra = EXTRA_INPUTS.get(proto.op_type, 0)
    return tuple(proto.input[: len(proto.input) - extra])


def decode_node(proto: Any, constants: Constants, channels: int, kind: str | None, where: str) -> ops.Op:
    """The op an ONNX node stands for, without its fused activation.

    Args:
        proto: The node.
        constants: Every constant of the file met so far.
        channels: Of the node's first input.
        kind: The op's kind where the file's notes say it.
        where: The node, for messages.

    Raises:
        UnsupportedError: The op type or its attributes are outside what the writer emits.
    """
    try:
        weight = _weight_OIHW(proto, constants)
        attributes = _attributes(proto)
        is_depthwise = bool(weight) and attributes["group"] > 1 and weight[1] == 1
        kind = kind or ("DEPTHWISE_CONV_2D" if is_depthwise else "CONV_2D")
        op = decode(proto.op_type, attributes, _extra(proto, constants), kind)
        if isinstance(op, ops.DepthwiseConv2D):
            op = replace(op, multiplier=weight[0] // channels)
        spelling = spell(op, Context(channels, weight)) if op else None
        is_same = spelling is not None and _matches(proto, spelling, constants)
    except _FAULTS as error:
        raise UnsupportedError(_attributes_refused(proto), where=where, hint=_HINT) from error
    if op is None or spelling is None:
        raise UnsupportedError(f"ONNX op {proto.op_type} is not supported", where=where, hint=_HINT)
    if not is_same:
        raise UnsupportedError(_attributes_refused(proto), where=where, hint=_HINT)
    return op


def _attributes_refused(proto: Any) -> str:
    names = ", ".join(sorted(attribute.name for attribute in proto.attribute)) or "none"
    return f"ONNX op {proto.op_type} is not supported with these attributes ({names}) and constant inputs"


def activation_of(proto: Any, constants: Constants, where: str) -> ops.Activation:
    """The fused activation that a node stands for.

    Raises:
        UnsupportedError: It stands for none.
    """
    for activation, spelling in ACTIVATIONS.items():
        if _matches(proto, spelling, constants):
            return activation
    raise UnsupportedError(f"is followed by {proto.op_type}; expected an activation", where=where)


def _weight_OIHW(proto: Any, constants: Constants) -> tuple[int, ...]:  # noqa: N802
    if proto.op_type != "Conv":
        return ()
    shape = constants[proto.input[1]].value.shape
    if len(shape) != 4 or min(shape) < 1:
        raise ValueError(f"weight {shape}")
    return shape


def _attributes(proto: Any) -> dict[str, Any]:
    values = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in proto.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def _extra(proto: Any, constants: Constants) -> list[NDArray[Any]]:
    """The inputs that are attributes in disguise; KeyError where one is not constant."""
    names = proto.input[len(graph_inputs(proto)) :]
    return [constants[name].value if name else _LEFT_OUT for name in names]


def _matches(proto: Any, spelling: Spelling, constants: Constants) -> bool:
    """Whether a node is this spelling, attribute for attribute and constant for constant."""
    wanted = onnx.helper.make_node(spelling.op_type, [], [], **spelling.attributes)
    if proto.op_type != wanted.op_type or _sorted_attributes(proto) != _sorted_attributes(wanted):
        return False
    try:
        found = _extra(proto, constants)
    except KeyError:
        return False
    return len(found) == len(spelling.extra) and all(map(_same, found, spelling.extra.values()))


def _same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())


def _sorted_attributes(proto: Any) -> list[bytes]:
    return sorted(attribute.SerializeToString(deterministic=True) for attribute in proto.attribute)
