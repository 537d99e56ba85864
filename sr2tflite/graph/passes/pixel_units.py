"""From a graph that works in 0…1 to the same graph in pixel units, 0…255."""

from dataclasses import replace

import numpy as np

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor
from sr2tflite.graph.passes.merge_clips import merge_clips

PIXEL_RANGE = (0.0, 255.0)
"""Black and white in pixel units."""

_ADDED = (ops.Add, ops.Sub, ops.Minimum, ops.Maximum)
_WINDOWS = (ops.Conv2D, ops.DepthwiseConv2D)
_HOMOGENEOUS = (ops.Relu, ops.PRelu, ops.LeakyRelu, ops.DepthToSpace, ops.ResizeNearestNeighbor)

PLAIN, PIXELS = 1.0, 255.0
"""How many times as large a tensor becomes."""


def to_pixel_units(graph: Graph) -> Graph:
    """The float graph whose values are 255 times as large; a graph in 0…255 already is copied.

    ``f₂₅₅(x) = 255 · f₁(x / 255)``. For an op that is positively homogeneous, ``op(255·x) = 255·op(x)``, so only what
    is *added* changes: biases and constants of ADD, SUB, MINIMUM and MAXIMUM become 255 times as large; clips are first
    brought to that form (``merge_clips``). LOGISTIC reads and writes plain values: a convolution that only it reads
    takes the division into its weights. Where tensors of both kinds meet in a sum, or two of 255 times in a product, a
    MUL by 255 or 1/255 is put in. One rounding of float32 per constant.

    Raises:
        UnsupportedError: The value range is neither 0…1 nor 0…255, or an op is outside the set.
    """
    if graph.value_range == PIXEL_RANGE:
        return graph.copy()
    if graph.value_range != (0.0, 1.0):
        raise UnsupportedError(f"value range {graph.value_range}; expected (0, 1) or (0, 255)", where=graph.name)
    source = merge_clips(graph)
    rewriter = _Rewriter(source)
    for node in source.nodes:
        rewriter.rewrite(node)
    return rewriter.finished()


class _Rewriter:
    """Puts the nodes of a graph, one by one, in pixel units at the end of another."""

    def __init__(self, source: Graph) -> None:
        self._source = source
        self._graph = replace(source, tensors=dict(source.tensors), nodes=[], metadata=dict(source.metadata))
        self._factor = dict.fromkeys(source.inputs, PIXELS)
        self._made: dict[tuple[str, float], str] = {}

    def rewrite(self, node: Node) -> None:
        """Append a node, and what it needs before it."""
        op, inputs = node.op, node.inputs
        factors = [self._factor[name] for name in inputs if name in self._factor]
        if isinstance(op, _WINDOWS):
            weight, bias, factor = *inputs[1:], factors[0]
            if factor == PIXELS and self._feeds_only_logistic(node):
                weight, factor = self._scaled(weight, 1 / PIXELS), PLAIN
            else:
                bias = self._scaled(bias, factor)
            inputs = (inputs[0], weight, bias)
        elif isinstance(op, (*_ADDED, ops.Concatenation)):
            factor = max(factors)
            inputs = tuple(self._with_factor(name, factor) for name in inputs)
        elif isinstance(op, ops.Mul):
            if factors == [PIXELS, PIXELS]:
                inputs = (inputs[0], self._with_factor(inputs[1], PLAIN))
            factor = max(factors)
        elif isinstance(op, ops.Logistic):
            inputs, factor = (self._with_factor(inputs[0], PLAIN),), PLAIN
        elif isinstance(op, _HOMOGENEOUS):
            factor = factors[0]
        else:
            raise UnsupportedError(
                f"op {getattr(op, 'name', op.kind)} does not scale with its input, so a 0…1 graph with it has no form "
                "in pixel units",
                where=node.outputs[0],
                hint="train the network on 0…255, or leave this op out",
            )
        self._graph.nodes.append(replace(node, inputs=inputs))
        self._factor[node.output] = factor

    def finished(self) -> Graph:
        """The graph, its output in pixels."""
        graph = self._graph
        graph.outputs = tuple(self._with_factor(name, PIXELS) for name in graph.outputs)
        graph.value_range = PIXEL_RANGE
        graph.drop_unused()
        return graph

    def _feeds_only_logistic(self, node: Node) -> bool:
        readers = self._source.consumers(node.output)
        is_inner = node.output not in self._source.outputs
        return is_inner and bool(readers) and all(isinstance(reader.op, ops.Logistic) for reader in readers)

    def _with_factor(self, name: str, factor: float) -> str:
        """A tensor that is ``factor`` times as large as in the source: itself, a constant, or a MUL put in."""
        if name not in self._factor:
            return self._scaled(name, factor)
        if self._factor[name] == factor:
            return name
        if (name, factor) not in self._made:
            made = f"{name}_{'in_pixels' if factor == PIXELS else 'plain'}"
            constant = self._graph.constant(f"{made}_factor", np.array([factor / self._factor[name]], np.float32))
            self._graph.append(ops.Mul(), (name, constant), Tensor(made, self._graph.tensors[name].shape))
            self._made[name, factor] = made
        return self._made[name, factor]

    def _scaled(self, name: str, factor: float) -> str:
        """The name of the constant that is ``factor`` times another."""
        tensor = self._graph.tensors[name]
        assert tensor.data is not None
        if factor == PLAIN:
            return name
        if (name, factor) not in self._made:
            made = f"{name}_{'in_pixels' if factor == PIXELS else 'plain'}"
            self._made[name, factor] = self._graph.constant(made, tensor.data * np.float32(factor))
        return self._made[name, factor]
