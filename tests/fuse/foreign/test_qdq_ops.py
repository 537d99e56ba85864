"""Every op of a quantized file keeps the file's integers, and clips where the file does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from kit.qdq import KINDS, Net, arrays, by_onnxruntime, in_pixels, set_array

from sr2tflite.commands.export import export
from sr2tflite.commands.fuse import fuse
from sr2tflite.errors import UnsupportedError
from sr2tflite.fuse.certificate import Integers
from sr2tflite.graph import Graph
from sr2tflite.graph import onnx as codec
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import LiteRT


def gated(net: Net) -> str:
    y = net.node("Relu", net.conv("x", 3, 8))
    return net.tail(net.node("Mul", net.conv(y, 8, 8), net.node("Sigmoid", net.conv(y, 8, 8))))


def of_two(kind: str) -> Callable[[Net], str]:
    def make(net: Net) -> str:
        y = net.node("Relu", net.conv("x", 3, 8))
        return net.tail(net.node(kind, net.conv(y, 8, 8), y))

    return make


def normalized(net: Net) -> str:
    y = net.node("Mul", "x", net.constant([[[1.5]], [[1.2]], [[0.8]]]))
    y = net.node("Sub", y, net.constant([[[0.4]], [[0.5]], [[0.6]]]))
    return net.tail(net.node("Relu", net.conv(y, 3, 8)))


def sloped(net: Net) -> str:
    slope = net.constant(net.rng.uniform(-0.2, 0.4, (8, 1, 1)))
    return net.tail(net.node("PRelu", net.conv("x", 3, 8), slope))


PLAIN = "CONV_2D×2 DEPTH_TO_SPACE"
NETS: dict[str, tuple[Callable[[Net], str], str]] = {
    "clip to 0…1 in the middle": (lambda n: n.tail(n.clip(n.conv("x", 3, 8), 0, 1)), PLAIN),
    "clip to 0…6 in the middle": (lambda n: n.tail(n.clip(n.conv("x", 3, 8), 0, 6)), PLAIN),
    "clip to 0…0.3 in the middle": (lambda n: n.tail(n.clip(n.conv("x", 3, 8), 0, 0.3)), PLAIN),
    "clip to 0…1 at the end": (lambda n: n.clip(n.tail(n.node("Relu", n.conv("x", 3, 8))), 0, 1), PLAIN),
    "clip to 0…6 at the end": (lambda n: n.clip(n.tail(n.node("Relu", n.conv("x", 3, 8))), 0, 6), PLAIN),
    "leaky relu": (
        lambda n: n.tail(n.node("LeakyRelu", n.conv("x", 3, 8), alpha=0.1)), "CONV_2D×2 LEAKY_RELU DEPTH_TO_SPACE"),
    "prelu": (sloped, "CONV_2D×2 PRELU DEPTH_TO_SPACE"),
    "product": (of_two("Mul"), "CONV_2D×3 MUL×2 DEPTH_TO_SPACE"),
    "difference": (of_two("Sub"), "CONV_2D×3 SUB DEPTH_TO_SPACE"),
    "normalization": (normalized, "MUL ADD CONV_2D×2 DEPTH_TO_SPACE"),
    "gate": (gated, "CONV_2D×4 LOGISTIC MUL DEPTH_TO_SPACE"),
    "tanh": (lambda n: n.tail(n.node("Tanh", n.conv("x", 3, 8))), "CONV_2D×2 MUL×4 LOGISTIC ADD DEPTH_TO_SPACE"),
}  # fmt: skip
OPS = ["Conv", "Relu", "Clip", "Add", "Sub", "Mul", "Sigmoid", "Tanh", "LeakyRelu", "PRelu"]


def quantized(name: str, kind: str, folder: Path, *, keep: bool = False) -> bytes:
    """A net as onnxruntime quantizes it: clips become the ends of grids, unless they are kept; ends hold pixels."""
    net = Net()
    options = {"QDQKeepRemovableActivations": keep}
    data = by_onnxruntime(
        net.bytes(NETS[name][0](net)), kind, 1.0, folder, op_types_to_quantize=OPS, extra_options=options
    )
    for scale in [array for array in arrays(data) if array.startswith("sigmoid") and array.endswith("_scale")]:
        data = set_array(data, scale, 1 / 256)
    return in_pixels(data, 1.0)


def imported(data: bytes, folder: Path) -> tuple[Graph, Integers]:
    (folder / "foreign.onnx").write_bytes(data)
    result = fuse(str(folder / "foreign.onnx"), folder / "qat.onnx", peak=1)
    assert result.certificate.integers is not None
    return codec.read(result.path.read_bytes(), "qat.onnx"), result.certificate.integers


def differences(data: bytes, folder: Path) -> np.ndarray:
    """Steps between the exported file in LiteRT and the original in onnxruntime, on the same pixels."""
    export(folder / "qat.onnx", folder / "model.tflite", free_shape=True)
    image = np.random.default_rng(7).integers(0, 256, (1, 12, 20, 3))
    got = LiteRT((folder / "model.tflite").read_bytes()).run((image - 128).astype(np.int8)).astype(int) + 128
    session = onnxruntime.InferenceSession(data)
    (want,) = session.run(None, {"x": (image.transpose(0, 3, 1, 2) / np.float32(255)).astype(np.float32)})
    return np.abs(got - np.clip(np.rint(want.transpose(0, 2, 3, 1) * 255), 0, 255).astype(int))


def grids(graph: Graph) -> set[QuantParams]:
    return {tensor.quant for tensor in graph.tensors.values() if not tensor.is_constant and tensor.quant}


def said(data: bytes) -> dict[str, set[QuantParams]]:
    """What each QuantizeLinear of a file says, in pixels, and as it is: what follows LOGISTIC is in no unit."""
    found = {}
    for node in onnx.load_from_string(data).graph.node:
        if node.op_type == "QuantizeLinear":
            scale, zero = (arrays(data)[name] for name in node.input[1:3])
            zero_point = (int(zero) - (128 if zero.dtype == np.uint8 else 0),)
            scales = np.float64(scale), np.float64(scale) * 255
            found[f"QuantizeLinear {node.name}"] = {QuantParams((float(np.float32(s)),), zero_point) for s in scales}
    return found


def changed(integers: Integers) -> list[str]:
    return [change.partition(": ")[0] for change in integers.changes]


def codes_of(graph: Graph, kind: str, position: int) -> list[np.ndarray]:
    """The constants at one input of every op of a kind."""
    return [graph.tensors[n.inputs[position]].data for n in graph.nodes if n.op.kind == kind]


STEPS = {
    "leaky relu": 4,  # XNNPACK's slopes have 8 bits after the point: a code is off by one
    "prelu": 4,  # the slopes moved to a symmetric grid
    "tanh": 8,  # it is two sigmoids less one: 128 steps where the file has 254, rounded twice
}
"""How far LiteRT may be from onnxruntime where the integers are not the same, as a rule twice what was measured."""

ASYMMETRIC = 20
"""Weights whose zero point is not 0 are rounded again: each is off by up to a half, and the worst case adds up."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETS)
def test_an_op_keeps_its_integers(name: str, kind: str, tmp_path: Path) -> None:
    data = quantized(name, kind, tmp_path)
    graph, integers = imported(data, tmp_path)
    asymmetric = kind == "uint8 weights"
    expected = {"PRelu"} if name == "prelu" else set()
    assert {change.partition(" ")[0] for change in changed(integers)} == expected | ({"Conv"} if asymmetric else set())
    assert graph.summary() == NETS[name][1]
    for found in said(data).values():
        assert found & grids(graph)
    if not asymmetric:
        files = [array for array in arrays(data).values() if array.ndim == 4 and array.dtype == np.int8]
        for ours in codes_of(graph, "CONV_2D", 1):
            assert any(np.array_equal(ours.transpose(0, 3, 1, 2), theirs) for theirs in files)
    steps = differences(data, tmp_path)
    if asymmetric or name in STEPS:
        assert steps.max() <= (ASYMMETRIC if asymmetric else STEPS[name])
    else:  # the same integers: what lies at a half may fall to either side
        assert steps.max() <= 1
        assert (steps > 0).mean() < 0.001


