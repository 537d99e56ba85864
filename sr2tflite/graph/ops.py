"""The closed set of ops that the deploy graph writes: those a phone's NPU runs.

An op is a frozen record of its attributes; ``op.kind`` is TFLite's builtin name. Inputs are listed per class.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

Activation = Literal["NONE", "RELU", "RELU6", "RELU_N1_TO_1"]
"""What a kernel applies to its result before it is written (TFLite ``ActivationFunctionType``)."""

Padding = Literal["SAME", "VALID"]


@dataclass(frozen=True)
class Op:
    """An op with its attributes."""

    kind: ClassVar[str]


@dataclass(frozen=True)
class Conv2D(Op):
    """Convolution. Inputs: x NHWC, weight OHWI (grouped: I = C/groups), bias O."""

    kind: ClassVar[str] = "CONV_2D"
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = "SAME"
    activation: Activation = "NONE"


@dataclass(frozen=True)
class DepthwiseConv2D(Op):
    """One kernel per output channel, ``multiplier`` of them per input channel. Inputs: x NHWC, weight 1HWO, bias O."""

    kind: ClassVar[str] = "DEPTHWISE_CONV_2D"
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = "SAME"
    activation: Activation = "NONE"
    multiplier: int = 1


@dataclass(frozen=True)
class Add(Op):
    """Sum. Inputs: two NHWC tensors, or one and a constant that broadcasts."""

    kind: ClassVar[str] = "ADD"
    activation: Activation = "NONE"


@dataclass(frozen=True)
class Sub(Op):
    """Difference. Inputs: as Add."""

    kind: ClassVar[str] = "SUB"
    activation: Activation = "NONE"


@dataclass(frozen=True)
class Mul(Op):
    """Product. Inputs: as Add."""

    kind: ClassVar[str] = "MUL"
    activation: Activation = "NONE"


@dataclass(frozen=True)
class Concatenation(Op):
    """Tensors side by side along ``axis`` (3: channels)."""

    kind: ClassVar[str] = "CONCATENATION"
    axis: int = 3


@dataclass(frozen=True)
class Relu(Op):
    """``max(x, 0)``."""

    kind: ClassVar[str] = "RELU"


@dataclass(frozen=True)
class Relu6(Op):
    """``min(max(x, 0), 6)``."""

    kind: ClassVar[str] = "RELU6"


@dataclass(frozen=True)
class Relu0To1(Op):
    """``min(max(x, 0), 1)``."""

    kind: ClassVar[str] = "RELU_0_TO_1"


@dataclass(frozen=True)
class LeakyRelu(Op):
    """``x`` where x ≥ 0, else ``alpha · x``."""

    kind: ClassVar[str] = "LEAKY_RELU"
    alpha: float = 0.2


@dataclass(frozen=True)
class PRelu(Op):
    """``x`` where x ≥ 0, else ``alpha[c] · x``. Inputs: x NHWC, alpha 1·1·C."""

    kind: ClassVar[str] = "PRELU"


@dataclass(frozen=True)
class Minimum(Op):
    """Elementwise minimum. Inputs: two tensors, or one and a constant that broadcasts."""

    kind: ClassVar[str] = "MINIMUM"


@dataclass(frozen=True)
class Maximum(Op):
    """Elementwise maximum. Inputs: as Minimum."""

    kind: ClassVar[str] = "MAXIMUM"


@dataclass(frozen=True)
class Logistic(Op):
    """``1 / (1 + exp(−x))``."""

    kind: ClassVar[str] = "LOGISTIC"


@dataclass(frozen=True)
class Tanh(Op):
    """``tanh(x)``."""

    kind: ClassVar[str] = "TANH"


@dataclass(frozen=True)
class HardSwish(Op):
    """``x · min(max(x + 3, 0), 6) / 6``."""

    kind: ClassVar[str] = "HARD_SWISH"


@dataclass(frozen=True)
class DepthToSpace(Op):
    """Pixel shuffle, order DCR: output pixel (h·r+i, w·r+j), channel k reads input channel (i·r+j)·C + k."""

    kind: ClassVar[str] = "DEPTH_TO_SPACE"
    block_size: int = 2


@dataclass(frozen=True)
class SpaceToDepth(Op):
    """The inverse of DepthToSpace: pixel (i, j) of a block, channel k becomes channel (i·block + j)·C + k."""

    kind: ClassVar[str] = "SPACE_TO_DEPTH"
    block: int = 2

    @property
    def stride(self) -> tuple[int, int]:
        """How many input pixels an output pixel stands for."""
        return self.block, self.block


@dataclass(frozen=True)
class ResizeNearestNeighbor(Op):
    """Every pixel becomes a block of ``factor`` × ``factor`` equal ones; TFLite's size input follows from the shape."""

    kind: ClassVar[str] = "RESIZE_NEAREST_NEIGHBOR"
    factor: int = 2


