"""What a budget found, as records and as JSON."""

from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Literal

SCHEMA = "sr2tflite.budget/1"


@dataclass(frozen=True)
class Quality:
    """Mean PSNR of some images, dB."""

    against_float: float
    """RGB, no shave; infinite where any image is equal."""

    against_hr: float | None
    """By the budget's protocol; None without HR images."""

    def above(self, other: "Quality") -> "Quality":
        """How much better this is than another."""
        hr = None
        if self.against_hr is not None and other.against_hr is not None:
            hr = _difference(self.against_hr, other.against_hr)
        return Quality(_difference(self.against_float, other.against_float), hr)

    def to_json(self) -> dict[str, float | None]:
        return {"against_float": finite(self.against_float), "against_hr": finite(self.against_hr)}


@dataclass(frozen=True)
class Fix:
    """Something that may bring a cost down."""

    what: str
    """In a few words."""

    command: str | None
    """What to type, where one command does it."""

    basis: Literal["advised", "estimated", "measured"]
    """``advised``: nothing was tried. ``estimated``: by leaving the tensor out. ``measured``: on the images."""

    gain: Quality | None = None
    """How much better the whole file becomes."""

    def to_json(self) -> dict[str, Any]:
        gain = self.gain and self.gain.to_json()
        return {"what": self.what, "command": self.command, "basis": self.basis, "gain": gain}


@dataclass(frozen=True)
class Facts:
    """How a tensor uses its grid on the images."""

    saturated: float
    """Share of the values that lie beyond the grid, and so became its first or last code."""

    unused_codes: int
    """Codes that never occur."""

    codes: int
    """That its grid has: 256, or 255 of a weight; where a ReLU or a clip leaves fewer, the others are unused."""

    dead_channels: int
    """Channels whose every code is the same."""

    channels: int
    float_range: tuple[float, float]
    """Smallest and largest value in the float graph as fused, before gains; of weights likewise."""

    real_range: tuple[float, float]
    """The same in the file's channels, before rounding: after equalization, and with the errors of all before it."""

    grid_range: tuple[float, float]
    """What the first and the last code stand for; of weights, of the channel with the largest scale."""


@dataclass(frozen=True)
class Row:
    """One tensor, or the constants of one op."""

    name: str
    """As in the user's code: the float graph's name."""

    tensor: str
    """In the quantized file."""

    kind: Literal["activation", "weights"]
    op: str
    """Kind of the op that writes or reads it."""

    reads: tuple[str, ...]
    """The activations that op reads."""

    facts: Facts
    alone: Quality
    """With everything quantized but this."""

    cost: Quality
    """``alone`` above the file."""

    cumulative: Quality
    """With this and all rows before it left out."""

    fixes: tuple[Fix, ...] = ()

    @property
    def label(self) -> str:
        """The name; of a sum, with what it adds."""
        signs = {"ADD": " + ", "SUB": " − "}
        is_sum = self.kind == "activation" and self.op in signs and len(self.reads) == 2
        return f"{self.name} ({signs[self.op].join(self.reads)})" if is_sum else self.name

    def with_fixes(self, *fixes: Fix) -> "Row":
        return replace(self, fixes=(*self.fixes, *fixes))

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "tensor": self.tensor,
            "kind": self.kind,
            "op": self.op,
            "reads": list(self.reads),
            "cost": self.cost.to_json(),
            "left_out": self.alone.to_json(),
            "cumulative": self.cumulative.to_json(),
            **{key: list(value) if isinstance(value, tuple) else value for key, value in vars(self.facts).items()},
            "fixes": [fix.to_json() for fix in self.fixes],
        }


@dataclass(frozen=True)
class Budget:
    """All rows, the most expensive first."""

    model: str
    model_sha256: str
    reference: str
    """The float graph's file."""

    reference_sha256: str
    scale: int
    protocol: str | None
    """The full id that HR figures carry; None without HR images."""

    image_set: str
    images: tuple[str, ...]
    int8: Quality
    float_hr: float | None
    """PSNR of the float graph against HR."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = field(default=())
    """Of the whole file."""

    @property
    def drop(self) -> float | None:
        """How far INT8 is below float, against HR, dB."""
        if self.float_hr is None or self.int8.against_hr is None:
            return None
        return _difference(self.float_hr, self.int8.against_hr)

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is infinite is null."""
        return {
            "schema": SCHEMA,
            "model": {"name": self.model, "sha256": self.model_sha256},
            "float": {"name": self.reference, "sha256": self.reference_sha256, "against_hr": finite(self.float_hr)},
            "scale": self.scale,
            "protocol": self.protocol,
            "image_set": self.image_set,
            "images": list(self.images),
            "int8": self.int8.to_json(),
            "drop": finite(self.drop),
            "rows": [row.to_json() for row in self.rows],
            "fixes": [fix.to_json() for fix in self.fixes],
            "notes": list(self.notes),
        }


def finite(value: float | None) -> float | None:
    """None for what JSON has no number for."""
    return None if value is None or not isfinite(value) else value


def _difference(one: float, other: float) -> float:
    """Zero between two that are both infinite."""
    return 0.0 if one == other else one - other
