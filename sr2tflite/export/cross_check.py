"""Two files of one graph, made by two backends, must give the same bytes for the same pixels."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import VerificationError
from sr2tflite.export.backends import Spec, written
from sr2tflite.export.kinds import Backend, needs_scales
from sr2tflite.graph import Graph, ops
from sr2tflite.progress import Progress, silent
from sr2tflite.runtime import LiteRT

SIZE = (24, 32)
"""Height and width of the check's images, in pixels: larger than the kernels' borders, small enough to cost nothing."""

FLOAT_TOLERANCE = 2.0**-14
"""Of the largest output, between two float32 files. Each may sum a convolution in its own order; sums of up to 2^10
terms, each rounded to 24 bits, stay within 2^10 · 2^-24. A wrong tap or layout moves values by whole percents."""


@dataclass(frozen=True)
class CrossCheck:
    """Two backends' files agreed; a difference never gets this far."""

    other: Backend
    """The backend that made the second file."""

    size: tuple[int, int]
    """Height and width of the images."""

    images: int
    values: int
    """Output values compared, all images together."""

    largest: float
    """Largest difference: 0 between int8 files."""

    def line(self) -> str:
        """The check in half a line."""
        height, width = self.size
        how = "0 bytes differ" if self.largest == 0 else f"values differ by at most {self.largest:.1g}"
        return f"cross-checked with {self.other}: {how} on {self.images} images of {height}×{width}"


def check_images(height: int, width: int, channels: int = 3) -> dict[str, NDArray[np.uint8]]:
    """Images that find differences: noise, gradients, edges, and the extremes; height × width × channels."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width]
    planes = {
        "gradient": (255 * (rows + columns)) // (height + width - 2 or 1),
        "edges": 255 * ((rows // 3 + columns // 5) % 2),
        "black": np.zeros_like(rows),
        "white": np.full_like(rows, 255),
    }
    shape = height, width, channels
    images = {name: np.repeat(plane[..., None], channels, 2).astype(np.uint8) for name, plane in planes.items()}
    images["colors"] = np.stack([planes["edges"], *[planes["gradient"]] * (channels - 1)], 2).astype(np.uint8)[::-1]
    images["noise"] = rng.integers(0, 256, shape, np.uint8)
    images["extremes"] = (255 * rng.integers(0, 2, shape)).astype(np.uint8)
    return images


def compare_backends(graph: Graph, spec: Spec, data: bytes, *, progress: Progress = silent) -> CrossCheck:
    """Make the same file with the other backend at a small size, and compare what both compute.

    The other file need not be the same op for op: its bytes decide.

    Args:
        graph: What the file was made of.
        spec: The file.
        data: Its bytes.
        progress: Told when it takes longer.

    Raises:
        MissingError: The other backend is not installed.
        UnsupportedError: The other backend cannot carry the graph.
        VerificationError: The two differ.
    """
    other: Backend = "onnx2tf" if spec.backend == "direct" else "direct"
    height, width = _size(graph, spec)
    small = replace(spec, backend=other, height=height, width=width)
    twin = written(graph, small, progress=progress)
    ours = data if spec.backend == "onnx2tf" else written(graph, replace(small, backend="direct"))
    tolerance = 0.0 if needs_scales(spec.kind) else FLOAT_TOLERANCE
    largest, values = 0.0, 0
    models = LiteRT(ours), LiteRT(twin)
    images = check_images(height, width, graph.input.channels)
    for name, image in images.items():
        result, wanted = (output(model, image) for model in models)
        largest = max(largest, _difference(result, wanted, tolerance, f"{graph.name}, image {name!r}", other))
        values += wanted.size
    return CrossCheck(other, (height, width), len(images), values, largest)


def _size(graph: Graph, spec: Spec) -> tuple[int, int]:
    """A small one, unless an op writes the file's own size into it."""
    is_bound = any(isinstance(node.op, ops.ResizeNearestNeighbor) for node in graph.nodes)
    return (spec.height, spec.width) if is_bound and spec.height and spec.width else SIZE


def output(model: LiteRT, image: NDArray[np.uint8]) -> NDArray[Any]:
    """What a file gives for the pixels of an image, raw, whatever size the file fixes."""
    return model.run(raw_pixels(image, np.dtype(model.input["dtype"])), strict=False)


def raw_pixels(image: NDArray[np.uint8], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An image as the input of a file that takes raw pixels (int8: pixel − 128); 1 × height × width × channels."""
    pixels = (image.astype(np.int16) - 128).astype(dtype) if dtype == np.int8 else image.astype(dtype)
    return np.asarray(pixels[None])


def _difference(found: NDArray[Any], wanted: NDArray[Any], tolerance: float, where: str, other: Backend) -> float:
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        raise VerificationError(
            f"gives {found.dtype} {found.shape}; the {other} file gives {wanted.dtype} {wanted.shape}", where=where
        )
    distance = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
    if (distance > tolerance * np.abs(wanted.astype(np.float64)).max()).any():
        differ = int((distance > 0).sum())
        raise VerificationError(
            f"{differ} of {wanted.size} values differ from the {other} file's, by up to {distance.max():.3g}",
            where=where,
            hint="report it with the model; --no-cross-check exports it all the same",
        )
    return float(distance.max())
