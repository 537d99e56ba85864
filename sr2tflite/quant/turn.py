"""Slopes brought within ±1, so that their int8 codes are fine: a PRELU channel with a steeper one is turned round."""

import numpy as np

from sr2tflite.graph import Graph, Node, ops
from sr2tflite.quant.gains import apply_gain, gain_sets


def turn_slopes(graph: Graph) -> Graph:
    """The same float function where no PRELU between convolutions has a slope α with |α| > 1.

    ``prelu(x; α) = −α·prelu(−x; 1/α)``: the weights that write the channel change their sign, and those that read it
    take the factor −α. All slopes of a PRELU share one scale max|α|/127, so that one slope of 10 would leave slopes
    near zero an error of 0.04, which multiplies everything below zero. Exact in ℝ; one rounding of float32 per
    constant.

    Args:
        graph: A float graph.
    """
    result, sets = graph.copy(), gain_sets(graph)
    for node in graph.nodes:
        if isinstance(node.op, ops.PRelu) and {node.inputs[0], node.output} in sets:
            _turn(result, node)
    return result


def _turn(graph: Graph, node: Node) -> None:
    before, slope = node.inputs
    data = graph.tensors[slope].data
    assert data is not None
    alpha = data.astype(np.float64).reshape(-1)
    steep = np.abs(alpha) > 1
    safe = np.where(steep, alpha, 1.0)
    apply_gain(graph, {before}, np.where(steep, -1.0, 1.0))
    apply_gain(graph, {node.output}, np.where(steep, -1 / safe, 1.0))
    graph.update(slope, data=np.where(steep, 1 / safe, alpha).astype(np.float32).reshape(data.shape))
