"""A foreign file fused like every module, and proved against itself in onnxruntime."""

from dataclasses import dataclass
from pathlib import Path

from sr2tflite.errors import InputError, UnsupportedError, VerificationError
from sr2tflite.fuse.foreign.matching import matched
from sr2tflite.fuse.foreign.network import Network
from sr2tflite.fuse.foreign.opening import Foreign, open_foreign
from sr2tflite.fuse.foreign.proof import against_original
from sr2tflite.fuse.module import Fused, fuse_module
from sr2tflite.fuse.origin import module_in
from sr2tflite.graph.said import Said


@dataclass(frozen=True)
class FusedFile(Fused):
    """A float deploy graph, its certificate, and the integers that a quantized file brings."""

    foreign: Foreign
    said: Said | None
    """None for a float file."""


def fuse_onnx(path: Path, data: bytes, *, value_range: tuple[float, float] = (0.0, 1.0)) -> FusedFile:
    """Fuse any converter's float or QDQ ONNX into a float deploy graph, with proof.

    Args:
        path: Where it lies.
        data: Its bytes.
        value_range: What black and white are in its pixels: (0, 1) or (0, 255).

    Returns:
        The graph and its certificate, whose checks name what the graph was compared with.

    Raises:
        InputError: The file is damaged, takes no single image, or holds weights that are not finite.
        UnsupportedError: A node has no counterpart; ``where`` is ``file.onnx: OpType name``.
        VerificationError: The graph equals the module or the original not.
    """
    foreign = open_foreign(path, data)
    network = Network(foreign)
    try:
        fused = fuse_module(network.module, channels=foreign.channels, value_range=value_range, source=path.name)
    except (InputError, UnsupportedError, VerificationError) as error:
        # the module's places are submodule paths: say the file's own names
        label = network.labels.get(module_in(error.where or ""))
        error.where = f"{path}: {label}" if label else str(path)
        raise
    checks = fused.certificate.checks + against_original(foreign, fused.graph, network.rounding)
    certificate = fused.certificate.model_copy(update={"checks": checks})
    if not network.marks:
        return FusedFile(fused.graph, certificate, foreign, None)
    grids, lost = matched(network.module, network.marks, fused.graph)
    said = Said(grids, lost, tuple(network.convs), tuple(network.constants))
    return FusedFile(fused.graph, certificate, foreign, said)
