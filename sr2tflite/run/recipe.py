"""The recipe: one YAML file that says everything from the student to the gates."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, Field, model_validator

from sr2tflite.data.degradation import degradation, marked
from sr2tflite.data.pairs import absolute
from sr2tflite.errors import InputError, RecipeError
from sr2tflite.evaluate.protocols import protocol_named
from sr2tflite.files import read_bytes
from sr2tflite.networks.header import CHECKPOINTS
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.registry import Settings, parse_settings, parse_yaml
from sr2tflite.run.overrides import assign
from sr2tflite.train.settings import QatTrainSettings, TrainSettings

StageT = TypeVar("StageT", TrainSettings | None, QatTrainSettings | None)


def _spelled(text: str) -> str:
    try:
        return str(degradation(text))
    except InputError as error:
        raise ValueError(error.message) from error


class Data(Settings):
    """Which images serve what; each entry is relative to the recipe.

    An entry is an image; a folder of high-resolution ones; one with ``HR/`` and ``LR/`` or ``LR_bicubic/``, or in
    DIV2K's layout; or two folders, ``HR:LR``. Low-resolution images lie in ``X3/`` (×3) or directly inside; where there
    are none, MATLAB-compatible bicubic makes them. ``@noise25``, ``@blur1.6`` or ``@jpeg40`` behind any of them
    degrades its low-resolution images.
    """

    train: tuple[Path, ...] = ()
    """Images for ``train``, ``recalibrate`` and ``qat``; of several sets in a folder, the one named train."""

    calibrate: tuple[Path, ...] = ()
    """Images for the first ranges; ``train`` serves where this is empty."""

    evaluate: tuple[Path, ...] = Field(min_length=1)
    """Images for the figures, none of which may serve anything else; of several sets, the one named valid."""

    degrade: Annotated[str, AfterValidator(_spelled)] | None = None
    """What is done to the low-resolution images of all entries that do not say it themselves: ``noise25``, ``blur1.6``
    or ``jpeg40``, for a network that is to undo it."""


class Export(Settings):
    """The file for the phone."""

    height: int = Field(default=720, ge=1)
    """Of the fixed-shape file's input, in pixels."""

    width: int = Field(default=1280, ge=1)
    """Of the fixed-shape file's input, in pixels."""

    io: Literal["int8", "uint8", "float32"] = "int8"
    """Type of the file's input and output; raw pixels in every case (int8: pixel − 128)."""

    cross_check: bool | None = None
    """Whether the file of the onnx2tf backend must give the same bytes; null: where that extra is installed."""


class Evaluate(Settings):
    """How quality is measured."""

    protocols: tuple[str, ...] = Field(default=("rgb", "y-shave3"), min_length=1)
    """The first one is what the gates look at."""


class Bench(Settings):
    """How latency is measured on this machine, on the fixed-shape file and on its float twin."""

    threads: int = Field(default=1, ge=1)
    """Of the runtime."""

    runs: int = Field(default=5, ge=1)
    """Timed inferences a round."""

    rounds: int = Field(default=6, ge=1)
    """Fresh processes a file, interleaved; six give the ratio an interval of 96.9 %, eleven of 99.9 %."""


class Gates(Settings):
    """What the INT8 file must hold; a gate that fails ends the run with exit status 4."""

    psnr_drop_db: float | None = None
    """Largest drop of the mean PSNR against the float network, in dB."""

    ssim_drop: float | None = None
    """Largest drop of the mean SSIM against the float network."""

    latency_ratio: float | None = None
    """Largest ratio of the INT8 file's median latency to the float file's."""


