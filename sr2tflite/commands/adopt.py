"""A foreign QDQ file as a quantized graph of ours, and how far LiteRT's answers are from onnxruntime's."""

import numpy as np
from numpy.typing import NDArray

from sr2tflite.export import direct
from sr2tflite.fuse import Fused
from sr2tflite.fuse.certificate import Integers
from sr2tflite.fuse.foreign.fuse import FusedFile
from sr2tflite.graph import Graph, tflite
from sr2tflite.graph.said import Said
from sr2tflite.ort import open_session
from sr2tflite.quant.adopt import adopt
from sr2tflite.runtime import LiteRT

SIZE = (36, 44)
"""Height and width of the image where the file leaves them free."""

Pixels = NDArray[np.int64]


def adopted(file: FusedFile, said: Said) -> Fused:
    """The quantized graph that holds a file's integers; the certificate says what it could not hold.

    Raises:
        UnsupportedError: An op has no integers here, an activation is rounded nowhere, or a runtime would refuse
            the scales.
    """
    found = adopt(file.graph, said)
    height, width = (given or free for given, free in zip(file.foreign.size, SIZE, strict=True))
    image = np.random.default_rng(0).integers(0, 256, (1, height, width, file.foreign.channels))
    steps = np.abs(_ours(found.graph, image) - _theirs(file, image))
    integers = Integers(
        kept=found.kept,
        total=found.total,
        changes=tuple(f"{change.where}: {change.reason}" for change in found.changes),
        size=(height, width),
        largest_difference=int(steps.max()),
        differing=float((steps > 0).mean()),
    )
    return Fused(found.graph, file.certificate.model_copy(update={"integers": integers}))


def _ours(graph: Graph, image: Pixels) -> Pixels:
    _, height, width, _ = image.shape
    data = tflite.write(direct.prepare(graph, height=height, width=width, io="int8"))
    return LiteRT(data).run((image - 128).astype(np.int8)).astype(np.int64) + 128


def _theirs(file: FusedFile, image: Pixels) -> Pixels:
    white = file.graph.value_range[1]
    x = (image.transpose(0, 3, 1, 2) / np.float32(255 / white)).astype(np.float32)
    session = open_session(file.foreign.model.SerializeToString(), file.foreign.where)
    (y,) = session.run([file.foreign.output], {file.foreign.input: x})
    pixels: Pixels = np.clip(np.rint(y * np.float32(255 / white)), 0, 255).astype(np.int64)
    return pixels.transpose(0, 2, 3, 1)
