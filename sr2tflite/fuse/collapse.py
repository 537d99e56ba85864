"""One region, one convolution: found by impulse response, proved on random input, or declined with the reason.

A region that makes the image r times larger (a transposed convolution, a nearest enlargement with what follows) is
looked at through SPACE_TO_DEPTH: what remains keeps the size, and DEPTH_TO_SPACE behind its convolution undoes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sr2tflite.fuse.capture import REFUSALS, Captured
from sr2tflite.fuse.impulse import Kernel, extract
from sr2tflite.fuse.regions import Region, shape
from sr2tflite.fuse.structure import Compact, compact, is_identity, is_selection, same_window
from sr2tflite.fuse.zones import Deltas, edge_distance, zoned
from sr2tflite.torch_view import space_to_depth

TOLERANCE = 1e-9
"""Largest |Δ| of an exact collapse, as a part of the region's largest output value, in float64."""

MAGNITUDES = (1.0, 300.0)
"""The random images a region is proved on: one about as large as its weights, one as large as pixels."""

Form = Literal["identity", "selection", "convolution", "affine"]


@dataclass(frozen=True)
class Declined:
    """A region that stays apart, and why."""

    region: Region
    reason: str
    too_wide: bool = False
    """Whether a larger image could give another answer."""

    dear: "Collapsed | None" = None
    """The exact convolution that was declined for its cost alone."""


@dataclass(frozen=True)
class Collapsed:
    """A region that is one convolution (or less)."""

    region: Region
    kernel: Kernel
    form: Form
    deltas: Deltas
    compact: Compact | None = None
    """Groups and dilation where the dense kernel would cost more than the region did; with a stride, its window."""

    @property
    def work(self) -> int:
        """Multiplications in all, at the size of the capture."""
        return self.macs * self.region.positions

    @property
    def macs(self) -> int:
        if self.form in ("identity", "affine"):
            return 0
        return self.compact.weight.numel() if self.compact else self.kernel.macs


def noise(shape: tuple[int, ...], magnitude: float, seed: int) -> Tensor:
    """Reproducible normal noise in float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64) * magnitude


def _not_affine(function: Callable[[Tensor], Tensor], sizes: tuple[int, ...]) -> str | None:
    a, b = (noise(sizes, magnitude, seed) for seed, magnitude in enumerate(MAGNITUDES))
    zero, of_a, of_b, of_sum = function(torch.zeros_like(a)), function(a), function(b), function(a + b)
    scale = max(float(of_b.abs().max()), float(of_sum.abs().max()))
    delta = float((of_a + of_b - zero - of_sum).abs().max())
    if delta <= TOLERANCE * scale:
        return _uneven_bias(zero[0], scale)
    return f"not affine: f(a) + f(b) − f(0) and f(a + b) differ by {delta:.3g}"


def _uneven_bias(zero_CHW: Tensor, scale: float) -> str | None:
    """A zero-padded convolution answers zeros with its bias everywhere, at the border too."""
    _, height, width = zero_CHW.shape
    difference = zero_CHW - zero_CHW[:, height // 2, width // 2, None, None]
    wrong = difference.abs().amax(0) > TOLERANCE * scale
    if not wrong.any():
        return None
    rows, columns = edge_distance(height)[:, None], edge_distance(width)[None, :]
    depth = int(torch.minimum(rows, columns)[wrong].max()) + 1
    inside = depth >= min(height, width) // 2
    where = "anywhere" if inside else "at the border"
    return f"not shift-invariant {where}: {zoned(difference, (1, 1) if inside else (depth, depth))}"


def _prove(function: Callable[[Tensor], Tensor], kernel: Kernel, sizes: tuple[int, ...]) -> tuple[Deltas, float]:
    """Largest |Δ| per zone between the region and its convolution, and the largest value, over all magnitudes."""
    deltas, relative = Deltas(0.0, 0.0, 0.0), -1.0
    for seed, magnitude in enumerate(MAGNITUDES, start=10):
        x = noise(sizes, magnitude, seed)
        want = function(x)
        found = zoned(kernel(x) - want, kernel.radius)
        part = found.largest / max(float(want.abs().max()), 1e-300)
        if part > relative:
            deltas, relative = found, part
    return deltas, relative


def _form(region: Region, kernel: Kernel) -> tuple[Form, Compact | None]:
    """What the kernel becomes in the graph; dense wherever that costs no more than the region did."""
    if is_identity(kernel):
        return "identity", None
    if region.macs == 0 and is_selection(kernel):
        return "selection", None
    if region.macs and kernel.macs <= region.macs:
        return "convolution", None
    found = compact(kernel)
    if found.is_per_channel and found.weight.numel() == found.groups:
        return "affine", None
    return "convolution", found


def _is_dear(found: Collapsed) -> bool:
    """Whether it has more multiplications than the region; what had none may become one window per channel."""
    if found.form != "convolution" or found.macs <= found.region.macs:
        return False
    return found.region.macs > 0 or not (found.compact and found.compact.is_per_channel)


def response(captured: Captured, region: Region) -> Callable[[Tensor], Tensor]:
    """What a region answers, in float64, through SPACE_TO_DEPTH where it enlarges."""

    def function(x: Tensor) -> Tensor:
        result = captured.run(region.nodes, region.entry, x)
        assert isinstance(result, Tensor)
        return space_to_depth(result.to(torch.float64), region.block)

    return function


def _found(function: Callable[[Tensor], Tensor], region: Region) -> tuple[Kernel, Deltas] | Declined:
    sizes = shape(region.entry)
    assert sizes is not None
    try:
        reason = _not_affine(function, sizes)
    except REFUSALS as error:
        return Declined(region, f"cannot be run on its own: {error}")
    if reason:
        return Declined(region, reason)
    kernel = extract(function, sizes, region.stride)
    if kernel is None:
        reach = min(sizes[2:]) // 2 - 1
        return Declined(region, f"reaches farther than {reach} pixels", too_wide=True)
    deltas, relative = _prove(function, kernel, sizes)
    if relative > TOLERANCE:
        return Declined(region, f"not shift-invariant {_zone(deltas)}: {deltas}")
    return kernel, deltas


def collapse(captured: Captured, region: Region) -> Collapsed | Declined:
    """Try to replace a region by one convolution.

    Exact in ℝ: a region that is affine and shift-invariant *including its border* is a zero-padded convolution with
    its impulse response as kernel. In float64 the two differ by rounding only, which is measured here on random input
    in interior, border and corners.
    """
    with torch.no_grad():
        answer = _found(response(captured, region), region)
    if isinstance(answer, Declined):
        return answer
    kernel, deltas = answer
    if kernel.stride == 1:
        form, smaller = _form(region, kernel)
    elif window := same_window(kernel):
        form, smaller = "convolution", window
    else:
        return Declined(region, f"TFLite pads for stride {kernel.stride} by the image's size; no kernel fits all sizes")
    found = Collapsed(region, kernel, form, deltas, smaller)
    if _is_dear(found):
        cost = f"one convolution would cost {found.macs} MACs per pixel; the region costs {region.macs}"
        return Declined(region, cost, dear=found)
    return found


def _zone(deltas: Deltas) -> str:
    return "anywhere" if deltas.interior > TOLERANCE * deltas.largest else "at the border"
