"""Clips that change the scale, as an ADD of zero: XNNPACK takes ADD, and no clip of codes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor
from sr2tflite.graph.passes.clip_before_shuffle import clips_first
from sr2tflite.graph.passes.code_table import CLIPS, VALUE_OPS, code_tables, is_value_op
from sr2tflite.graph.passes.rewritten import Declined, Rewritten, only_reader, take_away
from sr2tflite.numerics import builtin, elementwise
from sr2tflite.numerics.activation import code_range
from sr2tflite.numerics.qparams import LIMITS, QuantParams
from sr2tflite.numerics.requantize import add_params, add_ratio_is_delegated

Codes = NDArray[Any]


def rescale_by_sum(graph: Graph) -> Rewritten:
    """A copy where clips that end at another scale are ``x + 0``, written at it.

    So are DEQUANTIZE, clips of floats and QUANTIZE back. What moves values between them goes behind them. Both are
    ``round(v·s/s_out) + z_out`` and differ in how they round, so that an ADD takes the place only where all 256 codes
    come out the same, by XNNPACK and by every builtin kernel: exact. Where the bound is not the end of the codes, the
    ADD's fused activation is it. Where nothing changes any code, nothing takes the place.

    Left alone: ratios under ½, which a clip's kernel rounds twice.
    """
    result, places, declined = clips_first(graph), [], []
    # what went forward passed its name on, and kept its order
    names = dict(zip(_outputs(result), _outputs(graph), strict=True))
    for runs in list(_runs(result)):
        found = next(((run, op) for run in runs if (op := _replacement(result, run)) is not None), None)
        if found is None:
            declined.append(Declined(names[runs[0][-1].output], "an ADD of zero would round some codes otherwise"))
            continue
        places += [names[node.output] for node in found[0]]
        _replace(result, *found)
    result.drop_unused()
    return Rewritten(result if places else graph.copy(), tuple(places), tuple(declined))


def _outputs(graph: Graph) -> list[str]:
    return [node.output for node in graph.nodes if isinstance(node.op, VALUE_OPS)]


def _runs(graph: Graph) -> Iterator[list[list[Node]]]:
    """Runs of value ops that clip codes and rescale them, or make floats of them in between: long, then shorter."""
    taken: set[str] = set()
    for node in graph.nodes:
        if node.output in taken or not is_value_op(graph, node):
            continue
        run = [node]
        while (after := only_reader(graph, run[-1].output)) is not None and is_value_op(graph, after):
            run.append(after)
        runs = [run[:count] for count in range(len(run), 0, -1) if _is_worthwhile(graph, run[:count])]
        if runs:
            taken |= {one.output for one in runs[0]}
            yield runs


def _is_worthwhile(graph: Graph, run: list[Node]) -> bool:
    (x,), y = graph.activations(run[0]), graph.tensors[run[-1].output]
    if x.quant is None or x.dtype != y.dtype:
        return False
    are_floats = any(graph.tensors[node.output].quant is None for node in run)
    return are_floats or (x.quant != y.quant and any(isinstance(node.op, CLIPS) for node in run))


def _replacement(graph: Graph, run: list[Node]) -> ops.Add | None:
    """The ADD that does as a run does, whatever kernels run either; None where none does."""
    (x,), y = graph.activations(run[0]), graph.tensors[run[-1].output]
    wanted = list(code_tables(graph, run))
    if not add_ratio_is_delegated(_scale(x), _scale(x), _scale(y)):
        return None
    activations: tuple[ops.Activation, ...] = ("NONE", "RELU", "RELU6")
    for activation in activations:
        tables = [*wanted, *_sums(x, y, activation)]
        if all(np.array_equal(one, tables[0]) for one in tables):
            return ops.Add(activation)
    return None


def _sums(x: Tensor, y: Tensor, activation: str) -> Iterator[Codes]:
    """What the kernels of ADD make of every code plus zero."""
    low, high = LIMITS[x.dtype]
    v, scales = np.arange(low, high + 1) - _zero(x), (_scale(x), _scale(x))
    found = [builtin.add(v, 0 * v, scales, _scale(y))]
    for shifts_first in (False, True):
        sums = builtin.add_in_vectors(v, 0 * v, scales, _scale(y), shifts_first=shifts_first)
        found.append(builtin.narrowed(sums, _zero(y), saturates=False))
    by_xnnpack = elementwise.add(v, 0 * v, add_params(*scales, _scale(y)))
    for half_even, some in ((False, found), (True, [by_xnnpack])):
        assert y.quant is not None
        ends = code_range(activation, y.quant, y.dtype, half_even=half_even)
        yield from (np.clip(one + _zero(y), *ends) for one in some)


def _replace(graph: Graph, run: list[Node], op: ops.Add) -> None:
    (x,), last = graph.activations(run[0]), run[-1]
    for node in run[:-1]:
        graph.nodes.remove(node)
    index = graph.nodes.index(last)
    if op.activation == "NONE" and x.quant == graph.tensors[last.output].quant:
        graph.nodes[index] = Node(op, (x.name,), last.outputs)
        take_away(graph, graph.nodes[index])
        return
    # of the image's scale, so that the kernels keep as many bits of the image as there are
    zero = graph.constant(f"{last.output}_zero", np.zeros(1, x.dtype), QuantParams((_scale(x),), (0,)))
    graph.nodes[index] = replace(last, op=op, inputs=(x.name, zero))


def _scale(tensor: Tensor) -> float:
    assert tensor.quant is not None
    return tensor.quant.scale[0]


def _zero(tensor: Tensor) -> int:
    assert tensor.quant is not None
    return tensor.quant.zero_point[0]
