"""Graphs of one op whose constant inputs are attributes: float, int8 and uint8."""

from collections.abc import Callable

import numpy as np
from kit.one_op import normal

from sr2tflite.graph import Graph, Node, Op, Tensor, ops
from sr2tflite.graph.shapes import output_shape
from sr2tflite.numerics.qparams import QuantParams, bias_params

IMAGE = (1, 5, 7, 8)
Shapes = tuple[tuple[int, ...], ...]

CASES: dict[str, Callable[[], tuple[Op, Shapes]]] = {
    "pad": lambda: (ops.Pad(((0, 0), (1, 2), (3, 0), (0, 0))), (IMAGE,)),
    "pad_rank_5": lambda: (ops.Pad(((0, 0), (1, 2), (0, 0), (0, 1), (0, 0))), ((1, 2, 3, 4, 5),)),
    "pad_with_value": lambda: (ops.PadV2(((0, 0), (1, 2), (3, 0), (0, 0))), (IMAGE, (1,))),
    "reshape": lambda: (ops.Reshape((1, -1, 8)), (IMAGE,)),
    "transpose": lambda: (ops.Transpose((0, 2, 1, 3)), (IMAGE,)),
    "transpose_rank_5": lambda: (ops.Transpose((0, 2, 1, 4, 3)), ((1, 2, 3, 4, 5),)),
    "transpose_rank_6": lambda: (ops.Transpose((5, 0, 2, 1, 4, 3)), ((1, 2, 3, 4, 5, 2),)),
    "gather": lambda: (ops.Gather((7, 0, 3, 3), 3), (IMAGE,)),
    "gather_rows": lambda: (ops.Gather((4, 3, 2, 1, 0), 1), (IMAGE,)),
    "slice": lambda: (ops.StridedSlice((0, 1, -5, 0), (1, 5, 7, 0), (1, 2, 1, 3), 0, 8), (IMAGE,)),
    "slice_shrinks": lambda: (ops.StridedSlice((0, 1, 0, 0), (0, 2, 0, 0), (1, 1, 1, 1), 13, 13, 2), (IMAGE,)),
    "split": lambda: (ops.Split(3, 2), (IMAGE,)),
    "mean": lambda: (ops.Mean((1, 2)), (IMAGE,)),
    "mean_drops_axes": lambda: (ops.Mean((0, 3), keep_dims=False), (IMAGE,)),
    "transpose_conv": lambda: (ops.TransposeConv(), (IMAGE, (6, 3, 3, 8), (6,))),
    "transpose_conv_no_bias": lambda: (ops.TransposeConv((3, 2), "VALID"), (IMAGE, (6, 2, 4, 8))),
    "transpose_conv_relu": lambda: (ops.TransposeConv(activation="RELU"), (IMAGE, (6, 3, 3, 8))),
    "transpose_conv_sized": lambda: (ops.TransposeConv(size=(9, 14)), (IMAGE, (6, 3, 3, 8), (6,))),
    "fully_connected": lambda: (ops.FullyConnected("RELU6"), (IMAGE, (6, 8), (6,))),
    "fully_connected_keeps_axes": lambda: (ops.FullyConnected(keep_num_dims=True), (IMAGE, (6, 8), (6,))),
    "fully_connected_no_bias": lambda: (ops.FullyConnected(), (IMAGE, (6, 40))),
    "resize_bilinear": lambda: (ops.ResizeBilinear((15, 21)), (IMAGE,)),
    "resize_bilinear_corners": lambda: (ops.ResizeBilinear((9, 3), align_corners=True), (IMAGE,)),
    "resize_bilinear_centers": lambda: (ops.ResizeBilinear((8, 30), half_pixel_centers=True), (IMAGE,)),
}
"""What the case is about → the op, and the shapes of x and of its constants."""


def graph_of_case(case: str, dtype: str) -> Graph:
    """The graph of a case."""
    op, (shape, *others) = CASES[case]()
    zero = {"int8": -3, "uint8": 125}.get(dtype)
    quant = None if zero is None else QuantParams((0.5,), (zero,))
    graph = Graph(name=case, inputs=("x",))
    graph.add_tensor(Tensor("x", shape, dtype, quant))  # type: ignore[arg-type]
    if isinstance(op, ops.PadV2):
        graph.constant("c", np.array([2], dtype), quant)
    else:
        _add_weights(graph, others, dtype)
    outputs = ("y", "y2") if isinstance(op, ops.Split) else ("y",)
    graph.nodes.append(Node(op, tuple(graph.tensors), outputs))
    for name in outputs:
        graph.add_tensor(Tensor(name, output_shape(graph, graph.nodes[0]), dtype, _grid(op, quant)))  # type: ignore[arg-type]
    graph.outputs = ("y",)
    return graph


def _grid(op: Op, quant: QuantParams | None) -> QuantParams | None:
    sums = isinstance(op, ops.TransposeConv | ops.FullyConnected)
    return QuantParams((2.0,), quant.zero_point) if sums and quant else quant


def _add_weights(graph: Graph, shapes: list[tuple[int, ...]], dtype: str) -> None:
    if not shapes:
        return
    weight = normal(*shapes[0])
    if dtype == "float32":
        graph.constant("w", weight)
        _ = [graph.constant("b", normal(*shape)) for shape in shapes[1:]]
        return
    zero = 128 if dtype == "uint8" else 0
    scales = (0.01,) if dtype == "uint8" else tuple(0.01 + 0.001 * i for i in range(len(weight)))
    quant = QuantParams(tuple(float(np.float32(scale)) for scale in scales), (zero,) * len(scales), None if zero else 0)
    codes = np.clip(np.rint(weight * 100), -127, 127) + zero
    graph.constant("w", codes.astype(dtype), quant)
    for shape in shapes[1:]:
        graph.constant("b", np.arange(*shape, dtype=np.int32), bias_params(0.5, quant))
