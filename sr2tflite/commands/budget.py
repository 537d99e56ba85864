"""``sr2tflite budget``: what the quantization of each tensor costs, in decibels."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

from sr2tflite.commands.fixes import Trial, tried
from sr2tflite.commands.graph_file import graph_in
from sr2tflite.commands.ptq import read_float
from sr2tflite.errors import InputError
from sr2tflite.evaluate.budget.advice import advised
from sr2tflite.evaluate.budget.chart import chart
from sr2tflite.evaluate.budget.measure import measure
from sr2tflite.evaluate.budget.result import Budget
from sr2tflite.evaluate.budget.samples import Samples, with_originals, without_originals
from sr2tflite.evaluate.budget.subject import Subject
from sr2tflite.evaluate.image_set import image_set
from sr2tflite.evaluate.protocols import protocol_named
from sr2tflite.files import keep_apart, quoted, read_bytes, sha256, write_bytes
from sr2tflite.graph import Graph, tflite
from sr2tflite.graph.passes.file_io import without_io
from sr2tflite.graph.shapes import with_size
from sr2tflite.numerics.qparams import LIMITS, QuantParams
from sr2tflite.progress import Progress, silent
from sr2tflite.provenance import seen
from sr2tflite.quant.read_back import refuse_islands


@dataclass(frozen=True)
class On:
    """What a budget is measured on, and how."""

    data: tuple[Path, ...] = ()
    """Folders of HR images, as for ``eval``."""

    low_resolution: tuple[Path, ...] = ()
    """Folders of LR images, in their stead: costs are then against float alone."""

    protocol: str = "rgb"
    """For PSNR against HR."""

    limit: int | None = None
    """Only the first so many images of each folder."""

    allow_leak: bool = False
    """Measure even on images the model was made with."""

    def samples(self, scale: int) -> Samples:
        """The images.

        Raises:
            InputError: There are none, or of both kinds.
        """
        if bool(self.data) == bool(self.low_resolution):
            raise InputError("expected high-resolution images, or low-resolution ones", hint="give --data or --lr")
        if self.data:
            return with_originals(image_set(self.data, scale, self.limit))
        return without_originals(self.low_resolution, self.limit)


def budget(
    model: Path,
    source: Path,
    on: On,
    *,
    trial: Trial | None = None,
    plot: Path | None = None,
    progress: Progress = silent,
) -> Budget:
    """Leave each tensor of a quantized file out, and say what that gives, the most expensive first.

    Args:
        model: QDQ ONNX or INT8 TFLite.
        source: The float deploy graph that it was made from.
        on: The images.
        trial: How to carry out and measure the fixes that need no training; None only names them.
        plot: The ``.png`` to draw the costs in, if anywhere.
        progress: Told how it goes.

    Raises:
        RecipeError: An unknown protocol.
        InputError: A file or folder is wrong, the files are of different networks, or the model has seen the images.
        UnsupportedError: An op cannot be run in integers, or not in real numbers.
        VerificationError: The interpreter's bytes are not LiteRT's.
    """
    targets = [target for target in (plot, trial.out if trial else None) if target is not None]
    for given, target in product((model, source), targets):
        keep_apart(given, target)
    protocol = protocol_named(on.protocol)
    graph, float_graph = _pair(model, source)
    samples = on.samples(graph.scale_factor)
    if not on.allow_leak:
        _refuse_seen(graph, model, samples)
    subject = Subject(graph, float_graph, protocol)
    measured = _measured(subject, samples, model, source, progress)
    result = advised(measured, model, source, subject.float_side.liftable)
    if plot is not None:
        write_bytes(plot, chart(result))
    return result if trial is None else tried(trial, result, subject, samples, source, progress)


def _pair(model: Path, source: Path) -> tuple[Graph, Graph]:
    """The quantized and the float graph."""
    graph, float_graph = read_quantized(model), read_float(source)
    if graph.scale_factor != float_graph.scale_factor:
        found, expected = (f"×{one.scale_factor}" for one in (graph, float_graph))
        raise InputError(f"enlarges {found}, {source} {expected}; expected one network", where=str(model))
    return graph, float_graph


def _measured(subject: Subject, samples: Samples, model: Path, source: Path, progress: Progress) -> Budget:
    found = measure(subject, samples, progress)
    return Budget(
        model=model.name,
        model_sha256=sha256(read_bytes(model)),
        reference=source.name,
        reference_sha256=sha256(read_bytes(source)),
        scale=subject.scale,
        protocol=subject.protocol.id(subject.scale) if found.float_hr is not None else None,
        image_set=samples.sha256,
        images=samples.names,
        int8=found.int8,
        float_hr=found.float_hr,
        rows=found.rows,
        notes=tuple(_notes(subject, hr=found.float_hr is not None)),
    )


def read_quantized(model: Path) -> Graph:
    """The graph of a QDQ ONNX or an INT8 TFLite file, of free height and width, raw pixels at its ends.

    Raises:
        InputError: The file cannot be read, is not quantized, or its ends are not raw pixels.
        UnsupportedError: It holds an op that no integer kernel runs, or int16 activations.
    """
    graph = tflite.read(read_bytes(model), str(model)) if model.suffix == ".tflite" else graph_in(model)
    if not graph.is_quantized:
        raise InputError(
            "is a float model; expected a quantized one",
            where=str(model),
            hint=f"sr2tflite ptq {quoted(model)} --calibrate DIR -o ptq.onnx",
        )
    refuse_islands(graph)
    graph = without_io(graph)
    for tensor in (graph.input, graph.output):
        if tensor.dtype not in LIMITS or tensor.quant != QuantParams((1.0,), (LIMITS[tensor.dtype][0],)):
            raise InputError(
                f"{tensor.name} is {tensor.dtype} with {tensor.quant}; expected raw pixels, scale 1",
                where=str(model),
                hint="bring the model in: sr2tflite fuse MODEL.onnx -o qat.onnx",
            )
    return with_size(graph, None, None)


def _refuse_seen(graph: Graph, model: Path, samples: Samples) -> None:
    known = seen(graph.metadata)
    leaked = [image.name for image in samples.images if known & image.ids]
    if leaked:
        raise InputError(
            f"was calibrated or trained on {len(leaked)} of these images: {', '.join(leaked[:5])}",
            where=str(model),
            hint="measure on other images, or say --allow-leak",
        )


def _notes(subject: Subject, *, hr: bool) -> list[str]:
    notes = []
    if not hr:
        notes.append("no HR images: costs are against the float graph's output alone")
    if not subject.float_side.holds_weights:
        notes.append(
            f"weights are {subject.float_side.apart:.2f} steps from the float graph's (root mean square), so they were"
            " trained after it, and their float values are in no file: weights have no rows, and what training changed"
            " stays in when everything is left out"
        )
    return notes
