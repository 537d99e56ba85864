"""DEQUANTIZE: ``x = s·(q − z)`` in float32.

Must equal ``reference_ops::Dequantize`` (``kernels/internal/reference/dequantize.h``) and XNNPACK's convert.
"""

from collections.abc import Sequence

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import in_strips
from sr2tflite.interpret.site import Arithmetic, Codes, Site, affine, quant
from sr2tflite.interpret.workers import Workers
from sr2tflite.numerics.qparams import dequantize


def check(site: Site) -> None:
    (x,) = site.inputs
    affine(x)
    if x.dtype not in ("int8", "uint8") or site.output.dtype != "float32":
        raise UnsupportedError(
            f"goes from {x.dtype} to {site.output.dtype}; expected int8 or uint8 to float32", where=site.where
        )


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return True


def prepare(site: Site, arithmetic: Arithmetic) -> Run:  # noqa: ARG001 - all families agree
    params = quant(site.inputs[0])

    def apply(x: Codes, to: Codes) -> None:
        to[...] = dequantize(x, params)

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        return in_strips(apply, operands, np.empty(operands[0].shape, np.float32), workers)

    return run
