"""A quantized graph from integers that another tool chose: its scales, zero points and codes, where ours can hold them.

The file's units are brought to pixels: a scale becomes ``s·255/white`` where the deploy graph holds 255 times the
value, rounded to float32 (the same bits where white is 255); zero points and codes of uint8 become int8 by −128. What
has no place in the deploy graph's format is replaced by our own formula and told, one by one.

A clip stays unless the grid it is on saturates just there; its bounds become codes of that grid, as rounding after a
clip makes them.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.graph.passes.drop_nodes import drop_nodes
from sr2tflite.graph.passes.merge_clips import clip_bounds
from sr2tflite.graph.passes.pixel_units import pixel_factors
from sr2tflite.graph.said import Said, SaidConstant, SaidConv, SaidGrid
from sr2tflite.numerics.qparams import WEIGHT_LIMIT, QuantParams, bias_params, quantize, symmetric
from sr2tflite.quant.given_constants import GivenConstants
from sr2tflite.quant.given_grids import GivenGrids, copies, spelled
from sr2tflite.quant.plan import Plan, plan_quantization, saturates_as

_WINDOWS = (ops.Conv2D, ops.DepthwiseConv2D)
_SAME_SCALE = 2.0**-22
"""Scales that differ by less, as a part of themselves, are one product rounded in two orders."""

Row = tuple[SaidConv, int]
Factors = tuple[np.float32, np.float32]
"""How many times as large weights and biases are in the deploy graph."""


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
        UnsupportedError: An op cannot be quantized, or an activation is rounded nowhere.
    """
    return _Adoption(graph, said).result()


class _Adoption:
    def __init__(self, graph: Graph, said: Said) -> None:
        self.source, self.said = graph, said
        self.plan: Plan = plan_quantization(graph)
        self.factors = pixel_factors(graph)
        self.changes: dict[str, str] = {}
        self.chosen = GivenGrids(self.plan, said.grids, self.factors, self._change)
        self.grids = {name: self.chosen.of_groups[index] for name, index in self.plan.group_of.items()}

    def result(self) -> Adopted:
        """All of it, group by group, op by op."""
        self._tell_grids_without_a_tensor()
        result = self.plan.graph.copy()
        for name, params in self.grids.items():
            result.update(name, dtype="int8", quant=params)
        for node in result.nodes:
            if isinstance(node.op, _WINDOWS):
                self._store(result, node)
        constants = GivenConstants(self.plan, self.said.constants, self.factors, self._change)
        for name, codes, params in constants.stored(self.chosen.of_groups):
            result.update(name, dtype="int8", data=np.ascontiguousarray(codes), quant=params)
        drop_nodes(result, [node.output for node in result.nodes if self._is_saturation(node)])
        theirs = {grid.where for grids in self.said.grids.values() for grid in grids}
        theirs |= {part.where for part in self.said.lost} | {part.where for part in self.said.convs}
        theirs |= {part.where for part in self.said.constants}
        changes = tuple(Change(where, reason) for where, reason in self.changes.items())
        return Adopted(result, len(theirs - self.changes.keys()), len(theirs), changes)

    def _is_saturation(self, node: Node) -> bool:
        """Whether a clip does nothing on its grid; one that does stays, with its bounds rounded to that grid."""
        bounds = clip_bounds(self.plan.graph, node)
        if bounds is None or node.output in self.plan.graph.outputs:
            return False
        return saturates_as(bounds, self.grids[node.output])

    def _change(self, said: SaidGrid | SaidConv | SaidConstant | str, reason: str) -> None:
        self.changes.setdefault(said if isinstance(said, str) else said.where, reason)

    def _tell_grids_without_a_tensor(self) -> None:
        for grid in self.said.lost:
            self._change(grid, "no tensor of the deploy graph holds its values: the rounding is left out")
        for name, grids in self.said.grids.items():
            for grid in grids if name not in self.grids else ():
                found, chosen = self.chosen.in_pixels(name, grid), self.grids[self._clipped(name)]
                if found != chosen:
                    reason = f"what a clip leaves of it is rounded once: {spelled(found)} became {spelled(chosen)}"
                    self._change(grid, reason)

    def _clipped(self, name: str) -> str:
        """The tensor that holds what a run of clips, merged or left out, makes of another."""
        while name not in self.grids:
            name = self.source.consumers(name)[0].output
        return name

    def _store(self, graph: Graph, node: Node) -> None:
        """A convolution's codes: the file's where its rows are the file's, else our own."""
        weight, bias = (graph.tensors[name].data for name in node.inputs[1:])
        assert weight is not None
        assert bias is not None
        depthwise = isinstance(node.op, ops.DepthwiseConv2D)
        weight_OIHW = weight.transpose(3, 0, 1, 2) if depthwise else weight.transpose(0, 3, 1, 2)
        input_scale = self.grids[node.inputs[0]].scale[0]
        before, after = (self.factors.get(name, 1.0) for name in (node.inputs[0], node.output))
        rows = self._rows(weight_OIHW, bias, (np.float32(after / before), np.float32(after)))
        codes, params = self._weights(rows, weight_OIHW, node)
        biases = bias_params(input_scale, params)
        stored = self._biases(rows, bias, biases, params)
        order, axis = ((1, 2, 3, 0), 3) if depthwise else ((0, 2, 3, 1), 0)
        shaped = np.ascontiguousarray(codes.transpose(order))
        graph.update(
            node.inputs[1], dtype="int8", data=shaped, quant=QuantParams(params.scale, params.zero_point, axis)
        )
        graph.update(node.inputs[2], dtype="int32", data=stored, quant=biases)

    def _rows(self, weight_OIHW: NDArray[np.float32], bias: NDArray[np.float32], factors: Factors) -> list[Row] | None:
        """For every output channel the row of the file that holds exactly its values; None where one has none."""
        for conv in (_in_units(conv, *factors) for conv in self.said.convs):
            known: dict[bytes, list[int]] = {}
            for index, row in enumerate(conv.weight_OIHW):
                known.setdefault(_key(row, conv.bias[index]), []).append(index)
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
            elif not copies(self.plan, node):
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
        said = conv.bias_scale[indices].astype(np.float64)
        if np.abs(said / np.asarray(biases.scale) - 1).max() > _SAME_SCALE:
            self._change(conv, "its input's scale is another one here: its bias was quantized again by s_x·s_w")
            return own
        codes: NDArray[np.int32] = conv.bias_codes[indices].astype(np.int32)
        return codes


def _in_units(conv: SaidConv, weight: np.float32, bias: np.float32) -> SaidConv:
    """A convolution whose weights and biases are some times as large, with the same codes."""
    return replace(
        conv,
        scale=conv.scale * weight,
        weight_OIHW=conv.weight_OIHW * weight,
        bias=conv.bias * bias,
        bias_scale=None if conv.bias_scale is None else conv.bias_scale.astype(np.float64) * np.float64(bias),
    )


def _key(row: NDArray[np.float32], bias: np.float32) -> bytes:
    return np.ascontiguousarray(row).tobytes() + np.float32(bias).tobytes()
