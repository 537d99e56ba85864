"""ONNX files as other tools write them, built node by node."""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Size = tuple[int | str, int | str]


class Draft:
    """An ONNX graph in the making: image ``x`` in, and whatever nodes are appended.

    Args:
        size: Height and width; a text leaves one free.
        opset: Of ONNX's own ops.
    """

    def __init__(self, size: Size = (12, 20), opset: int = 17, channels: int = 3) -> None:
        self.size, self.opset, self.channels = size, opset, channels
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.rng = np.random.default_rng(0)

    def constant(self, values: object, dtype: type = np.float32) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(values, dtype), name))
        return name

    def whole(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def node(self, op_type: str, *inputs: str, **attributes: object) -> str:
        return self.split(op_type, 1, *inputs, **attributes)[0]

    def split(self, op_type: str, count: int, *inputs: str, **attributes: object) -> list[str]:
        name = f"{op_type.lower()}_{len(self.nodes)}"
        outputs = [f"{name}.{index}" for index in range(count)]
        self.nodes.append(helper.make_node(op_type, inputs, outputs, name=name, **attributes))
        return outputs

    def conv(self, x: str, inputs: int, outputs: int, kernel: int = 3, **attributes: object) -> str:
        weight = self.constant(self.rng.normal(0, 0.3, (outputs, inputs, kernel, kernel)))
        bias = self.constant(self.rng.normal(0, 0.1, outputs))
        attributes = {
            key: value for key, value in {"pads": [kernel // 2] * 4, **attributes}.items() if value is not None
        }
        return self.node("Conv", x, weight, bias, **attributes)

    def squeeze(self, x: str, *axes: int, op_type: str = "Squeeze") -> str:
        if self.opset < 13:
            return self.node(op_type, x, axes=list(axes))
        return self.node(op_type, x, self.whole(*axes))

    def model(self, output: str, **changes: object) -> onnx.ModelProto:
        entry = changes.get("inputs", [helper.make_tensor_value_info("x", TensorProto.FLOAT, self._shape())])
        exits = changes.get("outputs", [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", "c", "h", "w"])])
        graph = helper.make_graph(self.nodes, "net", entry, exits, self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)

    def _shape(self) -> list[int | str]:
        return [1, self.channels, *self.size]

    def bytes(self, output: str, **changes: object) -> bytes:
        return self.model(output, **changes).SerializeToString()


def conv_then(function: Callable[[Draft, str], str], draft: Draft, channels: int = 12) -> str:
    """A 3×3 convolution, then whatever the function appends."""
    return function(draft, draft.conv("x", draft.channels, channels))
