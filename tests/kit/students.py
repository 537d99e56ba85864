"""Students as training leaves them: no weight, statistic, bias or slope where it started."""

from typing import Any, get_args

import torch
from kit.blocks import with_random_statistics
from torch import nn

from sr2tflite.fuse import fuse_module
from sr2tflite.graph import Graph
from sr2tflite.networks.students import STUDENTS, Student

SMALL = {"depth": 1, "channels": 8}
"""Of the settings that many students have."""


def scales(name: str) -> tuple[int, ...]:
    """Those that a student is tried at: all it has, or 2, 3 and 4."""
    return get_args(STUDENTS[name].model_fields["scale"].annotation) or (2, 3, 4)


def small(name: str, scale: int) -> Student:
    """A student with little in it, wherever its settings allow."""
    fields = STUDENTS[name].model_fields
    return STUDENTS.parse({"name": name, "scale": scale, **{k: v for k, v in SMALL.items() if k in fields}})[1]


def randomized(student: Student, seed: int = 0) -> nn.Module:
    """The student's module, every parameter moved from its first value: nothing is zero or one by birth."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = student.build()
    with torch.no_grad():
        for value in module.parameters():
            spread = (
                0.1 * student.peak
                if value.ndim == 1
                else 0.5 * float(value.std(correction=min(1, value.numel() - 1))) + 0.01
            )
            value.add_(torch.randn(value.shape, generator=generator) * spread)
        for part in module.modules():
            if isinstance(part, nn.PReLU):
                part.weight.uniform_(-0.3, 0.6, generator=generator)
    torch.manual_seed(seed)
    return with_random_statistics(module)


def deployed(name: str, scale: int, seed: int = 0, **more: Any) -> Graph:
    """The deploy graph of a small student with random weights, and with more settings."""
    student = small(name, scale).model_copy(update=more)
    return fuse_module(randomized(student, seed), value_range=student.value_range, source=name).graph
