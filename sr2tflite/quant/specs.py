"""The constants of one quantized op in one step."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Protocol

from torch import Tensor

from sr2tflite.numerics.fixed_point import FixedPoint
from sr2tflite.numerics.qparams import STEPS


@dataclass(frozen=True)
class OutputGrid:
    """The output's scale and centered limits."""

    scale: float
    low: float
    """Smallest centered code that can come out: −128 − z, or the code of zero under a fused ReLU."""

    high: float
    """127 − z."""

    rectified: bool
    """Whether a ReLU is fused."""

    steps: int = STEPS
    """N: between the ends of the range."""

    @property
    def is_real(self) -> bool:
        """Whether nothing is rounded: values stay what they are, in a simulation."""
        return self.high == inf

    @property
    def span(self) -> tuple[float, float]:
        """The real values of the limits."""
        return self.scale * self.low, self.scale * self.high


@dataclass(frozen=True)
class ConvSpec:
    """The integers and constants of one convolution in one step; channels of weights come first (OIHW)."""

    weight_codes: Tensor
    bias_codes: Tensor
    weight_scale: Tensor
    """One per output channel, or one."""

    multiplier: Tensor
    """``m[c] = (s_x·s_w[c])/s_out`` in float32, as many."""

    input_scale: float
    grid: OutputGrid
    geometry: "ConvGeometry"
    wide: bool
    """Whether accumulators may reach 2²⁴, so that float32 cannot hold them."""

    fixed: FixedPoint | None = None
    """The multipliers where a builtin kernel computes it, which XNNPACK leaves it to: that of int4 weights."""


@dataclass(frozen=True)
class ConvGeometry:
    """How a convolution walks over its input."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int


@dataclass(frozen=True)
class AddSpec:
    """The constants of one ADD in one step."""

    multiplier_a: int
    multiplier_b: int
    shift: int
    scale_a: float
    scale_b: float
    """Negative for SUB, as its multiplier is."""

    grid: OutputGrid


@dataclass(frozen=True)
class MulSpec:
    """The constants of one MUL in one step."""

    multiplier: float
    """``m = (s_a·s_b)/s_out``, a float32."""

    scale_a: float
    scale_b: float
    grid: OutputGrid


class Arithmetic(Protocol):
    """Who computes: ``functions.PLAIN``, or one that also notes what it rounds."""

    @property
    def conv(self) -> Callable[[Tensor, Tensor, Tensor, Tensor | None, ConvSpec], Tensor]: ...

    @property
    def add(self) -> Callable[[Tensor, Tensor, Tensor | None, AddSpec], Tensor]: ...

    @property
    def rounded(self) -> Callable[[Tensor, Tensor | None, OutputGrid], Tensor]: ...
