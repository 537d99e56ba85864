"""Captured ops spelled by others: what the deploy graph has under another name, or as two or three of its ops.

Every rule is exact in ℝ. What comes out are captured ops again, of the same shape, so that scales and offsets go into
the convolutions around them like any other.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph, Node

from sr2tflite.fuse.origin import op_name

aten = torch.ops.aten
Rule = Callable[["Speller"], Node | None]


class Speller:
    """Writes ops in the place of one node, with its shape, module and source line.

    Args:
        graph: The captured graph.
        node: The node to be spelled by others.
    """

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph, self.node = graph, node

    def __call__(self, target: Any, *args: Any, **kwargs: Any) -> Node:
        with self.graph.inserting_before(self.node):
            made = self.graph.create_node("call_function", target, args, kwargs, name=self.node.name)
        made.meta = dict(self.node.meta)
        return made

    def arguments(self, *names: str) -> list[Any]:
        """The first arguments by position or name; None where one is not given."""
        return [self.node.args[i] if i < len(self.node.args) else self.node.kwargs.get(n) for i, n in enumerate(names)]


def _same(target: Any) -> Rule:
    """An op under another name, with the same arguments."""
    return lambda write: write(target, *write.node.args)


def _two_operands(target: Any) -> Rule:
    """``max`` and ``min`` are reductions with one argument, elementwise with two tensors."""

    def rule(write: Speller) -> Node | None:
        is_elementwise = len(write.node.args) == 2 and isinstance(write.node.args[1], Node)
        return write(target, *write.node.args) if is_elementwise else None

    return rule


def _with_factor(target: Any) -> Rule:
    """``a ± alpha·b`` is ``a ± (alpha·b)``."""

    def rule(write: Speller) -> Node | None:
        factor = write.node.kwargs.get("alpha", 1)
        first, second = write.node.args[:2]
        return None if factor == 1 else write(target, first, write(aten.mul.Tensor, second, factor))

    return rule


def _hard_sigmoid(write: Speller) -> Node:
    """``min(max(x / 6 + 1/2, 0), 1)``."""
    return write(aten.clamp.default, write(aten.add.Tensor, write(aten.div.Tensor, write.node.args[0], 6.0), 0.5), 0, 1)


def _times_itself(gate: Callable[[Speller], Node]) -> Rule:
    return lambda write: write(aten.mul.Tensor, write.node.args[0], gate(write))


def _sigmoid(write: Speller) -> Node:
    return write(aten.sigmoid.default, write.node.args[0])


def _tanh(write: Speller) -> Node:
    """``2 · sigmoid(2·x) − 1``."""
    gate = write(aten.sigmoid.default, write(aten.mul.Tensor, write.node.args[0], 2.0))
    return write(aten.sub.Tensor, write(aten.mul.Tensor, gate, 2.0), 1.0)


def _threshold(write: Speller) -> Node | None:
    x, bound, value = write.arguments("self", "threshold", "value")
    return write(aten.relu.default, x) if bound == value == 0 else None


def _minuend(node: Any) -> tuple[Node, float] | None:
    """The x and c where a node is ``c − x`` with a number c."""
    if not isinstance(node, Node) or op_name(node) not in ("rsub", "sub") or len(node.args) != 2 or node.kwargs:
        return None
    x, number = node.args if op_name(node) == "rsub" else node.args[::-1]
    return (x, float(number)) if isinstance(x, Node) and isinstance(number, (int, float)) else None


def _clip_by_relus(write: Speller) -> Node | None:
    """``c − max(v, 0) = min(c − v, c)`` where v is ``c − x``: a clip written as two ReLUs, 255 − relu(255 − x)."""
    outer = _minuend(write.node)
    if outer is None or op_name(outer[0]) != "relu" or _minuend(outer[0].args[0]) is None:
        return None
    relu, number = outer
    return write(aten.clamp_max.default, write(aten.rsub.Scalar, relu.args[0], number), number)


_SAME_EVERYWHERE = ("relu", "relu6", "hardtanh", "clamp", "clamp_min", "clamp_max", "sigmoid", "leaky_relu")
"""Activations that do the same to every channel."""


def _activated_parts(write: Speller) -> Node | None:
    """``[f(a), f(b)] = f([a, b])``: parallel convolutions side by side, each with its ReLU, are one with one."""
    parts, *dim = write.node.args
    assert isinstance(parts, (list, tuple))
    nodes = [part for part in parts if isinstance(part, Node)]
    spellings = {repr((part.target, part.args[1:], part.kwargs)) for part in nodes}
    if len(nodes) < len(parts) or len(spellings) > 1 or op_name(nodes[0]) not in _SAME_EVERYWHERE:
        return None
    if any(len(part.users) > 1 for part in nodes):
        return None
    joined = write(aten.cat.default, [part.args[0] for part in nodes], *dim)
    return write(nodes[0].target, joined, *nodes[0].args[1:], **nodes[0].kwargs)


def _first_of(*rules: Rule) -> Rule:
    return lambda write: next((made for rule in rules if (made := rule(write))), None)


RULES: dict[str, Rule] = {
    "add": _with_factor(aten.add.Tensor),
    "cat": _activated_parts,
    "clip": _same(aten.clamp.default),
    "hardsigmoid": _hard_sigmoid,
    "hardswish": _times_itself(_hard_sigmoid),
    "max": _two_operands(aten.maximum.default),
    "min": _two_operands(aten.minimum.default),
    "rsub": _clip_by_relus,
    "silu": _times_itself(_sigmoid),
    "sub": _first_of(_with_factor(aten.sub.Tensor), _clip_by_relus),
    "tanh": _tanh,
    "threshold": _threshold,
}


def respell(graph: Graph) -> dict[Node, Node]:
    """Spell every node that a rule knows by others; returns what became of each."""
    became: dict[Node, Node] = {}
    for node in list(graph.nodes):
        rule = RULES.get(op_name(node)) if node.op == "call_function" else None
        if rule and (made := rule(Speller(graph, node))):
            node.replace_all_uses_with(made)
            graph.erase_node(node)
            became[node] = made
    return became
