"""Networks that nobody here trained: their state dicts go the whole road.

The ×3 weights come from the repository of the ETDS paper (Chao et al., 2023); they are no part of this project.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sr2tflite.commands.eval import evaluate
from sr2tflite.commands.export import export
from sr2tflite.commands.fuse import fuse
from sr2tflite.commands.ptq import ptq
from sr2tflite.data.bicubic import crop_to_multiple, downscale
from sr2tflite.data.images import list_images, read_image
from sr2tflite.errors import InputError
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.files import read_bytes
from sr2tflite.graph import onnx
from sr2tflite.networks import checkpoint
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView


@dataclass(frozen=True)
class Foreign:
    """A checkpoint and what is known of it."""

    file: str
    student: str | None
    """Named only where the shapes do not decide."""

    psnr: float
    """Set5, RGB, no shave, output rounded: in dB, of the float network."""

    ptq: PtqSettings
    """How it is quantized."""

    drop: float
    """Most that INT8 may lose of it, in dB: a fifth above what was measured, an alarm and no praise."""

    ops: str


FEW = PtqSettings(images=16)
SIGNED = PtqSettings(images=16, method="mse", equalize=False)
"""For PReLU networks, whose channels cancel each other: equalized weights lose more than activations gain."""

NETWORKS = {
    "abpn": Foreign("ABPN_M4C28_x3.pth", None, 31.526, FEW, 0.03, "CONV_2D×8 ADD DEPTH_TO_SPACE"),
    "ecbsr": Foreign("ECBSR_M4C16_x3.pth", "plain", 30.963, SIGNED, 0.42, "CONV_2D×7 PRELU×5 ADD DEPTH_TO_SPACE"),
    # without an anchor every feature carries the image: rounding one 56-channel tensor alone costs 1.3 dB
    "fsrcnn": Foreign("FSRCNN_x3.pth", None, 31.022, SIGNED, 2.9, "CONV_2D×8 PRELU×7 DEPTH_TO_SPACE"),
}


@pytest.fixture(scope="module", params=NETWORKS)
def road(
    request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Foreign, Path]:
    """A network fused, quantized on training images and exported."""
    network = NETWORKS[request.param]
    source = shared / "models" / network.file
    if not source.exists():
        pytest.skip(f"{network.file} is not on this machine")
    folder = tmp_path_factory.mktemp(request.param)
    result = fuse(str(source), folder / "deploy.onnx", student=network.student)
    assert result.remarks[0].startswith("foreign keys: weights taken in order as")
    assert result.summary == network.ops
    ptq(folder / "deploy.onnx", [shared / "train" / "open"], folder / "ptq.onnx", network.ptq)
    export(folder / "ptq.onnx", folder / "free.tflite", free_shape=True)
    export(folder / "ptq.onnx", folder / "fixed.tflite", height=64, width=80)
    return network, folder


@pytest.mark.slow
def test_a_foreign_network_is_as_good_as_published_and_int8_close_to_it(
    road: tuple[Foreign, Path], shared: Path
) -> None:
    network, folder = road
    result = evaluate([folder / "deploy.onnx", folder / "free.tflite"], [shared / "eval" / "Set5"])
    _, exact, quantized = (row.mean.psnr for row in result.rows)
    assert exact == pytest.approx(network.psnr, abs=1e-3)
    assert exact - quantized < network.drop


@pytest.mark.slow
def test_of_a_foreign_network_training_forward_and_files_are_equal_in_every_byte(
    road: tuple[Foreign, Path], shared: Path
) -> None:
    _, folder = road
    view = QuantizedView.from_quantized(onnx.read(read_bytes(folder / "ptq.onnx"), "ptq.onnx"))
    runners = [open_runner(folder / f"{name}.tflite") for name in ("free", "fixed")]
    for path in list_images(shared / "eval" / "Set5")[:2]:
        lr = downscale(crop_to_multiple(read_image(path), 3), 3)
        trained = view.upscale(lr)
        for runner in runners:
            assert np.count_nonzero(runner(lr) != trained) == 0, path.name


REFUSED: dict[str, tuple[str, Any, str]] = {
    "shapes of two students": ("ECBSR_M4C16_x3.pth", None, "2 students have these shapes: plain .*; srvgg"),
    "no anchor": ("ECBSR_M4C16_x3.pth", {"name": "plain", "anchor": False}, "does not enlarge a picture"),
    "another scale": ("FSRCNN_x3.pth", {"name": "fsrcnn", "scale": 2}, "does not enlarge a picture"),
    "another student": ("ABPN_M4C28_x3.pth", "fsrcnn", "fits no student"),
    "no such network": ("mambairv2_lightSR_x3.pth", None, "fits no student"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_foreign_state_dict_is_not_taken_for_what_it_is_not(case: str, shared: Path) -> None:
    file, student, message = REFUSED[case]
    if not (shared / "models" / file).exists():
        pytest.skip(f"{file} is not on this machine")
    with pytest.raises(InputError, match=message):
        checkpoint.load(shared / "models" / file, student)
