import hashlib
from pathlib import Path

import numpy as np
import pytest
from kit.graphs import float_sr_graph, per_tensor, quantized_sr_graph

from sr2tflite.commands.export import export
from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import Graph, onnx
from sr2tflite.interpret import Interpreter
from sr2tflite.runtime import LiteRT


def saved(folder: Path, graph: Graph) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(onnx.write(graph))
    return path


def test_a_float_model_is_refused_with_the_line_that_helps(tmp_path: Path):
    model = saved(tmp_path, float_sr_graph())
    with pytest.raises(InputError) as caught:
        export(model, tmp_path / "out.tflite", height=8, width=8)
    assert caught.value.hint == f"sr2tflite ptq {model} --calibrate DIR -o ptq.onnx"
    assert not (tmp_path / "out.tflite").exists()


def test_a_quantized_model_is_no_float_file(tmp_path: Path):
    with pytest.raises(InputError, match="is quantized"):
        export(saved(tmp_path, quantized_sr_graph()), tmp_path / "out.tflite", kind="float32", height=8, width=8)


SIZES_SAID_WRONG = {
    "both": {"height": 8, "width": 8, "free_shape": True},
    "none": {},
    "half": {"height": 8},
    "zero": {"height": 0, "width": 8},
}


@pytest.mark.parametrize("case", SIZES_SAID_WRONG)
def test_the_size_is_said_once_and_whole(tmp_path: Path, case: str):
    with pytest.raises(InputError):
        export(saved(tmp_path, quantized_sr_graph()), tmp_path / "out.tflite", **SIZES_SAID_WRONG[case])
    assert list(tmp_path.iterdir()) == [tmp_path / "model.onnx"]


def test_a_missing_model_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="cannot read"):
        export(tmp_path / "none.onnx", tmp_path / "out.tflite", free_shape=True)


def test_the_file_holds_what_was_quantized(tmp_path: Path):
    graph, out = quantized_sr_graph(), tmp_path / "out.tflite"
    result = export(saved(tmp_path, graph), out, height=9, width=13)
    assert (result.size_bytes, result.sha256) == (
        out.stat().st_size,
        hashlib.sha256(out.read_bytes()).hexdigest(),
    )
    assert (result.input_shape, result.output_shape) == ((1, 9, 13, 3), (1, 27, 39, 3))
    assert result.proof.line().startswith("scales 6/6 equal")
    x = np.random.default_rng(0).integers(-128, 128, (1, 9, 13, 3)).astype(np.int8)
    assert LiteRT(out).run(x).tobytes() == Interpreter(graph).run(x).tobytes()


def test_the_same_model_gives_the_same_file(tmp_path: Path):
    model = saved(tmp_path, quantized_sr_graph())
    first = export(model, tmp_path / "a.tflite", free_shape=True)
    assert first.sha256 == export(model, tmp_path / "b.tflite", free_shape=True).sha256
    assert first.input_shape == (1, None, None, 3)


@pytest.mark.parametrize("io", ["uint8", "float32"])
def test_the_ends_are_of_the_type_asked_for(tmp_path: Path, io: str):
    out = tmp_path / "out.tflite"
    assert export(saved(tmp_path, quantized_sr_graph()), out, height=9, width=13, io=io).io == io
    assert (LiteRT(out).input["dtype"], LiteRT(out).output["dtype"]) == (np.dtype(io).type,) * 2


def test_a_float_file_on_request(tmp_path: Path):
    out = tmp_path / "out.tflite"
    result = export(saved(tmp_path, float_sr_graph(value_range=(0, 1))), out, kind="float32", free_shape=True)
    assert result.io == "float32"
    assert result.proof.integer_ops == 0
    assert LiteRT(out).input["dtype"] == np.float32


def test_a_uint8_file_takes_and_gives_the_pixels_of_the_int8_file(tmp_path: Path):
    model = saved(tmp_path, per_tensor(quantized_sr_graph()))
    export(model, tmp_path / "int8.tflite", free_shape=True)
    result = export(model, tmp_path / "uint8.tflite", kind="uint8", free_shape=True)
    assert (result.io, result.proof.float_ops) == ("uint8", ())
    pixels = np.random.default_rng(0).integers(0, 256, (1, 7, 9, 3), np.uint8)
    signed = LiteRT(tmp_path / "int8.tflite").run((pixels.astype(np.int16) - 128).astype(np.int8))
    np.testing.assert_array_equal(LiteRT(result.path).run(pixels), (signed.astype(np.int16) + 128).astype(np.uint8))


def test_a_uint8_file_needs_one_scale_a_layer(tmp_path: Path):
    with pytest.raises(UnsupportedError) as caught:
        export(saved(tmp_path, quantized_sr_graph()), tmp_path / "x.tflite", kind="uint8", free_shape=True)
    assert "--weights per-tensor" in (caught.value.hint or "")


UINT8_SAID_WRONG = {"other ends": {"io": "int8"}, "the other backend": {"backend": "onnx2tf"}}


@pytest.mark.parametrize("case", UINT8_SAID_WRONG)
def test_a_uint8_file_has_uint8_ends_and_is_written_directly(case: str, tmp_path: Path):
    model = saved(tmp_path, per_tensor(quantized_sr_graph()))
    with pytest.raises(InputError, match="is asked for") as caught:
        export(model, tmp_path / "x.tflite", kind="uint8", free_shape=True, **UINT8_SAID_WRONG[case])
    assert "leave --" in (caught.value.hint or "")
