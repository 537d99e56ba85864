"""MINIMUM of codes, which share scale and zero point: XNNPACK takes none in integers.

Must equal ``reference_ops::MaximumMinimumBroadcastSlow`` (``kernels/internal/reference/maximum_minimum.h``).
"""

import numpy as np

from sr2tflite.interpret.kernels import Run
from sr2tflite.interpret.kernels._elementwise import joined
from sr2tflite.interpret.kernels._move import check_shared_16 as check
from sr2tflite.interpret.site import Arithmetic, Site

__all__ = ["check", "is_delegated", "prepare"]


def is_delegated(site: Site) -> bool:  # noqa: ARG001 - the protocol's
    return False


def prepare(site: Site, arithmetic: Arithmetic) -> Run:  # noqa: ARG001 - all families agree
    return joined(lambda a, b, to: np.minimum(a, b, out=to), np.dtype(site.output.dtype))
