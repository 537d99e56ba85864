"""What LiteRT makes of an image with the file of a quantized view."""

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import tflite
from sr2tflite.graph.shapes import with_size
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import LiteRT


def on_device(view: QuantizedView, image: NDArray[np.uint8], *, fixed: bool = False) -> NDArray[np.uint8]:
    """The image enlarged, height × width × 3."""
    codes = (image.astype(np.int16) - 128).astype(np.int8)[None]
    graph = with_size(view.freeze(), *image.shape[:2]) if fixed else view.freeze()
    return (LiteRT(tflite.write(graph)).run(codes)[0].astype(np.int16) + 128).astype(np.uint8)
