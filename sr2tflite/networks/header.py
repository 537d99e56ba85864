"""What a ``.safetensors`` says of itself and of its tensors, without reading a weight; needs no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sr2tflite.errors import InputError

METADATA_KEY = "sr2tflite"

CHECKPOINTS = (".safetensors", ".pt", ".pth")
"""How the names of files with weights end."""

_KINDS = {"F": "float", "BF": "bfloat", "I": "int", "U": "uint", "C": "complex"}
"""Of safetensors' types."""


_STATISTICS = (".running_mean", ".running_var")
"""What PyTorch calls a batch normalization's."""


@dataclass(frozen=True)
class Weight:
    """A tensor of a checkpoint."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """``float32``, ``bfloat16``, ``int64``."""

    @property
    def is_parameter(self) -> bool:
        """Whether training moves it, as far as name and type tell: no whole numbers, no running statistics."""
        return "float" in self.dtype and not self.name.endswith(_STATISTICS)


@dataclass(frozen=True)
class Header:
    """A checkpoint from outside."""

    weights: tuple[Weight, ...]
    facts: dict[str, Any]
    """The student under ``student``, and what it was trained on; empty for another tool's file."""


def read_header(path: Path) -> Header:
    """The header of a ``.safetensors``.

    Raises:
        InputError: There is no such file, it is damaged, or what it says of itself is.
    """
    from safetensors import SafetensorError, safe_open

    where = str(path)
    if not path.is_file():
        raise InputError("no such file", where=where, hint="check the path")
    try:
        with safe_open(path, "np") as file:
            facts = facts_of(file.metadata(), where)
            slices = {key: file.get_slice(key) for key in sorted(file.keys())}
            weights = [Weight(key, tuple(one.get_shape()), _in_full(one.get_dtype())) for key, one in slices.items()]
    except SafetensorError as error:
        raise InputError(f"is not a safetensors file: {error}", where=where, hint="is it complete?") from error
    return Header(tuple(weights), facts)


def _in_full(dtype: str) -> str:
    """``float32`` of ``F32``."""
    letters = dtype.rstrip("0123456789_EM") if dtype != "BOOL" else dtype
    return (_KINDS.get(letters, letters) + dtype.removeprefix(letters)).lower()


def facts_of(metadata: Mapping[str, str] | None, where: str) -> dict[str, Any]:
    """What a checkpoint says of itself.

    Args:
        metadata: Of the file.
        where: The file's name, for messages.

    Raises:
        InputError: It is not what ``train`` writes.
    """
    try:
        facts = json.loads((metadata or {}).get(METADATA_KEY, "{}"))
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or not isinstance(facts.get("student", {}), (str, dict)):
        raise InputError(
            f"metadata {METADATA_KEY!r} does not name a student", where=where, hint="give a file that `train` wrote"
        )
    return facts
