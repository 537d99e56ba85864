"""The state of a running training on disk: tensors, numbers and text only, written whole or not at all."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from sr2tflite.errors import InputError
from sr2tflite.files import read_bytes, write_bytes


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers, text, lists and dicts."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any] | None:
    """The state in a file, never unpickled freely; None when there is no file.

    Raises:
        InputError: It is not a state.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(read_bytes(path)), weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        hint = f"remove {path.parent} to start anew"
        raise InputError("is not the state of a training", where=str(path), hint=hint) from error
    return state
