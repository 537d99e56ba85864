"""The kernels: one op, one file, found by its name (``conv_2d.py`` is CONV_2D). ``_name.py`` is never a kernel.

A file says what the format demands of the op's tensors, whether XNNPACK takes the op, and how each kernel family
computes it, with the C++ function that must be equaled.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Op
from sr2tflite.graph.ops import Opaque
from sr2tflite.interpret.site import Arithmetic, Codes, Site
from sr2tflite.interpret.workers import Workers

Run = Callable[[Sequence[Codes], Workers], Codes]
"""Inputs in the node's order, constants too → the output."""


class Kernel(Protocol):
    """What a file of this package offers."""

    def check(self, site: Site) -> None:
        """Refuse tensors that the format does not allow the op, or that no kernel runs.

        Raises:
            UnsupportedError: No kernel runs these types or numbers.
            VerificationError: They break TFLite's INT8 specification.
        """

    def is_delegated(self, site: Site) -> bool:
        """Whether XNNPACK takes this op; what it does not take runs the builtin kernel."""

    def prepare(self, site: Site, arithmetic: Arithmetic) -> Run:
        """The op with its constants worked out, for images of any size."""


def names() -> list[str]:
    """The kinds of the ops that have a kernel, sorted."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.upper() for name in found if not name.startswith("_"))


def kernel(op: Op, where: str) -> Kernel:
    """The kernel of an op.

    Raises:
        UnsupportedError: There is none, or none for what its attributes say.
    """
    kind = getattr(op, "name", op.kind)
    if isinstance(op, Opaque) and kind in names():
        raise UnsupportedError(f"op {kind} has attributes or operands that its integer kernel has not", where=where)
    if kind not in names():
        raise UnsupportedError(f"op {kind} has no integer kernel; those that have: {', '.join(names())}", where=where)
    return cast(Kernel, importlib.import_module(f"{__name__}.{kind.lower()}"))
