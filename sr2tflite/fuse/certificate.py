"""The certificate: what was collapsed into what, how exactly, what was left and why, and how the whole compares."""

import hashlib
import json
import platform
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import sr2tflite
from sr2tflite.fuse.capture import Captured
from sr2tflite.fuse.collapse import Collapsed, Declined
from sr2tflite.fuse.origin import op_name, place, region_name
from sr2tflite.fuse.plan import Step
from sr2tflite.fuse.regions import Region, Regions
from sr2tflite.fuse.zones import Deltas
from sr2tflite.graph import Graph
from sr2tflite.registry import Settings

SCHEMA_VERSION = 1


class Delta(Settings):
    """Largest |Δ| between a region and its replacement, on random input, in float64."""

    interior: float
    border: float
    corners: float


class Collapse(Settings):
    """A region that is one op now."""

    name: str
    """The user's module, or the captured node where no module says more."""

    form: str
    """``convolution``, ``selection`` (a one-hot 1×1), ``affine`` (MUL, ADD), ``identity`` (nothing), or ``copied``."""

    ops: tuple[str, ...]
    """The captured ops it replaces, in order."""

    kernel: tuple[int, int]
    macs_before: int
    """Multiplications per pixel."""

    macs_after: int
    delta: Delta


class Left(Settings):
    """A region that was tried and stays apart."""

    name: str
    entry: str
    """The captured node before it."""

    exit: str
    """Its last node, with the user's source line."""

    reason: str


class Check(Settings):
    """The whole graph against the module on random images, or against the file it comes from."""

    against: str = "module"
    """``module``, or the runtime that ran the original file."""

    dtype: str
    size: tuple[int, int]
    largest_delta: float
    value_range: float
    """Largest magnitude of the module's output, which the limit is a part of."""

    limit: float
    """``largest_delta`` may be at most ``limit · value_range``."""

    @property
    def passed(self) -> bool:
        return self.largest_delta <= self.limit * self.value_range


class Integers(Settings):
    """What of another tool's quantized file the quantized graph holds."""

    kept: int
    """Grids of activations and convolutions whose scales, zero points and codes are the file's."""

    total: int
    changes: tuple[str, ...]
    """Each that is not: the file's node, the reason, and what stands there instead."""

    size: tuple[int, int]
    """Height and width of the random image that LiteRT and onnxruntime were compared on."""

    largest_difference: int
    """In steps of 8-bit pixels: the two runtimes round differently, and what was changed shows here."""

    differing: float
    """Part of all values that are not the same."""


class Certificate(Settings):
    """The proof that goes beside a fused graph."""

    schema_version: int = SCHEMA_VERSION
    source: str
    tools: dict[str, str]
    weights_in_sha256: str
    """Over the module's state: name, type, shape and bytes of every entry, in order of names."""

    weights_out_sha256: str
    """Over the deploy graph's constants, likewise."""

    ops: str
    """The deploy graph's ops in one line."""

    collapsed: tuple[Collapse, ...]
    left: tuple[Left, ...]
    checks: tuple[Check, ...]
    integers: Integers | None = None
    """None for a float graph."""

    def to_json(self) -> str:
        """As written beside the graph."""
        return json.dumps(self.model_dump(), indent=2, ensure_ascii=False) + "\n"


def tools() -> dict[str, str]:
    """Versions of what made the certificate."""
    return {
        "sr2tflite": sr2tflite.__version__,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _sha256(arrays: Iterable[tuple[str, NDArray[Any]]]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays, key=lambda pair: pair[0]):
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def module_sha256(module: nn.Module) -> str:
    """Hash of a module's parameters and buffers."""
    return _sha256((name, value.detach().cpu().numpy()) for name, value in module.state_dict().items())


def graph_sha256(graph: Graph) -> str:
    """Hash of a graph's constants."""
    return _sha256((tensor.name, tensor.data) for tensor in graph.tensors.values() if tensor.data is not None)


def _collapse(found: Collapsed) -> Collapse:
    return Collapse(
        name=found.region.name,
        form=found.form,
        ops=tuple(op_name(node) for node in found.region.nodes),
        kernel=_odd_size(found),
        macs_before=found.region.macs,
        macs_after=found.macs,
        delta=_delta(found.deltas),
    )


def _odd_size(found: Collapsed) -> tuple[int, int]:
    height, width = found.kernel.weight.shape[2:]
    return height, width


def _delta(deltas: Deltas) -> Delta:
    return Delta(interior=deltas.interior, border=deltas.border, corners=deltas.corners)


def _copied(captured: Captured, step: Step) -> Collapse:
    """A convolution that is one already; its weights are copied."""
    weight = captured.value(step.node.args[1])
    macs = Regions(captured).macs(step.node)
    return Collapse(
        name=region_name([step.node]),
        form="copied",
        ops=(op_name(step.node),),
        kernel=(int(weight.shape[2]), int(weight.shape[3])),
        macs_before=macs,
        macs_after=macs,
        delta=Delta(interior=0.0, border=0.0, corners=0.0),
    )


def _left(declined: Declined) -> Left:
    region: Region = declined.region
    return Left(name=region.name, entry=region.entry.name, exit=place(region.exit), reason=declined.reason)


def collapsed_regions(captured: Captured, steps: list[Step]) -> tuple[Collapse, ...]:
    """An entry for every region and every convolution, in execution order."""
    entries = []
    for step in steps:
        if step.collapsed:
            entries.append(_collapse(step.collapsed))
        elif op_name(step.node) in ("conv2d", "convolution"):
            entries.append(_copied(captured, step))
    return tuple(entries)


def left_regions(steps: list[Step]) -> tuple[Left, ...]:
    """An entry for every region that was tried and left, in execution order."""
    return tuple(_left(declined) for step in steps for declined in step.declined)
