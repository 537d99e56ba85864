from dataclasses import replace

import numpy as np
import pytest

from sr2tflite.errors import InputError
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.evaluate.runners.tflite import Pixels, pixels_of
from sr2tflite.graph.tflite import write
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import LiteRT


def detail(dtype, scale=None, zero_point=0, shape=(1, 8, 8, 3)):
    scales = np.array([] if scale is None else [scale], np.float32)
    quantization = {"scales": scales, "zero_points": np.array([zero_point] * len(scales), np.int32)}
    return {"name": "x", "dtype": np.dtype(dtype), "shape": shape, "quantization_parameters": quantization}


RAW = {
    "int8": (detail("int8", 1.0, -128), -128),
    "int8 without quantization": (detail("int8"), -128),
    "uint8": (detail("uint8", 1.0), 0),
    "float32": (detail("float32"), 0),
    "int8 of a network on 0…1": (detail("int8", 1 / 255, -128), -128),
}


@pytest.mark.parametrize(("given", "zero_point"), RAW.values(), ids=RAW)
def test_raw_pixels_go_in_and_come_out(given, zero_point, noise):
    pixels, image = pixels_of(given, "model"), noise(8, 8)
    numbers = pixels.encode(image)
    assert numbers.dtype == given["dtype"]
    assert np.array_equal(numbers.astype(int) - zero_point, image)
    assert np.array_equal(pixels.decode(numbers), image)
    assert pixels.note("input") == ()


def test_a_foreign_quantization_is_applied_and_told():
    pixels = pixels_of(detail("int8", 0.97647, -128), "model")
    image = np.array([[[0, 100, 255]]], np.uint8)
    assert pixels.encode(image).tolist() == [[[-128, -26, 127]]]
    assert pixels.note("input") == ("input is not raw pixels: its scale 0.97646999 and zero point -128 were applied",)


def test_float_output_is_rounded_half_to_even_and_clipped():
    assert Pixels("float32").decode(np.float32([[-3.0, 0.5, 1.5, 254.6, 300.0]])).tolist() == [[0, 0, 2, 255, 255]]


@pytest.mark.parametrize(
    "wrong", [detail("int32", 1.0), detail("int8", 1.0, -128, (1, 3, 8, 8)), detail("int8", shape=(3,))]
)
def test_what_is_no_rgb_image_is_refused(wrong):
    with pytest.raises(InputError, match="expected int8, uint8 or float32"):
        pixels_of(wrong, "model")


def test_an_int8_file_is_run_on_pixels_less_128(tmp_path, quantized_network, noise):
    path = tmp_path / "model.tflite"
    path.write_bytes(write(quantized_network()))
    runner, lr = open_runner(path), noise(13, 17)
    raw = LiteRT(path).run((lr.astype(np.int16) - 128).astype(np.int8)[None])
    assert np.array_equal(runner(lr), (raw[0].astype(np.int16) + 128).astype(np.uint8))
    assert (runner.name, runner.kind, runner.scale, runner.notes) == ("model.tflite", "tflite", 2, ())
    assert runner.seen == {"abc"}


def test_a_foreign_output_scale_is_applied(tmp_path, quantized_network, noise):
    graph, lr = quantized_network(), noise(13, 17)
    plain, coarse = tmp_path / "plain.tflite", tmp_path / "coarse.tflite"
    plain.write_bytes(write(graph))
    for name in ("y", graph.nodes[-1].inputs[0]):
        graph.tensors[name] = replace(graph.tensors[name], quant=QuantParams((2.0,), (-128,)))
    coarse.write_bytes(write(graph))
    runner = open_runner(coarse)
    expected = open_runner(plain)(lr).astype(int)
    assert np.abs(runner(lr).astype(int) - expected)[expected < 255].max() == 1
    assert "scale 2 and zero point -128 were applied" in runner.notes[0]


def test_an_unknown_kind_of_file_is_refused(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(InputError, match=r"is a \.bin file; expected \.onnx"):
        open_runner(tmp_path / "model.bin")
    with pytest.raises(InputError, match="is a folder; expected"):
        open_runner(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        open_runner(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx", "model.pth", "model.safetensors"])
def test_a_damaged_file_is_an_error_for_the_user(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError) as caught:
        open_runner(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_an_error_for_the_user(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        open_runner(tmp_path / "model.tflite")
