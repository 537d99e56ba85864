"""``sr2tflite run``: a recipe carried out in a run folder, from the student to the report; what stands is skipped."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sr2tflite import __version__
from sr2tflite.commands.report import PAGE, write
from sr2tflite.commands.steps import Step, steps
from sr2tflite.errors import RecipeError
from sr2tflite.files import write_text
from sr2tflite.progress import Progress, silent
from sr2tflite.run.artifacts import DEPLOY, MODEL_FREE, PTQ_FREE, RECIPE, crop_file
from sr2tflite.run.crops import RENDERINGS, side_by_side
from sr2tflite.run.digests import Digests
from sr2tflite.run.folder import RunFolder
from sr2tflite.run.recipe import Recipe, load, resolved
from sr2tflite.run.report import Report
from sr2tflite.run.report.gather import gather
from sr2tflite.run.report.reading import REPORT

VERSIONS = ("torch", "numpy", "onnx", "onnxruntime", "ai-edge-litert", "opencv-python-headless")


@dataclass(frozen=True)
class RunResult:
    """A recipe carried out."""

    folder: Path
    report: Report
    skipped: tuple[str, ...]
    """Stages that stood already."""

    @property
    def passed(self) -> bool:
        return self.report.passed

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return {"folder": str(self.folder), "skipped": list(self.skipped), **self.report.to_json()}


@dataclass(frozen=True)
class Planned:
    """What a run would do."""

    folder: Path
    recipe: Recipe
    stages: tuple[tuple[str, bool, tuple[str, ...]], ...]
    """Name, whether it stands already, and the files it makes."""


def plan(recipe_path: Path, folder: Path | None = None, overrides: tuple[str, ...] = ()) -> Planned:
    """What :func:`run` would do; nothing is written.

    Raises:
        RecipeError: The recipe does not fit the schema.
        InputError: It, or something it names, cannot be read.
    """
    recipe = load(recipe_path, overrides)
    path = folder or Path("runs") / recipe.name
    digests = Digests()
    manifest = RunFolder(path, make=False, digests=digests)
    stages, fresh = [], False
    for step in steps(recipe, path, digests):
        fresh = fresh or not manifest.stands(step.stage)
        stages.append((step.stage.name, not fresh, tuple(file.name for file in step.stage.outputs)))
    return Planned(path, recipe, tuple(stages))


def run(
    recipe_path: Path, folder: Path | None = None, overrides: tuple[str, ...] = (), *, progress: Progress = silent
) -> RunResult:
    """Carry a recipe out.

    Args:
        recipe_path: The recipe.
        folder: The run folder; ``runs/NAME`` when None.
        overrides: ``a.b=c`` put over the recipe.
        progress: Told how it goes.

    Raises:
        RecipeError: ``torchrun`` started several processes of it.
        Sr2TfliteError: Whatever a stage raises; the same command goes on from there.
    """
    _refuse_several()
    recipe = load(recipe_path, overrides)
    path = folder or Path("runs") / recipe.name
    digests = Digests()
    manifest = RunFolder(path, digests=digests)
    write_text(path / RECIPE, resolved(recipe))
    skipped = []
    todo = steps(recipe, path, digests)
    for number, step in enumerate(todo):
        progress("stages", number, len(todo), step.stage.name)
        _, stood = manifest.run(step.stage, _bound(step, progress))
        if stood:
            skipped.append(step.stage.name)
    _draw_crops(recipe, path)
    report = gather(path, _versions())
    write(report, path, [path / name for name in (PAGE, "report.md", REPORT)])
    return RunResult(path, report, tuple(skipped))


def _refuse_several() -> None:
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started > 1:
        raise RecipeError(
            f"torchrun started {started} processes; expected one, as only trainings share their work",
            hint="sr2tflite train --devices N, then qat --devices N",
        )


def _bound(step: Step, progress: Progress) -> Callable[[], dict[str, object]]:
    return lambda: step.action(progress)


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in VERSIONS}
    return {"sr2tflite": __version__, "python": platform.python_version(), **found}


def _draw_crops(recipe: Recipe, folder: Path) -> None:
    """A picture of the busiest part of every evaluation image, as each artifact renders it."""
    from sr2tflite.data.bicubic import upscale
    from sr2tflite.data.images import write_image
    from sr2tflite.evaluate.image_set import image_set
    from sr2tflite.evaluate.runners import open_runner

    runners = [open_runner(folder / file) for file in (DEPLOY, PTQ_FREE, MODEL_FREE)]
    scale = runners[0].scale
    for number, pair in enumerate(image_set(recipe.data.evaluate, scale).pairs, 1):
        lr, hr = pair.load(scale)
        images = [upscale(lr, scale), *(runner(lr) for runner in runners), hr]
        write_image(folder / crop_file(number), side_by_side(dict(zip(RENDERINGS, images, strict=True))))
