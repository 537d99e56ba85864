"""Two artifacts side by side: any mix of ONNX and TFLite, float and quantized, as the rules that compare see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sr2tflite.check.case import Case, Pairing
from sr2tflite.check.expected import as_in_file
from sr2tflite.errors import UnsupportedError
from sr2tflite.export.match import Walk
from sr2tflite.files import other_kind, read_bytes, sha256
from sr2tflite.graph import Graph, onnx, tflite
from sr2tflite.progress import Progress, silent


@dataclass(frozen=True)
class Opened:
    """A file and the graph in it."""

    path: Path
    sha256: str
    graph: Graph


def opened(path: Path) -> Opened:
    """The graph in a ``.tflite`` or an ``.onnx``, float or quantized.

    Raises:
        InputError: The file is damaged or of another kind.
        UnsupportedError: Another tool wrote the ONNX, it holds what the deploy graph cannot, or not one image each way.
    """
    readers = {".tflite": tflite.read, ".onnx": onnx.read}
    if path.suffix not in readers:
        made = "sr2tflite fuse CHECKPOINT -o deploy.onnx makes a graph of weights"
        raise other_kind(path, ".onnx or .tflite", "name one of the files in it" if path.is_dir() else made)
    data = read_bytes(path)
    graph = readers[path.suffix](data, str(path))
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise UnsupportedError("has several inputs or outputs, or none; expected one image each", where=str(path))
    return Opened(path, sha256(data), graph)


class Comparison(Case):
    """Artifact B beside artifact A, which stands for what it should hold.

    Args:
        first: A.
        second: B; an ONNX graph is looked at as the ``.tflite`` that ``tflite.write`` makes of it.
        folders: Images to run both on; none for the usual ones.
        limit: At most so many photographs.
        threads: For the interpreter and the runtime.
        progress: Told what is tried.
    """

    def __init__(
        self,
        first: Opened,
        second: Opened,
        *,
        folders: Sequence[Path] = (),
        limit: int = 4,
        threads: int = 2,
        progress: Progress = silent,
    ) -> None:
        data = tflite.write(second.graph) if second.path.suffix == ".onnx" else None
        super().__init__(
            second.path,
            against=first.path,
            folders=folders,
            limit=limit,
            threads=threads,
            progress=progress,
            data=data,
        )
        self._first = first

    @cached_property
    def pairing(self) -> Pairing:
        """Walked from the output up; what the walk does not reach is paired by its name."""
        expected = as_in_file(self._first.graph, self.graph)
        walk = Walk(self.graph, expected)
        for node in expected.nodes:
            other = self.graph.producer(node.output)
            if node.output not in walk.places and other is not None and other.op.kind == node.op.kind:
                walk.pairs[node.output] = other
                walk.places[node.output] = node.output
        return Pairing(expected, walk)
