"""Running a ``.tflite`` through LiteRT: raw pixels in, raw pixels out."""

from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError
from sr2tflite.evaluate.runners import Image, Network, scale_between, to_pixels
from sr2tflite.evaluate.tiling import FixedSize
from sr2tflite.graph import Graph
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.graph.ops import Opaque
from sr2tflite.numerics.qparams import LIMITS
from sr2tflite.runtime import LiteRT, rehearse

_RAW_ZERO_POINT = {"int8": -128, "uint8": 0}
_PROBE = 16


@dataclass(frozen=True)
class Pixels:
    """How pixels become the numbers of a file's input or output: ``q = clip(round(p·unit / scale) + zero_point)``.

    With ``unit = scale = 1`` the codes are the raw pixels (int8: pixel − 128), which is what this project's files take
    and what a caller that never looks at the quantization gives them.
    """

    dtype: str
    unit: float = 1.0
    """Real value of one pixel step: 1, or 1/255 in files whose white is 1."""

    scale: float = 1.0
    zero_point: int = 0

    @property
    def _is_shifted(self) -> bool:
        """Whether codes are pixels plus the zero point, so that integers do; an output may hold 25 million of them."""
        return self.dtype != "float32" and self.unit == self.scale

    def encode(self, image: Image) -> NDArray[Any]:
        if self.dtype == "float32":
            return (image * np.float32(self.unit)).astype(np.float32)
        low, high = LIMITS[self.dtype]
        if self._is_shifted:
            return np.asarray(np.clip(image.astype(np.int16) + self.zero_point, low, high), self.dtype)
        codes = np.rint(image * (self.unit / self.scale)) + self.zero_point
        return np.asarray(np.clip(codes, low, high), self.dtype)

    def decode(self, numbers: NDArray[Any]) -> Image:
        if self.dtype == "float32":
            return to_pixels(numbers / np.float32(self.unit))
        if self._is_shifted:
            return np.clip(numbers.astype(np.int16) - self.zero_point, 0, 255).astype(np.uint8)
        return to_pixels((numbers.astype(np.float64) - self.zero_point) * (self.scale / self.unit))

    def note(self, end: str) -> tuple[str, ...]:
        """What to tell of a file whose codes are not the raw pixels."""
        if self.dtype == "float32" or (self._is_shifted and self.zero_point == _RAW_ZERO_POINT[self.dtype]):
            return ()
        return (f"{end} is not raw pixels: its scale {self.scale:.8g} and zero point {self.zero_point} were applied",)


def pixels_of(detail: dict[str, Any], where: str, unit: float = 1.0) -> Pixels:
    """The pixel code of a file's input or output tensor.

    A quantized tensor that spans less than two units holds values 0…1; any other one holds pixel values.

    Raises:
        InputError: It is not an RGB image of int8, uint8 or float32.
    """
    dtype, shape = np.dtype(detail["dtype"]).name, [int(size) for size in detail["shape"]]
    if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or dtype not in ("float32", *_RAW_ZERO_POINT):
        raise InputError(
            f"{detail['name']} is {dtype} {shape}; expected int8, uint8 or float32 [1, H, W, 3]", where=where
        )
    if dtype == "float32":
        return Pixels(dtype, unit)
    scales, zero_points = (detail["quantization_parameters"][key] for key in ("scales", "zero_points"))
    if len(scales) != 1:
        return Pixels(dtype, zero_point=_RAW_ZERO_POINT[dtype])
    scale, zero_point = float(scales[0]), int(zero_points[0])
    unit = 1 / 255 if scale * 255 < 2 else 1.0
    return Pixels(dtype, unit, unit if isclose(scale, unit, rel_tol=1e-5) else scale, zero_point)


@dataclass(frozen=True)
class _File:
    engine: LiteRT
    taken: Pixels
    given: Pixels

    def __call__(self, lr: Image, *, strict: bool = True) -> Image:
        return self.given.decode(self.engine.run(self.taken.encode(lr)[None], strict=strict)[0])

    def scale(self) -> int:
        probe = self.engine.fixed_size or (_PROBE, _PROBE)
        height, width, _ = self(np.zeros((*probe, 3), np.uint8)).shape
        return scale_between(probe, (height, width), self.engine.where)


def survived(data: bytes, where: str) -> Graph | None:
    """The graph of a file that LiteRT may load; None for a sound one that does not fit into the deploy graph.

    Raises:
        InputError: The file is damaged, or LiteRT ends its process on it.
    """
    from sr2tflite.graph.tflite import admit

    graph = admit(data, where)
    if graph is None or any(isinstance(node.op, Opaque) for node in graph.nodes):
        rehearse(data, where)
    return graph


def open_network(path: Path, data: bytes, threads: int) -> Network:
    """The file under LiteRT's default kernels; a fixed shape is tiled."""
    where = str(path)
    graph = survived(data, where)
    if graph is not None:
        graph.input, graph.output  # noqa: B018 - refuses several
    engine = LiteRT(data, threads=threads, where=where)
    unit = graph.value_range[1] / 255 if graph else 1.0
    file = _File(engine, pixels_of(engine.input, where, unit), pixels_of(engine.output, where, unit))
    notes = file.taken.note("input") + file.given.note("output")
    metadata = graph.metadata if graph else {}
    scale = file.scale()
    if engine.fixed_size is None:
        multiple = 1 if graph is None else size_multiple(graph)
        return Network(file, scale, metadata, notes, graph=graph, multiple=multiple)
    fixed = FixedSize(file, engine.fixed_size, scale, where, graph, lambda lr: file(lr, strict=False))
    return Network(fixed, scale, metadata, (*notes, fixed.note))
