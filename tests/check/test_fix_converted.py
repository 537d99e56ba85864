"""``--fix`` of files that TFLiteConverter makes on the spot, of a network that a person wrote."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from sr2tflite.check.case import Case
from sr2tflite.check.fix import fix

pytestmark = [
    pytest.mark.tf,
    pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs the extra onnx2tf"),
]

CONVERT = """
import sys
import numpy as np
import tensorflow as tf

name, size, ends = sys.argv[1], (None if sys.argv[2] == "free" else 12), sys.argv[3]
rng = np.random.default_rng(0)
weights = [(rng.normal(0, 0.15, (3, 3, *io)).astype(np.float32), rng.normal(0, 9, io[1]).astype(np.float32))
           for io in ((3, 8), (8, 27))]


@tf.function(input_signature=[tf.TensorSpec([1, size, size and size + 5, 3])])
def network(x):
    for (weight, bias), last in zip(weights, (False, True)):
        x = tf.nn.conv2d(x, weight, 1, "SAME") + bias
        x = x if last else tf.nn.relu(x)
    sizes = tf.shape(x)
    height, width = sizes[1], sizes[2]
    x = tf.transpose(tf.reshape(x, [1, height, width, 3, 3, 3]), [0, 1, 4, 2, 5, 3])
    return tf.clip_by_value(tf.reshape(x, [1, 3 * height, 3 * width, 3]), 0.0, 255.0)


images = [[rng.uniform(0, 255, (1, size or 12, (size or 12) + 5, 3)).astype(np.float32)] for _ in range(4)]
converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: images
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(ends)
open(name, "wb").write(converter.convert())
"""

TAILS = {
    ("fixed", "int8"): ("RESHAPE×2 TRANSPOSE MINIMUM RELU", "CONV_2D×2 ADD DEPTH_TO_SPACE"),
    ("free", "int8"): ("PACK×2 RESHAPE×2 TRANSPOSE MINIMUM RELU", "CONV_2D×2 ADD DEPTH_TO_SPACE"),
    ("free", "uint8"): ("PACK×2 RESHAPE×2 TRANSPOSE MINIMUM RELU", "QUANTIZE×2 CONV_2D×2 ADD DEPTH_TO_SPACE"),
}


@pytest.mark.parametrize(
    ("size", "ends"), [pytest.param(*one, marks=() if one == ("free", "int8") else pytest.mark.slow) for one in TAILS]
)
def test_a_pixel_shuffle_by_hand_becomes_one_op_and_no_byte_differs(size: str, ends: str, tmp_path: Path) -> None:
    path = tmp_path / "converted.tflite"
    words = [sys.executable, "-c", CONVERT, str(path), size, ends]
    subprocess.run(words, check=True, capture_output=True, timeout=300)
    found = fix(Case(path))
    before, after = TAILS[size, ends]
    assert found.before.summary().endswith(before)
    assert found.after.summary() == after
    assert [one.differ for one in found.proof] == [0, 0]
