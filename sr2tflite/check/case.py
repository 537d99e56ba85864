"""The artifact that rules look at: whatever a rule asks for is made when it is first asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.check.expected import as_in_file, holds_uint8_weights, open_expected
from sr2tflite.check.finding import Place
from sr2tflite.check.images import Sample, Samples, fitted, samples
from sr2tflite.check.rewrites import planned
from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.evaluate.runners.tflite import survived
from sr2tflite.export.cross_check import raw_pixels
from sr2tflite.export.match import Walk
from sr2tflite.files import quoted, read_bytes, sha256
from sr2tflite.graph import Graph, Node, ops, tflite
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.graph.shapes import with_size
from sr2tflite.graph.tflite.flat import FlatModel, open_model
from sr2tflite.graph.tflite.lies import lies
from sr2tflite.progress import Progress, silent
from sr2tflite.runtime import Kernels, LiteRT

Codes = NDArray[Any]


@dataclass(frozen=True)
class Pairing:
    """The graph that a file should hold beside the one that it holds."""

    expected: Graph
    """In the form of the file: its ends, its size."""

    walk: Walk
    """Every op of the expected graph with the file's in its place."""

    def matched(self) -> list[tuple[Node, Node]]:
        """Pairs (expected, in the file) of ops of one kind with as many inputs, in execution order."""
        pairs = ((node, self.walk.pairs.get(node.output)) for node in self.expected.nodes)
        return [
            (node, other)
            for node, other in pairs
            if other is not None and node.op.kind == other.op.kind and len(node.inputs) == len(other.inputs)
        ]


