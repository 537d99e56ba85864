"""Learned shortcuts of residual blocks, folded into the weights around them; blocks that are left out."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import ops
from sr2tflite.quant.blocks import WINDOWS, Block, consumers, residual_blocks, without
from sr2tflite.quant.bounds import within
from sr2tflite.quant.layers import Fold
from sr2tflite.quant.view import QuantizedView

SMALLEST, LARGEST = 0.125, 8.0
"""Shortcuts stay between them: what is folded divides by them."""


class Shortcuts(nn.Module):
    """``y_k = α_k·x_k + F_k(x_k)``, α_k learned, 1 at the start.

    In the file no op multiplies. With c_k the product of the shortcuts on the way to y_k, the sums there hold y_k/c_k:
    ``W₁ ← c_{k−1}·W₁`` in the first convolution of a block and in whatever else reads a sum, and ``(W₂, b₂) ← (W₂,
    b₂)/c_k`` in the last. Exact in ℝ for any α ≠ 0; one rounding of float32 per weight.

    A block that is left out, ``off``, is gone from the nodes that the view computes. Its shortcut then counts still, or
    is 1 where ``identity``.

    Args:
        view: Whose convolutions get the folds, and whose plan is shortened.
        blocks: Its residual blocks.
        identity: Whether a block that is left out is ``y = x``; otherwise it is ``y = α·x``.

    Raises:
        UnsupportedError: Something else than convolutions reads a block's output.
    """

    off: Tensor

    def __init__(self, view: QuantizedView, blocks: tuple[Block, ...], *, identity: bool) -> None:
        super().__init__()
        self.blocks, self.identity = blocks, identity
        number = {block.output: index for index, block in enumerate(blocks)}
        self._before = [number.get(block.source) for block in blocks]
        self.alpha = nn.Parameter(torch.ones(len(blocks)))
        self.register_buffer("off", torch.zeros(len(blocks), dtype=torch.bool))
        self._view, self._whole = (view,), view.plan  # in a tuple: the view holds this module
        self.register_load_state_dict_post_hook(_shorten)  # type: ignore[no-untyped-call]
        for index, block in enumerate(blocks):
            self._fold(block.convolutions[-1], None, index)
            for reader in self._readers(block):
                self._fold(reader, index, None)

    @property
    def convolutions(self) -> tuple[str, ...]:
        """Of all blocks."""
        return tuple(name for block in self.blocks for name in block.convolutions)

    def products(self) -> Tensor:
        """c_k, one for each block."""
        smallest, largest = self.alpha.new_tensor([SMALLEST, LARGEST])
        alpha = within(self.alpha, smallest, largest)
        if self.identity:
            alpha = torch.where(self.off, torch.ones_like(alpha), alpha)
        found: list[Tensor] = []
        for own, before in zip(alpha.unbind(), self._before, strict=True):
            found.append(own if before is None else own * found[before])
        return torch.stack(found)

    def kept(self) -> list[int]:
        """The numbers of the blocks that are not left out."""
        return [index for index, is_off in enumerate(self.off.tolist()) if not is_off]

    def largest(self, numbers: Collection[int]) -> list[int]:
        """Numbers of blocks, that of the largest shortcut first, of equal ones the first."""
        alpha = self.alpha.tolist()
        return sorted(numbers, key=lambda index: (-alpha[index], index))

    def leave_out(self, numbers: Collection[int]) -> None:
        """Leave blocks out from now on, beside those that are."""
        self.off[list(numbers)] = True
        self.shorten()

    def shorten(self) -> None:
        """Let the view compute what is not left out."""
        self._use([index for index, is_off in enumerate(self.off.tolist()) if is_off])

    @contextmanager
    def only_without(self, numbers: Collection[int]) -> Iterator[None]:
        """Within it the view lacks these blocks, and has all others."""
        self._use(numbers)
        try:
            yield
        finally:
            self.shorten()

    def _use(self, numbers: Collection[int]) -> None:
        self._view[0].use(without(self._whole, [self.blocks[index] for index in numbers]))

    def _readers(self, block: Block) -> list[str]:
        """The convolutions that read a block's output, beside the sum of the next block."""
        sums = {other.output for other in self.blocks if other.source == block.output}
        readers = [node for node in consumers(self._whole.graph, block.output) if node.output not in sums]
        for node in readers:
            if not isinstance(node.op, WINDOWS):
                raise UnsupportedError(
                    f"a residual block's output is read by {node.op.kind}; learned shortcuts fold into convolutions",
                    where=block.output,
                    hint="leave them out: shortcuts: false",
                )
        return [node.output for node in readers]

    def _fold(self, convolution: str, reads: int | None, writes: int | None) -> None:
        self._view[0].layer(convolution).folds.append(ShortcutFold(self, reads, writes))


class ShortcutFold(Fold):
    """``W ← c_i·W`` of what reads the sum of block i, ``(W, b) ← (W, b)/c_k`` of what is added in block k."""

    def __init__(self, shortcuts: Shortcuts, reads: int | None, writes: int | None) -> None:
        super().__init__()
        self._shortcuts = (shortcuts,)  # in a tuple: they are the view's
        self._reads, self._writes = reads, writes

    def forward(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Weights OIHW and bias O with the shortcuts."""
        products = self._shortcuts[0].products()
        if self._writes is not None:
            weight, bias = weight / products[self._writes], bias / products[self._writes]
        return (weight if self._reads is None else weight * products[self._reads]), bias


def _shorten(shortcuts: Any, _incompatible: Any) -> None:
    """What is left out has been read from a state."""
    shortcuts.shorten()


def add_shortcuts(view: QuantizedView, *, identity: bool) -> Shortcuts | None:
    """Give a view's residual blocks learned shortcuts; None where it has no such blocks."""
    blocks = residual_blocks(view.plan.graph)
    if not blocks:
        return None
    shortcuts = Shortcuts(view, blocks, identity=identity)
    view.brought["shortcuts"] = shortcuts
    return shortcuts


def shortcuts_of(view: QuantizedView) -> Shortcuts | None:
    """The shortcuts a view has."""
    return cast(Shortcuts, view.brought["shortcuts"]) if "shortcuts" in view.brought else None


def required(shortcuts: Shortcuts | None, view: QuantizedView, otherwise: str) -> Shortcuts:
    """The shortcuts, which a method cannot do without.

    Raises:
        UnsupportedError: There are none; ``otherwise`` is the setting that needs none.
    """
    if shortcuts is None:
        graph = view.plan.graph
        sums = [node.output for node in graph.nodes if isinstance(node.op, ops.Add)]
        first = next(iter([*sums, *view.layer_names()]), "")
        raise UnsupportedError(
            "is in no residual block y = α·x + F(x), nor is another: F is convolutions, all but the last with ReLU",
            where=f"{graph.name}: {first}",
            hint=f"{otherwise}, or a student with such blocks: edsr_baseline, srresnet",
        )
    return shortcuts
