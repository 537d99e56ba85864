"""The whole deploy graph against the module, at sizes it was not captured at."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from sr2tflite.errors import VerificationError
from sr2tflite.fuse.capture import REFUSALS, prepared
from sr2tflite.fuse.certificate import Check
from sr2tflite.graph import Graph
from sr2tflite.torch_view import FloatView

SIZES = ((9, 13), (18, 12), (2, 3))
"""Odd, non-square and even, tiny."""

LIMITS = {torch.float64: 1e-9, torch.float32: 1e-4}
"""Largest |Δ| as a part of the largest magnitude of the module's output."""

BATCH = 2
"""More than one image, so that a module whose images see each other does not pass."""


def _images(channels: int, size: tuple[int, int], value_range: tuple[float, float]) -> Tensor:
    generator = torch.Generator().manual_seed(size[0])
    low, high = value_range
    pixels = torch.rand((BATCH, channels, *size), generator=generator, dtype=torch.float64)
    return low + (high - low) * pixels


def _answer(module: nn.Module, x: Tensor) -> Tensor:
    try:
        result = module(x)
    except REFUSALS as error:
        raise VerificationError(
            f"the module refuses {x.shape[0]} images of {x.shape[2]}×{x.shape[3]}: {error}",
            where=type(module).__name__,
            hint="it has to take any batch, height and width",
        ) from error
    assert isinstance(result, Tensor)
    return result


def _check(graph: Graph, module: nn.Module, x: Tensor) -> Check:
    want, got = _answer(module, x.clone()), FloatView(graph, x.dtype)(x)
    size = (x.shape[2], x.shape[3])
    if want.shape != got.shape:
        raise VerificationError(
            f"the graph returns shape {tuple(got.shape)} for an image of {size[0]}×{size[1]}; "
            f"expected {tuple(want.shape)}",
            where=type(module).__name__,
        )
    if not bool(want.isfinite().all()):
        raise VerificationError(
            f"the module's output is not finite for an image of {size[0]}×{size[1]}", where=type(module).__name__
        )
    return Check(
        dtype=str(x.dtype).removeprefix("torch."),
        size=size,
        largest_delta=float((want - got).abs().max()),
        value_range=float(want.abs().max()),
        limit=LIMITS[x.dtype],
    )


def checks(
    module: nn.Module, graph: Graph, dtype: torch.dtype, sizes: Iterable[tuple[int, int]] = SIZES
) -> tuple[Check, ...]:
    """The graph against the module in one dtype at every size.

    Raises:
        VerificationError: They differ by more than the dtype's limit.
    """
    module = prepared(module, dtype)
    channels = graph.input.channels
    with torch.no_grad():
        results = [_check(graph, module, _images(channels, size, graph.value_range).to(dtype)) for size in sizes]
    for result in results:
        if not result.passed:
            height, width = result.size
            raise VerificationError(
                f"graph and module differ by {result.largest_delta:.3g} at {height}×{width} in {result.dtype}; "
                f"expected at most {result.limit:g} of {result.value_range:.3g}",
                where=type(module).__name__,
                hint="look for what mixes the images of a batch, or depends on their size",
            )
    return tuple(results)
