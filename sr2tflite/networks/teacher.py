"""A teacher from its published weights: the architecture is read off keys and shapes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sr2tflite.errors import InputError, RecipeError
from sr2tflite.files import read_bytes, sha256
from sr2tflite.networks import spandrel
from sr2tflite.networks.checkpoint import read
from sr2tflite.networks.matching import key_difference, students_of
from sr2tflite.networks.teachers import TEACHERS, Teacher
from sr2tflite.registry import parse_settings


@dataclass(frozen=True)
class LoadedTeacher:
    """A teacher with its weights, in eval mode."""

    module: nn.Module
    teacher: Teacher
    name: str
    sha256: str
    """Of the file the weights came from."""

    @property
    def scale(self) -> int:
        return self.teacher.scale

    def enlarge(self, images: NDArray[np.uint8], seed: int = 0) -> NDArray[np.float32]:
        """Images enlarged; what is left to chance follows from the seed and the image alone, whatever the batch.

        Args:
            images: N·H·W·3, RGB.
            seed: Another one draws other noise.

        Returns:
            N·sH·sW·3 in 0…255, neither rounded nor clipped.
        """
        x_NCHW = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
        seeds = [_seed(seed, image) for image in images]
        with torch.inference_mode():
            y_NCHW = self.teacher.enlarged(self.module, x_NCHW, seeds) * 255
        return np.asarray(y_NCHW.permute(0, 2, 3, 1).numpy(), np.float32)


def _seed(seed: int, image: NDArray[np.uint8]) -> int:
    told = f"{seed} {image.shape}".encode() + image.tobytes()
    return int.from_bytes(hashlib.sha256(told).digest()[:8], "big") >> 1


def kind_of(weights: Mapping[str, Tensor]) -> str | None:
    """The name of the teacher that a state dict is of; None where it is of none."""
    return next((name for name in TEACHERS.names() if TEACHERS[name].settings_from(weights) is not None), None)


def teacher_in(path: Path) -> LoadedTeacher | None:
    """The teacher in a checkpoint; None where it holds a student, or what neither this package nor spandrel knows.

    Raises:
        InputError: Not a checkpoint, keys that are missing or too many, or a network that does something else.
        MissingError: Only spandrel may know it, and it cannot be imported.
    """
    weights, facts = read(path)
    if "student" in facts:
        return None
    if kind_of(weights) is not None:
        return load_teacher(path)
    return None if students_of(weights) else _of_spandrel(path, weights)


def load_teacher(path: Path, settings: Mapping[str, Any] | None = None) -> LoadedTeacher:
    """The teacher in a published checkpoint.

    Args:
        path: A state dict in ``.pt``/``.pth``/``.safetensors``, bare or under ``params_ema`` or ``params``.
        settings: How it is run, as ``{"routing": "argmax"}``; those of spandrel's networks have none.

    Raises:
        InputError: Not a checkpoint, weights of no known teacher, keys that are missing or too many.
        RecipeError: Unknown settings.
        MissingError: Only spandrel may know it, and it cannot be imported.
    """
    weights, _ = read(path)
    name = kind_of(weights)
    if name is None:
        found = _of_spandrel(path, weights)
        if found is None:
            known = ", ".join(TEACHERS.names())
            hint = "is it the right file?" if spandrel.is_installed() else f"more are known after: {spandrel.INSTALL}"
            raise InputError(f"is of no known teacher; known: {known}", where=str(path), hint=hint)
        if settings:
            raise RecipeError(f"{found.name}: is run as spandrel runs it; expected no settings", hint="leave them out")
        return found
    read_off = TEACHERS[name].settings_from(weights) or {}
    teacher = parse_settings(TEACHERS[name], {**read_off, **(settings or {})}, name)
    module = teacher.build()
    difference = key_difference(module.state_dict(), weights)
    if difference:
        raise InputError(difference[0], where=str(path), hint=difference[1])
    module.load_state_dict(weights)
    return LoadedTeacher(module.eval(), teacher, name, sha256(read_bytes(path)))


def _of_spandrel(path: Path, weights: Mapping[str, Tensor]) -> LoadedTeacher | None:
    found = spandrel.teacher_of(weights, str(path)) if spandrel.is_installed() else None
    if found is None:
        return None
    module, teacher = found
    return LoadedTeacher(module, teacher, teacher.architecture, sha256(read_bytes(path)))
