"""What onnx2tf alone makes of the same weights: PixelShuffle and a clip go in, its own calibration's INT8 comes out.

The network is written as PyTorch's exporter writes it: color-major channels before the shuffle (CRD), a clip to the
pixels' range behind it. Calibrated on the images that ``sr2tflite ptq --set images=32`` would take, at the
file's size. Then

    python benchmarks/converter.py deploy.onnx --calibrate datasets/train -o plain.tflite
    sr2tflite check plain.tflite --profile nnapi --images datasets/eval/Set5 --fix -o fixed.tflite
    sr2tflite eval deploy.onnx fixed.tflite model.tflite --data datasets/eval/Set5
    sr2tflite bench model.tflite plain.tflite fixed.tflite

``fixed.tflite`` gives the bytes of ``plain.tflite``, as the second command proves, and can be tiled: no layout ops.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from sr2tflite.commands.ptq import calibration_images, read_float
from sr2tflite.errors import InputError
from sr2tflite.graph.onnx import write
from sr2tflite.graph.passes.pixel_units import to_pixel_units

WHITE = 255.0
SAMPLE = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""What onnx2tf would download to try its layers with; it takes a file of that name where one lies."""


def as_exported(model: onnx.ModelProto, height: int, width: int) -> onnx.ModelProto:
    """A float graph in pixel units as PyTorch's exporter would write it, at one size.

    Raises:
        InputError: The graph does not end in DEPTH_TO_SPACE behind convolutions and sums of them.
    """
    graph = model.graph
    shuffle = graph.node[-1]
    if shuffle.op_type != "DepthToSpace":
        raise InputError(f"ends in {shuffle.op_type}; expected DepthToSpace", where=graph.name)
    block = next(helper.get_attribute_value(one) for one in shuffle.attribute if one.name == "blocksize")
    _turn_channels(graph, shuffle.input[0], block**2)
    output = shuffle.output[0]
    shuffle.CopyFrom(helper.make_node("DepthToSpace", shuffle.input, ["shuffled"], blocksize=block, mode="CRD"))
    for name, bound in (("black", 0.0), ("white", WHITE)):
        graph.initializer.append(numpy_helper.from_array(np.array(bound, np.float32), name))
    graph.node.append(helper.make_node("Clip", ["shuffled", "black", "white"], [output]))
    for value, factor in ((graph.input[0], 1), (graph.output[0], block)):
        sizes = value.type.tensor_type.shape.dim
        sizes[2].dim_value, sizes[3].dim_value = height * factor, width * factor
    return model


def _turn_channels(graph: onnx.GraphProto, tensor: str, area: int) -> None:
    """Bring the channels of a tensor from position-major into color-major order, in what writes it."""
    node = next((one for one in graph.node if tensor in one.output), None)
    if node is None or node.op_type not in {"Conv", "Add"}:
        raise InputError(f"{tensor}: expected convolutions and sums alone before DepthToSpace", where=graph.name)
    if node.op_type == "Add":
        for source in node.input:
            _turn_channels(graph, source, area)
        return
    for constant in graph.initializer:
        if constant.name in node.input[1:]:
            values = numpy_helper.to_array(constant)
            order = np.arange(len(values)).reshape(area, -1).T.ravel()
            constant.CopyFrom(numpy_helper.from_array(values[order], constant.name))


def grown(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float32]:
    """An image mirrored until it fills the size, or cut to it: H·W·3 in pixels."""
    image = image[:height, :width]
    more = ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0))
    return np.pad(image, more, mode="symmetric").astype(np.float32)


def converted(model: onnx.ModelProto, images: NDArray[np.float32]) -> bytes:
    """What ``onnx2tf -oiqt`` writes, input and output int8."""
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, Path(folder) / "net.onnx")
        np.save(Path(folder) / "calibration.npy", images)
        np.save(Path(folder) / SAMPLE, np.zeros((20, 128, 128, 3), np.float32) + 0.5)
        raw = ["[[[[0,0,0]]]]", "[[[[1,1,1]]]]"]  # mean and deviation: pixels as they are
        tool = shutil.which("onnx2tf", path=str(Path(sys.executable).parent)) or "onnx2tf"
        name = model.graph.input[0].name
        command = [tool, "-i", "net.onnx", "-o", "out", "-oiqt", "-nuo", "-cind", name, "calibration.npy", *raw]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return (Path(folder) / "out" / "net_full_integer_quant.tflite").read_bytes()


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a float deploy graph")
    parser.add_argument("--calibrate", action="append", required=True, type=Path)
    parser.add_argument("-o", "--output", required=True, type=Path)
    for name, default in {"height": 720, "width": 1280, "images": 32}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    told = parser.parse_args()
    graph = read_float(told.model)
    found = calibration_images(told.calibrate, graph, told.images).images
    images = np.stack([grown(image, told.height, told.width) for image in found])
    in_pixels = onnx.load_from_string(write(to_pixel_units(graph)))
    exported = as_exported(in_pixels, told.height, told.width)
    told.output.write_bytes(converted(exported, images))
    print(f"{told.output}: onnx2tf -oiqt, {len(images)} images, {told.height}×{told.width}")


if __name__ == "__main__":
    main()
