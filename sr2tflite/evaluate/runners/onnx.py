"""Running an ``.onnx`` through onnxruntime, in the value range its metadata names."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.evaluate.runners import Image, Network, scale_between, to_pixels
from sr2tflite.evaluate.tiling import FixedSize
from sr2tflite.graph import Graph
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.graph.notes import KEY
from sr2tflite.graph.onnx import read, write
from sr2tflite.graph.shapes import with_size
from sr2tflite.ort import open_session

_PROBE = 16


@dataclass(frozen=True)
class _File:
    session: Any
    channels_first: bool
    high: float
    """What white is: 1 or 255."""

    def __call__(self, lr: Image) -> Image:
        x = (lr / np.float32(255 / self.high)).astype(np.float32)[None]
        name = self.session.get_inputs()[0].name
        (y,) = self.session.run(None, {name: np.ascontiguousarray(self._turn(x, inwards=True))})
        return to_pixels(self._turn(y, inwards=False)[0] * np.float32(255 / self.high))

    def _turn(self, x: NDArray[Any], *, inwards: bool) -> NDArray[Any]:
        if not self.channels_first:
            return x
        return x.transpose(0, 3, 1, 2) if inwards else x.transpose(0, 2, 3, 1)


def _layout(session: Any, where: str) -> tuple[bool, tuple[int, int] | None]:
    """Whether the input is NCHW, and its height and width where the file fixes them."""
    inputs = session.get_inputs()
    shape = inputs[0].shape
    known = len(inputs) == 1 and len(shape) == 4 and inputs[0].type == "tensor(float)" and 3 in (shape[1], shape[3])
    if not known:
        found = ", ".join(f"{one.type} {one.shape}" for one in inputs)
        raise InputError(f"takes {found}; expected one float RGB image", where=where)
    channels_first = shape[1] == 3
    height, width = shape[2:] if channels_first else shape[1:3]
    return channels_first, (height, width) if isinstance(height, int) and isinstance(width, int) else None


def _graph(session: Any, data: bytes, where: str) -> Graph | None:
    """The file as a deploy graph, or None for a foreign one that does not fit into it."""
    try:
        return read(data, where, only_ours=False)
    except (InputError, UnsupportedError):
        if _is_ours(session):
            raise
        return None


def _is_ours(session: Any) -> bool:
    return KEY in session.get_modelmeta().custom_metadata_map


def _white(session: Any, graph: Graph | None) -> float:
    """What white is: what our metadata says; in a foreign file 255 if it is quantized, else 1."""
    if graph is None:
        return 1.0
    if _is_ours(session):
        return graph.value_range[1]
    return 255.0 if graph.is_quantized else 1.0


def _at_any_size(file: _File, graph: Graph, where: str, threads: int) -> Callable[[Image], Image]:
    """The same ops with free height and width, opened when they are first needed."""

    @cache
    def freed() -> _File:
        data = write(with_size(graph, None, None))
        return replace(file, session=open_session(data, where, threads), channels_first=True)

    return lambda lr: freed()(lr)


def open_network(path: Path, data: bytes, threads: int) -> Network:
    """The file under onnxruntime's CPU kernels; a fixed shape is tiled."""
    where = str(path)
    session = open_session(data, where, threads)
    graph = _graph(session, data, where)
    channels_first, size = _layout(session, where)
    file = _File(session, channels_first, _white(session, graph))
    probe = size or (_PROBE, _PROBE)
    height, width, _ = file(np.zeros((*probe, 3), np.uint8)).shape
    scale, metadata = scale_between(probe, (height, width), where), graph.metadata if graph else {}
    if size is None:
        return Network(file, scale, metadata, graph=graph, multiple=1 if graph is None else size_multiple(graph))
    resized = None if graph is None else _at_any_size(file, graph, where, threads)
    fixed = FixedSize(file, size, scale, where, graph, resized)
    return Network(fixed, scale, metadata, (fixed.note,))
