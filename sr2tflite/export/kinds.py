"""What kinds of file there are, and which backend can make which."""

from typing import TYPE_CHECKING, Literal, get_args

from sr2tflite.errors import InputError

if TYPE_CHECKING:  # the command line reads this file at its start, without NumPy
    from sr2tflite.graph.passes.file_io import FileIO

Kind = Literal["int8", "uint8", "float32", "float16", "dynamic-range"]
"""int8, uint8: integers only, of a quantized graph. The others are of a float graph: float32 throughout; float16
weights; dynamic-range: int8 weights, activations quantized while the file runs."""

Backend = Literal["direct", "onnx2tf"]
"""direct: the graph's own codec. onnx2tf: onnx2tf and TFLiteConverter."""

KINDS: tuple[Kind, ...] = get_args(Kind)
BACKENDS: tuple[Backend, ...] = get_args(Backend)

_OF_QUANTIZED = ("int8", "uint8")
_BY_DIRECT = ("int8", "uint8", "float32")
_BY_ONNX2TF = ("int8", "float32", "float16", "dynamic-range")


def needs_scales(kind: Kind) -> bool:
    """Whether a file of this kind is made of a quantized graph."""
    return kind in _OF_QUANTIZED


def has_two_backends(kind: Kind) -> bool:
    """Whether both backends make this kind, so that each can check the other."""
    return kind in _BY_DIRECT and kind in _BY_ONNX2TF


def ends_for(kind: Kind, asked: "FileIO | None") -> "FileIO":
    """The type of a file's ends: the one asked for, or int8; a uint8 file's are uint8, a float file's float32.

    Raises:
        InputError: A uint8 file with other ends is asked for.
    """
    if kind == "uint8" and asked not in (None, "uint8"):
        raise InputError(f"a uint8 file with {asked} ends is asked for; expected uint8", hint="leave --io out")
    if kind == "uint8":
        return "uint8"
    return (asked or "int8") if needs_scales(kind) else "float32"


def backend_for(kind: Kind, asked: Backend | None) -> Backend:
    """The backend that makes a file: the one asked for, or the direct one where it can.

    Raises:
        InputError: The one asked for does not make this kind.
    """
    if asked is not None and kind not in (kinds := {"direct": _BY_DIRECT, "onnx2tf": _BY_ONNX2TF}[asked]):
        raise InputError(
            f"the backend {asked} writes {', '.join(sorted(kinds))}; {kind} is asked for",
            hint=f"leave --backend out: sr2tflite export --{kind} …",
        )
    return asked or ("direct" if kind in _BY_DIRECT else "onnx2tf")
