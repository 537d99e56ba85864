"""A quantized graph from integers that another tool chose: its scales, zero points and codes, where ours can hold them.

The file's units are brought to pixels: a scale becomes ``s·255/white``, rounded to float32 (the same bits where white
is 255); zero points and codes of uint8 become int8 by −128. What has no place in the deploy graph's format is replaced
by our own formula and told, one by one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, ops
from sr2tflite.graph.said import Said, SaidConv, SaidGrid
from sr2tflite.numerics.qparams import WEIGHT_LIMIT, QuantParams, bias_params, quantize, symmetric
from sr2tflite.quant.plan import PIXELS, Plan, plan_quantization

_WINDOWS = (ops.Conv2D, ops.DepthwiseConv2D)
_ADOPTED = (*_WINDOWS, ops.Add, ops.Concatenation, ops.DepthToSpace)
_SAME_SCALE = 2.0**-22
"""Scales that differ by less, as a part of themselves, are one product rounded in two orders."""

Row = tuple[SaidConv, int]


@dataclass(frozen=True)
class Change:
    """A grid or a convolution's integers that could not be kept."""

    where: str
    reason: str
    """Why, and what stands there instead."""


@dataclass(frozen=True)
class Adopted:
    """A quantized graph, and what of the file's integers it holds."""

    graph: Graph
    kept: int
    """Grids of activations and convolutions that are the file's, bit for bit."""

    total: int
    changes: tuple[Change, ...]


def adopt(graph: Graph, said: Said) -> Adopted:
    """Give a float graph the integers that its file says.

    Args:
        graph: A float graph in 0…1 or 0…255.
        said: The integers, in the same units.

    Raises:
        UnsupportedError: An op cannot be quantized with given integers, or an activation is rounded nowhere.
    """
    return _Adoption(graph, said).result()


