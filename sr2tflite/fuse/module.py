"""A whole module: captured, planned, assembled, proved."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from sr2tflite import __version__
from sr2tflite.errors import VerificationError
from sr2tflite.fuse.assemble import as_float32, assemble
from sr2tflite.fuse.capture import REFUSALS, Captured, capture, prepared
from sr2tflite.fuse.certificate import (
    Certificate,
    Check,
    collapsed_regions,
    graph_sha256,
    left_regions,
    module_sha256,
    tools,
)
from sr2tflite.fuse.diagnose import size_dependence
from sr2tflite.fuse.plan import Planner, Step
from sr2tflite.fuse.verify import SIZES, checks
from sr2tflite.graph import Graph

CAPTURE_SIZES = ((17, 19), (49, 53))
"""Height and width a module is captured at; the larger only for kernels that do not fit into the smaller."""

MULTIPLES = (1, 2, 3, 4)
"""What the sides of an image may have to be divisible by."""

Sizes = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Fused:
    """A float deploy graph and its certificate."""

    graph: Graph
    certificate: Certificate


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: thousands of tiny ops spend their time waiting for each other on more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _planned(double: nn.Module, channels: int, multiple: int) -> tuple[Captured, list[Step]]:
    for height, width in CAPTURE_SIZES:
        captured = capture(double, channels, (height * multiple, width * multiple))
        steps = Planner(captured).steps()
        if not any(declined.too_wide for step in steps for declined in step.declined):
            break
    return captured, steps


def _multiple(double: nn.Module, channels: int) -> int:
    """What an image's sides have to be divisible by (a pixel unshuffle by 2 takes no odd ones); 1 where none helps."""

    def takes(multiple: int) -> bool:
        height, width = CAPTURE_SIZES[0]
        try:
            double(torch.zeros(1, channels, height * multiple, width * multiple, dtype=torch.float64))
        except REFUSALS:
            return False
        return True

    with torch.no_grad():
        return next((multiple for multiple in MULTIPLES if takes(multiple)), 1)


def _proved(module: nn.Module, captured: Captured, steps: list[Step], exact: Graph, sizes: Sizes) -> tuple[Check, ...]:
    """The float64 checks; where they fail, the error says which part depends on the size, if one does."""
    try:
        return checks(module, exact, torch.float64, sizes)
    except VerificationError as error:
        culprit = size_dependence(prepared(module, torch.float64), captured, steps, sizes[0])
        if culprit is None:
            raise
        raise VerificationError(f"depends on the image's size: {culprit}", where=error.where) from error


@one_thread()
def fuse_module(
    module: nn.Module, *, channels: int = 3, value_range: tuple[float, float] = (0.0, 1.0), source: str
) -> Fused:
    """Fuse any module into a float deploy graph, with proof.

    Args:
        module: Takes one NCHW image tensor of any size (or any divisible by 2, 3 or 4), returns one; used as a copy in
            evaluation mode.
        channels: Of the input image.
        value_range: What black and white are in its pixels: (0, 1) or (0, 255).
        source: What the certificate calls the module.

    Returns:
        The graph (float32 constants, input ``input`` and output ``output``, free height and width) and its
        certificate.

    Raises:
        InputError: The module does not take such an image.
        UnsupportedError: It holds an op with no counterpart.
        VerificationError: Graph and module differ by more than 1e-9 in float64 or 1e-4 in float32, as parts of the
            largest magnitude of the module's output.
    """
    double = prepared(module, torch.float64)
    multiple = _multiple(double, channels)
    captured, steps = _planned(double, channels, multiple)
    exact = assemble(captured, steps, value_range)
    exact.name = source
    weights = module_sha256(module)
    exact.metadata |= {"source": source, "weights_sha256": weights, "sr2tflite": __version__}
    graph = as_float32(exact)
    sizes = tuple((height * multiple, width * multiple) for height, width in SIZES)
    proofs = _proved(module, captured, steps, exact, sizes) + checks(module, graph, torch.float32, sizes)
    certificate = Certificate(
        source=source,
        tools=tools(),
        weights_in_sha256=weights,
        weights_out_sha256=graph_sha256(graph),
        ops=graph.summary(),
        collapsed=collapsed_regions(captured, steps),
        left=left_regions(steps),
        checks=proofs,
    )
    return Fused(graph, certificate)
