"""``sr2tflite qat``: trains a float deploy graph on the TFLite grid, with the device's arithmetic in the forward."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sr2tflite.commands.held_out import HeldOut, refuse_patch
from sr2tflite.commands.ptq import Calibration, calibration_images, read_float, spread
from sr2tflite.commands.teaching import Lesson, own_output
from sr2tflite.data.ahead import Ahead
from sr2tflite.data.borders import extended
from sr2tflite.data.cache import ImageCache, open_cache
from sr2tflite.data.patches import Batch, Patches
from sr2tflite.errors import RecipeError
from sr2tflite.files import keep_apart, read_bytes, sha256, write_bytes
from sr2tflite.graph import Graph, onnx
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.progress import Progress, silent
from sr2tflite.provenance import CALIBRATED_ON, TRAINED_ON, listed, seen, short_id
from sr2tflite.quant.clip import WeightClipper
from sr2tflite.quant.features import FeatureTap
from sr2tflite.quant.methods import METHODS, Method
from sr2tflite.quant.observer import RangeObserver
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView
from sr2tflite.train.devices import Devices, Team, launch
from sr2tflite.train.gradients import Apart
from sr2tflite.train.loop import Fitted, Training
from sr2tflite.train.losses import WHITE
from sr2tflite.train.settings import QatTrainSettings
from sr2tflite.train.task import Task


@dataclass(frozen=True)
class QatResult:
    """A quantized graph, trained and written."""

    path: Path
    fitted: Fitted
    images: int
    """Trained on."""
    skipped: tuple[str, ...]
    """One message for each file that could not be used."""
    summary: str
    """Its ops."""


def qat(
    model: Path,
    data: Sequence[Path],
    out: Path,
    settings: QatTrainSettings | None = None,
    *,
    calibrate: Sequence[Path] = (),
    devices: Devices | None = None,
    progress: Progress = silent,
) -> QatResult:
    """Train a float deploy graph on the TFLite grid and write QDQ ONNX; the run's state lives in ``OUT.train/``.

    The same command goes on where a stopped one was. What is kept is the best of the start (post-training
    quantization) and every validation, judged by PSNR on training images that are held out.

    Args:
        model: A float ONNX deploy graph.
        data: Folders of images, HR or HR and LR; see :mod:`sr2tflite.data.pairs`.
        out: The ``.onnx`` to write.
        settings: How.
        calibrate: Images for the first ranges; some of those it trains on where there are none.
        devices: That share each batch; see :func:`sr2tflite.train.devices.launch`.
        progress: Told how it goes.

    Raises:
        InputError: The model, the data or the teacher cannot be used, or the run's folder holds another training.
        RecipeError: The devices cannot share the work, or the method has not enough steps.
        UnsupportedError: An op cannot be quantized.
        VerificationError: The GPU does not compute the integers that the CPU does.
        DivergedError: The loss is not finite.
    """
    keep_apart(model, out)
    settings = settings or QatTrainSettings()
    method = Method() if settings.method is None else METHODS.parse(settings.method, "method")[1]
    torch.manual_seed(settings.seed)
    graph = read_float(model)
    team = launch(settings, devices)
    progress = team.told(progress)
    cache = team.in_turn(lambda: open_cache(list(data), graph.scale_factor, progress))
    images, held_out = cache.split(settings.held_out)
    limit = settings.ptq.images
    ranges = calibration_images(calibrate, graph, limit) if calibrate else _some_of(images, graph, limit)
    # once, and not once a process: every one must start from the same bits
    view = team.by_first(lambda: QuantizedView.from_float(graph, ranges.images, settings.ptq, progress=progress))
    method.install(view)
    refuse_patch(settings.patch, multiple := size_multiple(graph))
    patches = Patches(images, patch=settings.patch, batch=settings.batch, seed=settings.seed, progress=progress)
    own = own_output(FloatView(view.plan.graph), WHITE)
    lesson = team.in_turn(lambda: Lesson(patches, settings, own, progress))
    batches = Ahead(lesson.batches, settings.steps, settings.workers)
    origin = " ".join([sha256(read_bytes(model)), images.path.name, *ranges.ids, lesson.origin])
    stage = _Stage(view, lesson, settings, team, method)
    task = stage.task(batches, HeldOut(held_out, WHITE, settings.protocol, multiple), sha256(origin.encode()))
    with batches:
        fitted = Training(task, settings, out.with_suffix(".train"), team).run(progress)
    _refuse_unfinished(method, view, settings.steps)
    trained = [entry.sha256 for entry in (*images.entries, *held_out.entries)]
    quantized = _known(view.freeze(), ranges.ids, [*seen(graph.metadata), *trained])
    team.by_first(lambda: write_bytes(out, onnx.write(quantized)))
    return QatResult(out, fitted, len(images), images.skipped, quantized.summary())


def _refuse_unfinished(method: Method, view: QuantizedView, steps: int) -> None:
    if not method.has_final_form(view):
        raise RecipeError(
            f"steps: {steps} are over before the method has left out what it shall", hint="--set steps=100"
        )


class _Stage:
    """What a step of quantized training does beside the optimizer's work."""

    def __init__(
        self, view: QuantizedView, lesson: Lesson, settings: QatTrainSettings, team: Team, method: Method
    ) -> None:
        self._view, self._lesson, self._settings, self._method = view, lesson, settings, method
        self._clip = WeightClipper(view, settings.weight_clip)
        self._observer = RangeObserver(view, settings, team.smallest)
        self._features = FeatureTap(view, lesson.total.compared, method.leaves_out(view))

    def task(self, batches: Ahead[Batch], judge: HeldOut, origin: str) -> Task[Batch]:
        """The training of the view, judged by held-out images."""
        method, view = self._method, self._view
        apart = None if method.apart is None else Apart(method.apart, partial(method.mixed, view))
        groups = view.parameter_groups(self._settings.range_rate, self._settings.ranges_until)
        return Task(
            view,
            [*groups, *method.groups(view)],
            batches,
            self.objective,
            judge.psnr,
            self.after_step,
            origin=origin,
            sample=judge.sample,
            apart=apart,
            by_hand=method.by_hand,
            counts=partial(method.has_final_form, view),
            after_validation=partial(method.after_validation, view),
            exact_on=judge.first_patch(),
        )

    def objective(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """What each loss adds to that of a batch, on ranges that have seen it where they are observed."""
        method, view, progress = self._method, self._view, self._lesson.progress(batch)
        method.before_step(view, batch.lr, progress)
        self._observer.see(batch.lr, progress)
        found = []
        for form in method.forms(view):
            with form:
                found.append(self._lesson.terms(module(batch.lr), batch, self._features(batch.lr)))
        terms = {name: torch.stack([one[name] for one in found]).mean() for name in found[0]}
        return method.objective(view, terms)

    def after_step(self, _module: nn.Module) -> None:
        """Weights go back within their bounds, observed ranges to what was seen."""
        self._clip()
        self._observer.hold()


def _known(graph: Graph, calibrated_on: Sequence[str], trained_on: Sequence[str]) -> Graph:
    """A graph that says which images it has seen."""
    graph.metadata[CALIBRATED_ON], graph.metadata[TRAINED_ON] = listed(calibrated_on), listed(trained_on)
    return graph


def _some_of(images: ImageCache, graph: Graph, limit: int) -> Calibration:
    """Low-resolution images of a cache, evenly spread."""
    chosen = spread(len(images), limit)
    ids = tuple(short_id(images.entries[index].sha256) for index in chosen)
    return Calibration(tuple(extended(np.array(images.lr(index)), size_multiple(graph)) for index in chosen), ids)
