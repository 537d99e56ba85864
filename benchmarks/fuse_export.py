"""Seconds that fusing a 32×8 student with its certificate, and exporting it, take once everything is imported.

python benchmarks/fuse_export.py
"""

import tempfile
import time
from pathlib import Path

from sr2tflite.commands.export import export
from sr2tflite.commands.ptq import ptq
from sr2tflite.fuse import fuse_module
from sr2tflite.graph import onnx
from sr2tflite.networks.students import STUDENTS


def main() -> None:
    _, small = STUDENTS.parse({"name": "aio_mai", "depth": 1, "channels": 4})
    fuse_module(small.build(), source="warm-up: imports")
    _, student = STUDENTS.parse({"name": "aio_mai", "branches": 5})
    module = student.build()
    started = time.perf_counter()
    fused = fuse_module(module, value_range=student.value_range, source="aio_mai")
    print(f"fuse aio_mai 32×8, 5 branches, with certificate: {time.perf_counter() - started:.2f} s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "deploy.onnx").write_bytes(onnx.write(fused.graph))
        ptq(folder / "deploy.onnx", [Path("calib_data/coffee.png")], folder / "ptq.onnx")
        export(folder / "ptq.onnx", folder / "warm.tflite", height=8, width=8)
        started = time.perf_counter()
        export(folder / "ptq.onnx", folder / "model.tflite", height=720, width=1280)
        print(f"export with proof: {time.perf_counter() - started:.3f} s")


if __name__ == "__main__":
    main()
