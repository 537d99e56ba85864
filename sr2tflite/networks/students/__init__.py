"""The kind *student*: a small super-resolution network, its settings and how it is built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from sr2tflite.registry import Registry, Settings


@dataclass(frozen=True)
class Published:
    """How a state dict that a network's authors publish is a student's."""

    keys: dict[str, str]
    """Our key → theirs; those of theirs that are none of ours have become settings."""

    settings: dict[str, Any]
    """What their keys and values tell; ``peak`` is among them where they do."""


class Student(Settings):
    """Settings of a student; the file, the registered name and the name in a recipe are the same word.

    ``build()`` returns an ``nn.Module`` from images NCHW (RGB, ``value_range``) to images ``scale`` times as large.
    """

    multiple: ClassVar[int] = 1
    """What the sides of an image have to be multiples of."""

    scale: int = Field(default=3, ge=1)
    """How many times larger the output is, along each axis."""

    peak: Literal[1, 255] = 1
    """What white is in the network's own units; black is 0."""

    @property
    def value_range(self) -> tuple[float, float]:
        """Black and white: (0, 1) or (0, 255)."""
        return (0.0, float(self.peak))

    def build(self) -> nn.Module:
        """A module with fresh weights."""
        raise NotImplementedError

    @classmethod
    def settings_from(cls, shapes: Sequence[tuple[int, ...]]) -> dict[str, Any] | None:  # noqa: ARG003  # a default
        """The settings that would give a state dict of these shapes, as far as shapes can tell.

        A guess: whoever asks builds the student and compares. None where it cannot be this student.

        Args:
            shapes: Of every tensor of the state dict, in its order.
        """
        return None

    @classmethod
    def published(cls, weights: Mapping[str, Tensor]) -> Published | None:  # noqa: ARG003  # a default
        """How a well-known state dict of other keys is this student's; None where its keys are not those."""
        return None


STUDENTS: Registry[Student] = Registry("student", "sr2tflite.networks.students")
