"""Runs every job of a folder through whatever LiteRT or tflite-runtime this Python has: ``runner.py FOLDER``.

A job is ``NAME.tflite`` and its inputs ``NAME.npz``; its outputs go to ``NAME.out.npz``. Knows NumPy and the runtime
only: it runs in environments that are not ours.
"""

import sys
from pathlib import Path

import numpy as np

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter


def run(job: Path) -> None:
    inputs = np.load(job.with_suffix(".npz"))
    engine = Interpreter(model_content=job.read_bytes(), num_threads=1)
    outputs = {}
    for name in inputs.files:
        x = inputs[name]
        source, target = engine.get_input_details()[0]["index"], engine.get_output_details()[0]["index"]
        engine.resize_tensor_input(source, x.shape, strict=True)
        engine.allocate_tensors()
        engine.set_tensor(source, x)
        engine.invoke()
        outputs[name] = engine.get_tensor(target)
    np.savez(job.with_suffix(".out.npz"), **outputs)


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).glob("*.tflite")):
        run(path)
