"""The child process: ``python -m sr2tflite.export.onnx2tf.worker``, a job in JSON on stdin, a ``.tflite`` as answer.

The job is ``{"source", "target", "size", "kind", "io"}``. Nothing else is written, and nothing is asked of a network.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1", "CUDA_VISIBLE_DEVICES": "-1", "TQDM_DISABLE": "1"}
"""What onnx2tf and TensorFlow read when they are imported."""

_CONNECTIONS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")


def main() -> None:
    """Do the job on stdin."""
    sys.addaudithook(_refuse_connections)
    os.environ.update(QUIET)
    job = json.load(sys.stdin)
    data = _to_tflite(_to_keras(Path(job["source"])), job)
    target = Path(job["target"])
    part = target.with_suffix(".part")
    part.write_bytes(data)
    part.rename(target)


def _refuse_connections(event: str, _arguments: Any) -> None:
    if event in _CONNECTIONS:
        raise ConnectionRefusedError(f"{event}: the conversion is offline")


def _to_keras(source: Path) -> Any:
    """onnx2tf's own model of the network, channels last."""
    import numpy as np
    import onnx
    import onnx2tf.onnx2tf

    from sr2tflite.export.onnx2tf import handlers

    handlers.install()
    model = onnx.shape_inference.infer_shapes(onnx.load(source))
    _, channels, height, width = (dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    images = np.linspace(0, 1, height * width * channels, dtype=np.float32).reshape(1, height, width, channels)
    # onnx2tf downloads photographs to try its layers with
    onnx2tf.onnx2tf.download_test_image_data = lambda: images
    return onnx2tf.onnx2tf.convert(
        onnx_graph=model,
        output_folder_path=str(source.parent / "unused"),
        not_use_onnxsim=True,
        not_use_opname_auto_generate=True,
        disable_strict_mode=True,
        disable_model_save=True,
        non_verbose=True,
    )


def _to_tflite(keras: Any, job: dict[str, Any]) -> bytes:
    """The converter's file: the network traced anew at the file's own size."""
    import tensorflow as tf

    *_, channels = keras.inputs[0].shape
    image = tf.TensorSpec([1, *job["size"], channels], tf.float32, "input")
    # .call, not (): the model was built at another size, which only its input check minds
    function = tf.function(lambda x: keras.call(x), input_signature=[image]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], keras)
    if job["kind"] != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if job["kind"] == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if job["kind"] == "int8":
        converter.inference_input_type = converter.inference_output_type = getattr(tf, job["io"])
    data: bytes = converter.convert()
    return data


if __name__ == "__main__":
    main()
