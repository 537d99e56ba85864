"""Networks that mix all ops: the view computes what LiteRT computes on its file, and the file gives it back."""

import numpy as np
from kit.mixed import mixed_graph
from numpy.typing import NDArray

from sr2tflite.errors import UnsupportedError
from sr2tflite.export.checks import check_integers
from sr2tflite.graph import onnx, tflite
from sr2tflite.quant.limits import Range
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.ranges import find_ranges
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import LiteRT


def image_for(seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    height, width = (int(size) for size in rng.integers(1, 40, 2))
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def random_view(seed: int) -> QuantizedView:
    """Ranges as calibrated, each end then made longer or shorter by a factor of up to e, so that codes saturate."""
    plan, rng = plan_quantization(mixed_graph(seed)), np.random.default_rng(seed)
    found = find_ranges(plan, [image_for(seed)], PtqSettings(method="minmax"))
    stretched = {
        i: Range(r.low * np.exp(rng.uniform(-1, 1)), r.high * np.exp(rng.uniform(-1, 1))) for i, r in found.items()
    }
    return QuantizedView(plan, stretched)


def count_differences(view: QuantizedView, image: NDArray[np.uint8]) -> int:
    """Bytes in which the view and LiteRT differ."""
    frozen = view.freeze()
    check_integers(frozen)
    codes = (image.astype(np.int16) - 128).astype(np.int8)[None]
    want = LiteRT(tflite.write(frozen)).run(codes)[0].astype(np.int16) + 128
    got = view.upscale(image)
    assert got.shape == want.shape
    return int(np.count_nonzero(got != want))


def check(seed: int) -> bool:
    try:
        view = random_view(seed)
        frozen = view.freeze()
    except UnsupportedError:
        return False
    assert count_differences(view, image_for(seed)) == 0
    again = QuantizedView.from_quantized(onnx.read(onnx.write(frozen), "qat.onnx"))
    assert again.freeze().tensors == frozen.tensors
    assert again.freeze().nodes == frozen.nodes
    return True


def test_random_networks_equal_the_device() -> None:
    done = sum(check(seed) for seed in range(60))
    assert done > 50  # the rest asks for scales that no kernel takes
