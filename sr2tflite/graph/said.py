"""What another tool's quantized file says: grids of activations, codes of weights; in the file's own units."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from sr2tflite.numerics.qparams import QuantParams


@dataclass(frozen=True)
class SaidGrid:
    """Where the file rounds an activation."""

    where: str
    """The node that rounds: ``QuantizeLinear name``."""

    params: QuantParams
    """As int8: zero points of uint8 are 128 smaller here."""


@dataclass(frozen=True, eq=False)
class SaidConv:
    """A convolution's integers."""

    where: str
    """``Conv name``."""

    codes_OIHW: NDArray[Any]  # noqa: N815
    """As int64; those of uint8 are 128 smaller here, like their zero points."""

    scale: NDArray[Any]
    """Float32, one per output channel."""

    zero_point: NDArray[Any]
    """One per output channel."""

    weight_OIHW: NDArray[Any]  # noqa: N815
    """The real values, float32."""

    bias: NDArray[Any]
    """The real values, float32; zeros where there is none."""

    bias_codes: NDArray[Any] | None
    """None where the file keeps the bias as float."""

    bias_scale: NDArray[Any] | None


@dataclass(frozen=True, eq=False)
class SaidConstant:
    """A constant of one scale that an op besides Conv reads: the slopes of a PRelu, an operand."""

    where: str
    """``PRelu name``."""

    codes: NDArray[Any]
    """As int64; those of uint8 are 128 smaller here, like their zero point."""

    params: QuantParams

    values: NDArray[Any]
    """The real values, float32."""


@dataclass(frozen=True)
class Said:
    """All of it, by the deploy graph's tensors where they are known."""

    grids: dict[str, tuple[SaidGrid, ...]]
    """Activation of the deploy graph → the grids the file rounds the same values to, in execution order."""

    lost: tuple[SaidGrid, ...]
    """Grids whose values no tensor of the deploy graph holds."""

    convs: tuple[SaidConv, ...]
    constants: tuple[SaidConstant, ...] = ()
