"""TANH: a table of 256 codes, made in floating point.

Must equal XNNPACK's ``xnn_unary_tanh`` table (ties to even) and, under all other kernels, ``LUTPopulate``
(``kernels/internal/common.h``) of ``std::tanh`` (ties away from zero).
"""

import numpy as np
from numpy.typing import NDArray

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import check_affine, scales, unary
from sr2tflite.interpret.site import Arithmetic, Site, limits
from sr2tflite.numerics import builtin

check = check_affine


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return True


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    (x,), out = scales(site)
    half_even = arithmetic == "xnnpack"
    return unary(site, lambda v: builtin.table(_tanh, v, x, out, half_even=half_even), limits(site.output))


def _tanh(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.tanh(x.astype(np.float64)).astype(np.float32)
