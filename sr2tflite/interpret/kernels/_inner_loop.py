"""How the builtin kernels of two inputs walk: an inner loop over contiguous outputs, most of it in vectors of NEON."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.site import Codes
from sr2tflite.interpret.workers import Workers

Shape = tuple[int, ...]


@dataclass(frozen=True)
class InnerLoop:
    """One pass of the innermost loop, which is repeated until all outputs are there."""

    length: int
    """Outputs of a pass."""

    reads_scalar: bool
    """Whether one of the inputs is a single value for the whole pass."""

    @classmethod
    def over(cls, first: Shape, second: Shape) -> "InnerLoop | None":
        """The loop over two inputs that broadcast, or None where no vectors run.

        Must equal ``ProcessBroadcastShapes`` (``kernels/internal/common.cc``) with ``BinaryBroadcastFiveFold``
        (``kernels/internal/optimized/optimized_ops.h``).
        """
        rank = max(len(first), len(second))
        a, b = ((1,) * (rank - len(shape)) + shape for shape in (first, second))
        if a == b:
            return cls(prod(a), reads_scalar=False)
        unequal = max(i for i in range(rank) if a[i] != b[i])
        if a[unequal] != 1:
            a, b = b, a
        folds, left = _folds(a, b)
        if left:
            return None
        return cls(folds[0], reads_scalar=False) if folds[0] > 1 else cls(folds[1], reads_scalar=True)


def _folds(a: Shape, b: Shape) -> tuple[list[int], bool]:
    """Sizes of five runs of axes, from the last axis on, and whether axes are left.

    In the first, third and fifth run both have the same sizes; ``a`` is 1 along the second, ``b`` along the fourth.
    """
    folds, axis = [], len(a) - 1
    for fold in range(5):
        size = 1
        while axis >= 0 and (a[axis] == b[axis] if fold % 2 == 0 else (a, b)[fold // 2][axis] == 1):
            size *= max(a[axis], b[axis])
            axis -= 1
        folds.append(size)
    return folds, axis >= 0


@dataclass(frozen=True)
class Vectors:
    """What a builtin kernel does with most outputs of a pass of the inner loop."""

    run: Run
    size: int
    """How many outputs it makes at a time; the last few of a pass are left to plain C++."""


def in_inner_loops(elementwise: Vectors, scalar: Vectors, plain: Run) -> Run:
    """A builtin kernel of two inputs; ``scalar`` is for inner loops of one value and many."""

    def run(operands: Sequence[Codes], workers: Workers) -> Codes:
        first, second = operands
        loop = InnerLoop.over(first.shape, second.shape)
        if loop is None:
            return plain(operands, workers)
        vectors = scalar if loop.reads_scalar else elementwise
        whole = loop.length // vectors.size * vectors.size
        if not whole:
            return plain(operands, workers)
        out = vectors.run(operands, workers)
        if whole < loop.length:
            rest = plain(operands, workers).reshape(-1, loop.length)[:, whole:]
            out.reshape(-1, loop.length)[:, whole:] = rest
        return out

    return run
