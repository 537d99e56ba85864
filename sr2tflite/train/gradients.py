"""Gradients taken by hand, for objectives that do more with them than add them up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from sr2tflite.quant.methods import Gradients, Mixed

Mix = Callable[[Gradients, Gradients], Mixed]
"""From the gradients of all other terms and of the one apart: what to descend along, and notes for the log."""


@dataclass(frozen=True)
class Apart:
    """A term of the objective whose gradient is mixed with that of the others, which are added up."""

    term: str
    mix: Mix


def take(
    terms: Mapping[str, Tensor], parameters: Sequence[Tensor], apart: Apart | None, mean: Callable[[Tensor], Tensor]
) -> dict[str, float]:
    """Give parameters their ``grad``, by two backward passes through one forward where a term is kept apart.

    Args:
        terms: Scalars of the objective.
        parameters: What is trained; what no term depends on has no gradient, and an optimizer leaves it alone.
        apart: Which term is kept apart, where there is such a term, and how the two gradients are mixed.
        mean: Over processes that each hold a part of the batch; whatever reduces gradients by itself is gone past.

    Returns:
        Notes for the log.
    """
    apart = apart if apart is not None and apart.term in terms else None
    others = reduce(torch.add, [term for name, term in terms.items() if apart is None or name != apart.term])
    parts = [others] if apart is None else [others, terms[apart.term]]
    taken = [
        torch.autograd.grad(part, parameters, retain_graph=part is not parts[-1], allow_unused=True) for part in parts
    ]
    shared = [[None if one is None else mean(one) for one in gradients] for gradients in taken]
    mixed, notes = (shared[0], {}) if apart is None else apart.mix(*shared)
    for parameter, gradient in zip(parameters, mixed, strict=True):
        parameter.grad = gradient
    return notes
