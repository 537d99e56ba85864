"""LOGISTIC and TANH of int16."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError, VerificationError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import unary
from sr2tflite.interpret.site import Arithmetic, Site, affine, limits, quant
from sr2tflite.numerics import sigmoid_table
from sr2tflite.numerics.sigmoid_table import LARGEST_SCALE, SCALE_OUT


def check_sigmoid(site: Site) -> None:
    """Refuse another output scale than the kernels write, and input scales that overflow them."""
    if affine(site.output)[0] != SCALE_OUT:
        raise VerificationError(
            f"{site.op.kind} writes {quant(site.output)}; expected scale 2^-15 and zero point 0",
            where=site.output.name,
        )
    scale = affine(site.inputs[0])[0]
    if scale >= LARGEST_SCALE:
        raise UnsupportedError(f"reads scale {scale:.3g}; expected under {LARGEST_SCALE:.3g}", where=site.where)


def prepare_sigmoid(site: Site, arithmetic: Arithmetic, compute: Callable[[NDArray[Any], float], Any]) -> Run:
    """The function by a table of all codes.

    Raises:
        UnsupportedError: The builtin kernel has a second way of its own for this scale.
    """
    scale = affine(site.inputs[0])[0]
    if arithmetic != "reference" and sigmoid_table.is_fixed_point(site.op.kind, scale):
        raise UnsupportedError(
            f"reads int16 of scale {scale}, which a builtin kernel computes in a way that is not modeled",
            where=site.where,
            hint="take a scale that is not a power of two",
        )
    return unary(site, lambda v: compute(v, scale), limits(site.output))
