"""``sr2tflite export --challenge``: the three files of a submission, from one set of integers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sr2tflite.commands.export import Checked, ExportResult, checked, keep
from sr2tflite.commands.graph_file import graph_in
from sr2tflite.errors import InputError, UnsupportedError, VerificationError
from sr2tflite.export.backends import Spec
from sr2tflite.export.challenges import FIXED, FLOAT, FOLDER, FREE, Challenge, challenge_named
from sr2tflite.export.cross_check import SIZE, check_images, output
from sr2tflite.export.kinds import Backend
from sr2tflite.files import make_folder, quoted
from sr2tflite.graph import Graph
from sr2tflite.graph.passes.clip_output import with_clipped_output
from sr2tflite.graph.passes.dequantize import dequantized
from sr2tflite.progress import Progress, silent
from sr2tflite.runtime import LiteRT


@dataclass(frozen=True)
class ChallengeResult:
    """A submission's files, written and proved."""

    challenge: str
    folder: Path
    """That holds them."""

    files: tuple[ExportResult, ...]
    """Fixed, free and float."""

    images: int
    """On which the fixed and the free file gave the same bytes."""


@dataclass(frozen=True)
class ChallengeFiles:
    """A submission's files, proved and not written yet."""

    files: dict[str, Checked]
    """By name: fixed, free and float."""

    images: int
    """On which the fixed and the free file gave the same bytes."""


def challenge(
    model: Path,
    folder: Path,
    name: str,
    *,
    backend: Backend = "direct",
    cross_check: bool | None = False,
    progress: Progress = silent,
) -> ChallengeResult:
    """Write ``TFLite/model.tflite``, ``model_none.tflite`` and ``model_none_float.tflite`` of one quantized graph.

    The first has the challenge's size, the second a free one; both hold the same integers and give the same bytes. The
    third is float32: the real values of those integers, its output bounded as theirs is.

    Args:
        model: QDQ ONNX.
        folder: Gets the folder ``TFLite``.
        name: Of the challenge: ``mai2026``, ``mai2022``, ``mai2021``.
        backend: What writes the files.
        cross_check: As in :func:`~sr2tflite.commands.export.export`; the fixed file is checked.
        progress: Told when it takes longer.

    Raises:
        InputError: The model cannot be read or is float, enlarges by another factor, or there is no such challenge.
        MissingError: TensorFlow and onnx2tf are needed and not installed.
        StorageError: The folder cannot be written.
        UnsupportedError: The model holds what a runtime would refuse, or what a backend cannot carry.
        VerificationError: A file is not the graph, or fixed and free file differ.
    """
    rules = challenge_named(name)
    graph = _graph(model, rules)
    place = folder / FOLDER
    make_folder(folder)
    make_folder(place)
    made = _made(graph, rules, backend=backend, cross_check=cross_check, progress=progress)
    return ChallengeResult(name, place, tuple(keep(file, place / one) for one, file in made.files.items()), made.images)


def challenge_files(model: Path, name: str, *, progress: Progress = silent) -> ChallengeFiles:
    """The files of :func:`challenge`, by the direct backend, not written.

    Raises:
        Sr2TfliteError: As there.
    """
    rules = challenge_named(name)
    return _made(_graph(model, rules), rules, backend="direct", cross_check=False, progress=progress)


def _graph(model: Path, rules: Challenge) -> Graph:
    graph = graph_in(model)
    _check(graph, model, rules.name, rules)
    return graph


def _made(
    graph: Graph, rules: Challenge, *, backend: Backend, cross_check: bool | None, progress: Progress
) -> ChallengeFiles:
    integers = Spec("int8", rules.height, rules.width, rules.io, backend)
    free, floating = Spec("int8", io=rules.io, backend=backend), Spec("float32", io="float32", backend=backend)
    twin = with_clipped_output(dequantized(graph))
    files = {
        FIXED: checked(graph, integers, cross_check=cross_check, progress=progress),
        FREE: checked(graph, free, cross_check=False, progress=progress),
        FLOAT: checked(twin, floating, cross_check=False, progress=progress),
    }
    return ChallengeFiles(files, _compare(files[FIXED].made.data, files[FREE].made.data))


def _check(graph: Graph, model: Path, name: str, rules: Challenge) -> None:
    if not graph.is_quantized:
        raise InputError(
            "holds no scales: it is float, and the challenge's files hold integers",
            where=str(model),
            hint=f"sr2tflite ptq {quoted(model)} --calibrate DIR -o ptq.onnx",
        )
    if graph.scale_factor != rules.scale:
        raise InputError(f"enlarges by {graph.scale_factor}; {name} asks for {rules.scale}", where=str(model))
    if graph.input.channels != 3 or graph.output.channels != 3:
        raise UnsupportedError(f"takes {graph.input.channels} channels; {name} asks for RGB", where=str(model))


def _compare(fixed: bytes, free: bytes) -> int:
    models, images = (LiteRT(fixed), LiteRT(free)), check_images(*SIZE)
    for name, image in images.items():
        first, second = (output(model, image) for model in models)
        differ = int(np.count_nonzero(first != second))
        if differ:
            raise VerificationError(f"{differ} bytes differ between {FIXED} and {FREE}", where=f"image {name!r}")
    return len(images)
