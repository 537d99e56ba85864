"""Both backends' files of every student that comes with weights, on whole test sets."""

from pathlib import Path

import numpy as np
import pytest

from sr2tflite.commands.export import export
from sr2tflite.commands.fuse import fuse
from sr2tflite.commands.ptq import ptq
from sr2tflite.evaluate.image_set import image_set
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS
from sr2tflite.quant.settings import PtqSettings

PHOTOGRAPHS = Path(__file__).parents[2] / "calib_data"
SHIPPED = [name for name in STUDENTS.names() if checkpoint.shipped(name).exists()]


@pytest.mark.tf
@pytest.mark.slow
@pytest.mark.parametrize("student", SHIPPED)
def test_direct_and_onnx2tf_give_the_same_bytes_on_whole_sets(shared: Path, tmp_path: Path, student: str) -> None:
    fuse(student, tmp_path / "deploy.onnx")
    ptq(tmp_path / "deploy.onnx", [PHOTOGRAPHS], tmp_path / "ptq.onnx", PtqSettings())
    for backend in ("direct", "onnx2tf"):
        export(tmp_path / "ptq.onnx", tmp_path / f"{backend}.tflite", free_shape=True, backend=backend)
    direct, other = (open_runner(tmp_path / f"{backend}.tflite") for backend in ("direct", "onnx2tf"))
    for pair in image_set([shared / "eval" / "Set5", shared / "eval" / "Set14"], direct.scale).pairs:
        lr, _ = pair.load(direct.scale)
        assert np.count_nonzero(direct(lr) != other(lr)) == 0, pair.name
