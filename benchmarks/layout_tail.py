"""What other converters write in place of DEPTH_TO_SPACE: a layout tail, with a clip."""

from dataclasses import replace
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, ops

CALIBRATED = (1.4675, -89)
"""Scale and zero point before a clip whose range was measured: wider than the pixels, so that RELU must rescale."""


def in_torch_order(graph: Graph) -> Graph:
    """The graph with the channels before its DEPTH_TO_SPACE as PyTorch's PixelShuffle wants them: color first."""
    turned = graph.copy()
    (shuffle,) = (node for node in graph.nodes if isinstance(node.op, ops.DepthToSpace))
    area = shuffle.op.block_size**2
    channels = np.arange(graph.tensors[shuffle.inputs[0]].channels)
    order = channels.reshape(area, -1).T.ravel()
    pending = [shuffle.inputs[0]]
    while pending:
        node = turned.producer(pending.pop())
        if node is None or not isinstance(node.op, ops.Conv2D | ops.Add):
            raise InputError("expected convolutions and ADD alone before DEPTH_TO_SPACE", where=graph.name)
        if isinstance(node.op, ops.Add):
            pending.extend(node.inputs)
            continue
        for name in node.inputs[1:]:
            constant = turned.tensors[name]
            scale = tuple(constant.quant.scale[channel] for channel in order)
            turned.update(
                name, data=np.ascontiguousarray(constant.data[order]), quant=replace(constant.quant, scale=scale)
            )
    return turned


class LayoutTail:
    """Rewrites the DEPTH_TO_SPACE of a TFLite file: RESHAPE, TRANSPOSE in six dimensions, RESHAPE, MINIMUM.

    Args:
        data: A fixed-shape file with one DEPTH_TO_SPACE, written of a graph ``in_torch_order``.
        is_rescaled: Whether what comes before the clip has a calibrated range, and a RELU brings it to the pixels'.
    """

    def __init__(self, data: bytes, *, is_rescaled: bool = False) -> None:
        self.is_rescaled = is_rescaled
        self.model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data))
        (self.graph,) = self.model.subgraphs

    def rewritten(self) -> bytes:
        """The file with a layout tail."""
        codes = [code.builtinCode for code in self.model.operatorCodes]
        shuffles = [op for op in self.graph.operators if codes[op.opcodeIndex] == schema.BuiltinOperator.DEPTH_TO_SPACE]
        if len(shuffles) != 1:
            raise InputError(f"holds {len(shuffles)} DEPTH_TO_SPACE ops; expected 1")
        (shuffle,) = shuffles
        place = self.graph.operators.index(shuffle)
        self.graph.operators[place : place + 1] = self._tail(shuffle)
        builder = flatbuffers.Builder(0)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _tail(self, shuffle: Any) -> list[Any]:
        source, target = shuffle.inputs[0], shuffle.outputs[0]
        block = shuffle.builtinOptions.blockSize
        _, height, width, channels = (int(size) for size in self.graph.tensors[source].shape)
        inner = channels // block**2
        apart = self._activation(source, (1, height, width, inner, block, block))
        woven = self._activation(source, (1, height, block, width, block, inner))
        whole = self._activation(source, tuple(self.graph.tensors[target].shape))
        order = self._constant(np.array([0, 1, 4, 2, 5, 3], np.int32), schema.TensorType.INT32)
        white = self._constant(np.array([127], np.int8), schema.TensorType.INT8)
        self.graph.tensors[white].quantization = self.graph.tensors[target].quantization
        clip = self._rescaled(source, [apart, woven, whole], target) if self.is_rescaled else []
        bright = clip[-1].outputs[0] if clip else whole
        return [
            self._reshape(source, apart),
            self._op("TRANSPOSE", [apart, order], woven, schema.TransposeOptionsT()),
            self._reshape(woven, whole),
            *clip,
            self._op("MINIMUM", [bright, white], target, schema.MaximumMinimumOptionsT()),
        ]

    def _rescaled(self, source: int, moved: list[int], target: int) -> list[Any]:
        """Widen the range of the convolution's output and of what is only moved; a RELU rescales it."""
        wide = schema.QuantizationParametersT()
        wide.scale, wide.zeroPoint = [CALIBRATED[0]], [CALIBRATED[1]]
        for tensor in (source, *moved):
            self.graph.tensors[tensor].quantization = wide
        positive = self._activation(target, tuple(self.graph.tensors[target].shape))
        return [self._op("RELU", [moved[-1]], positive, None)]

    def _reshape(self, source: int, target: int) -> Any:
        shape = [int(size) for size in self.graph.tensors[target].shape]
        options = schema.ReshapeOptionsT()
        options.newShape = shape
        return self._op(
            "RESHAPE", [source, self._constant(np.array(shape, np.int32), schema.TensorType.INT32)], target, options
        )

    def _op(self, kind: str, inputs: list[int], output: int, options: Any) -> Any:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        code.version = {"TRANSPOSE": 4, "MINIMUM": 2, "RELU": 2}.get(kind, 1)
        self.model.operatorCodes.append(code)
        op = schema.OperatorT()
        op.opcodeIndex = len(self.model.operatorCodes) - 1
        op.inputs, op.outputs = inputs, [output]
        if options is not None:
            op.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
            op.builtinOptions = options
        return op

    def _activation(self, like: int, shape: tuple[int, ...]) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = f"tail/{len(self.graph.tensors)}", [int(one) for one in shape], 0
        tensor.type, tensor.quantization = self.graph.tensors[like].type, self.graph.tensors[like].quantization
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def _constant(self, values: Any, kind: int) -> int:
        buffer, tensor = schema.BufferT(), schema.TensorT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        tensor.name, tensor.shape = f"tail/{len(self.graph.tensors)}", list(values.shape)
        tensor.type, tensor.buffer = kind, len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1
