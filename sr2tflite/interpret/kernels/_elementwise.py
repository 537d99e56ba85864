"""Elementwise kernels: a table of all codes for one input, strips of rows for two."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Tensor
from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.site import EIGHT_BITS, UP_TO_16_BITS, Arithmetic, Codes, Site, affine, limits
from sr2tflite.interpret.workers import Workers
from sr2tflite.numerics.fixed_point import LARGEST_FACTOR

Centered = NDArray[Any]
"""Codes minus their zero point."""

_BYTES_AN_ELEMENT = 32
"""What an element takes while it is computed: a few 64-bit integers."""


def check_affine_16(site: Site) -> None:
    """As ``check_affine``, for ops that have int16 kernels too."""
    check_affine(site, UP_TO_16_BITS)


def check_affine(site: Site, expected: tuple[str, ...] = EIGHT_BITS) -> None:
    """Refuse tensors that are not of one type, of 8 bits if not told otherwise, with a scale each."""
    site.dtype(expected)
    site.one_scale_each(*site.inputs, site.output)


def refuse_factors(site: Site, *factors: float) -> None:
    """Refuse factors that no fixed-point number holds.

    Args:
        site: The op.
        factors: What its kernels multiply with.

    Raises:
        UnsupportedError: One is 2³⁰ or more.
    """
    largest = max(abs(factor) for factor in factors)
    if not largest < LARGEST_FACTOR:
        raise UnsupportedError(f"multiplies by {largest:.3g}; expected under 2^30", where=site.where)


def span(tensor: Tensor) -> int:
    """Largest magnitude of a code minus the zero point."""
    (low, high), zero = limits(tensor), affine(tensor)[1]
    return max(high - zero, zero - low)


def scales(site: Site) -> tuple[tuple[float, ...], float]:
    """The inputs' scales and the output's."""
    return tuple(affine(tensor)[0] for tensor in site.inputs), affine(site.output)[0]


def unary(site: Site, compute: Callable[[Centered], Centered], ends: tuple[int, int]) -> Run:
    """``clip(compute(q − z_x) + z)`` by a table of all codes, of 8 or 16 bits."""
    (x,) = site.inputs
    dtype = np.dtype(x.dtype)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    codes = np.arange(256**dtype.itemsize, dtype=unsigned).view(dtype).astype(np.int64)
    table = np.clip(compute(codes - affine(x)[1]) + affine(site.output)[1], *ends).astype(site.output.dtype)

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        out = np.empty(operands[0].shape, table.dtype)
        return in_strips(lambda x, to: np.take(table, x.view(unsigned), out=to), operands, out, workers)

    return run


def binary(site: Site, compute: Callable[[Centered, Centered], Centered], arithmetic: Arithmetic) -> Run:
    """``clip(compute(q_a − z_a, q_b − z_b) + z)``, broadcasting."""
    zero_a, zero_b = (affine(tensor)[1] for tensor in site.inputs)
    zero, (low, high) = affine(site.output)[1], site.code_range(arithmetic)

    def apply(a: Codes, b: Codes, to: Codes) -> None:
        to[...] = np.clip(compute(a.astype(np.int32) - zero_a, b.astype(np.int32) - zero_b) + zero, low, high)

    return joined(apply, np.dtype(site.output.dtype))


def joined(apply: Callable[..., Any], dtype: np.dtype[Any]) -> Run:
    """A kernel of two inputs that broadcast; ``apply`` takes both and where the codes go."""

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        out = np.empty(np.broadcast_shapes(*(operand.shape for operand in operands)), dtype)
        return in_strips(apply, operands, out, workers)

    return run


def in_strips(apply: Callable[..., Any], operands: Sequence[Codes], out: Codes, workers: Workers) -> Codes:
    """Apply to strips of rows, so that temporaries stay in the cache; ``out`` is returned."""
    if out.ndim != 4:
        apply(*operands, out)
        return out

    def strip(first: int, last: int) -> None:
        apply(*(_rows(operand, out.shape[1], first, last) for operand in operands), out[:, first:last])

    workers.strips(out.shape[1], out[:, 0].size * _BYTES_AN_ELEMENT, strip)
    return out


def in_vectors(vector: Run, plain: Run, size: int) -> Run:
    """A builtin kernel that takes ``size`` values at a time with NEON's instructions, and the last few without."""

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        codes = vector(operands, workers)
        whole = codes.size // size * size
        codes.reshape(-1)[whole:] = plain([operands[0].reshape(-1)[whole:]], workers)
        return codes

    return run


def _rows(operand: Codes, height: int, first: int, last: int) -> Codes:
    """The rows of an operand that has them; one that broadcasts stays whole."""
    return operand[:, first:last] if operand.ndim == 4 and operand.shape[1] == height > 1 else operand
