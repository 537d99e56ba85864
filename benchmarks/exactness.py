"""How many bytes differ between the training forward and the exported file, fixed and free shape, on real images.

    python benchmarks/exactness.py qat.onnx FOLDER... [--height 48 --width 64]

For each image: the forward of the quantized module as training runs it, the free-shape file in LiteRT (XNNPACK) on the
whole image, and the fixed-shape file in tiles with a halo of its receptive field. Prints one line an image, and totals.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from sr2tflite.commands.export import export
from sr2tflite.data.bicubic import crop_to_multiple, downscale
from sr2tflite.data.images import list_images, read_image
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.files import read_bytes
from sr2tflite.graph import onnx
from sr2tflite.quant.view import QuantizedView


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--height", type=int, default=48)
    parser.add_argument("--width", type=int, default=64)
    told = parser.parse_args()
    view = QuantizedView.from_quantized(onnx.read(read_bytes(told.model), str(told.model))).eval()
    with tempfile.TemporaryDirectory() as folder:
        fixed, free = Path(folder) / "fixed.tflite", Path(folder) / "free.tflite"
        export(told.model, fixed, height=told.height, width=told.width)
        export(told.model, free, free_shape=True)
        files = {"free": open_runner(free), f"fixed {told.height}×{told.width}": open_runner(fixed)}
        differing = dict.fromkeys(files, 0)
        total = 0
        for path in [path for one in told.folders for path in list_images(one)]:
            scale = files["free"].scale
            lr = downscale(crop_to_multiple(read_image(path), scale), scale)
            trained = view.upscale(lr)
            total += trained.size
            for name, runner in files.items():
                count = int(np.count_nonzero(runner(lr) != trained))
                differing[name] += count
                print(f"{path.parent.name}/{path.stem}, {name}: {count} of {trained.size} bytes differ")
    for name, count in differing.items():
        print(f"total, {name} against the training forward: {count} of {total:,} bytes differ")


if __name__ == "__main__":
    main()
