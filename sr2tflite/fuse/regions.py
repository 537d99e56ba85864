"""Affine regions: parts of the captured graph between non-linearities, with one way in and one way out.

An activation *u* dominates *v* when every path from the input to *v* passes through *u*. The nodes between the two are
a region when none of them is non-linear and nothing outside uses what they compute (a use outside is allowed when it
is free: when computing it twice costs no multiplication).
"""

from collections.abc import Iterable
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

CONVOLUTIONS = frozenset({"conv2d", "convolution", "conv_transpose2d"})

WEIGHTED = CONVOLUTIONS | frozenset({"linear", "matmul", "mm", "bmm", "einsum", "addmm", "baddbmm"})
"""Ops whose constants cost a multiplication each per pixel."""

BILINEAR = WEIGHTED | {"mul", "div"}
"""Ops that are affine in one operand as long as the others lie in weight space."""


MOST = 32
"""Entries tried per exit: a block has fewer, and a long chain without activations costs no more than it can gain."""


Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Region:
    """The nodes from ``entry`` (outside) to the last of ``nodes`` (the exit)."""

    entry: Node
    nodes: tuple[Node, ...]
    macs: int
    """Multiplications of the ops with weights, per pixel of the smaller of the two images."""

    block: int = 1
    """How many times larger the image is behind the region than before it."""

    stride: int = 1
    """How many times smaller, rounded up: ``⌈H / stride⌉``."""

    @property
    def exit(self) -> Node:
        return self.nodes[-1]

    @property
    def name(self) -> str:
        return region_name(list(self.nodes))

    @property
    def keeps_size(self) -> bool:
        """Whether the image behind it has the height and width of the one before."""
        return self.block == self.stride == 1

    @property
    def positions(self) -> int:
        """Pixels of the smaller of the two images."""
        return min(_pixels(self.entry), _pixels(self.exit))

    @property
    def work(self) -> int:
        """Multiplications in all, at the size of the capture."""
        return self.macs * self.positions


def shape(node: Node) -> Sizes | None:
    """The sizes of a captured value; None when it is no single tensor."""
    value = node.meta.get("val")
    return tuple(int(size) for size in value.shape) if isinstance(value, Tensor) else None


def _pixels(node: Node) -> int:
    sizes = shape(node)
    assert sizes is not None
    return sizes[2] * sizes[3]


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
        return op_name(node) in {"div", *CONVOLUTIONS} and node.args[0] not in self.captured.operands(node)

    def macs(self, node: Node) -> int:
        """Multiplications per pixel of one node: the size of its weight."""
        if op_name(node) not in WEIGHTED:
            return 0
        sizes = [value.numel() for value in self.captured.value(node.args) if isinstance(value, Tensor)]
        return max(sizes, default=0)

    def _macs(self, nodes: Iterable[Node], entry: Node, last: Node) -> int:
        """Multiplications of several nodes per pixel of the smaller of two images."""
        image = min(entry, last, key=_pixels)
        return sum(self.macs(node) * _times(self._where_weighed(node), image) for node in nodes)

    def _where_weighed(self, node: Node) -> Node:
        """The image whose every pixel meets the whole weight: what a transposed convolution reads, others write."""
        return self.captured.operands(node)[0] if is_transposed(node) else node

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
            if step := _step(shape(entry), wanted):
                found.append(Region(entry, nodes, self._macs(nodes, entry, last), *step))
        return found[::-1]


def is_transposed(node: Node) -> bool:
    """Whether it is a transposed convolution."""
    name = op_name(node)
    return name == "conv_transpose2d" or (name == "convolution" and node.args[6:7] == (True,))


def _times(node: Node, image: Node) -> int:
    """How many pixels a value has per pixel of an image; a frame that was padded around it does not count."""
    sizes, unit = shape(node), shape(image)
    if sizes is None or unit is None or len(sizes) != 4:
        return 1
    return max(1, round(sizes[2] / unit[2])) * max(1, round(sizes[3] / unit[3]))


def _step(entry: Sizes | None, last: Sizes | None) -> tuple[int, int] | None:
    """Block and stride between two images of one batch; None where they are none, or fit no whole number."""
    if entry is None or last is None or len(entry) != 4 or len(last) != 4 or entry[0] != last[0] or 0 in last:
        return None
    block = last[2] // entry[2]
    if block:
        return (block, 1) if last[2:] == (entry[2] * block, entry[3] * block) else None
    fits = (s for s in range(2, entry[2] + 1) if last[2:] == (-(-entry[2] // s), -(-entry[3] // s)))
    stride = next(fits, None)
    return (1, stride) if stride else None