class Recipe(Settings):
    """Everything from the student to the gates."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    """Names the run folder."""

    student: str | dict[str, Any]
    """A student's name (its shipped weights are used, or ``train`` makes some), name and settings, or a checkpoint."""

    weights: Path | None = None
    """A checkpoint of ``student``, relative to the recipe, in place of its shipped weights; a state dict will do."""

    data: Data

    train: TrainSettings | None = None
    """Float training from fresh weights or ``start``; leave it out to take trained ones."""

    finetune: TrainSettings | None = None
    """More float training, from the weights that ``train`` ends with: other losses, another teacher, other patches."""

    recalibrate: int = Field(default=0, ge=0)
    """Batches over which batch normalization is recalibrated before fusing; 0 leaves it alone (the seed paper: 64)."""

    ptq: PtqSettings = PtqSettings()
    """Post-training quantization: the baseline, and where quantized training starts (unless ``qat.ptq`` differs)."""

    qat: QatTrainSettings | None = QatTrainSettings()
    """Quantized training; null ships the post-training file."""

    export: Export = Export()
    evaluate: Evaluate = Evaluate()
    budget: int = Field(default=0, ge=0)
    """Images of each evaluation folder on which every tensor's cost is measured (``sr2tflite budget``); 0: none."""

    bench: Bench | None = Bench()
    """null measures no latency."""

    gates: Gates = Gates()

    @model_validator(mode="before")
    @classmethod
    def _quantized_training_starts_from_ptq(cls, data: Any) -> Any:
        """What ``ptq`` says holds for the start of ``qat`` too, unless ``qat.ptq`` says otherwise."""
        if not isinstance(data, dict) or "ptq" not in data or not isinstance(data.get("qat", {}), dict):
            return data
        return {**data, "qat": {"ptq": data["ptq"], **data.get("qat", {})}}


def load(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """The recipe in a file, with overrides ``a.b=c`` put over it; its paths are made absolute.

    Raises:
        InputError: The file cannot be read or is not YAML.
        RecipeError: The schema says no; every mistake is named at once.
    """
    try:
        content = parse_yaml(read_bytes(path))
    except ValueError as error:
        raise InputError(f"is not YAML: {error}", where=str(path), hint="start from one in recipes/") from error
    if not isinstance(content, dict):
        raise InputError(
            "holds no recipe; expected keys and values", where=str(path), hint="start from one in recipes/"
        )
    for override in overrides:
        assign(content, override)
    recipe = parse_settings(Recipe, content, path.name)
    _check(recipe, path.name)
    base = path.parent.resolve()
    data = {
        field: tuple(_degraded(absolute(entry, base), recipe.data.degrade) for entry in getattr(recipe.data, field))
        for field in ("train", "calibrate", "evaluate")
    }
    student = recipe.student
    if isinstance(student, str) and student.endswith(CHECKPOINTS):
        student = str((base / student).resolve())
    weights = (base / recipe.weights).resolve() if recipe.weights else None
    told = {
        "train": _with_files(recipe.train, base),
        "finetune": _with_files(recipe.finetune, base),
        "qat": _with_files(recipe.qat, base),
    }
    return recipe.model_copy(
        update={"data": Data(**data, degrade=recipe.data.degrade), "student": student, "weights": weights, **told}
    )


def _degraded(entry: Path, how: str | None) -> Path:
    return entry if how is None else marked(entry, degradation(how))


def _with_files(stage: StageT, base: Path) -> StageT:
    """A stage whose paths, its teacher's and its start's, are absolute."""
    if stage is None:
        return stage
    told = {field: getattr(stage, field, None) for field in ("teacher", "start")}
    return stage.model_copy(update={field: (base / path).resolve() for field, path in told.items() if path})


def _check(recipe: Recipe, where: str) -> None:
    """What would otherwise end a run after its trainings."""
    for name in recipe.evaluate.protocols:
        protocol_named(name)
    trains = recipe.train is not None or recipe.qat is not None or recipe.recalibrate > 0
    if trains and not recipe.data.train:
        raise RecipeError("data.train: is empty; expected images to train on", where=where, hint="name some folders")
    if recipe.weights is not None and recipe.train is not None:
        raise RecipeError("weights: are given, and train makes some; expected one of them", where=where)
    if recipe.finetune is not None and (recipe.train is None or recipe.finetune.start is not None):
        raise RecipeError(
            "finetune: goes on from the weights of train, and from no others",
            where=where,
            hint="to go on from a checkpoint, give train a start",
        )
    if not (recipe.data.calibrate or recipe.data.train):
        raise RecipeError("data.calibrate: is empty; expected images", where=where, hint="name some folders")


def resolved(recipe: Recipe) -> str:
    """The recipe as YAML with every default written out."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
