"""The stages of a run: what each depends on, what it makes, and the command that makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr2tflite.errors import InputError
from sr2tflite.files import read_range
from sr2tflite.networks.header import CHECKPOINTS
from sr2tflite.progress import Progress
from sr2tflite.run.artifacts import (
    CERTIFICATE,
    CHART,
    DEPLOY,
    FINETUNED,
    MODEL,
    MODEL_FLOAT,
    MODEL_FREE,
    PTQ,
    PTQ_FREE,
    QAT,
    RECALIBRATED,
    STUDENT,
)
from sr2tflite.run.digests import Digests
from sr2tflite.run.folder import Facts, Stage
from sr2tflite.run.recipe import Recipe
from sr2tflite.train.settings import LoopSettings, TrainSettings

if TYPE_CHECKING:
    from sr2tflite.data.pairs import Part


@dataclass(frozen=True)
class Step:
    """A stage and what carries it out."""

    stage: Stage
    action: Callable[[Progress], Facts]


def steps(recipe: Recipe, folder: Path, digests: Digests | None = None) -> list[Step]:
    """Every stage of a recipe, in order; ``digests`` of files that were hashed before save reading them again.

    Raises:
        RecipeError: An unknown student.
        InputError: A folder of images cannot be read, or an image serves both the making and the judging.
    """
    _refuse_missing(recipe)
    _refuse_leak(recipe, digests or Digests())
    chain = _Chain(recipe, folder)
    chain.student()
    chain.fuse()
    chain.quantize()
    chain.export()
    chain.evaluate()
    if recipe.budget:
        chain.budget(recipe.budget)
    if recipe.bench is not None:
        chain.bench(recipe.bench.threads, recipe.bench.runs, recipe.bench.rounds)
    return chain.steps


class _Chain:
    """Builds the stages one after the other; each knows the files of those before it."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.recipe, self.folder = recipe, folder
        self.steps: list[Step] = []
        self.source: Path
        self.told = recipe.student if recipe.weights else None
        """The student that ``source`` belongs to, where it is a checkpoint that need not say so."""

    def _add(
        self,
        name: str,
        settings: Any,
        inputs: list[Path],
        outputs: list[str],
        action: Callable[[Progress], Facts],
        *,
        work: str | None = None,
    ) -> None:
        files = tuple(self.folder / output for output in outputs)
        how = _degradations(self.recipe)
        stage = Stage(
            name, [settings, how] if how else settings, tuple(inputs), files, self.folder / work if work else None
        )
        self.steps.append(Step(stage, action))

    def student(self) -> None:
        """Train one, or take the weights there are; recalibrate batch normalization where the recipe says so."""
        recipe, folder = self.recipe, self.folder
        if recipe.train is not None:
            self._training("train", recipe.train, STUDENT)
        else:
            self.source = recipe.weights or _weights(recipe.student)
        if recipe.finetune is not None:
            self._training("finetune", recipe.finetune.model_copy(update={"start": self.source}), FINETUNED)
        if recipe.recalibrate:
            before, self.source = self.source, folder / RECALIBRATED
            inputs = [before, *_images(recipe.data.train)]
            self._add("recalibrate", recipe.recalibrate, inputs, [RECALIBRATED], self._recalibration(before))
            self.told = None

    def _training(self, name: str, settings: TrainSettings, output: str) -> None:
        """A float training, whose checkpoint what follows starts from."""
        recipe, target = self.recipe, self.folder / output

        def action(progress: Progress) -> Facts:
            from sr2tflite.commands.train import train

            result = train(recipe.student, recipe.data.train, target, settings, progress=progress)
            return {"images": result.images, "skipped": list(result.skipped), **vars(result.fitted)}

        told = {"student": recipe.student, "train": settings.model_dump(mode="json", exclude={"start"})}
        inputs = [*_images(recipe.data.train), *_teacher(settings), *([settings.start] if settings.start else [])]
        self._add(name, told, inputs, [output], action, work=target.with_suffix(".train").name)
        self.source = target

    def _recalibration(self, before: Path) -> Callable[[Progress], Facts]:
        told = self.told

        def action(progress: Progress) -> Facts:
            from sr2tflite.commands.recalibrate import recalibrate

            target, batches = self.folder / RECALIBRATED, self.recipe.recalibrate
            data = self.recipe.data.train
            result = recalibrate(str(before), data, target, batches, student=told, progress=progress)
            return {"layers": result.layers}

        return action

    def fuse(self) -> None:
        """The deploy graph and its certificate."""
        source, told = self.source, self.told

        def action(_progress: Progress) -> Facts:
            from sr2tflite.commands.fuse import fuse

            result = fuse(str(source), self.folder / DEPLOY, student=told)
            regions = f"{len(result.certificate.collapsed)} regions collapsed, {len(result.certificate.left)} left"
            return {"ops": result.summary, "summary": f"{regions}; {result.summary}; certificate in `{CERTIFICATE}`"}

        self._add("fuse", told, [source], [DEPLOY, CERTIFICATE], action)

    def quantize(self) -> None:
        """Post-training quantization, always: it is the baseline; then quantized training."""
        recipe = self.recipe
        calibrate = recipe.data.calibrate or recipe.data.train

        def ptq_action(progress: Progress) -> Facts:
            from sr2tflite.commands.ptq import ptq

            result = ptq(self.folder / DEPLOY, calibrate, self.folder / PTQ, recipe.ptq, progress=progress)
            return {"images": result.images}

        inputs = [self.folder / DEPLOY, *_images(calibrate)]
        self._add("ptq", recipe.ptq.model_dump(mode="json"), inputs, [PTQ], ptq_action)
        if recipe.qat is None:
            return
        settings = recipe.qat

        def qat_action(progress: Progress) -> Facts:
            from sr2tflite.commands.qat import qat

            model, target = self.folder / DEPLOY, self.folder / QAT
            result = qat(model, recipe.data.train, target, settings, calibrate=calibrate, progress=progress)
            return {"images": result.images, "skipped": list(result.skipped), **vars(result.fitted)}

        inputs = [*inputs, *_images(recipe.data.train), *_teacher(settings)]
        self._add("qat", settings.model_dump(mode="json"), inputs, [QAT], qat_action, work="qat.train")

    def export(self) -> None:
        """The fixed file, the free one, the float twin for the bench, and the baseline."""
        final = QAT if self.recipe.qat is not None else PTQ
        told, folder = self.recipe.export, self.folder
        size: dict[str, Any] = {"height": told.height, "width": told.width}
        files: list[tuple[str, str, dict[str, Any]]] = [
            (final, MODEL, {**size, "io": told.io, "cross_check": told.cross_check}),
            (final, MODEL_FREE, {"free_shape": True, "io": told.io}),
            (PTQ, PTQ_FREE, {"free_shape": True, "io": told.io}),
            (DEPLOY, MODEL_FLOAT, {**size, "kind": "float32"}),
        ]

        def action(progress: Progress) -> Facts:
            from sr2tflite.commands.export import export

            made = []
            for source, target, options in files:
                result = export(folder / source, folder / target, **options, progress=progress)
                made.append({"file": target, "size_bytes": result.size_bytes, "proof": result.line()})
            return {"files": made}

        inputs = [folder / name for name in dict.fromkeys((final, PTQ, DEPLOY))]
        self._add("export", told.model_dump(mode="json"), inputs, [target for _, target, _ in files], action)

    def evaluate(self) -> None:
        """Float, baseline and final file on the evaluation images."""
        recipe, folder = self.recipe, self.folder
        artifacts = [folder / name for name in (DEPLOY, PTQ_FREE, MODEL_FREE)]

        def action(progress: Progress) -> Facts:
            from sr2tflite.commands.eval import evaluate

            protocols = recipe.evaluate.protocols
            return evaluate(artifacts, recipe.data.evaluate, protocols=protocols, progress=progress).to_json()

        inputs = [*artifacts, *_images(recipe.data.evaluate, "valid")]
        self._add("evaluate", recipe.evaluate.model_dump(mode="json"), inputs, [], action)

    def budget(self, limit: int) -> None:
        """What each tensor's quantization costs in the final file, on the first images of each folder."""
        recipe, folder = self.recipe, self.folder
        model, source = folder / (QAT if recipe.qat is not None else PTQ), folder / DEPLOY

        def action(progress: Progress) -> Facts:
            from sr2tflite.commands.budget import On, budget

            on = On(recipe.data.evaluate, protocol=recipe.evaluate.protocols[0], limit=limit)
            return budget(model, source, on, plot=folder / CHART, progress=progress).to_json()

        inputs = [model, source, *_images(recipe.data.evaluate, "valid")]
        self._add("budget", [limit, recipe.evaluate.protocols[0]], inputs, [CHART], action)

    def bench(self, threads: int, runs: int, rounds: int) -> None:
        """The final file against its float twin, on this machine."""
        models = [self.folder / MODEL_FLOAT, self.folder / MODEL]

        def action(progress: Progress) -> Facts:
            from sr2tflite.bench.figures import compared
            from sr2tflite.bench.plan import Plan
            from sr2tflite.commands.bench import bench

            plan = Plan(threads=(threads,), runs=runs, rounds=rounds, seconds=0)
            (result,) = bench(models, plan, progress=progress).results
            (ratio,) = result.ratios
            figures = ("min", "p5", "median", "p95", "mean", "std")
            rows = [
                {
                    "file": one.name,
                    "verdict": one.verdict,
                    **{f"{key}_ms": getattr(one.latency_ms, key) for key in figures},
                }
                for one in result.models
            ]
            summary = f"{compared(f'`{ratio.model}`', f'`{ratio.reference}`', ratio.ratio)} ({ratio.interval})."
            return {"rows": rows, "ratio": ratio.ratio, "summary": summary, "full": result.to_json()}

        self._add("bench", [threads, runs, rounds], models, [], action)