@pytest.mark.parametrize("kind", ["int8 per channel", "uint8 per tensor"])
def test_a_normalization_keeps_its_constants(kind: str, tmp_path: Path) -> None:
    """What a file takes away is added as its negative, whose codes are the bits turned."""
    data = quantized("normalization", kind, tmp_path)
    graph, integers = imported(data, tmp_path)
    files = [array for name, array in arrays(data).items() if array.ndim == 3 and name.endswith("_quantized")]
    factor, offset = (array.astype(int).reshape(-1) - (128 if array.dtype == np.uint8 else 0) for array in files)
    np.testing.assert_array_equal(codes_of(graph, "MUL", 1)[0].reshape(-1), factor)
    np.testing.assert_array_equal(codes_of(graph, "ADD", 1)[0].reshape(-1), ~offset)
    assert integers.changes == ()


@pytest.mark.parametrize("name", [name for name in NETS if name.startswith("clip")])
def test_a_clip_that_the_file_keeps_is_left_to_its_grid(name: str, tmp_path: Path) -> None:
    data = quantized(name, "int8 per channel", tmp_path, keep=True)
    graph, integers = imported(data, tmp_path)
    assert graph.summary() == "CONV_2D×2 DEPTH_TO_SPACE"
    assert set(changed(integers)) <= {"QuantizeLinear conv_0.0_QuantizeLinear"}  # what only the clip reads
    assert differences(data, tmp_path).max() == 0


