"""The exponential moving average of a module's parameters and floating-point buffers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """``a ← d·a + (1 − d)·w`` after each step, with d = min(decay, (1 + n) / (10 + n)) so that early steps fade fast.

    Args:
        module: Whose values are averaged.
        decay: 0 keeps none: the average is the module itself.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._live = [value for value in module.state_dict().values() if value.is_floating_point()]
        self._decay = decay
        self._updates = 0
        self._kept = [value.clone() for value in self._live] if decay else []

    @torch.no_grad()
    def update(self) -> None:
        """Take in the module's present values."""
        if not self._kept:
            return
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        torch._foreach_lerp_(self._kept, self._live, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within it the module holds the averaged values."""
        if not self._kept:
            yield
            return
        present = [value.clone() for value in self._live]
        self._put(self._kept)
        try:
            yield
        finally:
            self._put(present)

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        for live, value in zip(self._live, values, strict=True):
            live.copy_(value)

    def state_dict(self) -> dict[str, object]:
        """What a resumed training needs."""
        return {"updates": self._updates, "kept": self._kept}

    def load_state_dict(self, state: dict[str, list[Tensor] | int]) -> None:
        """Take back what :meth:`state_dict` gave."""
        updates, kept = state["updates"], state["kept"]
        assert isinstance(updates, int)
        assert isinstance(kept, list)
        self._updates = updates
        for own, value in zip(self._kept, kept, strict=True):
            own.copy_(value)
