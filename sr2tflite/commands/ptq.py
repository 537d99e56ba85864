"""``sr2tflite ptq``: a float deploy graph becomes a quantized one by looking at images, without training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sr2tflite.commands.graph_file import graph_in
from sr2tflite.errors import InputError
from sr2tflite.files import keep_apart, read_bytes, write_bytes
from sr2tflite.graph import Graph
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.progress import Progress, silent
from sr2tflite.provenance import CALIBRATED_ON, image_id, listed
from sr2tflite.quant.settings import PtqSettings

if TYPE_CHECKING:
    from sr2tflite.quant.branches import Branching
    from sr2tflite.quant.islands import Enlarge, Island

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class PtqResult:
    """A quantized graph, written."""

    path: Path
    images: int
    """Calibrated on."""
    summary: str
    """Its ops."""
    layers: tuple["Branching", ...] = ()
    """Activations that could be split in two branches, and whether they are; none where that was not asked for."""

    islands: tuple["Island", ...] = ()
    """Activations, and whether they are int16; none where that was not asked for."""

    islands_gain_db: float | None = None
    """By how much nearer to float all of those that are int16 bring the output, on calibration images."""


@dataclass(frozen=True)
class Calibration:
    """Low-resolution images and the ids of the files they come from."""

    images: tuple[Image, ...]
    ids: tuple[str, ...]


def ptq(
    model: Path,
    calibrate: Sequence[Path],
    out: Path,
    settings: PtqSettings | None = None,
    *,
    progress: Progress = silent,
) -> PtqResult:
    """Quantize a float deploy graph with ranges from folders of high-resolution images, and write QDQ ONNX.

    Args:
        model: A float ONNX deploy graph.
        calibrate: Folders of images; low-resolution ones are made by MATLAB-compatible bicubic where none are given.
        out: The ``.onnx`` to write.
        settings: How ranges are found.
        progress: Told how it goes.

    Raises:
        InputError: The model cannot be read or is quantized already, or an image cannot be used.
        UnsupportedError: An op cannot be quantized; the message names it.
    """
    from sr2tflite.graph import onnx
    from sr2tflite.quant.islands import choose_islands
    from sr2tflite.quant.view import QuantizedView

    keep_apart(model, out)
    settings = settings or PtqSettings()
    graph = read_float(model)
    seen = calibration_images(calibrate, graph, settings.images)
    view = QuantizedView.from_float(graph, seen.images, settings, progress=progress)
    quantized, found = view.freeze(), None
    if settings.islands is not None:
        found = choose_islands(view, quantized, seen.images, settings.islands, on_device, progress=progress)
        quantized = found.graph
    quantized.metadata[CALIBRATED_ON] = listed(seen.ids)
    write_bytes(out, onnx.write(quantized))
    layers, gain_db = (found.layers, found.gain_db) if found else ((), None)
    return PtqResult(out, len(seen.images), quantized.summary(), view.branchings, layers, gain_db)


def on_device(graph: Graph) -> "Enlarge":
    """What the device makes of an image with a quantized graph whose ends are pixels − 128."""
    from sr2tflite.interpret import Interpreter

    network = Interpreter(graph)

    def enlarge(image: Image) -> Image:
        codes: NDArray[np.int8] = network.run((image.astype(np.int16) - 128).astype(np.int8)[None])[0]
        return (codes.astype(np.int16) + 128).astype(np.uint8)

    return enlarge


def read_float(model: Path) -> Graph:
    """The float deploy graph in an ONNX file.

    Raises:
        InputError: The file cannot be read, or is quantized already.
    """
    graph = graph_in(model)
    if graph.is_quantized:
        raise InputError("quantized already; expected a float graph", where=str(model), hint="give the deploy.onnx")
    return graph


def spread(total: int, limit: int) -> list[int]:
    """At most ``limit`` of the indices 0…total − 1, evenly spread."""
    count = min(limit, total)
    return [index * total // count for index in range(count)]


def calibration_images(folders: Sequence[Path], graph: Graph, limit: int) -> Calibration:
    """At most ``limit`` low-resolution images for a graph, spread evenly over folders.

    Their last rows and columns are repeated where it does not take their size; see :mod:`sr2tflite.data.pairs`.

    Raises:
        InputError: The folder is empty, or an image cannot be used.
    """
    from sr2tflite.data.borders import extended
    from sr2tflite.data.pairs import find_pairs

    factor, multiple = graph.scale_factor, size_multiple(graph)
    found = [pair for folder in folders for pair in find_pairs(folder, factor, "train").pairs]
    chosen = [found[index] for index in spread(len(found), limit)]
    images = tuple(extended(pair.load(factor)[0], multiple) for pair in chosen)
    return Calibration(images, tuple(image_id(read_bytes(pair.hr)) for pair in chosen))