@dataclass(frozen=True)
class TransposeConv(Op):
    """What a strided Conv2D does to gradients. Inputs: x NHWC, weight OHWI (O of the output), and perhaps bias O."""

    kind: ClassVar[str] = "TRANSPOSE_CONV"
    stride: tuple[int, int] = (2, 2)
    padding: Padding = "SAME"
    activation: Activation = "NONE"
    size: tuple[int, int] | None = None
    """Height and width of the output; None where they are the usual ones, ``stride`` times the input's for SAME."""


@dataclass(frozen=True)
class FullyConnected(Op):
    """Products with every row of a matrix. Inputs: x, weight OI, and perhaps bias O."""

    kind: ClassVar[str] = "FULLY_CONNECTED"
    activation: Activation = "NONE"
    keep_num_dims: bool = False
    """Whether the output keeps all axes of x but the last; else it is N×O."""


@dataclass(frozen=True)
class ResizeBilinear(Op):
    """To ``size``, height and width, by linear interpolation."""

    kind: ClassVar[str] = "RESIZE_BILINEAR"
    size: tuple[int, int]
    align_corners: bool = False
    half_pixel_centers: bool = False


@dataclass(frozen=True)
class Mean(Op):
    """The mean over ``axes``, which ascend."""

    kind: ClassVar[str] = "MEAN"
    axes: tuple[int, ...] = (1, 2)
    keep_dims: bool = True


@dataclass(frozen=True)
class Pad(Op):
    """Zeros around x, ``(before, after)`` for each axis."""

    kind: ClassVar[str] = "PAD"
    paddings: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class PadV2(Op):
    """As Pad, with a value. Inputs: x, a constant of one element."""

    kind: ClassVar[str] = "PADV2"
    paddings: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Reshape(Op):
    """The same values in another shape; −1, once at most, for the size that follows."""

    kind: ClassVar[str] = "RESHAPE"
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Transpose(Op):
    """Axis i of the output is axis ``permutation[i]`` of x."""

    kind: ClassVar[str] = "TRANSPOSE"
    permutation: tuple[int, ...]


@dataclass(frozen=True)
class Gather(Op):
    """Value i of the output, along ``axis``, is value ``indices[i]`` of x."""

    kind: ClassVar[str] = "GATHER"
    indices: tuple[int, ...]
    axis: int = 3


@dataclass(frozen=True)
class StridedSlice(Op):
    """``x[begin:end:strides]``, axis by axis; bit i of a mask is about axis i."""

    kind: ClassVar[str] = "STRIDED_SLICE"
    begin: tuple[int, ...]
    end: tuple[int, ...]
    strides: tuple[int, ...]
    begin_mask: int = 0
    """Axes that are taken from their first value."""

    end_mask: int = 0
    """Axes that are taken to their last."""

    shrink_axis_mask: int = 0
    """Axes of which one value is taken, and which the output does not have."""


@dataclass(frozen=True)
class Split(Op):
    """Equal parts along ``axis``, each an output."""

    kind: ClassVar[str] = "SPLIT"
    axis: int = 3
    parts: int = 2


@dataclass(frozen=True)
class Quantize(Op):
    """To the output tensor's type and quantization parameters."""

    kind: ClassVar[str] = "QUANTIZE"


@dataclass(frozen=True)
class Dequantize(Op):
    """To float32."""

    kind: ClassVar[str] = "DEQUANTIZE"


ELEMENTWISE = (Add, Sub, Mul, Minimum, Maximum, Relu, Relu6, Relu0To1, LeakyRelu, PRelu, Logistic, Tanh, HardSwish)
"""Ops that work pixel by pixel and channel by channel."""

MOVES = (Reshape, Transpose, Gather, DepthToSpace)
"""Ops that give every value another place, or leave some out, and compute nothing."""


@dataclass(frozen=True)
class Opaque(Op):
    """An op outside the set, met in a file: it can be listed, and is refused where it would be run or written."""

    kind: ClassVar[str] = "OPAQUE"
    name: str = ""
