"""Networks that enlarge their features before the end: the road of a DEPTH_TO_SPACE with convolutions behind it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kit.students import randomized

from sr2tflite.commands.export import export
from sr2tflite.commands.ptq import ptq
from sr2tflite.commands.verify import verify
from sr2tflite.data.images import write_image
from sr2tflite.evaluate.runners import Image, open_runner
from sr2tflite.files import read_bytes, write_bytes
from sr2tflite.fuse import fuse_module
from sr2tflite.graph import onnx
from sr2tflite.networks.students import STUDENTS
from sr2tflite.quant.view import QuantizedView

STUDENTS_INSIDE: dict[str, dict[str, Any]] = {
    "edsr": {"name": "edsr_baseline"},
    "edsr with a mean": {"name": "edsr_baseline", "mean": [0.4488, 0.4371, 0.404], "peak": 255, "res_scale": 0.1},
    "srresnet": {"name": "srresnet"},
}


@pytest.fixture(scope="module", params=STUDENTS_INSIDE)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student of ×4 with random weights, quantized on noise."""
    student = STUDENTS.parse({**STUDENTS_INSIDE[request.param], "scale": 4, "channels": 12, "depth": 2})[1]
    path = tmp_path_factory.mktemp("inside")
    graph = fuse_module(randomized(student), value_range=student.value_range, source="net").graph
    write_bytes(path / "deploy.onnx", onnx.write(graph))
    draw = np.random.default_rng(0)
    for number in range(2):
        coarse = draw.integers(0, 256, (9, 11, 3), np.uint8)
        write_image(path / f"{number}.png", coarse.repeat(16, 0).repeat(16, 1))
    ptq(path / "deploy.onnx", [path / "0.png", path / "1.png"], path / "ptq.onnx")
    return path


def _trained(folder: Path) -> tuple[Image, Image]:
    """An image larger than a tile, and what the training forward makes of it."""
    lr = np.random.default_rng(1).integers(0, 256, (75, 91, 3), np.uint8)
    view = QuantizedView.from_quantized(onnx.read(read_bytes(folder / "ptq.onnx"), "ptq.onnx"))
    return lr, view.upscale(lr)


def test_training_forward_free_uint8_and_tiled_fixed_file_are_equal_in_every_byte(folder: Path) -> None:
    export(folder / "ptq.onnx", folder / "free.tflite", free_shape=True)
    export(folder / "ptq.onnx", folder / "uint8.tflite", free_shape=True, io="uint8")
    export(folder / "ptq.onnx", folder / "fixed.tflite", height=40, width=48)
    lr, trained = _trained(folder)
    assert trained.std() > 20
    for name in ("free", "uint8", "fixed"):
        assert np.count_nonzero(open_runner(folder / f"{name}.tflite")(lr) != trained) == 0, name
    assert verify(folder / "fixed.tflite", against=folder / "ptq.onnx", data=[folder / "0.png"]).passed


@pytest.mark.tf
@pytest.mark.slow
def test_onnx2tf_writes_a_file_of_the_same_bytes(folder: Path) -> None:
    export(folder / "ptq.onnx", folder / "other.tflite", free_shape=True, backend="onnx2tf")
    lr, trained = _trained(folder)
    assert np.count_nonzero(open_runner(folder / "other.tflite")(lr) != trained) == 0
