"""A graph made into a file by one of the two backends, and proved."""

from dataclasses import dataclass, replace

from sr2tflite.errors import UnsupportedError
from sr2tflite.export import direct, onnx2tf
from sr2tflite.export.kinds import Backend, Kind, needs_scales
from sr2tflite.export.match import prove_match
from sr2tflite.export.onnx2tf.fitness import declined
from sr2tflite.export.proof import Proof, prove
from sr2tflite.graph import Graph, tflite
from sr2tflite.graph.passes.file_io import FileIO
from sr2tflite.progress import Progress, silent


@dataclass(frozen=True)
class Spec:
    """What file is asked for."""

    kind: Kind = "int8"
    height: int | None = None
    """None leaves it free."""

    width: int | None = None
    io: FileIO = "int8"
    """Type of an int8 file's ends; a float file's are float32."""

    backend: Backend = "direct"


@dataclass(frozen=True)
class Made:
    """A file's bytes, proved."""

    data: bytes
    graph: Graph
    """As it stands in the file."""

    proof: Proof


def ready(graph: Graph, spec: Spec) -> Graph:
    """The graph as it will stand in a file: sized, in pixel units, with the file's own ends.

    Raises:
        InputError: The graph is float where it should be quantized, or the other way round.
        UnsupportedError: It holds what a runtime would refuse.
        VerificationError: It breaks a rule of TFLite's INT8 specification.
    """
    if spec.kind == "uint8":
        return direct.prepare_uint8(graph, height=spec.height, width=spec.width)
    if needs_scales(spec.kind):
        return direct.prepare(graph, height=spec.height, width=spec.width, io=spec.io)
    return direct.prepare_float(graph, height=spec.height, width=spec.width)


def make(graph: Graph, spec: Spec, *, progress: Progress = silent) -> Made:
    """Write a graph as a file and prove that the file holds it.

    Args:
        graph: Quantized for kind int8, else float.
        spec: The file.
        progress: Told when it takes longer.

    Raises:
        InputError: The graph does not fit the kind, or a size is not positive.
        MissingError: TensorFlow and onnx2tf are needed and not installed.
        UnsupportedError: The graph holds what a runtime would refuse, or what the backend cannot carry.
        VerificationError: The file is not the graph.
    """
    final = ready(graph, spec)
    data = written(graph, spec, progress=progress)
    is_ours = spec.backend == "direct"
    return Made(data, final, prove(data, final) if is_ours else prove_match(data, final, spec.kind))


def written(graph: Graph, spec: Spec, *, progress: Progress = silent) -> bytes:
    """The file that a backend writes, *not* proved; see :func:`make`."""
    final = ready(graph, spec)
    if spec.backend == "direct":
        return tflite.write(final)
    assert spec.kind != "uint8", "the direct backend's alone"
    onnx2tf.require()
    if fault := declined(final):
        raise UnsupportedError(fault.reason, where=fault.where, hint="take --backend direct")
    # the converter puts the ends on by itself
    inner = ready(graph, replace(spec, io="int8")) if needs_scales(spec.kind) else final
    return onnx2tf.convert(inner, spec.kind, io=spec.io, progress=progress)
