"""Both backends' files on whole image sets: bytes that differ, and how long the onnx2tf road takes.

python benchmarks/backends.py ptq.onnx qat.onnx --data Set5/ --data Set14/
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from sr2tflite.commands.export import export
from sr2tflite.evaluate.image_set import image_set
from sr2tflite.evaluate.runners import open_runner


def main() -> None:
    """Print a line for every model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--data", action="append", required=True, type=Path)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--width", type=int, default=1280)
    told = parser.parse_args()
    for model in told.models:
        with tempfile.TemporaryDirectory() as folder:
            report(model, told, Path(folder))


def report(model: Path, told: argparse.Namespace, folder: Path) -> None:
    """Compare the free files on every image, and time the fixed one."""
    seconds = {}
    for backend in ("direct", "onnx2tf"):
        export(model, folder / f"{backend}.tflite", free_shape=True, backend=backend)
        start = time.perf_counter()
        export(model, folder / "fixed.tflite", height=told.height, width=told.width, backend=backend)
        seconds[backend] = time.perf_counter() - start
    direct, other = (open_runner(folder / f"{backend}.tflite") for backend in ("direct", "onnx2tf"))
    differ = total = 0
    pairs = image_set(told.data, direct.scale).pairs
    for pair in pairs:
        lr, _ = pair.load(direct.scale)
        wanted = direct(lr)
        differ += int(np.count_nonzero(other(lr) != wanted))
        total += wanted.size
    print(
        f"{model}: {differ} of {total:,} bytes differ on {len(pairs)} images; {told.height}×{told.width} takes "
        f"{seconds['onnx2tf']:.1f} s by onnx2tf, {seconds['direct']:.3f} s directly"
    )


if __name__ == "__main__":
    main()
