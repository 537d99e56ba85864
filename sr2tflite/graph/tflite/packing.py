"""How codes lie in a file: whole bytes, little end first; int4 two to a byte, the first in the low half."""

import math

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph.model import Shape, Tensor


def packed(tensor: Tensor) -> bytes:
    """The bytes of a constant.

    int4 must equal ``tensor_utils::PackInt8IntoDenseInt4`` (``kernels/internal/portable_tensor_utils.cc``).
    """
    assert tensor.data is not None
    if tensor.dtype != "int4":
        return tensor.data.tobytes()
    codes = tensor.data.reshape(-1).view(np.uint8) & 0x0F
    pairs = np.append(codes, np.zeros(codes.size % 2, np.uint8)).reshape(-1, 2)
    return bytes(pairs[:, 0] | pairs[:, 1] << 4)


def unpacked(data: NDArray[np.uint8], dtype: str, shape: Shape) -> NDArray[np.generic]:
    """The codes of a constant, int4 one to an int8; the inverse of ``packed``."""
    sizes = tuple(size or 0 for size in shape)
    if dtype != "int4":
        return np.frombuffer(data.tobytes(), dtype).reshape(sizes)
    halves = np.stack([data << 4, data], -1).reshape(-1)[: math.prod(sizes)].view(np.int8)
    codes: NDArray[np.int8] = (halves >> 4).reshape(sizes)
    return codes
