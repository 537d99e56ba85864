"""``sr2tflite export``: a deploy graph becomes a ``.tflite``, read back and proved before it is kept."""

from dataclasses import dataclass
from pathlib import Path

from sr2tflite.commands.graph_file import graph_in
from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.export import onnx2tf
from sr2tflite.export.backends import Made, Spec, make
from sr2tflite.export.cross_check import CrossCheck, compare_backends
from sr2tflite.export.kinds import Backend, Kind, backend_for, ends_for, has_two_backends, needs_scales
from sr2tflite.export.proof import Proof
from sr2tflite.files import quoted, sha256, write_bytes
from sr2tflite.graph import Graph, Shape
from sr2tflite.graph.passes.file_io import FileIO
from sr2tflite.progress import Progress, silent


@dataclass(frozen=True)
class ExportResult:
    """A ``.tflite``, written and proved."""

    path: Path
    size_bytes: int
    sha256: str
    """Of the file."""

    input_shape: Shape
    """None where a size is free."""

    output_shape: Shape
    kind: Kind
    backend: Backend
    io: FileIO
    """Type of the file's ends."""

    proof: Proof
    cross_check: CrossCheck | None = None
    """None where no second file was made."""

    not_checked: str | None = None
    """Why the cross-check that would have been made was not."""

    def line(self) -> str:
        """What was proved, in one line."""
        checked = self.cross_check and self.cross_check.line()
        left_out = self.not_checked and f"not cross-checked: {self.not_checked}"
        return ", ".join(part for part in (self.proof.line(), checked, left_out) if part)


def export(
    model: Path,
    out: Path,
    *,
    kind: Kind = "int8",
    height: int | None = None,
    width: int | None = None,
    free_shape: bool = False,
    io: FileIO | None = None,
    backend: Backend | None = None,
    cross_check: bool | None = False,
    progress: Progress = silent,
) -> ExportResult:
    """Write the ``.tflite`` of an ONNX deploy graph, and prove that it holds that graph.

    Args:
        model: QDQ ONNX for the kinds int8 and uint8, float ONNX for the others.
        out: The ``.tflite`` to write.
        kind: Of the file; float files are in pixel units.
        height: Of the input image.
        width: Of the input image.
        free_shape: Leave height and width to the caller of the file.
        io: Type of an int8 file's ends, int8 where None; the other kinds' follow from the kind.
        backend: What writes it; None takes the direct one where it can.
        cross_check: Whether the other backend's file must give the same bytes; None: where the extra is installed and
            both backends can carry the graph.
        progress: Told when it takes longer.

    Raises:
        InputError: The model cannot be read, does not fit the kind, or the size is not said once.
        MissingError: TensorFlow and onnx2tf are needed and not installed.
        UnsupportedError: The model holds what a runtime would refuse, or what a backend cannot carry.
        VerificationError: The file is not the graph, or the two backends' files differ.
    """
    _check_size(height, width, free_shape)
    spec = Spec(kind, height, width, ends_for(kind, io), backend_for(kind, backend))
    graph = graph_in(model)
    _check_scales(graph, model, kind)
    if cross_check and not has_two_backends(kind):
        raise InputError(f"only one backend makes {kind}: nothing to check it with", hint="leave --cross-check out")
    return keep(checked(graph, spec, cross_check=cross_check, progress=progress), out)


@dataclass(frozen=True)
class Checked:
    """A file that was proved and checked, and is not written yet."""

    spec: Spec
    made: Made
    cross_check: CrossCheck | None
    not_checked: str | None


def checked(graph: Graph, spec: Spec, *, cross_check: bool | None, progress: Progress = silent) -> Checked:
    """Make a file, prove it, and check it with the other backend as :func:`export` says."""
    made = make(graph, spec, progress=progress)
    if cross_check is None:
        return Checked(spec, made, *_checked_where_possible(graph, spec, made, progress))
    return Checked(
        spec, made, compare_backends(graph, spec, made.data, progress=progress) if cross_check else None, None
    )


def _checked_where_possible(
    graph: Graph, spec: Spec, made: Made, progress: Progress
) -> tuple[CrossCheck | None, str | None]:
    """The cross-check where it can be made, or why not where that is the graph's doing."""
    if not has_two_backends(spec.kind) or not onnx2tf.is_installed():
        return None, None
    try:
        return compare_backends(graph, spec, made.data, progress=progress), None
    except UnsupportedError as error:
        return None, f"{error.where}: {error.message}"


def keep(file: Checked, out: Path) -> ExportResult:
    """Write a file.

    Raises:
        StorageError: The disk is full, or the folder may not be written.
    """
    spec, data, graph = file.spec, file.made.data, file.made.graph
    write_bytes(out, data)
    return ExportResult(
        path=out,
        size_bytes=len(data),
        sha256=sha256(data),
        input_shape=graph.input.shape,
        output_shape=graph.output.shape,
        kind=spec.kind,
        backend=spec.backend,
        io=spec.io,
        proof=file.made.proof,
        cross_check=file.cross_check,
        not_checked=file.not_checked,
    )


def _check_size(height: int | None, width: int | None, free_shape: bool) -> None:
    if free_shape and (height is not None or width is not None):
        raise InputError("both a size and a free shape are asked for", hint="give --free-shape or --height and --width")
    if not free_shape and (height is None or width is None):
        raise InputError("the input's size is not said", hint="give --height and --width, or --free-shape")


def _check_scales(graph: Graph, model: Path, kind: Kind) -> None:
    if needs_scales(kind) and not graph.is_quantized:
        raise InputError(
            f"holds no scales: it is float, and a file of kind {kind} needs a quantized model",
            where=str(model),
            hint=f"sr2tflite ptq {quoted(model)} --calibrate DIR -o ptq.onnx",
        )
    if not needs_scales(kind) and graph.is_quantized:
        raise InputError("is quantized; expected a float model", where=str(model), hint="give the deploy.onnx")
