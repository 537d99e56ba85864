"""The state of a running training on disk: tensors, numbers and text only, written whole or not at all."""

import io
import os
from pathlib import Path
from typing import Any

import torch

from sr2tflite.errors import InputError
from sr2tflite.files import read_bytes, refused, sha256, write_bytes

DIGEST = 64
"""Hex digits at a file's end: the SHA-256 of what is before. torch.load does not notice a wrong bit in a tensor."""


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers, text, lists and dicts."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    write_bytes(path, data + sha256(data).encode())


def replace_state(path: Path, state: dict[str, Any]) -> None:
    """Like :func:`save_state`; the state before stays beside it, in :func:`before`.

    Raises:
        StorageError: The disk is full; the states that are there stay.
    """
    newer = path.with_name(f"newer{path.suffix}")
    save_state(newer, state)
    try:
        if path.exists():
            os.replace(path, before(path))
        os.replace(newer, path)
    except OSError as error:
        raise refused(path, error) from error


def before(path: Path) -> Path:
    """Where the state before the one in a file is."""
    return path.with_name(f"previous{path.suffix}")


def latest_state(path: Path) -> dict[str, Any] | None:
    """The state that :func:`replace_state` wrote last; None when it never did.

    Raises:
        InputError: It is damaged.
    """
    older = before(path)
    if not path.exists():
        return load_state(older)  # the process ended between the two renames
    try:
        return load_state(path)
    except InputError as error:
        if older.exists():
            error.hint = f"go on from the state before it: mv {older} {path}"
        raise


def load_state(path: Path) -> dict[str, Any] | None:
    """The state in a file, on the CPU, never unpickled freely; None when there is no file.

    Raises:
        InputError: It is not a state.
    """
    if not path.exists():
        return None
    content = read_bytes(path)
    data, digest = content[:-DIGEST], content[-DIGEST:]
    if sha256(data).encode() != digest:
        hint = f"remove {path.parent} to start anew"
        raise InputError("is not the state of a training, or is damaged", where=str(path), hint=hint)
    state: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return state
