"""The kind *method*: how one paper quantizes, in one file.

A method has parts, and what it leaves out is as without it: which weight quantizers the convolutions have, what is
added to what training minimizes, how the gradient of that is mixed with the gradient of the losses, and what changes
while training goes on. A method is settings alone: what it learns and remembers are parameters and buffers of the view.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from torch import Tensor

from sr2tflite.quant.view import QuantizedView
from sr2tflite.registry import Registry, Settings

Gradients = Sequence[Tensor | None]
"""One for each trained tensor; None is zero."""

Mixed = tuple[list[Tensor | None], dict[str, float]]
"""The gradient to descend along, and what the log shall hold of how it came to be."""


class Method(Settings):
    """Settings of a method; what it changes in a view, it changes in :meth:`install`."""

    def install(self, view: QuantizedView) -> None:
        """Change a view, where ranges have been found and before anything is trained: its weight quantizers first."""

    def groups(self, view: QuantizedView) -> list[dict[str, Any]]:  # noqa: ARG002  # a default
        """Adam's parameter groups of what :meth:`install` has brought beside weight quantizers."""
        return []

    by_hand: ClassVar[bool] = False
    """Whether a step may leave parameters without gradient, or compute the view several times."""

    def before_step(self, view: QuantizedView, lr: Tensor, progress: float) -> None:
        """What happens before the forward of a step.

        Args:
            view: In training.
            lr: The step's batch, N·3·H·W, integers 0…255.
            progress: The share of the training that is over, 0…1.
        """

    def forms(self, view: QuantizedView) -> Sequence[AbstractContextManager[None]]:  # noqa: ARG002  # a default
        """What a view is computed within in a step: once in each, and the losses are averaged."""
        return [nullcontext()]

    def after_validation(self, view: QuantizedView, psnr: float) -> None:
        """What follows from a validation, in dB."""

    def leaves_out(self, view: QuantizedView) -> Collection[str]:  # noqa: ARG002  # a default
        """The outputs of convolutions that some forward may lack."""
        return ()

    def has_final_form(self, view: QuantizedView) -> bool:  # noqa: ARG002  # a default
        """Whether the view has the ops that its file shall have: until then no validation is the best."""
        return True

    def terms(self, view: QuantizedView) -> Mapping[str, Tensor]:  # noqa: ARG002  # a default
        """What is minimized beside the losses, by name: what the forward before has left in the view."""
        return {}

    def objective(self, view: QuantizedView, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What is minimized in all, by name: the losses and :meth:`terms`."""
        return {**losses, **self.terms(view)}

    apart: ClassVar[str | None] = None
    """The term whose gradient is mixed with that of all others by :meth:`mixed`; None adds it up like any other."""

    def mixed(self, view: QuantizedView, losses: Gradients, term: Gradients) -> Mixed:
        """What is descended along, from the gradients of the losses and of the term that is kept apart.

        Args:
            view: Whose ``brought`` may hold what is remembered between steps.
            losses: Gradients of all other terms.
            term: Of the one.
        """
        raise NotImplementedError


METHODS: Registry[Method] = Registry("method", __name__)
