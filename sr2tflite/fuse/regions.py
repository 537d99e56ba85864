"""Affine regions: parts of the captured graph between non-linearities, with one way in and one way out.

An activation *u* dominates *v* when every path from the input to *v* passes through *u*. The nodes between the two are
a region when none of them is non-linear and nothing outside uses what they compute (a use outside is allowed when it
is free: when computing it twice costs no multiplication).
"""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor
from torch.fx import Node

from sr2tflite.fuse.capture import Captured
from sr2tflite.fuse.origin import op_name, region_name

NONLINEAR = frozenset(
    {
        *("relu", "relu6", "hardtanh", "clamp", "clamp_min", "clamp_max", "prelu", "leaky_relu", "sigmoid", "tanh"),
        *("gelu", "silu", "elu", "celu", "selu", "mish", "softplus", "softmax", "log_softmax", "hardswish"),
        *("hardsigmoid", "abs", "exp", "log", "sqrt", "rsqrt", "pow", "reciprocal", "maximum", "minimum", "max", "min"),
        *("amax", "amin", "max_pool2d", "sort", "topk", "argmax", "where", "sign", "round", "floor", "ceil", "trunc"),
        *("group_norm", "layer_norm", "instance_norm", "scaled_dot_product_attention"),
        *("upsample_bilinear2d", "upsample_bicubic2d"),
    }
)
"""Ops at which a region ends: the truly non-linear ones, and those that hold at no border. What is not listed is
tried, and found out by numbers."""

WEIGHTED = frozenset({"conv2d", "convolution", "linear", "matmul", "mm", "bmm", "einsum", "addmm", "baddbmm"})
"""Ops whose constants cost a multiplication each per pixel."""

BILINEAR = WEIGHTED | {"mul", "div"}
"""Ops that are affine in one operand as long as the others lie in weight space."""


MOST = 32
"""Entries tried per exit: a block has fewer, and a long chain without activations costs no more than it can gain."""


@dataclass(frozen=True)
class Region:
    """The nodes from ``entry`` (outside) to the last of ``nodes`` (the exit)."""

    entry: Node
    nodes: tuple[Node, ...]
    macs: int
    """Multiplications per pixel of the ops with weights."""

    @property
    def exit(self) -> Node:
        return self.nodes[-1]

    @property
    def name(self) -> str:
        return region_name(list(self.nodes))

    @property
    def keeps_size(self) -> bool:
        """Whether the image behind it has the height and width of the one before."""
        before, after = shape(self.entry), shape(self.exit)
        assert before is not None
        assert after is not None
        return before[2:] == after[2:]


def shape(node: Node) -> tuple[int, ...] | None:
    """The sizes of a captured value; None when it is no single tensor."""
    value = node.meta.get("val")
    return tuple(int(size) for size in value.shape) if isinstance(value, Tensor) else None


class Regions:
    """Finds the regions that end at a node.

    Args:
        captured: The graph.
    """

    def __init__(self, captured: Captured) -> None:
        self.captured = captured
        self.order = {node: index for index, node in enumerate((captured.input, *captured.nodes))}

    @cached_property
    def dominators(self) -> dict[Node, Node]:
        """The nearest dominator of every activation but the input."""
        nearest: dict[Node, Node] = {}
        for node in self.captured.nodes:
            first, *others = self.captured.operands(node)
            for other in others:
                while first is not other:
                    if self.order[first] > self.order[other]:
                        first = nearest[first]
                    else:
                        other = nearest[other]
            nearest[node] = first
        return nearest

    def is_barrier(self, node: Node) -> bool:
        """Whether no region may hold the node."""
        name = op_name(node)
        if name in NONLINEAR:
            return True
        if name not in BILINEAR:
            return False
        return len(self.captured.operands(node)) > 1 or self._squares(node) or self._weighs_by_activation(node)

    def _squares(self, node: Node) -> bool:
        return sum(isinstance(arg, Node) and arg in self.order for arg in node.args) > 1

    def _weighs_by_activation(self, node: Node) -> bool:
        return op_name(node) in ("div", "conv2d", "convolution") and node.args[0] not in self.captured.operands(node)

    def macs(self, node: Node) -> int:
        """Multiplications per pixel of one node: the size of its weight."""
        if op_name(node) not in WEIGHTED:
            return 0
        sizes = [value.numel() for value in self.captured.value(node.args) if isinstance(value, Tensor)]
        return max(sizes, default=0)

    def _between(self, entry: Node, last: Node) -> tuple[Node, ...]:
        seen, todo = {last}, [last]
        while todo:
            for operand in self.captured.operands(todo.pop()):
                if operand is not entry and operand not in seen:
                    seen.add(operand)
                    todo.append(operand)
        return tuple(sorted(seen, key=self.order.__getitem__))

    def _leaks(self, entry: Node, nodes: tuple[Node, ...]) -> bool:
        inside = set(nodes)
        shared = [n for n in nodes[:-1] if any(u in self.order and u not in inside for u in n.users)]
        return any(self.macs(part) for node in shared for part in self._between(entry, node))

    def ending_at(self, last: Node) -> list[Region]:
        """The regions whose exit is ``last``, the largest first; at most ``MOST``."""
        found: list[Region] = []
        wanted, entry = shape(last), last
        while entry in self.dominators and len(found) < MOST:
            entry = self.dominators[entry]
            nodes = self._between(entry, last)
            if any(self.is_barrier(node) for node in nodes) or self._leaks(entry, nodes):
                break
            if _are_images(shape(entry), wanted):
                found.append(Region(entry, nodes, sum(self.macs(node) for node in nodes)))
        return found[::-1]


def _are_images(entry: tuple[int, ...] | None, last: tuple[int, ...] | None) -> bool:
    """Whether both are NCHW of one batch, one of them a whole number of times larger than the other."""
    if entry is None or last is None or len(entry) != 4 or len(last) != 4 or entry[0] != last[0]:
        return False
    large, small = max(entry[2:], last[2:]), min(entry[2:], last[2:])
    factor = large[0] // max(small[0], 1)
    return large == (small[0] * factor, small[1] * factor)
