"""Our own handlers in place of three of onnx2tf's: they keep the scales, which onnx2tf's drop.

Runs in the child process only. Every handler fills ``tf_layers_dict[output]`` with a Keras tensor channels last.

A pair QuantizeLinear–DequantizeLinear on an activation becomes ``fake_quant_with_min_max_vars`` with

    min = s · (q_min − z),  max = s · (q_max − z),

exact in float32 because s has 16 significant bits; the converter takes s = (max − min) / 255 back from it. Weights get
a narrow one, ``min = −127·s, max = 127·s``, per channel along the last axis; without it the converter would derive each
channel's scale anew, as max|w| / 127. Constants are fed through a layer that reads the image and ignores it: a plain
constant would be folded, and its fake quantization with it.
"""

from typing import Any

import numpy as np
import onnx2tf.ops.Conv
import onnx2tf.ops.DequantizeLinear
import onnx2tf.ops.QuantizeLinear
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray
from onnx2tf.utils.common_functions import inverted_operation_enable_disable

from sr2tflite.numerics.qparams import LIMITS, WEIGHT_LIMIT

Layers = dict[str, dict[str, Any]]


def install() -> None:
    """Put the handlers in place of onnx2tf's."""
    onnx2tf.ops.QuantizeLinear.make_node = inverted_operation_enable_disable(_quantize)
    onnx2tf.ops.DequantizeLinear.make_node = inverted_operation_enable_disable(_dequantize)
    onnx2tf.ops.Conv.make_node = inverted_operation_enable_disable(_conv)


def _put(graph_node: Any, layers: Layers, value: Any) -> None:
    output = graph_node.outputs[0]
    layers[output.name] = {
        "optype": graph_node.op,
        "shape": output.shape,
        "dtype": output.dtype,
        "nhwc": True,
        "tf_node": value,
    }


def _quantize(*, graph_node: Any, tf_layers_dict: Layers, **_: Any) -> None:
    """QuantizeLinear of an activation: its grid."""
    source, scale, zero_point = graph_node.inputs
    low, high = _ends(scale.values, zero_point.values, zero_point.values.dtype)
    value = tf_layers_dict[source.name]["tf_node"]
    _put(graph_node, tf_layers_dict, tf.quantization.fake_quant_with_min_max_vars(value, float(low), float(high)))


def _dequantize(*, graph_node: Any, tf_layers_dict: Layers, **_: Any) -> None:
    """DequantizeLinear: of an activation nothing more, of a constant its real values on their grid."""
    source = graph_node.inputs[0]
    if hasattr(source, "values"):
        _put(graph_node, tf_layers_dict, _constant(graph_node, tf_layers_dict))
    else:
        _put(graph_node, tf_layers_dict, tf_layers_dict[source.name]["tf_node"])


def _ends(scale: NDArray[Any], zero_point: NDArray[Any], dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    low, high = LIMITS[dtype.name]
    steps = zero_point.astype(np.int32)
    return scale * (low - steps).astype(np.float32), scale * (high - steps).astype(np.float32)


def _constant(graph_node: Any, layers: Layers) -> Any:
    codes, scale, *zero_points = (tensor.values for tensor in graph_node.inputs)
    zero_point = zero_points[0] if zero_points else np.zeros_like(scale, np.int32)
    axis = graph_node.attrs.get("axis")
    shape = [-1 if index == axis else 1 for index in range(codes.ndim)]
    steps = codes.astype(np.int32) - zero_point.astype(np.int32).reshape(shape)
    real = _channels_last(graph_node, steps.astype(np.float32) * scale.reshape(shape))
    if codes.dtype == np.int32:
        return tf.constant(real)  # a bias: the converter quantizes it by the scales of input and weights
    is_weight = "Conv" in _readers(graph_node) and codes.dtype == np.int8
    low, high = (-WEIGHT_LIMIT * scale, WEIGHT_LIMIT * scale) if is_weight else _ends(scale, zero_point, codes.dtype)
    image = next(layer["tf_node"] for layer in layers.values() if layer["optype"] == "Input")
    return tf_keras.layers.Lambda(lambda _image: _on_grid(real, low, high, is_weight))(image)


def _on_grid(real: NDArray[Any], low: NDArray[Any], high: NDArray[Any], narrow: bool) -> Any:
    if low.ndim:
        return tf.quantization.fake_quant_with_min_max_vars_per_channel(real, low, high, narrow_range=narrow)
    return tf.quantization.fake_quant_with_min_max_vars(real, float(low), float(high), narrow_range=narrow)


def _readers(graph_node: Any) -> list[str]:
    return [reader.op for reader in graph_node.outputs[0].outputs]


def _channels_last(graph_node: Any, values: NDArray[Any]) -> NDArray[Any]:
    """A convolution's weights O×I×H×W as H×W×I×O; what broadcasts against an image, with its channels at the end."""
    if "Conv" in _readers(graph_node) and values.ndim == 4:
        order: tuple[int, ...] = (2, 3, 1, 0)
    else:
        order = {4: (0, 2, 3, 1), 3: (1, 2, 0)}.get(values.ndim, tuple(range(values.ndim)))
    return np.ascontiguousarray(values.transpose(order))


def _conv(*, graph_node: Any, tf_layers_dict: Layers, **_: Any) -> None:
    """Conv as our ONNX writer spells it; onnx2tf's own reads a quantized weight's *codes* as its values."""
    x, weight, bias = (_value(tensor, tf_layers_dict) for tensor in graph_node.inputs)
    attributes = graph_node.attrs
    strides, dilations = list(attributes["strides"]), list(attributes["dilations"])
    # the writer's pads are those of SAME: graph.onnx.optable
    padding = "VALID" if attributes.get("auto_pad") == "VALID" else "SAME"
    if attributes["group"] > 1 and weight.shape[2] == 1:
        height, width, _, outputs = weight.shape
        kernels = tf.reshape(weight, [height, width, x.shape[-1], outputs // x.shape[-1]])
        result = tf.nn.depthwise_conv2d(x, kernels, [1, *strides, 1], padding, dilations=dilations)
    else:
        result = tf.nn.conv2d(x, weight, strides, padding, dilations=dilations)
    _put(graph_node, tf_layers_dict, tf.add(result, bias))


def _value(tensor: Any, layers: Layers) -> Any:
    if not hasattr(tensor, "values"):
        return layers[tensor.name]["tf_node"]
    values = np.asarray(tensor.values)
    return tf.constant(values.transpose(2, 3, 1, 0) if values.ndim == 4 else values)
