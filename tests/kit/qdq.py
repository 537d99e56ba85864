"""Quantized ONNX files as other tools write them."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

KINDS = {
    "int8 per channel": {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8, "per_channel": True},
    "int8 per tensor": {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8, "per_channel": False},
    "uint8 per tensor": {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": False},
    "uint8 weights": {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QUInt8, "per_channel": False},
}
"""What onnxruntime's ``quantize_static`` is asked for."""


class Noise(CalibrationDataReader):
    """Random images that reach black and white."""

    def __init__(self, white: float) -> None:
        rng = np.random.default_rng(0)
        self.images = [rng.uniform(0, white, (1, 3, 16, 20)).astype(np.float32) for _ in range(4)]
        for image in self.images:
            image[0, 0, 0, :2] = 0, white

    def get_next(self) -> dict[str, np.ndarray] | None:
        return {"x": self.images.pop()} if self.images else None


def by_onnxruntime(data: bytes, kind: str, white: float, folder: Path, **options: object) -> bytes:
    """A float file quantized by onnxruntime."""
    (folder / "float.onnx").write_bytes(data)
    source, target = folder / "float.onnx", folder / "qdq.onnx"
    quantize_static(source, target, Noise(white), quant_format=QuantFormat.QDQ, **KINDS[kind], **options)
    return target.read_bytes()


def arrays(data: bytes) -> dict[str, np.ndarray]:
    """The constants of a file by name."""
    return {t.name: numpy_helper.to_array(t) for t in onnx.load_from_string(data).graph.initializer}


def set_array(data: bytes, name: str, values: object) -> bytes:
    """The file with other values in a constant."""
    model = onnx.load_from_string(data)
    (tensor,) = [t for t in model.graph.initializer if t.name == name]
    dtype = numpy_helper.to_array(tensor).dtype
    tensor.CopyFrom(numpy_helper.from_array(np.array(values, dtype), name))
    return model.SerializeToString()


def in_pixels(data: bytes, white: float = 255.0) -> bytes:
    """The file with an output that holds raw pixels, as its input does."""
    nodes = [node for node in onnx.load_from_string(data).graph.node if node.op_type == "QuantizeLinear"]
    scale, zero = nodes[-1].input[1:3]
    low = 0 if arrays(data)[zero].dtype == np.uint8 else -128
    return set_array(set_array(data, scale, np.float32(white / 255)), zero, low)
