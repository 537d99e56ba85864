"""The size of the file changes no byte: fixed, free, and in tiles."""

from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding, error_map
from sr2tflite.check.images import fitted
from sr2tflite.check.rules import RULES, Checked, Rule, left_out
from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.evaluate.tiling import Tiling
from sr2tflite.graph import Graph, ops, tflite
from sr2tflite.graph.receptive_field import receptive_field
from sr2tflite.graph.shapes import with_size
from sr2tflite.runtime import LiteRT

_BEYOND_HALO = 9
"""Pixels of a tile that lie inside its halo; odd."""

_MOST_VALUES = 3 << 24
"""Of an input that is tried at its own size: 4096×4096 in color."""

Pixels = NDArray[np.uint8]


@RULES.register("shape_bytes")
class ShapeBytes(Rule):
    """The file, its twin of the other kind of shape, and a small fixed one over tiles give the same bytes in LiteRT."""

    title: ClassVar[str] = "fixed, free and tiled give the same bytes"

    def check(self, case: Case) -> Checked:
        """Write the twins and run them."""
        if case.refusal is not None:
            return left_out(case.refusal)
        if case.free is None:
            return left_out("an op has the file's size written into it: there is no file of another size")
        if prod(size or 1 for size in case.graph.input.shape) > _MOST_VALUES:
            return left_out("the file's own size is too large to try")
        try:
            twin, size = self._twin(case)
        except InputError as error:
            return left_out(f"the file of the other kind of shape: {' '.join(error.message.split())}")
        said, findings = [f"fixed against free at {size[0]}×{size[1]}"], self._compare(case, twin, size)
        tiles = _tiles(case)
        if isinstance(tiles, str):
            said.append(f"not tiled: {tiles}")
        else:
            (tall, wide), whole = tiles.size, case.samples.images[-1].pixels
            image = fitted(whole, (tall + tall // 2, wide + wide // 2))
            said.append(f"tiles of {tall}×{wide} over {image.shape[0]}×{image.shape[1]}")
            found, expected = tiles(image), _as_pixels(case.run(image))[0]
            findings += self._finding(case, found[None], expected[None], image, "in tiles")
        return Checked("; ".join(said), tuple(findings))

    def _twin(self, case: Case) -> tuple[LiteRT, tuple[int, int]]:
        """The file of the other kind of shape, and the size to compare at: the fixed one's."""
        height, width = case.graph.input.shape[1:3]
        if height is None or width is None:
            size = case.samples.images[-1].pixels.shape[:2]
            return LiteRT(tflite.write(with_size(case.graph, *size)), threads=case.threads), (size[0], size[1])
        assert case.free is not None
        return LiteRT(tflite.write(case.free), threads=case.threads), (height, width)

    def _compare(self, case: Case, twin: LiteRT, size: tuple[int, int]) -> list[Finding]:
        image = fitted(case.samples.images[-1].pixels, size)
        return self._finding(case, twin.run(case.codes(image)), case.run(image), image, "as the other kind of shape")

    def _finding(self, case: Case, found: Any, expected: Any, image: Pixels, how: str) -> list[Finding]:
        place = case.place(case.graph.nodes[-1])
        difference = error_map(found, expected, place, case.samples.images[-1].name, image)
        if difference is None:
            return []
        hint = "the file's size is written into one of its ops; write it again: sr2tflite export QDQ.onnx --free-shape"
        return [self.finding(place, f"{how}: {difference.line()}", "0 values differ", hint=hint, error_map=difference)]


def _tiles(case: Case) -> Tiling | str:
    """A small fixed file that is run tile by tile; or why there is none."""
    graph = case.graph
    if not all(len(end.shape) == 4 and end.channels == 3 for end in (graph.input, graph.output)):
        return "it is not for RGB images"
    if graph.output.dtype not in ("int8", "uint8"):
        return "its output is not of 8-bit integers"
    if any(isinstance(node.op, ops.SpaceToDepth) for node in graph.nodes):
        return "an op reads blocks of pixels"
    try:
        halo = receptive_field(graph)
        size = (2 * halo + _BEYOND_HALO, 2 * halo + _BEYOND_HALO + 2)
        small = with_size(graph, *size)
        engine = LiteRT(tflite.write(small), threads=case.threads)
    except (InputError, UnsupportedError) as error:
        return error.message
    if not _enlarges(small, graph.scale_factor):
        return "its output is not a whole multiple of its input"
    return Tiling(lambda image: _as_pixels(engine.run(case.codes(image)))[0], size, halo, graph.scale_factor)


def _enlarges(graph: Graph, scale: int) -> bool:
    sizes = graph.input.shape[1:3], graph.output.shape[1:3]
    return all(small is not None and large == small * scale for small, large in zip(*sizes, strict=True))


def _as_pixels(codes: NDArray[Any]) -> Pixels:
    """Codes as bytes from 0 on; only to be compared."""
    return codes if codes.dtype == np.uint8 else (codes.astype(np.int16) + 128).astype(np.uint8)
