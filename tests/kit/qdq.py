"""Quantized ONNX files as other tools write them."""

from pathlib import Path

import numpy as np
import onnx
from kit.foreign import Draft
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from sr2tflite.numerics.qparams import affine

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


class Net(Draft):
    """A small network whose convolutions answer in the size of their inputs; in float, or quantized by hand."""

    def __init__(self) -> None:
        super().__init__(("h", "w"))

    def weight(self, inputs: int, outputs: int, kernel: int) -> np.ndarray:
        return self.rng.normal(0, 1.2 / np.sqrt(inputs * kernel**2), (outputs, inputs, kernel, kernel))

    def conv(self, x: str, inputs: int, outputs: int, kernel: int = 3, *, bias: float = 0.0) -> str:
        weight = self.constant(self.weight(inputs, outputs, kernel))
        offset = self.constant(self.rng.normal(bias, 0.02, outputs))
        return self.node("Conv", x, weight, offset, pads=[kernel // 2] * 4)

    def clip(self, x: str, low: float, high: float) -> str:
        return self.node("Clip", x, self.constant(low), self.constant(high))

    def tail(self, y: str, channels: int = 8) -> str:
        return self.node("DepthToSpace", self.conv(y, channels, 12, bias=0.3), blocksize=2, mode="DCR")

    def rounded(self, x: str, low: float, high: float) -> str:
        """Q and DQ on the grid of a range, as an observer of it would choose."""
        params = affine(low, high)
        return self.on_grid(x, params.scale[0], params.zero_point[0])

    def pixels(self, x: str) -> str:
        return self.on_grid(x, np.float32(1 / 255), -128)

    def on_grid(self, x: str, scale: float, zero: int) -> str:
        grid = self.constant(scale), self.constant(zero, np.int8)
        return self.node("DequantizeLinear", self.node("QuantizeLinear", x, *grid), *grid)

    def stored(self, values: np.ndarray, *, per_channel: bool) -> str:
        """int8 codes, symmetric, behind a DequantizeLinear."""
        largest = np.abs(values).reshape(len(values), -1).max(1) if per_channel else np.abs(values).max()
        scale = np.asarray(largest / 127, np.float32)
        steps = np.rint(values / (scale[:, None, None, None] if per_channel else scale))
        zero = self.constant(np.zeros(scale.shape), np.int8)
        axis = {"axis": 0} if per_channel else {}
        return self.node("DequantizeLinear", self.constant(steps, np.int8), self.constant(scale), zero, **axis)

    def stored_conv(self, x: str, inputs: int, outputs: int, bias: float = 0.0) -> str:
        """Weights as int8 per channel, the bias as float."""
        weight = self.stored(self.weight(inputs, outputs, 3), per_channel=True)
        return self.node("Conv", x, weight, self.constant(self.rng.normal(bias, 0.02, outputs)), pads=[1] * 4)

    def stored_tail(self, y: str) -> str:
        return self.node("DepthToSpace", self.pixels(self.stored_conv(y, 8, 12, 0.3)), blocksize=2, mode="DCR")
