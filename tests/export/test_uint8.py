"""Files for accelerators that know uint8 only: prepared, checked, proved, and equal to the int8 file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kit.graphs import float_sr_graph, per_tensor, quantized_sr_graph

from sr2tflite.commands.fuse import fuse
from sr2tflite.errors import InputError, Sr2TfliteError, UnsupportedError, VerificationError
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.export import direct
from sr2tflite.export.checks import check_integers
from sr2tflite.export.proof import prove
from sr2tflite.files import read_bytes
from sr2tflite.graph import Graph, onnx, tflite
from sr2tflite.graph.passes.as_uint8 import as_uint8
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS
from sr2tflite.numerics.qparams import QuantParams, bias_params
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import LiteRT

SHIPPED = [name for name in STUDENTS.names() if checkpoint.shipped(name).exists()]


def unsigned() -> Graph:
    return as_uint8(per_tensor(quantized_sr_graph()))


@pytest.mark.parametrize("size", [(10, 15), (None, None)], ids=["fixed", "free"])
def test_a_uint8_file_is_proved_and_equals_the_int8_file(size: tuple[int | None, int | None], tmp_path: Path) -> None:
    graph = per_tensor(quantized_sr_graph(skip="nearest"))
    height, width = size
    files = {
        "int8": direct.prepare(graph, height=height, width=width, io="int8"),
        "uint8": direct.prepare_uint8(graph, height=height, width=width),
    }
    image = np.random.default_rng(0).integers(0, 256, (10, 15, 3), np.uint8)
    results = {}
    for name, ready in files.items():
        data = tflite.write(ready)
        assert prove(data, ready).integer_ops == len(graph.nodes)
        (tmp_path / f"{name}.tflite").write_bytes(data)
        results[name] = open_runner(tmp_path / f"{name}.tflite")(image)
    np.testing.assert_array_equal(results["uint8"], results["int8"])


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_student_is_one_uint8_delegate_with_the_int8_bytes(name: str, tmp_path: Path) -> None:
    fuse(name, tmp_path / "deploy.onnx")
    images = [np.random.default_rng(seed).integers(0, 256, (48, 56, 3), np.uint8) for seed in range(2)]
    deploy = onnx.read(read_bytes(tmp_path / "deploy.onnx"), name)
    quantized = QuantizedView.from_float(deploy, images, PtqSettings(weights="per-tensor")).freeze()
    engine = LiteRT(tflite.write(direct.prepare_uint8(quantized, height=None, width=None)))
    plan = [node["op_name"] for node in engine.plan()]
    assert plan == [*(node.op.kind for node in quantized.nodes), "DELEGATE"]
    for image in images:
        signed = LiteRT(tflite.write(quantized)).run((image.astype(np.int16) - 128).astype(np.int8)[None])
        np.testing.assert_array_equal(engine.run(image[None]), signed.astype(np.int16) + 128)


def test_scales_per_channel_and_floats_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="one per channel"):
        direct.prepare_uint8(quantized_sr_graph(), height=8, width=8)
    with pytest.raises(InputError, match="is float"):
        direct.prepare_uint8(float_sr_graph(), height=8, width=8)


def int8_weight(graph: Graph) -> None:
    tensor = graph.tensors["tail.weight"]
    codes = (tensor.data.astype(np.int16) - 128).astype(np.int8)
    graph.update("tail.weight", dtype="int8", data=codes, quant=QuantParams(tensor.quant.scale, (0,)))


def code_zero(graph: Graph) -> None:
    data = graph.tensors["tail.weight"].data.copy()
    data[0, 0, 0, 0] = 0
    graph.update("tail.weight", data=data)


def other_zero_point(graph: Graph) -> None:
    graph.update("tail.weight", quant=QuantParams(graph.tensors["tail.weight"].quant.scale, (127,)))


def scale_per_channel(graph: Graph) -> None:
    quant = QuantParams(graph.tensors["tail.weight"].quant.scale * 27, (128,) * 27, 0)
    graph.update("tail.weight", quant=quant)
    graph.update("tail.bias", quant=bias_params(graph.tensors["trunk"].quant.scale[0], quant))


def int8_output(graph: Graph) -> None:
    quant = graph.tensors["trunk"].quant
    graph.update("trunk", dtype="int8", quant=QuantParams(quant.scale, (quant.zero_point[0] - 128,)))


REFUSED: dict[str, tuple[Callable[[Graph], None], type[Sr2TfliteError], str, str]] = {
    "int8 weights": (int8_weight, VerificationError, "tail.weight", "CONV_2D mixes int8 and uint8"),
    "a wide code": (code_zero, VerificationError, "tail.weight", "not symmetric"),
    "another zero point": (other_zero_point, VerificationError, "tail.weight", "not symmetric"),
    "a scale per channel": (scale_per_channel, UnsupportedError, "tail.weight", "a scale per channel"),
    "mixed activations": (int8_output, VerificationError, "trunk", "ADD mixes int8 and uint8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_run_as_something_else_is_never_written(case: str) -> None:
    change, error, where, message = REFUSED[case]
    graph = unsigned()
    check_integers(graph)
    change(graph)
    with pytest.raises(error, match=message) as caught:
        check_integers(graph)
    assert caught.value.where == where
