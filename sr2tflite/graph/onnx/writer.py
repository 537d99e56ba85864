"""From the deploy graph to ONNX bytes: NCHW, float or QDQ."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import notes, ops
from sr2tflite.graph.model import Graph, Node, Tensor
from sr2tflite.graph.onnx.layout import Role, channels_first, role_of, to_onnx
from sr2tflite.graph.onnx.names import (
    DEQUANTIZED,
    LINEAR,
    QUANTIZED,
    RAW,
    SCALE,
    SUFFIXES,
    ZERO_POINT,
)
from sr2tflite.graph.onnx.optable import ACTIVATIONS, UNSPELLED, Context, Spelling, spell
from sr2tflite.graph.onnx.proto import initializer, value_info
from sr2tflite.graph.shapes import output_shape
from sr2tflite.graph.validate import validate
from sr2tflite.numerics.qparams import LIMITS

OPSET, IR_VERSION = 17, 8
"""The lowest that have every op in the form used; older tools read them too."""

WIDE_OPSET, WIDE_IR_VERSION = 21, 10
"""The same where activations are int16."""


def write(graph: Graph) -> bytes:
    """The graph as an ONNX file; tensors that no node names are left out.

    Raises:
        InputError: The graph is broken.
        UnsupportedError: It holds an opaque op, or something that ONNX cannot say.
    """
    validate(graph, graph.name)
    _refuse_what_would_not_come_back(graph)
    model: bytes = _Writer(graph).model().SerializeToString(deterministic=True)
    return model


def _refuse_what_would_not_come_back(graph: Graph) -> None:
    for name, tensor in graph.tensors.items():
        if name.endswith(SUFFIXES) or not name:
            raise InputError("tensor name has an ending that the ONNX file needs", where=name, hint="rename the tensor")
        if tensor.quant is None and tensor.dtype != "float32":
            raise UnsupportedError(f"{tensor.dtype} tensor without a scale has no QDQ form", where=name)
        if tensor.dtype in ("int4", "int64") and not tensor.is_constant:
            raise UnsupportedError(f"{tensor.dtype} tensor has no QDQ form that is read back", where=name)
    for node in graph.nodes:
        if isinstance(node.op, ops.Opaque):
            raise UnsupportedError(
                f"op {node.op.name} is outside the deploy graph's set", where=", ".join(node.outputs)
            )
        if isinstance(node.op, UNSPELLED):
            raise UnsupportedError(f"op {node.op.kind} has no ONNX form here", where=", ".join(node.outputs))
        if output_shape(graph, node) != graph.tensors[node.output].shape:
            raise InputError("shape is not the one that follows from the inputs", where=node.output)


def default_kind(spelling: Spelling, weight_OIHW: tuple[int, ...]) -> str:
    """Which of the two kinds of convolution an ONNX Conv is when nothing else says so."""
    is_depthwise = spelling.attributes["group"] > 1 and weight_OIHW[1] == 1
    return "DEPTHWISE_CONV_2D" if is_depthwise else "CONV_2D"


class _Writer:
    """Collects ONNX nodes and initializers in the order of the graph's nodes."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._values: dict[str, str] = {}
        self._roles: dict[str, Role] = {}
        self._kinds: dict[str, str] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._dtypes: dict[str, str] = {}

    def model(self) -> Any:
        graph = self._graph
        for name in graph.inputs:
            self._add_input(graph.tensors[name])
        for node in graph.nodes:
            self._add_node(node)
        content = onnx.helper.make_graph(
            self._nodes,
            graph.name,
            [value_info(name, _image(graph.tensors[name])) for name in graph.inputs],
            [value_info(name, _image(graph.tensors[name])) for name in graph.outputs],
            self._initializers,
        )
        is_wide = any(tensor.dtype == "int16" for tensor in graph.tensors.values())
        model = onnx.helper.make_model(
            content,
            producer_name=notes.KEY,
            ir_version=WIDE_IR_VERSION if is_wide else IR_VERSION,
            opset_imports=[onnx.helper.make_operatorsetid("", WIDE_OPSET if is_wide else OPSET)],
        )
        said = notes.Notes(graph.value_range, graph.metadata, self._kinds, self._shapes, dtypes=self._dtypes)
        onnx.helper.set_model_props(model, {notes.KEY: said.to_json()})
        return model

    def _emit(self, spelling: Spelling, inputs: list[str], output: str, owner: str) -> None:
        """A node named after its output; its extra inputs become initializers named after ``owner``."""
        for suffix, value in spelling.extra.items():
            inputs = [*inputs, f"{owner}{suffix}" if suffix else ""]
            if suffix:
                self._initializers.append(initializer(inputs[-1], value))
        self._nodes.append(
            onnx.helper.make_node(spelling.op_type, inputs, [output], name=output, **spelling.attributes)
        )

    def _add_input(self, tensor: Tensor) -> None:
        self._values[tensor.name] = tensor.name
        if tensor.quant is not None:
            self._values[tensor.name] = f"{tensor.name}{DEQUANTIZED}"
            self._add_pair(tensor, tensor.name, self._values[tensor.name])

    def _add_pair(self, tensor: Tensor, raw: str, final: str) -> None:
        """QuantizeLinear and DequantizeLinear: the tensor's rounding to its grid."""
        assert tensor.quant is not None
        if tensor.dtype == "int32" or tensor.quant.per_channel:
            raise UnsupportedError(f"{tensor.dtype} activation has no QDQ form", where=tensor.name)
        quantized = f"{tensor.name}{QUANTIZED}"
        params = [f"{tensor.name}{SCALE}", f"{tensor.name}{ZERO_POINT}"]
        self._initializers += [
            initializer(params[0], np.array(tensor.quant.scale[0], np.float32)),
            initializer(params[1], np.array(tensor.quant.zero_point[0], tensor.dtype)),
        ]
        self._emit(Spelling("QuantizeLinear"), [raw, *params], quantized, tensor.name)
        self._emit(Spelling("DequantizeLinear"), [quantized, *params], final, tensor.name)

    def _add_node(self, node: Node) -> None:
        output = self._graph.tensors[node.output]
        inputs = [self._operand(node, position) for position in range(len(node.inputs))]
        self._values[output.name] = output.name
        if isinstance(node.op, ops.Quantize):
            self._add_pair(output, inputs[0], output.name)
            return
        raw = output.name if output.quant is None else f"{output.name}{RAW}"
        activation: ops.Activation = getattr(node.op, "activation", "NONE")
        result = raw if activation == "NONE" else f"{output.name}{LINEAR}"
        self._emit(self._spelling(node), inputs, result, output.name)
        if activation != "NONE":
            self._emit(ACTIVATIONS[activation], [result], raw, output.name)
        if output.quant is not None:
            self._add_pair(output, raw, output.name)

    def _spelling(self, node: Node) -> Spelling:
        x = self._graph.tensors[node.inputs[0]]
        if isinstance(node.op, ops.Concatenation) and len(x.shape) != 4:
            raise UnsupportedError(f"concatenation of shape {x.shape} has no channels-first form", where=node.output)
        weight = self._weight_OIHW(node)
        spelling = spell(node.op, Context(x.channels, weight))
        assert spelling is not None
        if weight and node.op.kind != default_kind(spelling, weight):
            self._kinds[node.output] = node.op.kind
        return spelling

    def _weight_OIHW(self, node: Node) -> tuple[int, ...]:  # noqa: N802
        if not isinstance(node.op, ops.Conv2D | ops.DepthwiseConv2D):
            return ()
        data = self._graph.tensors[node.inputs[1]].data
        assert data is not None
        return to_onnx(data, role_of(node, 1), None)[0].shape

    def _operand(self, node: Node, position: int) -> str:
        tensor = self._graph.tensors[node.inputs[position]]
        if tensor.data is None:
            return self._values[tensor.name]
        role = role_of(node, position)
        if self._roles.setdefault(tensor.name, role) != role:
            raise UnsupportedError("constant serves two kinds of op", where=tensor.name, hint="give each its own")
        if tensor.name not in self._values:
            self._values[tensor.name] = tensor.name
            self._add_constant(tensor, tensor.data, role)
        return tensor.name

    def _add_constant(self, tensor: Tensor, data: NDArray[Any], role: Role) -> None:
        value, axis = to_onnx(data, role, tensor.quant)
        if value.ndim != data.ndim:
            self._shapes[tensor.name] = data.shape
        if tensor.quant is None:
            self._initializers.append(initializer(tensor.name, value))
            return
        if value.dtype == np.int64:
            value = _in_32_bits(tensor, value)
        storage = value.dtype.name
        if storage != tensor.dtype:  # opset 17 has no int4, and no DequantizeLinear reads int64
            self._dtypes[tensor.name] = tensor.dtype
        scale, zero_point = np.array(tensor.quant.scale, np.float32), np.array(tensor.quant.zero_point, storage)
        params = {f"{tensor.name}{QUANTIZED}": value, f"{tensor.name}{SCALE}": scale if axis is not None else scale[0]}
        if storage != "int32":
            params[f"{tensor.name}{ZERO_POINT}"] = zero_point if axis is not None else zero_point[0]
        elif zero_point.any():
            raise UnsupportedError(f"{tensor.dtype} constant with a zero point has no QDQ form", where=tensor.name)
        self._initializers += [initializer(name, np.asarray(part)) for name, part in params.items()]
        attributes = {} if axis is None else {"axis": axis}
        self._emit(Spelling("DequantizeLinear", attributes), list(params), tensor.name, tensor.name)


def _in_32_bits(tensor: Tensor, codes: NDArray[np.int64]) -> NDArray[np.int32]:
    if np.abs(codes).max() > LIMITS["int32"][1]:
        raise UnsupportedError("int64 constant beyond 32 bits has no QDQ form", where=tensor.name)
    return codes.astype(np.int32)


def _image(tensor: Tensor) -> tuple[int | None, ...]:
    if len(tensor.shape) != 4:
        raise UnsupportedError(f"shape {tensor.shape} is not an image's N×H×W×C", where=tensor.name)
    return channels_first(tensor.shape)
