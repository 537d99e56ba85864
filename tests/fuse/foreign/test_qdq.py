"""Files that onnxruntime quantized keep their integers; what the format cannot hold is named."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from kit.foreign import Draft
from kit.qdq import KINDS, arrays, by_onnxruntime, in_pixels, set_array
from onnx import numpy_helper

from sr2tflite.commands.export import export
from sr2tflite.commands.fuse import fuse
from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.fuse.foreign import fuse_onnx
from sr2tflite.graph import Graph
from sr2tflite.graph import onnx as codec
from sr2tflite.numerics.qparams import QuantParams

PIXELS = QuantParams((1.0,), (-128,))


def small(white: float) -> bytes:
    """Conv, ReLU, conv with a skip, tail, a tiled anchor, a shuffle in torch's order."""
    draft = Draft(("h", "w"))
    first = draft.node("Relu", draft.conv("x", 3, 8))
    second = draft.node("Add", draft.node("Relu", draft.conv(first, 8, 8)), first)
    tail = draft.conv(second, 8, 12)
    order = draft.constant(np.repeat(np.arange(3), 4), np.int64)
    image = draft.node("Add", tail, draft.node("Gather", "x", order, axis=1))
    output = draft.node("DepthToSpace", image, blocksize=2, mode="CRD")
    model = draft.model(output)
    for tensor in model.graph.initializer:  # biases in the image's units
        values = numpy_helper.to_array(tensor)
        if values.ndim == 1 and values.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array((values * np.float32(white)).astype(np.float32), tensor.name))
    return model.SerializeToString()


@functools.cache
def quantized(kind: str, white: float, folder: Path) -> bytes:
    return by_onnxruntime(small(white), kind, white, folder)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("qdq")


def imported(data: bytes, tmp_path: Path, peak: int = 255):
    (tmp_path / "foreign.onnx").write_bytes(data)
    result = fuse(str(tmp_path / "foreign.onnx"), tmp_path / "qat.onnx", peak=peak)
    return codec.read(result.path.read_bytes(), "qat.onnx"), result.certificate.integers


def weights(graph: Graph) -> list[tuple[np.ndarray, tuple[float, ...], np.ndarray]]:
    """Codes OIHW, scales and bias codes of every convolution that computes."""
    found = []
    for node in graph.nodes:
        if node.op.kind == "CONV_2D":
            weight, bias = (graph.tensors[name] for name in node.inputs[1:])
            found.append((weight.data.transpose(0, 3, 1, 2), weight.quant.scale, bias.data))
    return found


def test_every_integer_of_a_per_channel_file_is_kept(folder: Path, tmp_path: Path) -> None:
    data = in_pixels(quantized("int8 per channel", 255.0, folder))
    graph, integers = imported(data, tmp_path)
    assert (integers.kept, integers.total, integers.changes) == (9, 9, ())
    found, said = weights(graph), arrays(data)
    dcr = np.arange(12).reshape(3, 4).T.reshape(-1)
    for index, (weight, bias) in enumerate((("c0", "c1"), ("c2", "c3"), ("c4", "c5"))):
        order = dcr if weight == "c4" else slice(None)
        codes, scales, biases = found[index]
        assert np.array_equal(codes, said[f"{weight}_quantized"][order])
        assert np.array_equal(np.float32(scales), said[f"{weight}_scale"][order])
        assert np.array_equal(biases, said[f"{bias}_quantized"][order])
    grids = {t.quant for t in graph.tensors.values() if not t.is_constant}
    for name in {node.input[1] for node in onnx.load_from_string(data).graph.node if node.op_type == "QuantizeLinear"}:
        zero = name.removesuffix("scale") + "zero_point"
        assert QuantParams((float(said[name]),), (int(said[zero]),)) in grids


def test_the_file_computes_what_the_original_does(folder: Path, tmp_path: Path) -> None:
    """The same integers; onnxruntime sums in float32 and adds in float32, LiteRT in integers and fixed point.

    Each rounds every tensor once, by at most a half: values at a half fall to either side, and one step of a tensor
    is at most a few of the output's.
    """
    _, integers = imported(in_pixels(quantized("int8 per channel", 255.0, folder)), tmp_path)
    assert integers.largest_difference <= 2
    assert integers.differing < 0.001


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_goes_on_to_tflite(kind: str, folder: Path, tmp_path: Path) -> None:
    graph, _ = imported(quantized(kind, 255.0, folder), tmp_path)
    assert (graph.input.quant, graph.output.quant) == (PIXELS, PIXELS)
    result = export(tmp_path / "qat.onnx", tmp_path / "model.tflite", free_shape=True)
    assert result.path.exists()


