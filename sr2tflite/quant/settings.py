"""What post-training quantization and quantized training can be told: the keys of a recipe's ``ptq`` and ``qat``."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sr2tflite.registry import Settings

WeightGrid = Literal["per-channel", "per-tensor"]
"""Whether every output channel of a convolution has a weight scale of its own, or all share one."""


Width = Literal[2, 3, 4, 8]
"""Bits of a code."""


class Bits(Settings):
    """How many bits codes have on the device.

    Fewer than eight are codes that int8 tensors leave unused: the kernels, and their arithmetic, stay those of int8.
    """

    weights: Width = 8
    """Of all convolutions but the first and the last: −127…127 at 8, −7…7 at 4, −3…3 at 3, −1…1 at 2."""

    activations: Width = 8
    """Of what a fused ReLU writes: 0…255 at 8, 0…15 at 4. What can be negative, as sums of residual networks, has 8:
    no fused activation holds it within fewer codes."""

    ends: Width = 8
    """Of the weights of the first and the last convolutions."""

    container: Literal["int8", "int4"] = "int8"
    """Where weights of at most four bits lie: one to a byte, or ``int4``, two to a byte, which halves the file. The
    runtime unpacks those at every inference and leaves XNNPACK for its builtin kernel: smaller, not faster. Depthwise
    and grouped convolutions stay int8."""


class FinetuneSettings(Settings):
    """How ranges are moved on calibration images, weights and biases staying as they are."""

    epochs: int = Field(default=10, gt=0)
    """Times through the images."""

    batch: int = Field(default=2, gt=0)
    """Images per step."""

    patch: int = Field(default=48, gt=0)
    """Height and width of the middle of each image that is looked at."""

    rate: float = Field(default=0.003, gt=0)
    """Of Adam, for weight scales relative to where they start and for ends relative to the power of two above their
    range's width; AdaBM's is 0.01."""

    decay: float = Field(default=0.9, gt=0, le=1)
    """What every epoch multiplies the rate by."""

    paper_exact: bool = False
    """Whether sensitivities are the softmax of the layers' spreads as they are, instead of standardized ones."""


class BranchSettings(Settings):
    """When an activation with outliers gets a second branch, which doubles the work of what writes and reads it."""

    gain_db: float = Field(default=0.5, ge=0)
    """How much nearer to the float network that must bring the output, in dB, for each one alone."""

    most: int = Field(default=4, gt=0)
    """How many are split at most."""

    percentile: float = Field(default=99.0, gt=50, lt=100)
    """Share of the magnitudes, in percent, that the first branch takes."""


class IslandSettings(Settings):
    """When an activation becomes int16, and with it the convolutions and sums that write and read it.

    Outliers and small values both fit then; but those ops leave XNNPACK for the builtin kernels, which are slower.
    """

    gain_db: float = Field(default=0.5, ge=0)
    """How much nearer to the float network that must bring the output, in dB, for each one alone."""

    most: int = Field(default=4, gt=0)
    """How many are chosen at most; one that lies between two chosen ones is int16 for nothing and does not count."""

    sums_alone: bool = False
    """Whether islands are what sums add, as skips are: convolutions that read one read it rounded to int8 and stay with
    XNNPACK, which has no int16. That costs least."""


class PtqSettings(Settings):
    """How calibration turns what it saw into ranges."""

    bits: Bits = Bits()
    """Of weights and activations."""

    placement: Literal["tflite", "paper"] = "tflite"
    """``tflite`` rounds what a file's kernels round: every op's output. ``paper`` is a simulation that no file holds:
    the trunk's convolutions alone have codes, for weights and for what they read, and all between stays real."""

    method: Literal["percentile", "minmax", "mse"] = "mse"
    """``percentile`` cuts both tails, ``minmax`` keeps everything, ``mse`` minimizes the error of the output."""

    percentile: float = Field(default=99.999, gt=50, le=100)
    """Share of the values, in percent, that each end of a range keeps; only ``percentile`` reads it."""

    weights: WeightGrid = "per-channel"
    """``per-tensor`` is for accelerators, and uint8 files, that know one weight scale per layer; it costs quality."""

    weight_range: Literal["max", "mse", "output"] = "max"
    """What the largest weight code stands for: the largest magnitude, or the clip that leaves the least squared error
    of the weights, ``mse``, or of what they make of the calibration images, ``output``; below eight bits that pays."""

    equalize: bool = True
    """Whether channels are first enlarged or made small so that rounding costs least: the float function stays."""

    lift_skips: bool = False
    """Whether a skip from the first convolution to the last becomes copies of pixels, which are exact: all stays int8;
    the last convolution reads a stem's window more, 28 channels for 3×3 and RGB."""

    branches: BranchSettings | None = None
    """Whether, and when, outliers of a ReLU's output get a branch of their own; None splits nothing."""

    islands: IslandSettings | None = None
    """Whether, and when, activations become int16 in an int8 network; None leaves all int8. Of ``ptq`` alone."""

    finetune: FinetuneSettings | None = None
    """Whether, and how, ranges are then moved until the network is nearer to the float one; None leaves them."""

    rounding: Literal["nearest", "covariance", "adaround"] = "covariance"
    """``nearest`` rounds each weight for itself, ``covariance`` so that errors cancel on the calibration images;
    ``adaround`` learns for each whether it goes up or down, layer by layer, which takes longer."""

    bias_correction: bool = True
    """Whether biases take back what rounding shifts on average."""

    images: int = Field(default=64, gt=0)
    """How many images of the folder are used at most, spread evenly over the sorted list."""

    @model_validator(mode="after")
    def _simulates_what_papers_do(self) -> Self:
        if self.placement == "paper" and (self.method == "mse" or self.equalize):
            raise ValueError("placement: paper needs method: minmax or percentile, and equalize: false")
        return self

    @model_validator(mode="after")
    def _lifts_where_gains_can_follow(self) -> Self:
        if self.lift_skips and (self.placement == "paper" or not self.equalize or self.branches is not None):
            raise ValueError("lift_skips: expected placement: tflite, equalize: true and no branches")
        return self

    @model_validator(mode="after")
    def _widens_what_a_file_holds(self) -> Self:
        if self.islands is not None and self.placement == "paper":
            raise ValueError("islands: a simulation has no int16 kernels; expected placement: tflite")
        if self.islands is not None and self.branches is not None:
            raise ValueError("islands and branches: two remedies for the same outliers; expected one of them")
        return self


