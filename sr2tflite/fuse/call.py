"""One captured op with its arguments, and on its way into the deploy graph."""

from typing import Any

from torch.fx import Node

from sr2tflite.errors import UnsupportedError
from sr2tflite.fuse.builder import F64, Builder, node_name
from sr2tflite.fuse.capture import Captured
from sr2tflite.fuse.origin import place
from sr2tflite.graph import Op


class Call:
    """One captured node.

    Args:
        captured: The graph it is in.
        node: The node.
    """

    def __init__(self, captured: Captured, node: Node) -> None:
        self.captured, self.node = captured, node

    def argument(self, index: int, name: str, default: Any = None) -> Any:
        """An argument by position or name, as a value where it lies in weight space."""
        if index < len(self.node.args):
            return self.captured.value(self.node.args[index])
        return self.captured.value(self.node.kwargs.get(name, default))

    def is_pixel(self, node: Node) -> bool:
        """Whether a node is an activation."""
        return node not in self.captured.constants

    def refuse(self, found: str, expected: str, hint: str = "") -> UnsupportedError:
        """The error that names the node and its source line."""
        return UnsupportedError(f"{found}; expected {expected}", where=place(self.node), hint=hint or None)


class Single(Call):
    """A call that becomes one op.

    Args:
        captured: The graph it is in.
        node: The node.
        builder: The graph it goes to.
    """

    def __init__(self, captured: Captured, node: Node, builder: Builder) -> None:
        super().__init__(captured, node)
        self.builder = builder
        self.name = node_name(node)

    def sources(self) -> list[str]:
        """The tensors of the activations among the positional arguments."""
        return [self.builder.tensor(arg) for arg in self.node.args if isinstance(arg, Node) and self.is_pixel(arg)]

    def emit(self, op: Op, *inputs: str) -> str:
        """Append an op under the node's own name."""
        return self.builder.emit(op, inputs, self.name)

    def constant(self, values: F64) -> str:
        """Put in a constant named after the node."""
        return self.builder.constant(f"{self.name}.constant", values)
