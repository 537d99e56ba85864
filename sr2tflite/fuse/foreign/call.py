"""One node of the file with what its inputs are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.fuse.foreign.weights import Array
from sr2tflite.graph.said import SaidGrid

_LARGEST = float(np.finfo(np.float32).max)
_NOT_FINITE = "take an earlier checkpoint, from before the training diverged, and export that"


@dataclass(frozen=True, eq=False)
class Picture:
    """A value that pixels reach, at the size the file is walked at."""

    value: str
    """Its name in the file."""

    root: str
    """The value it is a movement of; its own name where it is none."""

    shape: tuple[int, ...]
    index: Array | None = None
    """Which element of the root each element is; None for the root itself."""

    mover: "Call | None" = None
    """The last node that moved it."""

    grid: SaidGrid | None = None
    """Where it is codes, between QuantizeLinear and DequantizeLinear: their grid."""


Operand = Array | Picture | None


@dataclass(frozen=True, eq=False)
class Call:
    """A node, its operands and where it is.

    Args:
        node: The NodeProto.
        operands: Constants, pictures, and None where an input is left out.
        opset: What version its meaning is taken from.
        where: ``file.onnx: Conv /stem/Conv``.
    """

    node: Any
    operands: tuple[Operand, ...]
    opset: int
    where: str

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The operands that pixels reach, in order."""
        return tuple(operand for operand in self.operands if isinstance(operand, Picture))

    def refuse(self, found: str, expected: str, hint: str | None = None) -> UnsupportedError:
        return UnsupportedError(f"{found}; expected {expected}", where=self.where, hint=hint)

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute's value; texts are str."""
        found = next((a for a in self.node.attribute if a.name == name), None)
        if found is None:
            return default
        value = onnx.helper.get_attribute_value(found)
        return value.decode(errors="replace") if isinstance(value, bytes) else value

    def constant(self, position: int) -> Array | None:
        """A constant input; None where it is left out.

        Raises:
            UnsupportedError: Pixels reach it.
        """
        operand = self.operands[position] if position < len(self.operands) else None
        if isinstance(operand, Picture):
            raise self.refuse(f"input {position} depends on the pixels", "a constant")
        return operand

    def numbers(self, position: int) -> list[int] | None:
        """A constant input as whole numbers; None where it is left out."""
        found = self.constant(position)
        if found is not None and not np.isfinite(found).all():
            raise self.refuse(f"input {position} is {found.reshape(-1)[:4]}", "whole numbers")
        return None if found is None else [int(value) for value in found.reshape(-1)]

    def weights(self, position: int) -> Array | None:
        """A constant input as finite float32; None where it is left out.

        Raises:
            InputError: It holds NaN or infinity.
        """
        found = self.constant(position)
        if found is None:
            return None
        if not np.isfinite(found).all():
            text = f"input {self.node.input[position]} holds values that are not finite"
            raise InputError(text, where=self.where, hint=_NOT_FINITE)
        return found.astype(np.float32)

    def channelwise(self, position: int) -> Array | None:
        """A constant that broadcasts against an image, as 1×C×1×1 or 1×1×1×1.

        Raises:
            UnsupportedError: It varies from pixel to pixel.
        """
        found = self.weights(position)
        if found is None:
            return None
        shape = (1,) * (4 - found.ndim) + found.shape
        wide = found.reshape(shape)
        if len(shape) != 4 or shape[0] != 1 or not found.size or (wide != wide[:, :, :1, :1]).any():
            raise self.refuse(f"a constant of shape {found.shape}", "one value, or one per channel")
        return np.ascontiguousarray(wide[:, :, :1, :1])

    def bound(self, position: int) -> float | None:
        """A bound of Clip; None where it is left out or bounds nothing.

        Raises:
            InputError: It is NaN.
        """
        found = self.constant(position)
        if found is not None and found.size != 1:
            raise self.refuse(f"a bound of shape {found.shape}", "one value")
        value = None if found is None else float(found.reshape(-1)[0])
        if value is not None and np.isnan(value):
            raise InputError(f"bound {self.node.input[position]} is not a number", where=self.where, hint=_NOT_FINITE)
        return None if value is None or abs(value) >= _LARGEST else value
