"""What ``sr2tflite inspect`` finds out about an artifact."""

from collections import Counter
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Literal

from sr2tflite.graph.listing import ListedOp, ListedTensor, Listing
from sr2tflite.graph.memory_peak import Peak
from sr2tflite.networks.header import Weight
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.provenance import CALIBRATED_ON, TRAINED_ON

SCHEMA = "sr2tflite.inspect/1"
"""Of the JSON; the number rises where a reader of the old form would misunderstand the new one."""


@dataclass(frozen=True)
class Costs:
    """What a run of the network takes, at one size of the input."""

    size: tuple[int, int]
    """Height and width of the input."""

    is_fixed: bool
    """Whether the file fixes that size."""

    macs: int
    pixels: int
    """Of the output."""

    by_op: dict[str, int]
    """MACs of every op that has some, by the tensor that it writes."""

    peak: Peak[str]
    peak_op: str
    """The op at the peak of memory: ``op 3 CONV_2D``."""


@dataclass(frozen=True)
class Said:
    """What a file says of itself."""

    metadata: dict[str, Any] = field(default_factory=dict)
    calibrated_on: tuple[str, ...] = ()
    """Short ids of images."""

    trained_on: tuple[str, ...] = ()
    value_range: tuple[float, float] | None = None
    """What black and white are."""


def said(metadata: dict[str, Any], value_range: tuple[float, float] | None = None) -> Said:
    """What a file's metadata says, the images it has seen apart from the rest."""
    ids = {key: tuple(str(metadata.get(key, "")).split()) for key in (CALIBRATED_ON, TRAINED_ON)}
    free = {key: value for key, value in metadata.items() if key not in ids}
    return Said(free, ids[CALIBRATED_ON], ids[TRAINED_ON], value_range)


@dataclass(frozen=True)
class Likeness:
    """A network that the weights of a checkpoint are of, or may be."""

    kind: Literal["student", "teacher"]
    name: str
    settings: dict[str, Any]
    """Its arguments, as a recipe has them; without ``peak`` where nothing tells what white is."""

    known_by: str
    """``its metadata``, ``its keys``, ``published keys`` or ``shapes in order``."""

    assumed: tuple[str, ...] = ()
    """Settings that nothing tells: their defaults."""


@dataclass(frozen=True)
class Holdings:
    """What a checkpoint holds."""

    weights: tuple[Weight, ...]
    wrapper: str | None = None
    """The key that a training tool put the state dict under."""

    likenesses: tuple[Likeness, ...] = ()
    """Several where shapes do not decide."""

    @property
    def parameters(self) -> int:
        """Values that training moves, as far as names and types of tensors tell."""
        return sum(prod(one.shape) for one in self.weights if one.is_parameter)

    @property
    def dtypes(self) -> dict[str, int]:
        """How many tensors are of each type."""
        return dict(Counter(one.dtype for one in self.weights))


@dataclass(frozen=True)
class Inspection:
    """An artifact, looked at."""

    path: Path
    kind: str
    """``tflite``, ``onnx``, ``checkpoint`` or ``run``."""

    words: str
    """What it is, in half a line."""

    size_bytes: int
    sha256: str
    """Of the file; of a run folder, of its manifest."""

    following: str
    """What to type next."""

    listing: Listing | None = None
    parameters: int = 0
    said: Said = Said()
    scale: int | None = None
    """How many times larger the output is than the input."""

    radius: int | None = None
    """Of the receptive field, in input pixels to either side."""

    costs: Costs | None = None
    holdings: Holdings | None = None
    """Of a checkpoint."""

    unknown: tuple[str, ...] = ()
    """What could not be found out, and why."""

    files: tuple["Inspection", ...] = ()
    """Of a run folder."""

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``schema`` names its form."""
        return {"schema": SCHEMA, **self._plain(), "next": self.following}

    def _plain(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "kind": self.kind,
            "what": self.words,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "parameters": self.parameters,
            "scale": self.scale,
            "receptive_field_radius": self.radius,
            "costs": None if self.costs is None else _costs(self.costs),
            "metadata": self.said.metadata,
            "calibrated_on": list(self.said.calibrated_on),
            "trained_on": list(self.said.trained_on),
            "value_range": self.said.value_range and list(self.said.value_range),
            "unknown": list(self.unknown),
            **(_listing(self.listing, self.costs) if self.listing else {}),
            **(_holdings(self.holdings) if self.holdings else {}),
            "files": [one._plain() for one in self.files],
        }


def _costs(costs: Costs) -> dict[str, Any]:
    return {
        "height": costs.size[0],
        "width": costs.size[1],
        "is_fixed": costs.is_fixed,
        "macs": costs.macs,
        "macs_per_output_pixel": costs.macs / costs.pixels,
        "activation_peak_bytes": costs.peak.size_bytes,
        "activation_peak_at": costs.peak_op,
        "activation_peak_tensors": list(costs.peak.held),
    }


def _listing(listing: Listing, costs: Costs | None) -> dict[str, Any]:
    return {
        "inputs": [_tensor(listing.tensors[name]) for name in listing.inputs],
        "outputs": [_tensor(listing.tensors[name]) for name in listing.outputs],
        "foreign_ops": [op.index for op in listing.foreign],
        "ops": [_op(op, costs) for op in listing.ops],
        "tensors": [_tensor(one) for one in listing.tensors.values()],
    }


def _holdings(holdings: Holdings) -> dict[str, Any]:
    return {
        "wrapper": holdings.wrapper,
        "dtypes": holdings.dtypes,
        "networks": [{**vars(one), "assumed": list(one.assumed)} for one in holdings.likenesses],
        "weights": [{"name": one.name, "shape": list(one.shape), "dtype": one.dtype} for one in holdings.weights],
    }


def _op(op: ListedOp, costs: Costs | None) -> dict[str, Any]:
    return {
        "index": op.index,
        "op": op.kind,
        "version": op.version,
        "is_foreign": op.is_foreign,
        "attributes": dict(op.attributes),
        "inputs": list(op.inputs),
        "outputs": list(op.outputs),
        "macs": None if costs is None else sum(costs.by_op.get(name, 0) for name in op.outputs),
    }


def _tensor(tensor: ListedTensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "is_constant": tensor.is_constant,
        "size_bytes": tensor.size_bytes,
        "quantization": None if tensor.quant is None else _quant(tensor.quant),
    }


def _quant(quant: QuantParams) -> dict[str, Any]:
    return {"scale": list(quant.scale), "zero_point": list(quant.zero_point), "axis": quant.axis}
