"""The students that come with weights, quantized after training."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from sr2tflite.commands.fuse import fuse
from sr2tflite.files import read_bytes
from sr2tflite.graph import Graph, onnx
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView

SHIPPED = tuple(name for name in STUDENTS.names() if checkpoint.shipped(name).exists())


@cache
def shipped_graphs(**settings: str) -> dict[str, Graph]:
    """Name → int8 graph, calibrated on two images of noise; settings of ``PtqSettings``."""
    images = [np.random.default_rng(seed).integers(0, 256, (48, 56, 3), np.uint8) for seed in range(2)]
    found = {}
    for name in SHIPPED:
        with tempfile.TemporaryDirectory() as folder:
            fuse(name, Path(folder) / "deploy.onnx")
            deploy = onnx.read(read_bytes(Path(folder) / "deploy.onnx"), name)
        found[name] = QuantizedView.from_float(deploy, images, PtqSettings(**settings)).freeze()  # type: ignore[arg-type]
    return found