def test_uint8_activations_are_shifted_and_weights_without_zero_point_kept(folder: Path, tmp_path: Path) -> None:
    data = in_pixels(quantized("uint8 per tensor", 255.0, folder))
    graph, integers = imported(data, tmp_path)
    said = arrays(data)
    assert integers.changes == ()
    name = next(n.input[1] for n in onnx.load_from_string(data).graph.node if n.name.startswith("relu"))
    zero = int(said[name.removesuffix("scale") + "zero_point"]) - 128
    assert QuantParams((float(said[name]),), (zero,)) in {t.quant for t in graph.tensors.values()}


def test_what_the_format_cannot_hold_is_told_one_by_one(folder: Path, tmp_path: Path) -> None:
    _, integers = imported(quantized("uint8 weights", 255.0, folder), tmp_path)
    text = "\n".join(integers.changes)
    assert integers.kept == integers.total - len(integers.changes)
    assert "it holds raw pixels" in text
    assert "asymmetric" in text


def test_a_code_of_minus_128_is_told(folder: Path, tmp_path: Path) -> None:
    data = in_pixels(quantized("int8 per channel", 255.0, folder))
    codes = arrays(data)["c2_quantized"].copy()
    codes[3, 2, 1, 0] = -128
    graph, integers = imported(set_array(data, "c2_quantized", codes), tmp_path)
    assert [change.partition(": ")[2][:1] for change in integers.changes] == ["1"]
    assert weights(graph)[1][0][3, 2, 1, 0] == -127


def test_a_network_of_0_to_1_is_brought_to_pixels(folder: Path, tmp_path: Path) -> None:
    data = quantized("int8 per channel", 1.0, folder)
    graph, integers = imported(data, tmp_path, peak=1)
    said = arrays(data)
    assert graph.input.quant == PIXELS
    assert np.array_equal(weights(graph)[1][0], said["c2_quantized"])
    scale = np.float32(255 * np.float64(said["relu_1.0_scale"]))
    assert float(scale) in {t.quant.scale[0] for t in graph.tensors.values() if t.quant}
    assert all("raw pixels" in change or "input's scale" in change for change in integers.changes)


def rounded(draft: Draft, x: str, scale: float = 1.0, zero: int = -128, *, again: float | None = None) -> str:
    zero_point = draft.constant(zero, np.int8)
    codes = draft.node("QuantizeLinear", x, draft.constant(scale), zero_point)
    return draft.node("DequantizeLinear", codes, draft.constant(scale if again is None else again), zero_point)


def activation_per_channel(draft: Draft) -> str:
    scale, zero = draft.constant([1.0, 1.0, 2.0]), draft.constant([0, 0, 0], np.int8)
    return draft.node("DequantizeLinear", draft.node("QuantizeLinear", "x", scale, zero, axis=1), scale, zero, axis=1)


def sixteen_bits(draft: Draft) -> str:
    scale, zero = draft.constant(1.0), draft.constant(0, np.int16)
    return draft.node("DequantizeLinear", draft.node("QuantizeLinear", "x", scale, zero), scale, zero)


def missing_pair(draft: Draft) -> str:
    y = draft.node("Relu", draft.conv(rounded(draft, "x"), 3, 8))
    return rounded(draft, draft.conv(y, 8, 3))


def work_on_codes(draft: Draft) -> str:
    return draft.node("Relu", draft.node("QuantizeLinear", "x", draft.constant(1.0), draft.constant(0, np.int8)))


REFUSED: dict[str, tuple[Callable[[Draft], str], type[Exception], str]] = {
    "activations per channel": (activation_per_channel, UnsupportedError, "3 scales of an activation"),
    "another scale on the way back": (
        lambda d: d.conv(rounded(d, "x", 1.0, again=2.0), 3, 3), UnsupportedError, "not those of the QuantizeLinear"),
    "no scale": (lambda d: d.conv(rounded(d, "x", 0.0), 3, 3), InputError, "no positive float32"),
    "a negative scale": (lambda d: d.conv(rounded(d, "x", -1.0), 3, 3), InputError, "no positive float32"),
    "a scale that is not finite": (lambda d: d.conv(rounded(d, "x", np.nan), 3, 3), InputError, "no positive float32"),
    "sixteen bits": (sixteen_bits, UnsupportedError, "as int16; expected int8 or uint8"),
    "an activation that is rounded nowhere": (missing_pair, UnsupportedError, "rounded nowhere"),
    "an op on codes": (work_on_codes, UnsupportedError, "works on codes|rules"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taken_over_is_refused_by_name(name: str, tmp_path: Path) -> None:
    make, kind, text = REFUSED[name]
    draft = Draft(opset=21)
    with pytest.raises((InputError, UnsupportedError)) as caught:
        imported(draft.bytes(make(draft)), tmp_path)
    assert isinstance(caught.value, kind)
    assert any(part in caught.value.message for part in text.split("|"))
    assert caught.value.where


def test_a_float_file_says_nothing() -> None:
    draft = Draft()
    assert fuse_onnx(Path("net.onnx"), draft.bytes(draft.conv("x", 3, 3))).said is None
