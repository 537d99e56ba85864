"""DEQUANTIZE: ``x = s·(q − z)`` in float32.

Must equal ``reference_ops::Dequantize`` (``kernels/internal/reference/dequantize.h``) and XNNPACK's
convert. The builtin kernel computes most values as ``s·q + (−z·s)``, as ``optimized_ops::Dequantize`` does with NEON.
"""

from collections.abc import Callable, Sequence

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import in_strips, in_vectors
from sr2tflite.interpret.site import UP_TO_16_BITS, Arithmetic, Codes, Site, quant
from sr2tflite.interpret.workers import Workers
from sr2tflite.numerics.qparams import dequantize, dequantize_in_two

_VECTOR = 8
"""Codes that the builtin kernel computes at a time."""


def check(site: Site) -> None:
    (x,) = site.inputs
    site.one_scale_each(x)
    if x.dtype not in UP_TO_16_BITS or site.output.dtype != "float32":
        raise UnsupportedError(
            f"goes from {x.dtype} to {site.output.dtype}; expected int8, uint8 or int16 to float32", where=site.where
        )


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return True


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    params = quant(site.inputs[0])
    plain = _run(lambda x: dequantize(x, params))
    if arithmetic != "builtin":
        return plain
    return in_vectors(_run(lambda x: dequantize_in_two(x, params)), plain, _VECTOR)


def _run(compute: Callable[[Codes], Codes]) -> Run:
    def apply(x: Codes, to: Codes) -> None:
        to[...] = compute(x)

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        return in_strips(apply, operands, np.empty(operands[0].shape, np.float32), workers)

    return run