class FixedClip(Settings):
    """Weights stay within fixed bounds, or the layer's own at the start where that is wider."""

    kind: Literal["fixed"] = "fixed"

    body: float = Field(default=3.0, gt=0)
    """Largest magnitude in convolutions that keep the number of channels."""

    others: float = Field(default=2.0, gt=0)
    """Largest magnitude in all other convolutions."""


class SigmaClip(Settings):
    """Weights stay within k standard deviations of their layer, measured when training starts."""

    kind: Literal["sigma"] = "sigma"

    k: float = Field(default=4.0, gt=0)
    """The multiple of σ(W)."""

    per_channel: bool = False
    """Whether every output channel has a σ, and so a bound, of its own; where ``ptq.equalize`` has made channels of
    very different size, one bound for all would cut the largest to pieces."""


class PercentileClip(Settings):
    """Weights stay within a percentile of their layer's magnitudes, measured when training starts."""

    kind: Literal["percentile"] = "percentile"

    percentile: float = Field(default=99.9, gt=50, le=100)
    """Share of the weights, in percent, that the bound leaves alone."""

    per_channel: bool = False
    """Whether every output channel has a bound of its own."""


WeightClip = Annotated[FixedClip | SigmaClip | PercentileClip, Field(discriminator="kind")]
"""What happens to the weights after each optimizer step."""


class QatSettings(Settings):
    """What is particular to quantized training; how long and how fast is the loop's matter."""

    ptq: PtqSettings = PtqSettings()
    """Where the ranges start."""

    range_rate: float = Field(default=0.1, ge=0)
    """Learning rate of the ranges' ends, relative to that of the weights; an end is measured against the power of two
    above its range's width. Adam undervalues what is rarely clipped, so fast ranges shrink too far; 0 leaves them where
    calibration put them."""

    observe_until: float = Field(default=0.0, ge=0, le=1)
    """Share of the training in which ranges follow what each batch shows instead of a gradient: ``e ← e + c·(e_batch −
    e)`` for both ends. 0 learns them from the first step; the seed paper: 0.2."""

    observe_rate: float = Field(default=0.01, gt=0, le=1)
    """The c of that moving average."""

    observe_percentile: float = Field(default=100.0, gt=50, le=100)
    """Share of a batch's values, in percent, that each of its ends keeps; 100 is minimum and maximum."""

    ranges_until: float = Field(default=1.0, ge=0, le=1)
    """Share of the training after which ranges stay as they are; the seed paper freezes them at 0.6."""

    method: str | dict[str, Any] | None = None
    """How one paper quantizes, beside what is said here: a name, or name and settings; ``odm``, ``quantsr``,
    ``quantsr_plus``."""

    weight_clip: WeightClip | None = FixedClip()
    """Weight clipping after each step; None leaves the weights alone."""

    @model_validator(mode="after")
    def _observes_before_it_freezes(self) -> Self:
        if self.observe_until > self.ranges_until:
            raise ValueError(f"observe_until is {self.observe_until:g}; expected at most ranges_until")
        return self

    @model_validator(mode="after")
    def _computes_with_eight_bits(self) -> Self:
        if self.ptq.islands is not None:
            raise ValueError("ptq.islands: quantized training computes with 8 bits; expected islands in ptq alone")
        return self
