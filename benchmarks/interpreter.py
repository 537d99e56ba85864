"""How much slower the integer interpreter is than XNNPACK: one quantized network, side by side, equal bytes.

    python benchmarks/interpreter.py MODEL.onnx|MODEL.tflite [--height 720] [--width 1280] [--threads 2] [--runs 3]

Prints seconds for XNNPACK on one thread and for the interpreter, their ratio, the bytes that differ and the most memory
that the process held.
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sr2tflite.files import read_bytes
from sr2tflite.graph import Graph, onnx, tflite
from sr2tflite.interpret import Interpreter
from sr2tflite.runtime import LiteRT

LARGEST_RATIO = 10
LARGEST_GIB = 4


def read(path: Path) -> Graph:
    """A quantized graph from either file."""
    codec = tflite if path.suffix == ".tflite" else onnx
    return codec.read(read_bytes(path), str(path))


def least_seconds(run: Callable[[], object], runs: int) -> float:
    """Of several runs, which take turns with whatever else the computer does."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    told = parser.parse_args()
    graph = read(told.model)
    x = np.random.default_rng(0).integers(-128, 128, (1, told.height, told.width, graph.input.channels)).astype(np.int8)
    runtime, interpreter = LiteRT(tflite.write(graph)), Interpreter(graph, threads=told.threads)
    same = np.array_equal(interpreter.run(x), runtime.run(x))
    seconds = {"XNNPACK, 1 thread": 0.0, f"interpreter, {told.threads} threads": 0.0}
    rivals: dict[str, Callable[[], object]] = dict(
        zip(seconds, (runtime.invoke, lambda: interpreter.run(x)), strict=True)
    )
    for name, run in rivals.items():
        seconds[name] = least_seconds(run, told.runs)
        print(f"{name}: {seconds[name]:.2f} s")
    fast, slow = seconds.values()
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"ratio {slow / fast:.1f} (at most {LARGEST_RATIO}), memory {gib:.1f} GiB (at most {LARGEST_GIB})")
    print("all bytes equal" if same else "BYTES DIFFER")


if __name__ == "__main__":
    main()