class Case:
    """A ``.tflite`` and what it is looked at with.

    Args:
        path: The file.
        against: QDQ ONNX or another ``.tflite`` that it should hold the integers of.
        folders: Images to try it on; none for the usual ones.
        limit: At most so many photographs.
        threads: For the interpreter and the runtime.
        progress: Told what is tried.
        data: The file's bytes, where they do not lie at its path.
        beside: The other file, where it is open already; in place of ``against``.
        remake: The line that makes the file anew, where it is known better.

    Raises:
        InputError: The file is damaged.
    """

    def __init__(
        self,
        path: Path,
        *,
        against: Path | None = None,
        folders: Sequence[Path] = (),
        limit: int = 16,
        threads: int = 2,
        progress: Progress = silent,
        data: bytes | None = None,
        beside: "Case | None" = None,
        remake: str | None = None,
    ) -> None:
        self.path, self.threads, self.progress = path, threads, progress
        self.against = against if beside is None else beside.path
        self._folders, self._limit, self._beside, self._remake = folders, limit, beside, remake
        self.data = read_bytes(path) if data is None else data
        self.flat: FlatModel = open_model(self.data, str(path))

    @property
    def remake(self) -> str:
        """The line that makes the file anew from the other artifact."""
        if self._remake is not None:
            return self._remake
        model = "qat.onnx" if self.against is None or self.against.suffix != ".onnx" else quoted(self.against)
        if not self.is_truthful:
            return f"sr2tflite export {model} --int8 --free-shape -o {quoted(self.path)}"
        (_, height, width, _), dtype = self.graph.input.shape, self.graph.input.dtype
        kind = "--uint8" if holds_uint8_weights(self.graph) else "--int8" if dtype == "int8" else f"--int8 --io {dtype}"
        size = f"--height {height} --width {width}" if height and width else "--free-shape"
        return f"sr2tflite export {model} {kind} {size} -o {quoted(self.path)}"

    @cached_property
    def sha256(self) -> str:
        """Of the file."""
        return sha256(self.data)

    @cached_property
    def is_truthful(self) -> bool:
        """Whether runtimes read the file as it says; one that lies is not read as a graph."""
        return next(lies(self.flat), None) is None

    @cached_property
    def graph(self) -> Graph:
        """The file as a deploy graph.

        Raises:
            InputError: It contradicts itself, or lies.
            UnsupportedError: A tensor's type is outside the deploy graph, or it does not take and give one image.
        """
        graph = tflite.read(self.data, str(self.path))
        for ends, what in ((graph.inputs, "inputs"), (graph.outputs, "outputs")):
            if len(ends) != 1:
                raise UnsupportedError(f"has {len(ends)} {what}; expected one image", where=str(self.path))
        shape = graph.input.shape
        if len(shape) != 4 or shape[0] not in (1, None) or shape[3] is None:
            raise UnsupportedError(
                f"takes {shape}; expected one image 1×H×W×C", where=f"{self.path}: {graph.inputs[0]}"
            )
        return graph

    @cached_property
    def free(self) -> Graph | None:
        """The graph with free height and width; None where an op has the size written into it."""
        try:
            graph = with_size(self.graph, None, None)
            tflite.write(graph)
        except (InputError, UnsupportedError):
            return None
        is_free = None in self.graph.input.shape[1:3]
        return graph if is_free or not any(_reshapes_free(graph, node) for node in graph.nodes) else None

    @cached_property
    def pairing(self) -> Pairing:
        """The other artifact beside this one; only where there is one."""
        assert self.against is not None
        other = open_expected(self.against) if self._beside is None else self._beside.graph
        expected = as_in_file(other, self.graph)
        return Pairing(expected, Walk(self.graph, expected))

    @cached_property
    def samples(self) -> Samples:
        """The images it is tried on, in the file's own size where that is fixed in its ops.

        Raises:
            InputError: A folder or image cannot be read.
            UnsupportedError: The network takes no images of three channels, and there are only such.
        """
        graphs = [self.graph] if self.against is None else [self.graph, self.pairing.expected]
        step = lcm(*map(size_multiple, graphs))
        found = samples(self._folders, self.graph.input.channels, step, self._limit)
        if self._folders and self.graph.input.channels != 3:
            raise UnsupportedError(f"takes {self.graph.input.channels} channels; images have 3", where=str(self.path))
        if self.free is not None:
            return found
        height, width = self.graph.input.shape[1:3]
        if height is None or width is None:
            return found
        images = tuple(Sample(one.name, fitted(one.pixels, (height, width))) for one in found.images)
        return Samples(images, f"{found.words}, brought to {height}×{width}")

    @property
    def images_used(self) -> str | None:
        """What it was tried on, in words, once it was."""
        return self.samples.words if "samples" in vars(self) else None

    def codes(self, pixels: NDArray[np.uint8]) -> Codes:
        """An image as the file takes it: raw pixels, in the file's value range where it takes floats."""
        tensor = self.graph.input
        codes = raw_pixels(pixels, np.dtype(tensor.dtype))
        return codes if tensor.dtype != "float32" else (codes / np.float32(255 / self.graph.value_range[1]))

    def run(self, pixels: NDArray[np.uint8], kernels: Kernels = Kernels.XNNPACK) -> Codes:
        """What LiteRT makes of an image, raw, at the image's size.

        Raises:
            InputError: It refuses the file, or the size.
        """
        return self.engine(kernels).run(self.codes(pixels), strict=False)

    def engine(self, kernels: Kernels) -> LiteRT:
        """The file in LiteRT.

        Raises:
            InputError: It refuses the file, or would end the process.
        """
        if not self._engines:
            survived(self.data, str(self.path))
        if kernels not in self._engines:
            self._engines[kernels] = LiteRT(self.data, kernels, self.threads, where=str(self.path))
        return self._engines[kernels]

    @cached_property
    def refusal(self) -> str | None:
        """What LiteRT says where it does not run the file by default."""
        try:
            self.engine(Kernels.XNNPACK)
        except InputError as error:
            return " ".join(error.message.split())
        return None

    @cached_property
    def rewrites(self) -> dict[str, str]:
        """Output of a node that ``check --fix`` would change → the rewrite's name."""
        return planned(self.graph)

    @cached_property
    def _engines(self) -> dict[Kernels, LiteRT]:
        return {}

    def place(self, node: Node, tensor: str | None = None) -> Place:
        """Where a node of the graph stands, or a tensor that it reads; with the user's name where that differs."""
        name = tensor or node.output
        yours = self._names.get(name) if self.against else None
        # the reader takes some ops away, so that places in the graph are not those in the file
        return Place(self._indices.get(node.outputs), getattr(node.op, "name", node.op.kind), name, yours)

    def place_at(self, index: int, kind: str) -> Place:
        """Where an op of the file stands, whatever it writes: a damaged file may name a tensor that is not there."""
        names = self._in_file
        outputs = [names[one] for one in self.flat.ops[index].outputs[:1] if 0 <= one < len(names)]
        return Place(index, kind, outputs[0] if outputs else None)

    @cached_property
    def _indices(self) -> dict[tuple[str, ...], int]:
        names = self._in_file
        return {tuple(names[one] for one in op.outputs): index for index, op in enumerate(self.flat.ops)}

    @cached_property
    def _in_file(self) -> list[str]:
        """Names of the file's tensors, by their index."""
        return tflite.names_of(self.flat)

    @cached_property
    def _names(self) -> dict[str, str]:
        """Tensor of the file → its name in the other artifact."""
        found: dict[str, str] = {}
        for node, other in self.pairing.matched():
            for yours, name in zip((*node.inputs, node.output), (*other.inputs, other.output), strict=True):
                found.setdefault(name, yours)
        return found


def _reshapes_free(graph: Graph, node: Node) -> bool:
    """Whether a node gives a shape that is written into it to what would have any size."""
    return isinstance(node.op, ops.Reshape) and None in graph.tensors[node.inputs[0]].shape
