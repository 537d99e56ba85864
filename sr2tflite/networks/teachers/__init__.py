"""Teachers: large networks that students learn from; they are run, never trained or deployed here."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch import Tensor, nn

from sr2tflite.registry import Registry, Settings


class Teacher(Settings):
    """The architecture of a teacher, read off its weights, and how it is run.

    ``build()`` returns an ``nn.Module`` from images N·3·H·W (RGB, 0…1) to images ``scale`` times as large.
    """

    scale: Literal[1, 2, 3, 4, 8] = 3
    """How many times larger the output is, along each axis."""

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        raise NotImplementedError

    def enlarged(self, module: nn.Module, x: Tensor, seeds: Sequence[int]) -> Tensor:  # noqa: ARG002  # a default
        """The output of a module that ``build()`` made.

        Args:
            module: In eval mode, with its weights.
            x: N·3·H·W, 0…1.
            seeds: One for each image, for teachers that leave something to chance.

        Returns:
            N·3·sH·sW, about 0…1.
        """
        y: Tensor = module(x)
        return y

    @classmethod
    def settings_from(cls, weights: Mapping[str, Tensor]) -> dict[str, Any] | None:  # noqa: ARG003  # a default
        """The settings that a published state dict tells by keys and shapes; None where it is of another kind."""
        return None


TEACHERS: Registry[Teacher] = Registry("teacher", __name__)