GRIDS = {
    "far past the bound": ((0, 1.0), "CONV_2D×2 MINIMUM DEPTH_TO_SPACE"),
    "one step past the bound": ((0, 0.3 * 256 / 255), "CONV_2D×2 MINIMUM DEPTH_TO_SPACE"),
    "past the bound below zero": ((-0.5, 0.3), "CONV_2D×2 DEPTH_TO_SPACE"),
    "past both bounds": ((-0.5, 0.9), "CONV_2D×2 MINIMUM DEPTH_TO_SPACE"),
    "a rounding past the bound": ((0, 0.3 * (1 + 1e-6)), "CONV_2D×2 DEPTH_TO_SPACE"),
    "the bound": ((0, 0.3), "CONV_2D×2 DEPTH_TO_SPACE"),
    "within the bound": ((0, 0.25), "CONV_2D×2 DEPTH_TO_SPACE"),
}
"""The range that a file gives to what it clips to 0…0.3, and what the clip becomes; a RELU is the convolution's."""


@pytest.mark.parametrize("name", GRIDS)
def test_a_clip_stays_where_its_grid_does_not_saturate_there(name: str, tmp_path: Path) -> None:
    (low, high), summary = GRIDS[name]
    net = Net()
    y = net.stored_conv(net.pixels("x"), 3, 8)
    y = net.rounded(net.clip(net.rounded(y, low, high), 0, 0.3), low, high)
    data = net.bytes(net.stored_tail(y))
    graph, _ = imported(data, tmp_path)
    assert graph.summary() == summary
    assert all(found & grids(graph) for found in said(data).values())
    steps = differences(data, tmp_path)
    assert steps.max() <= 1
    assert (steps > 0).mean() < 0.001


def test_a_grid_after_a_clip_does_not_clip_what_others_read(tmp_path: Path) -> None:
    net = Net()
    y = net.rounded(net.stored_conv(net.pixels("x"), 3, 8), -2, 2)
    both = net.rounded(net.node("Add", net.rounded(net.clip(y, 0, 0.3), 0, 0.3), y), -2, 2.3)
    data = net.bytes(net.stored_tail(both))
    graph, integers = imported(data, tmp_path)
    assert graph.summary() == "CONV_2D×2 RELU MINIMUM ADD DEPTH_TO_SPACE"
    (change,) = integers.changes
    assert "it shares its grid with" in change
    # the clipped image is rounded to steps of 4/255 where the file has 0.3/255: half of one is two of the output's
    assert differences(data, tmp_path).max() <= 4


BEFORE_RELU = {
    "the same grid": ((0, 2), 1),  # no rounding is left out: only what lies at a half may fall to either side
    "one of its own": ((-2, 2), 20),  # half a step of 4/255 is left out, which three convolutions pass on
}
"""The range before a ReLU on 0…2, and by how many steps the output may differ."""


@pytest.mark.parametrize("name", BEFORE_RELU)
def test_a_file_that_rounds_after_every_op_keeps_its_integers(name: str, tmp_path: Path) -> None:
    """As PyTorch's exporter writes it: weights int8 per channel, biases float, a rounding after ReLU and PReLU too."""
    before, limit = BEFORE_RELU[name]
    net = Net()
    y = net.rounded(net.stored_conv(net.pixels("x"), 3, 8), *before)
    y = net.rounded(net.node("Relu", y), 0, 2)
    slopes = net.rng.uniform(-0.2, 0.4, (8, 1, 1))
    z = net.rounded(net.stored_conv(y, 8, 8), -3, 3)
    z = net.rounded(net.node("PRelu", z, net.stored(slopes, per_channel=False)), -1, 3)
    data = net.bytes(net.stored_tail(net.rounded(net.node("Add", z, y), -1, 4)))
    graph, integers = imported(data, tmp_path)
    assert graph.summary() == "CONV_2D×3 PRELU ADD DEPTH_TO_SPACE"
    (lost,) = changed(integers)
    kept = {label: found for label, found in said(data).items() if label != lost}
    assert all(found & grids(graph) for found in kept.values())
    stored = [array.reshape(-1) for array in arrays(data).values() if array.shape == (8, 1, 1)]
    np.testing.assert_array_equal(codes_of(graph, "PRELU", 1)[0].reshape(-1), stored[0])
    assert differences(data, tmp_path).max() <= limit


def test_a_sigmoid_on_another_grid_is_told(tmp_path: Path) -> None:
    net = Net()
    y = net.rounded(net.stored_conv(net.pixels("x"), 3, 8), -2, 2)
    gate = net.rounded(net.node("Sigmoid", y), 0, 0.9)
    data = net.bytes(net.stored_tail(net.rounded(net.node("Mul", y, gate), -1, 2)))
    _, integers = imported(data, tmp_path)
    (change,) = integers.changes
    assert "LOGISTIC writes no other" in change


def test_scales_that_no_kernel_takes_are_refused_by_name(tmp_path: Path) -> None:
    net = Net()
    y = net.rounded(net.stored_conv(net.pixels("x"), 3, 8), -2, 2)
    tiny = net.rounded(net.stored_conv(y, 8, 8), -1e-4, 1e-4)
    data = net.bytes(net.stored_tail(net.rounded(net.node("Add", y, tiny), -2, 2)))
    with pytest.raises(UnsupportedError, match="ADD has input/output scale ratios") as caught:
        imported(data, tmp_path)
    assert caught.value.where
