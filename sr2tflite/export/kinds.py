"""What kinds of file there are, and which backend can make which."""

from typing import Literal, get_args

from sr2tflite.errors import InputError

Kind = Literal["int8", "float32", "float16", "dynamic-range"]
"""int8: integers only, of a quantized graph. The others are of a float graph: float32 throughout; float16 weights;
dynamic-range: int8 weights, activations quantized while the file runs."""

Backend = Literal["direct", "onnx2tf"]
"""direct: the graph's own codec. onnx2tf: onnx2tf and TFLiteConverter."""

KINDS: tuple[Kind, ...] = get_args(Kind)
BACKENDS: tuple[Backend, ...] = get_args(Backend)

_OF_QUANTIZED = ("int8",)
_BY_DIRECT = ("int8", "float32")


def needs_scales(kind: Kind) -> bool:
    """Whether a file of this kind is made of a quantized graph."""
    return kind in _OF_QUANTIZED


def has_two_backends(kind: Kind) -> bool:
    """Whether both backends make this kind, so that each can check the other."""
    return kind in _BY_DIRECT


def backend_for(kind: Kind, asked: Backend | None) -> Backend:
    """The backend that makes a file: the one asked for, or the direct one where it can.

    Raises:
        InputError: The one asked for does not make this kind.
    """
    if asked == "direct" and kind not in _BY_DIRECT:
        raise InputError(
            f"the direct backend writes {', '.join(sorted(_BY_DIRECT))}; {kind} is asked for",
            hint=f"sr2tflite export --{kind} --backend onnx2tf …",
        )
    return asked or ("direct" if kind in _BY_DIRECT else "onnx2tf")