def _refuse_missing(recipe: Recipe) -> None:
    """See to it, before the first stage, that every file is there which a later one takes."""
    trainings = [one for one in (recipe.train, recipe.finetune, recipe.qat) if one is not None]
    for path in (recipe.weights, *(one.teacher for one in trainings)):
        if path is not None:
            read_range(path, 0, 0)


def _refuse_leak(recipe: Recipe, digest: Digests) -> None:
    used = {digest(path) for path in _images((*recipe.data.train, *recipe.data.calibrate))}
    for path in _images(recipe.data.evaluate, "valid"):
        if digest(path) in used:
            raise InputError(
                "serves training or calibration, and evaluation", where=str(path), hint="evaluate on other images"
            )


def _images(entries: tuple[Path, ...], part: "Part" = "train") -> list[Path]:
    from sr2tflite.data.pairs import files_of

    return [path for entry in entries for path in files_of(entry, part)]


def _degradations(recipe: Recipe) -> list[str]:
    """What is done to the images of every entry, as its files do not tell; empty where nothing is."""
    from sr2tflite.data.degradation import parted

    data = recipe.data
    found = [str(parted(entry)[1] or "") for entry in (*data.train, *data.calibrate, *data.evaluate)]
    return found if any(found) else []


def _teacher(settings: LoopSettings) -> list[Path]:
    return [settings.teacher] if settings.teacher else []


def _weights(student: str | dict[str, Any]) -> Path:
    from sr2tflite.networks import checkpoint

    if isinstance(student, str) and student.endswith(CHECKPOINTS):
        return Path(student)
    name = checkpoint.load_named(student).name
    return checkpoint.shipped(name)
