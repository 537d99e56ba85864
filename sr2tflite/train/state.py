"""The state of a running training on disk: tensors, numbers and text only, written whole or not at all."""

import io
from pathlib import Path
from typing import Any

import torch

from sr2tflite.files import write_bytes


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers, text, lists and dicts."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any] | None:
    """The state in a file, never unpickled freely; None when there is no file."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state
