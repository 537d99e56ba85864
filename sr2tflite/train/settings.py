"""What a float training is told."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from sr2tflite.errors import RecipeError
from sr2tflite.evaluate.protocols import protocol_named
from sr2tflite.quant.settings import QatSettings
from sr2tflite.registry import Settings
from sr2tflite.train.schedules import Cosine, RateSchedule

LossSpec = str | dict[str, Any]
"""A loss in a recipe: its name, or name and settings."""


def _known(protocol: str) -> str:
    try:
        return protocol_named(protocol).name
    except RecipeError as error:
        raise ValueError(f"{error.message}; {error.hint}") from error


class LoopSettings(Settings):
    """How long and how fast; shared by every kind of training."""

    steps: int = Field(default=20_000, ge=1)
    """Optimizer steps."""

    batch: int = Field(default=16, ge=1)
    """Patches a step, on all devices together."""

    patch: int = Field(default=48, ge=8)
    """Side of an LR patch, in pixels."""

    learning_rate: float = Field(default=1e-3, gt=0)
    """Adam's peak learning rate of the first parameter group; other groups keep their ratio to it."""

    warmup: float = Field(default=0.02, ge=0, lt=1)
    """Share of the steps over which the learning rate rises from 0; then it goes by ``schedule``."""

    schedule: RateSchedule = Cosine()
    """Of the learning rate: ``{kind: cosine}``, or ``{kind: step, milestones: [0.5, 0.75], gamma: 0.5}``."""

    gradient_clip: float = Field(default=1.0, gt=0)
    """Largest gradient norm."""

    ema: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the exponential moving average of the weights; 0 keeps none."""

    losses: tuple[LossSpec, ...] = Field(default=("l1",), min_length=1)
    """What is minimized: the weighted sum of these; each a name, or name and settings with its ``weight``."""

    teacher: Path | None = None
    """Whose output losses may refer to: a published teacher's weights, a student's checkpoint, a float ONNX graph."""

    taught_crops: int | None = Field(default=None, ge=1)
    """Crops of which a slow teacher's output is worked out, once; None for as many as take about an hour."""

    seed: int = 0
    """Of weights and patches."""

    held_out: int = Field(default=16, ge=1)
    """Training images kept for choosing the checkpoint, those whose content hashes sort first."""

    validate_every: int = Field(default=1000, ge=1)
    """Steps between validations."""

    protocol: Annotated[str, AfterValidator(_known)] = "rgb"
    """What the PSNR of validations, which chooses the checkpoint, is the PSNR of."""

    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """Of the forward and backward pass; 16-mixed needs a GPU."""

    channels_last: bool = False
    """Keep activations channels last in memory: faster on CPUs for networks without batch normalization."""

    workers: int = Field(default=1, ge=0, exclude=True)
    """Threads that make the next batches meanwhile; 0 makes each when it is needed. The result is the same."""

    save_every_s: float = Field(default=60.0, gt=0)
    """Seconds between checkpoints of the running training."""

    tensorboard: bool = False
    """Also log for TensorBoard, which the extra ``tensorboard`` brings."""

    def learning_rate_factor(self, step: int) -> float:
        """What the learning rate of a step is of its peak: linear warm-up, then the schedule."""
        warm = self.warmup * self.steps
        return (step + 1) / warm if step < warm else self.schedule.factor(step, warm, self.steps)


class TrainSettings(LoopSettings):
    """A float training."""

    start: Path | None = None
    """A checkpoint of the same student, whose weights are gone on from; fresh weights when None."""


class QatTrainSettings(LoopSettings, QatSettings):
    """A quantized training: the loop's settings and the quantization's, in one record."""

    steps: int = Field(default=1500, ge=1)
    """Optimizer steps."""

    batch: int = Field(default=8, ge=1)
    """Patches a step."""

    patch: int = Field(default=64, ge=8)
    """Side of an LR patch, in pixels."""

    learning_rate: float = Field(default=2e-5, gt=0)
    """Adam's peak learning rate of weights and biases."""

    losses: tuple[LossSpec, ...] = Field(
        default=({"name": "l1", "weight": 0.5}, {"name": "residual", "weight": 0.5}), min_length=1
    )
    """What is minimized: the weighted sum of these; each a name, or name and settings with its ``weight``."""

    teacher: Path | None = None
    """Whose output losses may refer to; the float graph itself when None."""

    validate_every: int = Field(default=250, ge=1)
    """Steps between validations."""

    precision: Literal["32-true"] = "32-true"
    """Integers up to 2²⁴ need float32."""
