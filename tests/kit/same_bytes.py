"""Two quantized graphs that give the same bytes, whatever kernels run them."""

import numpy as np

from sr2tflite.graph import Graph, tflite
from sr2tflite.runtime import Kernels, LiteRT


def assert_same_bytes(before: Graph, after: Graph, families: tuple[Kernels, ...] = tuple(Kernels)) -> None:
    """On noise of every code."""
    shape, dtype = before.input.shape, np.dtype(before.input.dtype)
    rng = np.random.default_rng(0)
    x = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, shape).astype(dtype) if dtype.kind in "iu" else None
    codes = rng.uniform(0, 255, shape).astype(np.float32) if x is None else x
    for kernels in families:
        outputs = [LiteRT(tflite.write(graph), kernels).run(codes) for graph in (before, after)]
        assert np.array_equal(*outputs), kernels