class _Adoption:
    def __init__(self, graph: Graph, said: Said) -> None:
        self.said = said
        self.white = np.float32(255 / graph.value_range[1])
        self.plan: Plan = plan_quantization(graph)
        for node in self.plan.graph.nodes:
            if not isinstance(node.op, _ADOPTED):
                hint = "quantize the float network with sr2tflite ptq"
                raise UnsupportedError(f"{node.op.kind} cannot take given integers", where=node.output, hint=hint)
        self.grids: dict[str, QuantParams] = {}
        self.changes: dict[str, str] = {}

    def result(self) -> Adopted:
        """All of it, group by group, convolution by convolution."""
        for group in self.plan.groups:
            self._choose(group.tensors, fixed=group.fixed)
        for grid in self.said.lost:
            self._change(grid, "no tensor of the deploy graph holds its values: the rounding is left out")
        for name, grids in self.said.grids.items():
            for grid in grids if name not in self.plan.group_of else ():
                self._change(grid, "nothing but the final clip read it: the output's saturation clips instead")
        result = self.plan.graph.copy()
        for name, params in self.grids.items():
            result.update(name, dtype="int8", quant=params)
        for node in result.nodes:
            if isinstance(node.op, _WINDOWS):
                self._store(result, node)
        result.drop_unused()
        theirs = {grid.where for grids in self.said.grids.values() for grid in grids}
        theirs |= {grid.where for grid in self.said.lost} | {conv.where for conv in self.said.convs}
        changes = tuple(Change(where, reason) for where, reason in self.changes.items())
        return Adopted(result, len(theirs - self.changes.keys()), len(theirs), changes)

    def _change(self, said: SaidGrid | SaidConv | str, reason: str) -> None:
        self.changes.setdefault(said if isinstance(said, str) else said.where, reason)

    def _in_pixels(self, grid: SaidGrid) -> QuantParams:
        scale = float(np.float32(np.float64(grid.params.scale[0]) * np.float64(self.white)))
        return QuantParams((scale,), grid.params.zero_point)

    def _choose(self, tensors: tuple[str, ...], *, fixed: bool) -> None:
        """The grid of tensors that must share one: pixels, or the last that the file says."""
        said = [grid for name in tensors for grid in self.said.grids.get(name, ())]
        chosen = PIXELS if fixed else self._in_pixels(said[-1]) if said else self._copied(tensors)
        for grid in said:
            found = self._in_pixels(grid)
            if found != chosen:
                what = "it holds raw pixels" if fixed else f"it shares its grid with {said[-1].where}"
                self._change(grid, f"{what}: {_spelled(found)} became {_spelled(chosen)}")
        self.grids |= dict.fromkeys(tensors, chosen)

    def _copied(self, tensors: tuple[str, ...]) -> QuantParams:
        """The grid of what a one-hot convolution copies.

        Raises:
            UnsupportedError: No tensor of them is a copy.
        """
        for name in tensors:
            node = self.plan.graph.producer(name)
            if node is not None and _copies(self.plan.graph, node):
                return self.grids[node.inputs[0]]
        hint = "quantize every activation of the file, or quantize the float network with sr2tflite ptq"
        raise UnsupportedError("is rounded nowhere in the file; expected QuantizeLinear", where=tensors[0], hint=hint)

    def _store(self, graph: Graph, node: Node) -> None:
        """A convolution's codes: the file's where its rows are the file's, else our own."""
        weight, bias = (graph.tensors[name].data for name in node.inputs[1:])
        assert weight is not None
        assert bias is not None
        depthwise = isinstance(node.op, ops.DepthwiseConv2D)
        weight_OIHW = weight.transpose(3, 0, 1, 2) if depthwise else weight.transpose(0, 3, 1, 2)
        input_scale = self.grids[node.inputs[0]].scale[0]
        rows = self._rows(weight_OIHW, bias)
        codes, params = self._weights(rows, weight_OIHW, node)
        biases = bias_params(input_scale, params)
        stored = self._biases(rows, bias, biases, params)
        order, axis = ((1, 2, 3, 0), 3) if depthwise else ((0, 2, 3, 1), 0)
        shaped = np.ascontiguousarray(codes.transpose(order))
        graph.update(
            node.inputs[1], dtype="int8", data=shaped, quant=QuantParams(params.scale, params.zero_point, axis)
        )
        graph.update(node.inputs[2], dtype="int32", data=stored, quant=biases)

    def _rows(self, weight_OIHW: NDArray[np.float32], bias: NDArray[np.float32]) -> list[Row] | None:
        """For every output channel the row of the file that holds exactly its values; None where one has none."""
        for conv in self.said.convs:
            scaled = conv.bias * self.white
            known: dict[bytes, list[int]] = {}
            for index, row in enumerate(conv.weight_OIHW):
                known.setdefault(_key(row, scaled[index]), []).append(index)
            wanted = [known.get(_key(row, bias[index]), []) for index, row in enumerate(weight_OIHW)]
            if len(weight_OIHW) == len(conv.weight_OIHW) and all(wanted):
                return [(conv, found[0]) for found in wanted]
        return None

    def _weights(
        self, rows: list[Row] | None, weight_OIHW: NDArray[np.float32], node: Node
    ) -> tuple[NDArray[np.int8], QuantParams]:
        conv = rows[0][0] if rows else None
        if rows is None or conv is None or any(conv.zero_point[index] for _, index in rows):
            largest = np.abs(weight_OIHW).max((1, 2, 3))
            params = symmetric(np.where(largest > 0, largest, 1), 0)
            if conv is not None:
                self._change(conv, "its weights are asymmetric: quantized again, symmetric, s = max|w|/127")
            elif not _copies(self.plan.graph, node):
                self._change(f"{node.op.kind} {node.output}", "was made by fusing: quantized by s = max|w|/127")
            return quantize(weight_OIHW, params, "int8", WEIGHT_LIMIT), params
        codes = np.stack([conv.codes_OIHW[index] for _, index in rows])
        if (wide := int((codes < -WEIGHT_LIMIT).sum())) > 0:
            self._change(conv, f"{wide} of its weight codes were -128 and became -127, where the format ends")
        scale = tuple(float(conv.scale[index]) for _, index in rows)
        return np.maximum(codes, -WEIGHT_LIMIT).astype(np.int8), QuantParams(scale, (0,) * len(scale), 0)

    def _biases(
        self, rows: list[Row] | None, bias: NDArray[np.float32], biases: QuantParams, weights: QuantParams
    ) -> NDArray[np.int32]:
        """The file's bias codes where its bias scale is the product of the kept scales; else by formula."""
        conv = rows[0][0] if rows else None
        own: NDArray[np.int32] = quantize(bias, biases, "int32")
        if rows is None or conv is None or weights.scale != tuple(float(conv.scale[index]) for _, index in rows):
            return own
        indices = [index for _, index in rows]
        if conv.bias_codes is None or conv.bias_scale is None:
            return own
        said = conv.bias_scale[indices].astype(np.float64) * np.float64(self.white)
        if np.abs(said / np.asarray(biases.scale) - 1).max() > _SAME_SCALE:
            self._change(conv, "its input's scale is another one here: its bias was quantized again by s_x·s_w")
            return own
        codes: NDArray[np.int32] = conv.bias_codes[indices].astype(np.int32)
        return codes


def _key(row: NDArray[np.float32], bias: np.float32) -> bytes:
    return np.ascontiguousarray(row).tobytes() + np.float32(bias).tobytes()


def _spelled(params: QuantParams) -> str:
    return f"{params.scale[0]:.9g}, {params.zero_point[0]}"


def _copies(graph: Graph, node: Node) -> bool:
    """Whether a convolution only copies channels: 1×1, one-hot, no bias."""
    if not isinstance(node.op, ops.Conv2D) or node.op.stride != (1, 1):
        return False
    weight, bias = (graph.tensors[name].data for name in node.inputs[1:])
    if weight is None or bias is None or weight.shape[1:3] != (1, 1) or bias.any():
        return False
    return bool(np.isin(weight, (0, 1)).all() and (weight.sum((1, 2, 3)) == 1).all())
