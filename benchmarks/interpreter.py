"""The integer interpreter beside LiteRT: how much slower than XNNPACK, how much memory, how many bytes differ.

    python benchmarks/interpreter.py [MODEL.onnx|MODEL.tflite ...] [--data FOLDER ...]
                                     [--height 720 --width 1280] [--threads 2] [--runs 3]

Without a model: every student that comes with weights, quantized on the spot. Each is timed on one image in a process
of its own, in turns with XNNPACK on one thread; with folders of images, every byte of its output is then compared
with LiteRT's, for each kernel family. Exit status 1 if a byte differs.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from sr2tflite.data.bicubic import crop_to_multiple, downscale
from sr2tflite.data.images import list_images, read_image
from sr2tflite.files import read_bytes
from sr2tflite.graph import Graph, onnx, tflite
from sr2tflite.interpret import Family, Interpreter
from sr2tflite.runtime import Kernels, LiteRT

LARGEST_RATIO = 10
LARGEST_GIB = 4
CALIBRATION_IMAGES = 4


def read(path: Path) -> Graph:
    """A quantized graph from either file."""
    codec = tflite if path.suffix == ".tflite" else onnx
    return codec.read(read_bytes(path), str(path))


def shipped(folder: Path, images: list[NDArray[np.uint8]]) -> list[Path]:
    """Files of all students that come with weights, quantized after training with their ranges on some images."""
    from sr2tflite.commands.fuse import fuse
    from sr2tflite.networks import checkpoint
    from sr2tflite.networks.students import STUDENTS
    from sr2tflite.quant.settings import PtqSettings
    from sr2tflite.quant.view import QuantizedView

    files = []
    for name in (name for name in STUDENTS.names() if checkpoint.shipped(name).exists()):
        deploy, file = folder / f"{name}.onnx", folder / f"{name}.tflite"
        fuse(name, deploy)
        view = QuantizedView.from_float(read(deploy), images, PtqSettings(method="minmax"))
        file.write_bytes(tflite.write(view.freeze()))
        files.append(file)
    return files


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(path: Path, height: int, width: int, threads: int, runs: int) -> tuple[str, bool]:
    """One line of figures, and whether a byte differs.

    Called in a process that did nothing else, so that its memory is the interpreter's.
    """
    graph = read(path)
    x = np.random.default_rng(0).integers(0, 256, (1, height, width, graph.input.channels), np.uint8)
    x = x.view(graph.input.dtype)
    interpreter = Interpreter(graph, threads=threads)
    codes = interpreter.run(x)
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    runtime = LiteRT(tflite.write(graph))
    differing = np.count_nonzero(runtime.run(x) != codes)
    pairs = [(seconds(runtime.invoke), seconds(lambda: interpreter.run(x))) for _ in range(runs)]
    fast, slow = (min(times) for times in zip(*pairs, strict=True))
    line = (
        f"{path.stem}, {height}×{width}: XNNPACK, 1 thread {fast:.2f} s; interpreter, {threads} threads {slow:.2f} s; "
        f"ratio {slow / fast:.1f} (at most {LARGEST_RATIO}); memory {gib:.1f} GiB (at most {LARGEST_GIB}); "
        f"{differing} of {codes.size:,} bytes differ"
    )
    return line, bool(differing)


def differences(path: Path, images: Sequence[NDArray[np.uint8]], family: Family) -> tuple[int, int]:
    """How many output bytes differ from LiteRT's, and of how many."""
    graph = read(path)
    runtime, interpreter = LiteRT(tflite.write(graph), Kernels(family)), Interpreter(graph, family)
    differing = total = 0
    for image in images:
        x = (image if graph.input.dtype == "uint8" else (image ^ 128).view(np.int8))[None]
        wanted = runtime.run(x)
        differing += np.count_nonzero(interpreter.run(x) != wanted)
        total += wanted.size
    return differing, total


def low_resolution(folders: Sequence[Path], scale: int) -> list[NDArray[np.uint8]]:
    paths = [path for folder in folders for path in list_images(folder)]
    return [downscale(crop_to_multiple(read_image(path), scale), scale) for path in paths]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--data", type=Path, nargs="+", default=[])
    parser.add_argument("--scale", type=int, default=3)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    told = parser.parse_args()
    images = low_resolution(told.data, told.scale)
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    any_differ = False
    with tempfile.TemporaryDirectory() as folder:
        models = told.models or shipped(Path(folder), images[:CALIBRATION_IMAGES] or [noise])
        for path in models:
            spawn = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=spawn) as alone:
                size = (told.height, told.width)
                line, differs = alone.submit(measure, path, *size, told.threads, told.runs).result()
            print(line, flush=True)
            any_differ |= differs
            for family in get_args(Family) if images else ():
                differing, total = differences(path, images, family)
                any_differ |= differing > 0
                print(
                    f"{path.stem}, {family}: {differing} of {total:,} bytes differ on {len(images)} images", flush=True
                )
    sys.exit(int(any_differ))


if __name__ == "__main__":
    main()
