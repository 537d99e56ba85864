"""What this computer brings to ``sr2tflite``: Python, memory, places, the runtime, GPUs, photographs."""

import os
import platform
import shutil
import sys
from pathlib import Path

import numpy as np

from sr2tflite import __version__
from sr2tflite.check.images import PHOTOGRAPHS
from sr2tflite.commands.item import Item
from sr2tflite.errors import Sr2TfliteError
from sr2tflite.files import cache_folder
from sr2tflite.graph import Graph, Tensor, ops, tflite
from sr2tflite.memory import free_bytes
from sr2tflite.runtime import Kernels, LiteRT


def machine() -> tuple[Item, ...]:
    """What is here, each with what to do where it is not enough."""
    return (
        _told("sr2tflite", __version__),
        _told("python", f"{platform.python_version()}, {sys.executable}"),
        _told(
            "computer", f"{platform.platform()}, {len(os.sched_getaffinity(0))} processors, {_gib(free_bytes())} free"
        ),
        _place("working folder", Path.cwd(), None),
        _place("cache", cache_folder(), "SR2TFLITE_CACHE=FOLDER names another"),
        _runtime(),
        _gpus(),
        _photographs(),
    )


def _told(name: str, told: str) -> Item:
    return Item(name, True, told, None, "machine")


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"


def _place(name: str, folder: Path, hint: str | None) -> Item:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = _gib(shutil.disk_usage(there).free)
    if not os.access(there, os.W_OK):
        return Item(name, False, f"{folder} may not be written", hint, "machine")
    return _told(name, f"{folder}, {free} free")


def _runtime() -> Item:
    """Whether LiteRT runs a file with XNNPACK."""
    graph = Graph(name="doctor", inputs=("x",), outputs=("y",))
    graph.add_tensor(Tensor("x", (1, 2, 2, 4)))
    graph.append(ops.DepthToSpace(2), ("x",), Tensor("y", (1, 4, 4, 1)))
    try:
        engine = LiteRT(tflite.write(graph), Kernels.XNNPACK)
        engine.run(np.zeros((1, 2, 2, 4), np.float32))
    except Sr2TfliteError as error:
        return Item("runtime", False, error.message, "pip install --force-reinstall ai-edge-litert==2.3.0", "machine")
    delegated = any(step["op_name"] == "DELEGATE" for step in engine.plan())
    return _told("runtime", "LiteRT runs a file" + (", with XNNPACK" if delegated else ", without XNNPACK"))


def _gpus() -> Item:
    """A GPU is for training alone; without one, processors do."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = ", ".join(torch.cuda.get_device_name(index) for index in range(count))
    return _told("training", f"torch {torch.__version__} on {names or 'processors alone'}")


def _photographs() -> Item:
    if not (PHOTOGRAPHS / "MANIFEST.json").is_file():
        return _told("photographs", f"no {PHOTOGRAPHS}/ here; images are generated")
    count = sum(path.suffix in (".png", ".jpg") for path in PHOTOGRAPHS.iterdir())
    if not count:
        return Item("photographs", False, f"{PHOTOGRAPHS}/ is empty", f"sr2tflite photographs {PHOTOGRAPHS}", "machine")
    return _told("photographs", f"{count} in {PHOTOGRAPHS}/")
