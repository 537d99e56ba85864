"""ADD, with broadcasting and a fused activation.

Must equal ``xnn_qs8_vadd_minmax_ukernel`` (``_qu8`` for uint8) under XNNPACK and
``reference_integer_ops::AddElementwise`` (``kernels/internal/reference/integer_ops/add.h``) under the reference
kernels. The builtin kernel's vectors round otherwise and wrap at 16 bits: ``optimized_integer_ops::Add``
(``kernels/internal/optimized/integer_ops/add.h``) and, for uint8, ``optimized_ops::Add``. int16 is
``reference_ops::AddElementwise`` (``kernels/internal/reference/add.h``), but for the vectors of images of one shape.
"""

from collections.abc import Sequence

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import binary, scales
from sr2tflite.interpret.kernels._inner_loop import Vectors, in_inner_loops
from sr2tflite.interpret.kernels._sum import check_sum as check
from sr2tflite.interpret.kernels._sum import is_delegated, prepare_sum
from sr2tflite.interpret.site import Arithmetic, Codes, Site, affine
from sr2tflite.interpret.workers import Workers
from sr2tflite.numerics import builtin

__all__ = ["check", "is_delegated", "prepare"]

_VECTOR = {"int8": 16, "uint8": 8, "int16": 16}
"""Codes that the builtin kernel computes at a time."""

_SCALAR_VECTOR = 8
"""The same where one input is a single value."""


def prepare(site: Site, arithmetic: Arithmetic) -> Run:
    plain = prepare_sum(site, arithmetic, 1)
    if arithmetic != "builtin":
        return plain
    dtype = site.output.dtype
    if dtype == "int16":
        return _where_shapes_are_equal(_vector_16(site), plain)
    elementwise = Vectors(_vector(site, shifts_first=dtype == "int8"), _VECTOR[dtype])
    return in_inner_loops(elementwise, Vectors(_vector(site, shifts_first=False), _SCALAR_VECTOR), plain)


def _vector(site: Site, *, shifts_first: bool) -> Run:
    (a, b), out = scales(site)
    zero = affine(site.output)[1]
    return binary(
        site,
        lambda x, y: builtin.narrowed(
            builtin.add_in_vectors(x, y, (a, b), out, shifts_first=shifts_first), zero, saturates=False
        ),
        "builtin",
    )


def _vector_16(site: Site) -> Run:
    (a, b), out = scales(site)
    bits = builtin.SUM_BITS["int16"]
    return binary(site, lambda x, y: builtin.add_in_vectors(x, y, (a, b), out, shifts_first=True, bits=bits), "builtin")


def _where_shapes_are_equal(vector: Run, plain: Run) -> Run:
    """Vectors for most of the outputs; where an input broadcasts, for none."""

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        first, second = operands
        out = vector(operands, workers)
        if not first.size == second.size == out.size:
            return plain(operands, workers)
        whole = out.size // _VECTOR["int16"] * _VECTOR["int16"]
        out.reshape(-1)[whole:] = plain([operand.reshape(-1)[whole:] for operand in operands], workers)
        return out

    return run
